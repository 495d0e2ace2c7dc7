/**
 * Runs a contract's code over the state at this node's head and the hidden values in its vault. Such code is synchronous:
 * it runs again and again until all that it asked for is at hand.
 */
import { isDigest } from '../bytes/digest.ts';
import type { EndorsementContext, StateAccess } from '../contract/context.ts';
import { guarded } from '../execution/guards.ts';
import { type Arguments, revealedValues } from '../ledger/disclosure.ts';
import type { ValueKeeper } from '../ports/value-keeper.ts';
import { readOnly, Snapshot } from './query.ts';
import type { Replica } from './replica.ts';

const RUNS_MAX = 32;

/** Answers, or throws, what the run did that had all values. */
export async function runWithValues<T>(
  replica: Replica,
  keeper: ValueKeeper,
  run: (state: StateAccess, values: EndorsementContext['values']) => T,
): Promise<T> {
  const snapshot = new Snapshot(replica, replica.head.header.height!);
  const vault = new Map<string, Arguments | undefined>();
  for (let runs = 1; runs <= RUNS_MAX; runs++) {
    const wanted = new Set<string>();
    const values = (id: string): Arguments | undefined => {
      if (!vault.has(id)) wanted.add(id);
      return vault.get(id);
    };
    const end = await snapshot
      .read((view) => guarded(() => run(readOnly(view), values)))
      .then(
        (result) => ({ result }),
        (error: unknown) => ({ error }),
      );
    // What it did without values that were not at hand counts for nothing.
    if (wanted.size === 0) {
      if ('error' in end) throw end.error;
      return end.result;
    }
    for (const id of wanted) vault.set(id, await heldFields(keeper, id));
  }
  throw new Error(`contract code that asks for values more than ${RUNS_MAX} times`);
}

/** The fields that are kept of a transaction. */
async function heldFields(keeper: ValueKeeper, id: string): Promise<Arguments | undefined> {
  const kept = isDigest(id) ? await keeper.read(id) : undefined;
  return kept && revealedValues(kept.transaction.body.args, kept.disclosures);
}
