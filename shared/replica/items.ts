/** Names of the immutable items that final blocks leave in the state store, stated once. */
import type { Digest } from '../bytes/digest.ts';

export const itemName = {
  /** CBOR [height, index]: where a transaction stands. */
  transaction: (id: Digest): string => `tx/${id}`,
  /** The 32 bytes of a block's id. */
  blockAt: (height: number): string => `block/${height}`,
  /** CBOR list of the block's encoded results; absent for a block without transactions. */
  results: (height: number): string => `results/${height}`,
  /** CBOR [hash, version]: the root of the state tree after the block. */
  tree: (height: number): string => `tree/${height}`,
  /** Why the block is final: CBOR [[descendant headers], certificate]. */
  finality: (height: number): string => `final/${height}`,
  /** Hash of a perfect subtree of the history tree, 32 bytes. */
  history: (level: number, index: number): string => `history/${level}/${index}`,
  /** The header of a final block whose body is not kept: its CBOR. */
  header: (height: number): string => `header/${height}`,
  /** Why an epoch's validators are the next ones: what receipts and joiners are shown (`handover.ts`). */
  handover: (epoch: number): string => `handover/${epoch}`,
  /** CBOR of an epoch: how it started, its validators, its parameters. */
  epoch: (epoch: number): string => `epoch/${epoch}`,
  /** JSON of the agreement of members that started an epoch, where no hand-over did. */
  agreement: (epoch: number): string => `agreement/${epoch}`,
} as const;
