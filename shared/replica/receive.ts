/** Answers other nodes' requests. Nothing in a request is believed unchecked, whoever sent it. */
import { utf8 } from '../bytes/text.ts';
import { decodeRequest, type Request, type Standing } from '../consensus/message.ts';
import { decideVote, type SafetyRecord } from '../consensus/safety.ts';
import { faultsTolerated, validatorIndex, verifyStatement } from '../consensus/validators.ts';
import { type Block, decodeBlock } from '../ledger/block.ts';
import { act, attest } from './act.ts';
import { admitBrought } from './admit-brought.ts';
import { countTimeout, settleAlarm, signTimeout, told } from './alarm.ts';
import { BadMessage, decodeSent } from './bad-message.ts';
import { catchUp, stepsAfter } from './catch-up.ts';
import { type Inserted, insert, Refused } from './chain.ts';
import { endorseAll } from './endorse.ts';
import { tryFollowStore } from './follow-store.ts';
import { NO_ROOM, route } from './forward.ts';
import { receiveValues } from './receive-values.ts';
import { heardFrom } from './recover.ts';
import { currentTenureEnd, ownIndex, type Replica } from './replica.ts';
import { serveAttachment, serveFetch, serveRead } from './serve-values.ts';
import { serveVault } from './serve-vault.ts';
import { anchorParts, handoversAfter, stateParts } from './snapshot-serve.ts';
import { learn, replyWith } from './tell.ts';
import { isVaultHere } from './vault-place.ts';
import { overhear } from './witness.ts';

/**
 * Handles one request of an authenticated member and answers the reply's bytes. Throws a `BadMessage` for
 * what no correct node sends (the host answers 400), and faults of this node's own ports.
 */
export async function receive(
  replica: Replica,
  from: string,
  message: Uint8Array,
): Promise<Uint8Array> {
  const request = decodeSent(() => decodeRequest(message));
  overhear(replica, request.standing);
  // Two restored nodes that ask each other must not go on asking because of it.
  if (request.kind !== 'attest' && request.kind !== 'blocks') heardFrom(replica, from);
  if (OF_THE_VAULT.has(request.kind) && (await isVaultMoving(replica))) {
    return replyWith(replica, { refusal: 'vault-moving' });
  }
  switch (request.kind) {
    case 'proposal':
      return receiveProposal(replica, from, request);
    case 'timeout':
      return receiveTimeout(replica, from, request);
    case 'tidings':
      return receiveTidings(replica, from, request);
    case 'blocks':
      return replyWith(replica, { steps: await stepsAfter(replica, request.after) });
    case 'attest':
      return receiveAttest(replica, from, request);
    case 'epochs':
      return replyWith(replica, { parts: await handoversAfter(replica, request.after) });
    case 'anchor':
      return replyWith(replica, { parts: await anchorParts(replica) });
    case 'values': {
      const taken = await receiveValues(replica, request.envelope);
      return typeof taken === 'string'
        ? replyWith(replica, { refusal: taken })
        : replyWith(replica, { parts: taken.map((refusal) => utf8(refusal ?? '')) });
    }
    case 'read-values':
      return replyWith(replica, givenOf(await serveRead(replica, request.request)));
    case 'fetch-values':
      return replyWith(replica, givenOf(await serveFetch(replica, from, request.transaction)));
    case 'attachment':
      return replyWith(replica, givenOf(await serveAttachment(replica, from, request)));
    case 'vault-entries':
    case 'vault-part':
      return replyWith(replica, givenOf(await serveVault(replica, from, request)));
    case 'endorse':
      return replyWith(replica, { parts: await endorseAll(replica, request.transactions) });
    case 'state': {
      const { height, places } = request;
      return replyWith(replica, { parts: await stateParts(replica, height, places) });
    }
  }
}

/** What is asked of a vault that is worked with. */
const OF_THE_VAULT = new Set<Request['kind']>([
  ...(['values', 'read-values', 'fetch-values', 'attachment', 'endorse'] as const),
]);

const isVaultMoving = async (replica: Replica): Promise<boolean> =>
  replica.keeper !== undefined && !(await isVaultHere(replica, replica.keeper));

const givenOf = (given: readonly Uint8Array[] | string) =>
  typeof given === 'string' ? { refusal: given } : { parts: given };

async function receiveProposal(
  replica: Replica,
  from: string,
  request: Request & { kind: 'proposal' },
): Promise<Uint8Array> {
  const block = decodeSent(() => decodeBlock(request.block));
  if (block.header.epoch > replica.epoch.set.epoch)
    await catchUp(replica, from, request.standing.height);
  let answer = await replica.lock.run(() => vote(replica, block, request.signature));
  if (answer instanceof Refused && answer.why === 'unknown-parent' && replica.lease) {
    await tryFollowStore(replica);
    answer = await replica.lock.run(() => vote(replica, block, request.signature));
  }
  if (answer instanceof Refused && answer.why === 'unknown-parent') {
    await catchUp(replica, from, request.standing.height);
    answer = await replica.lock.run(() => vote(replica, block, request.signature));
  }
  if (!(answer instanceof Refused)) return replyWith(replica, { vote: answer });
  if (answer.why === 'forged') throw new BadMessage('forged-proposal', answer.reason);
  return replyWith(replica, { refusal: answer.reason });
}

/** Inserts a proposed block and votes for it. Under the lock. */
async function vote(
  replica: Replica,
  block: Block,
  signature: Uint8Array,
): Promise<Uint8Array | Refused> {
  const { header } = block;
  const { set, parameters } = replica.epoch;
  if (header.epoch !== set.epoch)
    return new Refused(`epoch ${header.epoch}, expected ${set.epoch}`);
  const { record, book } = replica;
  const validator = validatorIndex(set, header.author);
  const proposed = { round: header.round, block: block.id, validator, signature };
  const again = record.statement?.kind === 'vote' && record.statement.block === block.id;
  if (header.round <= record.votedRound && !again) {
    book.sawProposal(proposed, { checked: false });
    return new Refused(`round ${header.round}, expected one above ${record.votedRound}`);
  }
  // The leader's vote for its block is its signature on it. Whether the author leads, its parent says.
  const { ledger, epoch } = set;
  const statement = { kind: 'vote', ledger, epoch, round: header.round, block: block.id } as const;
  if (!verifyStatement(set, statement, { validator, signature })) {
    return new Refused('a proposal that its author did not sign', 'forged');
  }
  book.sawProposal(proposed, { checked: true });
  const ahead = header.time - replica.ports.time.now();
  if (Math.abs(ahead) > parameters.clockToleranceMs) {
    return new Refused(`a time ${ahead} ms off this node’s clock`);
  }
  const inserted = await insertToVote(replica, block);
  if (inserted instanceof Refused) return inserted;
  settleAlarm(replica, false);
  const signed = await voteFor(replica, inserted);
  if (signed instanceof Refused) return signed;
  // One's own votes too: a copy of this node's key somewhere else must not go unnoticed.
  const own = { validator: ownIndex(replica), signature: signed.signature };
  replica.book.sawVote(header.round, block.id, own, { checked: true });
  return signed.signature;
}

/**
 * Inserts a block to vote for. What an empty one makes final is committed when the certificate that ends
 * the burst comes, or the next block with something in it: the vote is waited for.
 */
async function insertToVote(replica: Replica, block: Block): Promise<Inserted | Refused> {
  const { deferCommits } = replica;
  replica.deferCommits = deferCommits || block.transactions.length === 0;
  try {
    return await insert(replica, block, 'awaited');
  } finally {
    replica.deferCommits = deferCommits;
  }
}

/** Signs the vote, in any case after the body is stored: without it the block is let go again. */
async function voteFor(replica: Replica, inserted: Inserted) {
  const { block, qc, tc, stored } = inserted;
  const { header } = block;
  try {
    if (ownIndex(replica) < 0) return new Refused('not a validator of this epoch');
    const ask = { epoch: header.epoch, round: header.round, block: block.id, qc, tc };
    const decide = (current: SafetyRecord) => decideVote(current, replica.ledger, ask);
    const signed = await act(replica, decide, stored);
    return 'refuse' in signed ? new Refused(signed.refuse) : signed;
  } finally {
    await stored.catch((error: unknown) => {
      replica.pending.delete(block.id);
      throw error;
    });
  }
}

async function receiveAttest(
  replica: Replica,
  from: string,
  { standing, store }: Request & { kind: 'attest' },
): Promise<Uint8Array> {
  await learnFrom(replica, from, standing);
  if (ownIndex(replica) < 0)
    return replyWith(replica, { refusal: 'not a validator of this epoch' });
  const attestation = await attest(replica, { member: from, store });
  return 'refuse' in attestation
    ? replyWith(replica, { refusal: attestation.refuse })
    : replyWith(replica, { attestation });
}

async function receiveTimeout(
  replica: Replica,
  from: string,
  request: Request & { kind: 'timeout' },
): Promise<Uint8Array> {
  await learnFrom(replica, from, request.standing);
  const { set } = replica.epoch;
  if (request.standing.epoch === set.epoch) {
    await replica.lock.run(async () => {
      const counts = await countTimeout(replica, request.timeout);
      if (!counts && replica.epoch.set === set) {
        throw new BadMessage('forged-timeout', 'a timeout that does not check');
      }
      await joinTimeout(replica);
      // The reply brings it: separate invocations share no memory, so timeouts are counted by asking.
      if (hasTimedOut(replica, request.timeout.round)) await signTimeout(replica);
    });
  }
  return replyWith(replica);
}

function hasTimedOut(replica: Replica, round: number): boolean {
  const { statement } = replica.record;
  if (statement?.kind !== 'timeout' || statement.round !== round) return false;
  return round === currentTenureEnd(replica);
}

/** f+1 timeouts of one's own tenure hold one by a correct node: join before the own alarm. */
async function joinTimeout(replica: Replica): Promise<void> {
  const { set } = replica.epoch;
  const round = currentTenureEnd(replica);
  if (replica.timeouts.count(round) <= faultsTolerated(set.validators.length)) return;
  await signTimeout(replica);
}

async function learnFrom(replica: Replica, from: string, standing: Standing): Promise<void> {
  if (await learn(replica, from, standing)) return;
  throw new BadMessage('forged-certificate', 'a certificate that does not check');
}

async function receiveTidings(
  replica: Replica,
  from: string,
  request: Request & { kind: 'tidings' },
): Promise<Uint8Array> {
  await learnFrom(replica, from, request.standing);
  const { admitted, withoutRoom, forged } = await admitBrought(replica, request.transactions);
  if (request.waiting) {
    // Whoever waits needs this node to wait with it, also where this node's memory ends now.
    for (const { id } of admitted) replica.stored.add(id);
    await replica.ports.mempool.add(admitted.map(({ id, bytes }) => ({ id, bytes })));
    told(replica);
  } else settleAlarm(replica, false);
  route(replica, admitted);
  if (forged) throw forged;
  return replyWith(replica, { refusal: withoutRoom ? NO_ROOM : null });
}
