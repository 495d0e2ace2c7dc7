/** Keeps a node's tally of the ledger ahead of the removal of old blocks, where those are removed. */
import { LIMITS } from '../shared/ledger/limits.ts';
import type { LedgerUsageStore } from '../shared/ports/ledger-usage-store.ts';
import { tallyUsage } from '../shared/replica/ledger-usage.ts';
import type { Replica } from '../shared/replica/replica.ts';

/** Counted at once: well before the fewest blocks that a node keeps are gone. */
const BLOCKS = LIMITS.retainBlocksMin / 4;

/** Counts on whenever so many blocks are new. */
export function followUsage(replica: Replica, store: LedgerUsageStore): void {
  let counted = 0;
  let underWay = false;
  replica.commitListeners.add((height) => {
    if (underWay || height < counted + BLOCKS) return;
    underWay = true;
    tallyUsage(replica, store, () => replica.stopped)
      .then(({ to }) => {
        counted = to;
      })
      .catch((error: unknown) => replica.log('usage-failed', { error: String(error) }))
      .finally(() => {
        underWay = false;
      });
  });
}
