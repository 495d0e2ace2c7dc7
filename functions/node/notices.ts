/** What a node's operator has to know of an invocation that ends: read from its replica, asks nobody. */
import { faultsTolerated } from '../../shared/ledger/quorum.ts';
import { otherValidators, type Replica } from '../../shared/replica/replica.ts';
import type { Notify } from '../metrics.ts';

/**
 * Rings without a commit that are no longer a slow leader: the first asks, the second and third time
 * leaders out, each later than the one before.
 */
const RINGS = 4;
/** Blocks that a node may lie behind: votes come from two below the leader's head, batches from a few more. */
const LAG_MAX = 8;
/** An invocation that ends with less of its time left was nearly stopped. */
const NEAR_MS = 1000;

/** As much of a replica as notices are read from. */
export type Seen = Pick<
  Replica,
  'member' | 'rings' | 'mempool' | 'head' | 'heights' | 'missing'
> & {
  readonly epoch: Pick<Replica['epoch'], 'set'>;
};

/** Says what is wrong; nothing where all is well. */
export function noticeTroubles(notify: Notify, replica: Seen, remainingMs: number): void {
  const { rings, mempool, head, missing } = replica;
  const height = head.header.height!;
  if (rings >= RINGS) {
    notify('CommitWaits', { rings, height, pending: mempool.size, missing: [...missing] });
  }
  const behind = lags(replica).filter(({ lag }) => lag > LAG_MAX);
  const silent = otherValidators(replica as Replica).filter((member) => missing.has(member));
  if (behind.length > 0 || silent.length > 0) {
    notify('ReplicaBehind', { height, behind, silent });
  }
  if (remainingMs < NEAR_MS) notify('NearTimeout', { remainingMs });
}

/** How far validators lie behind, this node among them, as far as they were heard of. */
function lags(replica: Seen): { readonly member: string; readonly lag: number }[] {
  const { member: own, head, heights, epoch } = replica;
  const { validators } = epoch.set;
  const height = head.header.height!;
  // The f+1st highest head, which no f liars can raise, stands for the ledger's.
  const known = validators
    .map(({ member }) => (member === own ? height : (heights.get(member) ?? 0)))
    .sort((a, b) => b - a);
  const ledger = Math.max(height, known[faultsTolerated(validators.length)] ?? 0);
  return validators.flatMap(({ member }) => {
    const at = member === own ? height : heights.get(member);
    return at === undefined ? [] : [{ member, lag: ledger - at }];
  });
}
