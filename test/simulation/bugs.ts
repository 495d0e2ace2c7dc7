/**
 * Deliberate bugs: for each rule of safety and liveness the product without it, by a change of its
 * source that exists in tests only. The hunt shows that the simulator finds every one.
 */
import type { Patch } from './patches.ts';

export interface Bug {
  readonly name: string;
  /** The rule that it breaks. */
  readonly rule: string;
  /** Only an attacker shows that it is missing: there is one in each network that is looked at. */
  readonly byAttack?: true;
  readonly patches: readonly Patch[];
}

const SAFETY = 'shared/consensus/safety.ts';
const VALIDATORS = 'shared/consensus/validators.ts';
const QUORUM = 'shared/ledger/quorum.ts';
const TALLY = 'shared/consensus/tally.ts';
const ACT = 'shared/replica/act.ts';
const CHAIN = 'shared/replica/chain.ts';
const COMMIT = 'shared/replica/commit.ts';
const DRIVE = 'shared/replica/drive.ts';
const BUILD = 'shared/replica/build.ts';
const RECEIVE = 'shared/replica/receive.ts';
const ALARM = 'shared/replica/alarm.ts';
const OPEN = 'shared/replica/open.ts';
const SUBMIT = 'shared/replica/submit.ts';
const CATCH_UP = 'shared/replica/catch-up.ts';
const EXECUTION = 'shared/execution/block-execution.ts';
const EVENTS = 'shared/replica/events.ts';

const patch = (file: string, find: string, replace: string): Patch => ({ file, find, replace });

/** Seeds that the hunt for any of them may take. */
export const WITHIN = 300;

/** The product as it is: a hunt that finds something in it is no proof of anything. */
export const NO_BUG = 'no bug';

export const BUGS: readonly Bug[] = [
  {
    name: 'votes at or below votedRound',
    rule: 'vote only for a round above votedRound',
    patches: [
      patch(SAFETY, 'if (b.round <= record.votedRound) {', 'if (b.round < 0) {'),
      patch(RECEIVE, 'header.round <= record.votedRound && !again', 'header.round < 0 && !again'),
    ],
  },
  {
    name: 'a vote does not raise votedRound',
    rule: 'voting sets votedRound',
    patches: [
      patch(
        SAFETY,
        'record: { ...next, votedRound: b.round, statement: vote },',
        'record: { ...next, statement: vote },',
      ),
    ],
  },
  {
    name: 'a timeout does not raise votedRound',
    rule: 'a timeout sets votedRound to its round',
    patches: [
      patch(
        SAFETY,
        'record: { ...record, votedRound: round, statement: timeout },',
        'record: { ...record, statement: timeout },',
      ),
    ],
  },
  {
    name: 'the record is not saved before signing',
    rule: 'save, then sign',
    patches: [
      patch(
        ACT,
        'decision.record === replica.record || (await save(replica, decision.record))',
        '((replica.record = decision.record), true)',
      ),
    ],
  },
  {
    name: 'a lost compare-and-swap counts as saved',
    rule: 'the record that was decided on is the one that is replaced',
    patches: [
      patch(
        ACT,
        "if (await heads.swap('safety', expected, record)) {",
        "if ((await heads.swap('safety', expected, record)) || true) {",
      ),
    ],
  },
  {
    name: 'blocks may skip rounds without a timeout certificate',
    byAttack: true,
    rule: 'a block follows its certificate, or a TC of the round before it',
    patches: [
      patch(SAFETY, 'if (!follows && !skips) {', 'if (!follows && !skips && b.round < 0) {'),
      patch(
        CHAIN,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text.
        'return `round ${header.round} after a certificate of round ${qc.round}`;',
        'return undefined;',
      ),
    ],
  },
  {
    name: 'the QC round in a timeout certificate is not compared',
    byAttack: true,
    rule: 'after a TC a block extends at least the highest QC in it',
    patches: [
      patch(SAFETY, ' && b.qc.round >= highestQcRound(b.tc);', ';'),
      patch(CHAIN, ' && qc.round >= highestQcRound(tc)) return undefined;', ') return undefined;'),
    ],
  },
  {
    name: 'timeouts say that no certificate is known',
    byAttack: true,
    rule: 'a timeout states the round of the highest QC',
    patches: [patch(SAFETY, 'const highQcRound = record.highQc.round;', 'const highQcRound = 0;')],
  },
  {
    name: 'the highest certificate may lower',
    rule: 'nothing in a record lowers',
    patches: [
      patch(SAFETY, 'qc.round > record.highQc.round ? qc', 'qc.round !== record.highQc.round ? qc'),
    ],
  },
  {
    name: 'certificates with one signer many times',
    byAttack: true,
    rule: 'a quorum is of distinct validators',
    patches: [
      patch(
        VALIDATORS,
        'index === 0 || entries[index - 1]!.validator < validator',
        'index >= 0 || validator',
      ),
    ],
  },
  {
    name: 'signatures in a QC are not checked',
    rule: 'a QC has a quorum of good signatures',
    patches: [
      patch(VALIDATORS, 'if (!qc.signatures.every(isGood)) return undefined;', ''),
      patch(
        VALIDATORS,
        'index === 0 || entries[index - 1]!.validator < validator',
        'index >= 0 || validator',
      ),
    ],
  },
  {
    name: 'signatures in a TC are not checked',
    rule: 'a TC has a quorum of good signatures',
    patches: [
      patch(
        VALIDATORS,
        'return good ? (tc as VerifiedTc) : undefined;',
        'return good || true ? (tc as VerifiedTc) : undefined;',
      ),
    ],
  },
  {
    name: 'a quorum is one too small',
    rule: 'two quorums share a correct validator',
    patches: [
      patch(
        QUORUM,
        'Math.ceil((n + faultsTolerated(n) + 1) / 2)',
        'Math.max(1, Math.ceil((n + faultsTolerated(n) + 1) / 2) - 1)',
      ),
    ],
  },
  {
    name: 'votes are counted unchecked',
    rule: 'only checked signatures are counted',
    patches: [
      patch(TALLY, 'if (!verifyStatement(this.#set, this.#vote, entry)) return false;', ''),
    ],
  },
  {
    name: 'commit of non-consecutive rounds',
    rule: 'commit: a certified block and its parent of the round just before',
    patches: [
      patch(
        CHAIN,
        'if (!certified || certified.header.round !== certified.header.parentRound + 1) return;',
        'if (!certified) return;',
      ),
    ],
  },
  {
    name: 'commit by a block’s own certificate',
    rule: 'a QC of a block alone makes nothing final',
    patches: [
      patch(
        CHAIN,
        'if (replica.pending.has(parent)) await commit(replica, parent, certified, qc);',
        'if (replica.pending.has(parent) || true) await commit(replica, certified.id, certified, qc);',
      ),
    ],
  },
  {
    name: 'the head moves before the writes',
    rule: 'what a block leaves behind is written before the head moves',
    patches: [
      patch(
        COMMIT,
        `  await writeAll(
    replica,
    final.map((block) => batchOf(block, finalityOf(block, chain, qc))),
  );
  const newest = final.at(-1)!;
  const { id, header, tree, history, next, leaders } = newest;
  await moveHead(replica, { id, header, tree, history, next, leaders });`,
        `  const newest = final.at(-1)!;
  const { id, header, tree, history, next, leaders } = newest;
  await moveHead(replica, { id, header, tree, history, next, leaders });
  for (const block of final) {
    await replica.ports.state.write(batchOf(block, finalityOf(block, chain, qc)));
  }`,
      ),
    ],
  },
  {
    name: 'only the newest of several final blocks is written',
    rule: 'a commit makes all ancestors final',
    patches: [
      patch(
        COMMIT,
        'final.map((block) => batchOf(block, finalityOf(block, chain, qc)))',
        'final.slice(-1).map((block) => batchOf(block, finalityOf(block, chain, qc)))',
      ),
    ],
  },
  {
    name: 'no dedupe at all',
    rule: 'a transaction stands in a history once',
    patches: [
      patch(
        EXECUTION,
        'const duplicate = this.#isDuplicate(candidate.id, misses);',
        'const duplicate = undefined;',
      ),
    ],
  },
  {
    name: 'no dedupe against uncommitted ancestors',
    rule: 'pending ancestors count for dedupe',
    patches: [
      patch(EXECUTION, 'this.#ids.has(id) || this.#ancestry.includes(id);', 'this.#ids.has(id);'),
      patch(
        BUILD,
        'ancestors.some(({ ids }) => ids.has(id)),',
        'ancestors.length < 0 && id === parent.id,',
      ),
    ],
  },
  {
    name: 'transactions of abandoned blocks are forgotten',
    rule: 'what of an abandoned block is not final goes back to the mempool',
    patches: [
      patch(
        COMMIT,
        '    abandoned.push(...(block.execution?.transactions ?? []));',
        '    for (const id of block.ids) { replica.mempool.remove(id); void replica.ports.mempool.remove([id]); }',
      ),
      // Nor are they with the next leader already.
      patch(CHAIN, '    if (!replica.lease) route(replica, replica.mempool);\n', ''),
    ],
  },
  {
    name: 'anybody may propose',
    byAttack: true,
    rule: 'the leader of a round signs its block',
    patches: [
      patch(CHAIN, 'if (header.author !== leader) {', "if (header.author === '') {"),
      patch(
        RECEIVE,
        'if (!verifyStatement(set, statement, { validator, signature })) {',
        'if (validator < -1) {',
      ),
    ],
  },
  {
    name: 'state roots are not compared',
    rule: 'a voter certifies what it executed itself',
    patches: [
      patch(
        CHAIN,
        'if (blockId(execution.header) !== block.id) {',
        'if (execution.header.height !== header.height) {',
      ),
    ],
  },
  {
    name: 'block time is not compared with the clock',
    rule: 'voters refuse a time off their own clock by more than a bound',
    patches: [
      patch(
        RECEIVE,
        'if (Math.abs(ahead) > parameters.clockToleranceMs) {',
        'if (Math.abs(ahead) > parameters.clockToleranceMs * 1000) {',
      ),
    ],
  },
  {
    name: 'block time may lie before the parent’s',
    rule: 'block time never goes back',
    patches: [
      patch(
        CHAIN,
        "if (header.time < before.header.time) return new Refused('a time before its parent’s');",
        '',
      ),
      patch(
        BUILD,
        'Math.max(replica.ports.time.now(), parent.header.time)',
        'replica.ports.time.now()',
      ),
    ],
  },
  {
    name: 'certificates of another epoch count',
    rule: 'a certificate counts in its own epoch only',
    patches: [
      patch(VALIDATORS, 'if (qc.epoch !== set.epoch || qc.round < 1)', 'if (qc.round < 1)'),
      patch(
        VALIDATORS,
        "const { ledger, epoch } = set;\n  const statement = { kind: 'vote'",
        "const { ledger } = set;\n  const { epoch } = qc;\n  const statement = { kind: 'vote'",
      ),
      patch(VALIDATORS, ' || statement.epoch !== set.epoch', ''),
      patch(SAFETY, 'qc && qc.epoch === record.epoch && qc', 'qc && qc'),
    ],
  },
  {
    name: 'the record of the old epoch goes on in the new one',
    rule: 'a new epoch starts from its last block at round 0',
    patches: [
      patch(
        SAFETY,
        'return { ...emptyRecord(record.store, epoch, start), version: record.version };',
        'return { ...record, epoch };',
      ),
    ],
  },
  {
    name: '202 is answered before the transaction is durable',
    rule: 'what was accepted is held durably',
    patches: [
      patch(SUBMIT, 'await replica.ports.mempool.add([{ id, bytes: transaction.bytes }]);', ''),
    ],
  },
  {
    name: 'held transactions are not read back at a start',
    rule: 'what was accepted ends committed or expired',
    patches: [patch(OPEN, '    await restoreMempool(replica, ports.mempool.list());', '')],
  },
  {
    name: 'uncommitted blocks are not read back at a start',
    rule: 'recovery inserts the blocks that the record names',
    patches: [patch(OPEN, '    await restorePending(replica);', '')],
  },
  {
    name: 'a restored store has no floor',
    rule: 'a restored store signs above all that it may have signed',
    patches: [
      patch(
        'shared/consensus/restored.ts',
        '{ ...record, floor: highest + set.tenureRounds }',
        '{ ...record, floor: 0 }',
      ),
    ],
  },
  {
    name: 'a restored store signs at once',
    rule: 'a restored store asks what it signed before it signs again',
    patches: [
      patch(
        OPEN,
        'const marked = isRestored ? markRestored(record, store) : record;',
        'const marked = isRestored ? { ...record, store } : record;',
      ),
    ],
  },
  {
    name: 'a tenure’s end waits for a timeout',
    rule: 'at a tenure’s end the leader tells all of its last certificate',
    patches: [
      patch(DRIVE, '  if (tell) inBackground(replica, spreadStanding(replica));\n', ''),
      patch(DRIVE, '  if (!tell) inBackground(replica, tellStanding(replica));\n', ''),
    ],
  },
  {
    name: 'a function forgets what a ring taught it',
    rule: 'what a ring learned is durable at its end',
    patches: [patch(ALARM, 'await replica.lock.run(() => saveNews(replica));', '')],
  },
  {
    name: 'nobody times a leader out',
    rule: 'from the second ring on a node times the leader out',
    patches: [patch(ALARM, 'first ? undefined : timeOut(replica, tenureEnd)', 'undefined')],
  },
  {
    name: 'a ring tells nobody of the transactions',
    rule: 'whoever waits tells the others, so that they wait too',
    patches: [
      patch(ALARM, '    transactions: someTransactions(replica),', '    transactions: [],'),
    ],
  },
  {
    name: 'the alarm is not set again after it rang',
    rule: 'a node that holds something uncommitted has an alarm',
    // Neither by the ring itself, nor when the others tell of what they wait for.
    patches: [
      patch(ALARM, '  replica.toldAt = null;\n  arm(replica);', '  replica.toldAt = null;'),
      patch(
        ALARM,
        'if (replica.alarmAt === null) {',
        'if (replica.alarmAt === null && replica.rings === 0) {',
      ),
    ],
  },
  {
    name: 'the alarm of an idle node goes on',
    rule: 'an idle node has no alarm',
    patches: [
      patch(ALARM, 'if (replica.stopped || !hasWork(replica)) {', 'if (replica.stopped) {'),
    ],
  },
  {
    name: 'replies bring no timeout',
    rule: 'timeouts are counted by asking',
    patches: [patch('shared/replica/tell.ts', 'timeout: replica.ownTimeout,', 'timeout: null,')],
  },
  {
    name: 'catch-up leaves out the uncommitted chain',
    rule: 'catch-up brings the chain up to the highest certificate',
    patches: [
      patch(CATCH_UP, 'for (const { block } of tail) if (!add(encodeBlock(block))) break;', ''),
    ],
  },
  {
    name: 'catch-up leaves out an epoch’s closing blocks',
    rule: 'an epoch’s end is proven by the blocks that close it',
    patches: [
      patch(
        CATCH_UP,
        'for (const step of await closingSteps(replica, last)) steps.push(step);',
        '',
      ),
    ],
  },
  {
    name: 'a page of events begins with the next block',
    rule: 'every event, with no gap',
    patches: [
      patch(
        EVENTS,
        'if (!isAfter(event, after)) continue;',
        'if (event.height <= after.height && after.eventIndex >= 0) continue;',
      ),
    ],
  },
];
