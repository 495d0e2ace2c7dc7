/** Runs a block's execution to its end, fetching what it lacks. Bounded: each pass must fetch something. */
import type { Digest } from '../bytes/digest.ts';
import { type ExecutionMode, forgetsAt, REMEMBERED_FROM } from '../execution/block-execution.ts';
import {
  BlockRun,
  type ChainPoint,
  type Execution,
  type Place,
} from '../execution/execute-block.ts';
import { Misses } from '../execution/view.ts';
import { LIMITS } from '../ledger/limits.ts';
import type { Rejected } from '../ledger/rejection.ts';
import type { Transaction } from '../ledger/transaction.ts';
import { StoreFault } from '../ports/store-fault.ts';
import { type Replica, uncommitted } from './replica.ts';

// Every pass but the last completes at least one more read of the transaction that stopped it.
const PASSES_MAX = LIMITS.getsMax + LIMITS.scansMax + 64;

/** Executes transactions on a parent; `Rejected` where a block under check is invalid. */
export async function execute(
  replica: Replica,
  parent: ChainPoint,
  place: Place,
  mode: ExecutionMode,
  candidates: readonly Transaction[],
): Promise<Execution | Rejected> {
  const ancestors = uncommitted(replica, parent.id).filter(({ execution }) => execution !== null);
  const base = replica.final.base(ancestors.map(({ execution }) => execution!.pages));
  const run = new BlockRun({
    parent,
    epoch: replica.epoch,
    place,
    catalog: replica.catalog,
    ancestry: {
      layers: ancestors.map(({ execution }) => execution!.writes),
      includes: (id: Digest) => ancestors.some(({ ids }) => ids.has(id)),
      base,
    },
    mode,
    candidates,
  });
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const misses = new Misses();
    const result = runTelling(replica, () => run.run(misses));
    if (result) return result;
    if (misses.empty) throw new Error('an execution stopped without a miss');
    // Wanted at the end in any case: fetched beside what is wanted first.
    if (pass === 0 && forgetsAt(parent.header.height! + 1)) misses.keys.add(REMEMBERED_FROM);
    await base.fetch(misses);
  }
  throw new Error(`an execution needed more than ${PASSES_MAX} passes`);
}

/** Runs a pass; a damaged store that it meets is the host's news too. */
function runTelling<T>(replica: Replica, pass: () => T): T {
  try {
    return pass();
  } catch (error) {
    if (error instanceof StoreFault && error.code === 'damaged') replica.onDamaged?.(error.message);
    throw error;
  }
}
