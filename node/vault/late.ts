/** Transactions whose values came when they were committed long since, numbered as they came. */
import type { Digest } from '../../shared/bytes/digest.ts';
import { fromUtf8, utf8 } from '../../shared/bytes/text.ts';
import type { ValueKeeper } from '../../shared/ports/value-keeper.ts';
import type { VaultStore } from '../../shared/ports/vault-store.ts';
import { entriesOf } from './entries-of.ts';

const LATE = 'late/';
const DIGITS = 15;
const entryOf = (number: number): string => `${LATE}${String(number).padStart(DIGITS, '0')}`;
const numberOf = (name: string): number => Number(name.slice(LATE.length));
/** At least so many there are: a hint where to look for the last. */
const COUNT = 'late-count';

export function openLate(store: VaultStore): Pick<ValueKeeper, 'noteLate' | 'late' | 'lastLate'> {
  const lastLate = async (): Promise<number> => {
    const hint = await store.get(COUNT);
    let last = hint ? Number(fromUtf8(hint)) : 0;
    for await (const { name } of entriesOf(store, LATE, entryOf(last))) last = numberOf(name);
    return last;
  };
  return {
    lastLate,
    async noteLate(id) {
      let number = (await lastLate()) + 1;
      // Each takes the next free number, so whoever sees one sees all before it.
      while (!(await store.swap({ name: entryOf(number), bytes: utf8(id) }, null))) number++;
      await store.write([{ name: COUNT, bytes: utf8(String(number)) }]);
    },
    async late({ after, limit }) {
      const entries = await store.list({ prefix: LATE, after: entryOf(after), limit });
      return entries.map(({ name, bytes }) => ({
        number: numberOf(name),
        transaction: fromUtf8(bytes) as Digest,
      }));
    },
  };
}
