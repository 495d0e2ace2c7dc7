/**
 * Every limit of the ledger in one place, with the relations between them asserted at load.
 * Sizes are bytes, times milliseconds. What members may vote on is a consensus parameter
 * (`ConsensusParameters`); what stands here is the ceiling for those votes.
 */
export const LIMITS = {
  /** One encoded transaction. An invoice of 700 lines is about 150 KB as a JWS. */
  transactionBytesMax: 256 * 1024,
  /** The transactions of one block together; fits one Lambda request with its certificates. */
  blockBytesMax: 3 * 1024 * 1024,
  blockTransactionsMax: 4096,
  /** Levels of arrays and objects in a transaction's arguments. */
  nestingMax: 32,
  /** Signatures on one transaction: the caller's and the endorsers'. */
  signaturesMax: 16,
  /** Validators of one epoch. */
  validatorsMax: 128,
  /** One state value, encoded: fits one stored item with its key. */
  stateValueBytesMax: 300 * 1024,
  stateKeyBytesMax: 512,
  /** What one transaction may do. */
  getsMax: 2048,
  scansMax: 16,
  scanItemsMax: 512,
  putsMax: 1024,
  eventsMax: 64,
  eventBytesMax: 64 * 1024,
  outputBytesMax: 256 * 1024,
  /** A request that waits for a commit answers 202 after this long. */
  waitMsMax: 25_000,
  /** One page of catch-up blocks. */
  catchUpBytesMax: 3 * 1024 * 1024,
  catchUpBlocksMax: 256,
  /** A node that is more blocks behind than this takes the state at a recent block instead of them. */
  snapshotBehindMin: 10_000,
  /** Pages and values of the state that one message asks for. */
  snapshotPlacesMax: 2048,
  /** A peer that has not answered a catch-up request by then is left for another. */
  catchUpWaitMs: 10_000,
  /** The fewest blocks whose bodies a node keeps: what its peers may miss and still follow by blocks. */
  retainBlocksMin: 1000,
  /** Blocks whose bodies are removed after one commit. */
  pruneBlocksMax: 64,
  /** Transactions in one batch request and in one peer message. */
  batchTransactionsMax: 1000,
  /** What a node holds of pending transactions; who may hold how much of it: `mempool.ts`. */
  mempoolTransactionsMax: 50_000,
  mempoolBytesMax: 128 * 1024 * 1024,
  /** A file that belongs to confidential values, and what of it one request or peer message brings. */
  attachmentBytesMax: 50 * 1024 * 1024,
  attachmentPartBytes: 2 * 1024 * 1024,
  /** Files of one transaction. */
  attachmentsMax: 8,
  /** How far ahead of block time a transaction's notAfter may lie, at the most. */
  transactionWindowMsMax: 24 * 3600 * 1000,
} as const;

function relation(holds: boolean, says: string): void {
  if (!holds) throw new Error(`limits.ts: ${says}`);
}
relation(
  LIMITS.transactionBytesMax * 4 <= LIMITS.blockBytesMax,
  'a block holds several of the largest transactions',
);
relation(
  LIMITS.stateValueBytesMax + LIMITS.stateKeyBytesMax < 350 * 1024,
  'a value fits a stored chunk',
);
relation(LIMITS.blockBytesMax <= LIMITS.catchUpBytesMax, 'a full block fits a catch-up page');
relation(
  LIMITS.stateValueBytesMax + LIMITS.stateKeyBytesMax <= LIMITS.catchUpBytesMax,
  'a value fits a part of a snapshot',
);
relation(
  LIMITS.transactionBytesMax * 64 <= LIMITS.mempoolBytesMax,
  'a node holds many of the largest transactions',
);
relation(
  LIMITS.attachmentPartBytes < LIMITS.catchUpBytesMax,
  'a part of an attachment fits what a peer message may hold',
);
relation(LIMITS.eventBytesMax <= LIMITS.outputBytesMax, 'an event is no larger than an output');

/** Consensus parameters: they stand on the ledger only; no node's local setting can change them. */
export interface ConsensusParameters {
  /** Rounds that one leader keeps. */
  readonly tenureRounds: number;
  /** First alarm of a node that waits for a commit. */
  readonly baseTimeoutMs: number;
  /** Cap of the exponential back-off. */
  readonly timeoutMsMax: number;
  /** Bytes of transactions in one block. */
  readonly blockBytes: number;
  readonly blockTransactions: number;
  /** notAfter lies at most this far ahead of block time; ids are remembered that long. */
  readonly transactionWindowMs: number;
  /** How far a proposal's time may lie from a voter's own clock. */
  readonly clockToleranceMs: number;
}

export const DEFAULT_PARAMETERS: ConsensusParameters = {
  tenureRounds: 64,
  baseTimeoutMs: 1000,
  timeoutMsMax: 8000,
  blockBytes: 2 * 1024 * 1024,
  blockTransactions: 2048,
  transactionWindowMs: 10 * 60 * 1000,
  clockToleranceMs: 10_000,
};
