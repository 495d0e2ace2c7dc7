/**
 * Blocks that a hostile leader makes with real execution: each is what a correct leader would make but
 * for one thing that the rules forbid.
 */
import type { Digest } from '../../shared/bytes/digest.ts';
import { leaderOf } from '../../shared/consensus/leaders.ts';
import { currentRound } from '../../shared/consensus/safety.ts';
import { quorumSize } from '../../shared/consensus/validators.ts';
import type { ChainPoint } from '../../shared/execution/execute-block.ts';
import { type Block, blockId, encodeBlock } from '../../shared/ledger/block.ts';
import {
  type QuorumCertificate,
  statementDigest,
  type TimeoutCertificate,
} from '../../shared/ledger/certificate.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { decodeTransaction, type Transaction } from '../../shared/ledger/transaction.ts';
import { execute } from '../../shared/replica/execute.ts';
import { finalBlock } from '../../shared/replica/history.ts';
import { pointOf, type Replica } from '../../shared/replica/replica.ts';

/** What is wrong with a forged block. */
export const FORGERIES = [
  'low-qc',
  'skipped-round',
  'uncertified-parent',
  'foreign-author',
  'duplicate',
  'bad-time',
  'early-time',
  'bad-root',
  'junk',
] as const;
export type Forgery = (typeof FORGERIES)[number];

export type Sign = (digest: Uint8Array) => Uint8Array;

/** A block with its author's signature as its proposal; undefined where there is nothing to forge now. */
export async function forgeProposal(
  replica: Replica,
  sign: Sign,
  forgery: Forgery,
): Promise<{ readonly block: Uint8Array; readonly signature: Uint8Array } | undefined> {
  const block = await forgeBlock(replica, sign, forgery);
  if (!block) return undefined;
  const { ledger, epoch, round } = block.header;
  const digest = statementDigest({ kind: 'vote', ledger, epoch, round, block: block.id });
  return { block: encodeBlock(block), signature: sign(digest) };
}

async function forgeBlock(
  replica: Replica,
  sign: Sign,
  forgery: Forgery,
): Promise<Block | undefined> {
  const { record } = replica;
  const place = placeFor(replica, sign, forgery);
  const parent = place && pointOf(replica, place.qc.block);
  if (!place || !parent || parent.next) return undefined;
  const shift = { 'bad-time': 30_000, 'early-time': -30_000 }[forgery as string] ?? 0;
  const author =
    forgery === 'foreign-author' ? otherAuthor(replica, parent, place.round) : replica.member;
  const header = {
    round: place.round,
    parentRound: place.qc.round,
    author,
    time: replica.ports.time.now() + shift,
  };
  const known = forgery === 'duplicate' ? await committed(replica) : [...replica.mempool];
  const forgetful = forgery === 'duplicate' ? withoutMemory(replica) : replica;
  const execution = await execute(forgetful, parent, header, { kind: 'check' }, known.slice(0, 3));
  if (execution instanceof Rejected) return undefined;
  const honest = execution.header;
  const changed =
    forgery === 'bad-root' ? { ...honest, stateRoot: honest.resultsRoot } : { ...honest };
  const transactions = execution.transactions.map(({ bytes }) => bytes);
  if (forgery === 'junk') transactions.push(new Uint8Array([0x80]));
  const tc = record.highTc && record.highTc.round + 1 === place.round ? record.highTc : null;
  return { id: blockId(changed), header: changed, transactions, qc: place.qc, tc };
}

/** Where the block claims to stand. */
function placeFor(
  replica: Replica,
  sign: Sign,
  forgery: Forgery,
): { readonly round: number; readonly qc: QuorumCertificate } | undefined {
  const { highQc } = replica.record;
  const round = currentRound(replica.record);
  if (forgery === 'low-qc') {
    const newest = replica.pending.get(highQc.block);
    return newest && { round, qc: newest.block.qc };
  }
  if (forgery === 'skipped-round') return { round: round + 1, qc: highQc };
  if (forgery === 'uncertified-parent') {
    const child = [...replica.pending.values()].find(
      ({ header }) => header.parent === highQc.block,
    );
    return child && { round: child.header.round + 1, qc: forgeQc(replica, sign, child, true) };
  }
  return { round, qc: highQc };
}

/** A certificate by one validator that counts itself as a quorum. */
export function forgeQc(
  replica: Replica,
  sign: Sign,
  { id, header }: Pick<ChainPoint, 'id' | 'header'>,
  alone: boolean,
): QuorumCertificate {
  const { set } = replica.epoch;
  const { ledger, epoch } = set;
  const { round } = header;
  const signature = sign(statementDigest({ kind: 'vote', ledger, epoch, round, block: id }));
  const own = set.validators.findIndex(({ member }) => member === replica.member);
  const signatures = Array.from({ length: quorumSize(set.validators.length) }, (_, index) => ({
    // Its own signature many times, or as if it were the others'.
    validator: alone ? own : (own + index) % set.validators.length,
    signature,
  })).sort((a, b) => a.validator - b.validator);
  return { epoch, round, block: id, signatures };
}

/** The same for a timeout. */
export function forgeTc(replica: Replica, sign: Sign, round: number): TimeoutCertificate {
  const { set } = replica.epoch;
  const { ledger, epoch } = set;
  const statement = { kind: 'timeout', ledger, epoch, round, highQcRound: 0 } as const;
  const signature = sign(statementDigest(statement));
  const own = set.validators.findIndex(({ member }) => member === replica.member);
  const count = quorumSize(set.validators.length);
  const timeouts = Array.from({ length: count }, (_, index) => ({
    validator: (own + index) % set.validators.length,
    highQcRound: 0,
    signature,
  })).sort((a, b) => a.validator - b.validator);
  return { epoch, round, timeouts };
}

/** In whose name a block would be taken: the round's leader's, where that is another one. */
function otherAuthor({ epoch, member }: Replica, parent: ChainPoint, round: number): string {
  const leader = leaderOf(epoch.set, parent.leaders, round);
  if (leader !== member) return leader;
  return epoch.set.validators.find((other) => other.member !== member)!.member;
}

/** Transactions that are on the ledger, or in a block on the way to it, the newest first. */
export async function committed(replica: Replica): Promise<Transaction[]> {
  const found = [...replica.pending.values()].flatMap(({ execution }) => [
    ...(execution?.transactions ?? []),
  ]);
  // Most final blocks are empty: they only made those before them final.
  for (let height = replica.head.header.height!; height > 0 && found.length < 3; height--) {
    found.push(...(await finalTransactions(replica, height)));
  }
  return found;
}

/** Those of the final block of a height. */
export async function finalTransactions(replica: Replica, height: number): Promise<Transaction[]> {
  const { transactions } = await finalBlock(replica, height);
  return transactions.map((item) => decodeTransaction(item) as Transaction);
}

/** The same replica, but what it executes does not know what is on the ledger. */
export function withoutMemory(replica: Replica): Replica {
  const { final } = replica;
  const base: Replica['final']['base'] = (pages) => ({ ...final.base(pages), known: () => false });
  const noIds = new Set<Digest>();
  const pending = new Map(
    [...replica.pending].map(([id, block]) => [id, { ...block, ids: noIds }] as const),
  );
  return { ...replica, pending, final: Object.assign(Object.create(final), { base }) };
}
