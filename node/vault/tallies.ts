/**
 * Amounts that transactions take of what is bounded at one member, such as a limit over hidden values: taken when it
 * endorses, for good once they commit, given back when they can't any more. A tally rests sealed in the member's vault,
 * and changes by compare-and-swap, so two transactions can't each fit and together exceed.
 */
import { z } from 'zod';
import { decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import { sha256Hex } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { utf8 } from '../../shared/bytes/text.ts';
import type {
  OutcomeOf,
  Reservation,
  Taker,
  ValueKeeper,
} from '../../shared/ports/value-keeper.ts';
import type { VaultStore } from '../../shared/ports/vault-store.ts';
import { togetherByName } from '../../shared/replica/together.ts';
import { openRecord, sealRecord } from './sealed-record.ts';
import type { VaultKey } from './vault-key.ts';

export const TALLIES = 'tally/';
const tallyEntry = (name: string): string => `${TALLIES}${sha256Hex(utf8(name))}`;

/** What committed transactions took, and open ones take: [id, amount, notAfter]. */
const TallySchema = z.tuple([z.int(), z.array(z.tuple([z.string(), z.int(), z.int()]))]);
type Tally = z.infer<typeof TallySchema>;

/** Others may change a tally at the same time; more often than this in a row is a fault. */
const ATTEMPTS_MAX = 100;

/** What a transaction takes of a tally in the place of what it has taken; null: nothing any more. */
interface Change {
  readonly taker: Taker;
  readonly takes: Reservation | null;
  readonly outcome: OutcomeOf;
}

export function openTallies(
  store: VaultStore,
  keys: readonly [VaultKey, ...VaultKey[]],
): Pick<ValueKeeper, 'reserve'> {
  /** Of each tally in turn, so that only other processes can come in between; what comes meanwhile goes together. */
  const changing = togetherByName<VaultStore, Change, boolean>((_, name) => ({
    ways: 1,
    run: (lot) => swapUntilDone(name, lot),
  }));
  const change = (name: string, one: Change): Promise<boolean> => changing(store, name).add(one);

  const swapUntilDone = async (name: string, lot: readonly Change[]): Promise<boolean[]> => {
    const entry = tallyEntry(name);
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const before = await store.get(entry);
      const tally: Tally = before
        ? TallySchema.parse(decodeCbor(openRecord(keys, entry, before)))
        : [0, []];
      const { done, after } = await changed(tally, lot);
      if (!done.includes(true)) return done;
      const bytes = sealRecord(keys[0], entry, encodeCbor(after));
      if (await store.swap({ name: entry, bytes }, before ?? null)) return done;
    }
    throw new Error('a tally that is changed all the time');
  };

  return {
    async reserve(taker, reservations, outcome) {
      const done: Reservation[] = [];
      for (const reservation of reservations) {
        if (await change(reservation.name, { taker, takes: reservation, outcome })) {
          done.push(reservation);
        } else {
          for (const { name } of done) await change(name, { taker, takes: null, outcome });
          return reservation.reason;
        }
      }
      return undefined;
    },
  };
}

/** A tally after changes, one after the other; and of each whether it was made. */
async function changed(
  tally: Tally,
  lot: readonly Change[],
): Promise<{ readonly done: boolean[]; readonly after: Tally }> {
  const own = new Set<string>(lot.map(({ taker }) => taker.id));
  const [committed, entries] = await settled(tally, own, lot[0]!.outcome);
  const open = new Map(entries.map((entry) => [entry[0], entry]));
  let sum = entries.reduce((total, [, amount]) => total + amount, committed);
  const done = lot.map(({ taker: { id, notAfter }, takes }) => {
    const others = sum - (open.get(id)?.[1] ?? 0);
    // Giving back is never too much.
    if (takes && takes.amount > 0 && others + takes.amount > takes.max) return false;
    open.delete(id);
    if (takes) open.set(id, [id, takes.amount, notAfter]);
    sum = others + (takes?.amount ?? 0);
    return true;
  });
  return { done, after: [committed, [...open.values()]] };
}

/** A tally with what became of its open takers, but for those that change theirs. */
async function settled(
  [taken, takers]: Tally,
  changing: ReadonlySet<string>,
  outcome: OutcomeOf,
): Promise<Tally> {
  let committed = taken;
  const open: Tally[1] = [];
  const ends = await Promise.all(
    takers.map(([id, , notAfter]) =>
      changing.has(id) ? 'open' : outcome({ id: id as Digest, notAfter }),
    ),
  );
  for (const [index, taker] of takers.entries()) {
    if (ends[index] === 'committed') committed += taker[1];
    else if (ends[index] === 'open') open.push(taker);
  }
  return [committed, open];
}
