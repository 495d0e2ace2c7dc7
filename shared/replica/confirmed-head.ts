/** Whether this node is up to date, by the word of enough others that one of them is honest. */
import { faultsTolerated } from '../ledger/quorum.ts';
import { otherValidators, type Replica } from './replica.ts';
import { ask } from './tell.ts';

/**
 * Asks the other validators where they are, and catches up with them. Answers whether f+1 of them answered and this
 * node has all that they have: then at least one that does not lie knows nothing newer.
 */
export async function confirmHead(replica: Replica): Promise<boolean> {
  const others = otherValidators(replica);
  const needed = Math.min(others.length, faultsTolerated(replica.epoch.set.validators.length) + 1);
  const tidings = { kind: 'tidings', transactions: [], waiting: false } as const;
  const heights = await Promise.all(
    others.map(async (member) => (await ask(replica, member, tidings))?.standing.height),
  );
  const own = replica.head.header.height!;
  return heights.filter((height) => height !== undefined && height <= own).length >= needed;
}
