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
import { openRecord, sealRecord } from './sealed-record.ts';
import type { VaultKey } from './vault-key.ts';

export const TALLIES = 'tally/';
const tallyEntry = (name: string): string => `${TALLIES}${sha256Hex(utf8(name))}`;

/** What committed transactions took, and open ones take: [id, amount, notAfter]. */
const TallySchema = z.tuple([z.int(), z.array(z.tuple([z.string(), z.int(), z.int()]))]);
type Tally = z.infer<typeof TallySchema>;

/** Others may change a tally at the same time; more often than this in a row is a fault. */
const ATTEMPTS_MAX = 100;

export function openTallies(
  store: VaultStore,
  keys: readonly [VaultKey, ...VaultKey[]],
): Pick<ValueKeeper, 'reserve'> {
  /** Within this process one after the other, so that only other processes can come in between. */
  const last = new Map<string, Promise<unknown>>();
  const inTurn = <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const done = (last.get(name) ?? Promise.resolve()).then(work, work);
    last.set(name, done);
    const ended = () => {
      if (last.get(name) === done) last.delete(name);
    };
    done.then(ended, ended);
    return done;
  };

  /** Changes a tally by what `change` answers; undefined leaves it as it is. Answers what `change` did last. */
  const update = (
    name: string,
    change: (tally: Tally) => Promise<Tally | undefined>,
  ): Promise<Tally | undefined> => inTurn(name, () => swapUntilDone(name, change));

  const swapUntilDone = async (
    name: string,
    change: (tally: Tally) => Promise<Tally | undefined>,
  ): Promise<Tally | undefined> => {
    const entry = tallyEntry(name);
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const before = await store.get(entry);
      const tally: Tally = before
        ? TallySchema.parse(decodeCbor(openRecord(keys, entry, before)))
        : [0, []];
      const after = await change(tally);
      if (!after) return undefined;
      const bytes = sealRecord(keys[0], entry, encodeCbor(after));
      if (await store.swap({ name: entry, bytes }, before ?? null)) return after;
    }
    throw new Error('a tally that is changed all the time');
  };

  const take = async (
    { id, notAfter }: Taker,
    { name, amount, max }: Reservation,
    outcome: OutcomeOf,
  ): Promise<boolean> => {
    const taken = await update(name, async (tally) => {
      const [committed, open] = await settled(tally, id, outcome);
      const sum = open.reduce((total, [, each]) => total + each, committed);
      // Giving back is never too much.
      if (amount > 0 && sum + amount > max) return undefined;
      return [committed, [...open, [id, amount, notAfter]]];
    });
    return taken !== undefined;
  };

  const giveBack = ({ id }: Taker, { name }: Reservation): Promise<unknown> =>
    update(name, async ([committed, open]) => [committed, open.filter(([one]) => one !== id)]);

  return {
    async reserve(taker, reservations, outcome) {
      const done: Reservation[] = [];
      for (const reservation of reservations) {
        if (await take(taker, reservation, outcome)) done.push(reservation);
        else {
          for (const one of done) await giveBack(taker, one);
          return reservation.reason;
        }
      }
      return undefined;
    },
  };
}

/** A tally with what became of its open takers; without the one that takes anew. */
async function settled([taken, takers]: Tally, own: Digest, outcome: OutcomeOf): Promise<Tally> {
  let committed = taken;
  const open: Tally[1] = [];
  const others = takers.filter(([id]) => id !== own);
  const ends = await Promise.all(
    others.map(([id, , notAfter]) => outcome({ id: id as Digest, notAfter })),
  );
  for (const [index, taker] of others.entries()) {
    if (ends[index] === 'committed') committed += taker[1];
    else if (ends[index] === 'open') open.push(taker);
  }
  return [committed, open];
}
