/**
 * Pending transactions that a node promised to hold (202): they survive a crash until they are
 * committed, rejected or expired.
 *
 * The law:
 * - When `add` resolves, the transactions are durable. Adding one again changes nothing.
 * - `remove` of an absent one succeeds. It need not be durable at once: a removed transaction that
 *   comes back after a crash is found committed and removed again.
 * - `list` answers all that are held, in the order of their ids.
 */
import type { Digest } from '../bytes/digest.ts';

export interface MempoolStore {
  add(entries: readonly { readonly id: Digest; readonly bytes: Uint8Array }[]): Promise<void>;
  remove(ids: readonly Digest[]): Promise<void>;
  list(): Promise<{ readonly id: Digest; readonly bytes: Uint8Array }[]>;
}
