/** Tallies: whoever takes at the same time, together they never take more than there is. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { it } from 'node:test';
import fc from 'fast-check';
import { memoryAttachmentStore } from '../../node/memory/attachment-store.ts';
import { memoryVaultStore } from '../../node/memory/vault-store.ts';
import { openVault } from '../../node/vault/vault.ts';
import { vaultKeyOf } from '../../node/vault/vault-key.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import type { Taker } from '../../shared/ports/value-keeper.ts';

const newKey = () => vaultKeyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
const takerOf = (number: number): Taker => ({
  id: String(number).padStart(64, '0') as Digest,
  notAfter: 100,
});
const reservation = (amount: number, name = 'limit', max = 100) => ({
  ...{ name, amount, max, reason: `too much of ${name}` },
});
const open = async () => 'open' as const;

it('takes no more than there is, whoever takes at the same time, also while keys are rotated', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: -20, max: 60 }), { minLength: 1, maxLength: 12 }),
      fc.array(fc.constantFrom('committed', 'open', 'over'), { minLength: 12, maxLength: 12 }),
      async (amounts, ends) => {
        const store = memoryVaultStore();
        const [old, next] = [newKey(), newKey()];
        const vaults = [
          openVault(store, memoryAttachmentStore(), [old]),
          openVault(store, memoryAttachmentStore(), [next, old]),
        ];
        // One that ended as committed did so before others ask: what it took stays.
        const outcome = async ({ id }: Taker) => ends[Number(id)] as 'committed' | 'open' | 'over';
        const taken = await Promise.all([
          ...amounts.map(async (amount, number) => {
            const refused = await vaults[1]!.reserve(
              takerOf(number),
              [reservation(amount)],
              outcome,
            );
            return refused === undefined ? amount : undefined;
          }),
          vaults[1]!.rewrap().then(() => undefined),
        ]);
        const lasting = taken.reduce<number>(
          (sum, amount, number) => (ends[number] === 'over' ? sum : sum + (amount ?? 0)),
          0,
        );
        // What is given back may have been given before it was taken: then the sum was lower at that moment.
        const given = amounts.reduce((sum, amount) => sum + Math.min(0, amount), 0);
        assert.ok(lasting <= 100 - given, `${lasting} with ${given} given back`);
        // And all that is left can still be taken, to the last.
        const rest = 100 - lasting;
        const last = takerOf(99);
        const every = async (other: Taker) => outcome(other);
        if (rest > 0) {
          assert.equal(await vaults[1]!.reserve(last, [reservation(rest)], every), undefined);
        }
        const more = await vaults[1]!.reserve(takerOf(98), [reservation(1)], async (other) =>
          other.id === last.id ? 'open' : every(other),
        );
        assert.equal(more, 'too much of limit');
      },
    ),
    { numRuns: 60 },
  );
});

it('takes once for one transaction, all of it or nothing', async () => {
  const store = memoryVaultStore();
  const vault = openVault(store, memoryAttachmentStore(), [newKey()]);
  for (let count = 0; count < 3; count++) {
    assert.equal(await vault.reserve(takerOf(1), [reservation(60)], open), undefined);
  }
  const both = [reservation(40), reservation(5, 'other', 4)];
  assert.equal(await vault.reserve(takerOf(2), both, open), 'too much of other');
  assert.equal(await vault.reserve(takerOf(3), [reservation(40)], open), undefined);
  assert.equal(await vault.reserve(takerOf(4), [reservation(1)], open), 'too much of limit');
  const over = async () => 'over' as const;
  assert.equal(await vault.reserve(takerOf(4), [reservation(100)], over), undefined);
});

it('tells nothing of names and amounts to whoever has the store', async () => {
  const entries = new Map<string, Uint8Array>();
  const vault = openVault(memoryVaultStore(entries), memoryAttachmentStore(), [newKey()]);
  await vault.reserve(takerOf(1), [reservation(77_777, 'sold by alpha', 100_000)], open);
  const text = [...entries].map(([name, bytes]) => name + Buffer.from(bytes).toString('latin1'));
  assert.ok(!text.join().includes('alpha') && !text.join().includes(takerOf(1).id));
});

it('reads and writes once for all that come while it is written, each by its own bound', async () => {
  const store = memoryVaultStore();
  let swaps = 0;
  const counted = {
    ...store,
    async swap(...change: Parameters<typeof store.swap>) {
      swaps++;
      return store.swap(...change);
    },
  };
  const vault = openVault(counted, memoryAttachmentStore(), [newKey()]);
  const asked = [];
  const outcome = async ({ id }: Taker) => {
    asked.push(id);
    return 'open' as const;
  };
  const take = (from: number, amounts: readonly number[]) =>
    Promise.all(
      amounts.map((amount, index) =>
        vault.reserve(takerOf(from + index), [reservation(amount)], outcome),
      ),
    );
  // Four fit in a hundred, the fifth is too much, and a smaller one after it fits.
  const ends = await take(1, [20, 20, 20, 20, 30, 10]);
  const tooMuch = 'too much of limit';
  assert.deepEqual(ends, [undefined, undefined, undefined, undefined, tooMuch, undefined]);
  assert.equal(swaps, 1);
  // What one takes anew is in the place of what it had, others' in the same lot count.
  assert.deepEqual(await take(1, [5, 30, 36]), [undefined, undefined, tooMuch]);
  assert.deepEqual(await take(3, [35]), [undefined]);
  assert.equal(asked.length, 2 + 4);
});
