/** Who may hold how much of a mempool, and whose transactions are taken next. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Digest } from '../../shared/bytes/digest.ts';
import type { Transaction } from '../../shared/ledger/transaction.ts';
import { Mempool } from '../../shared/mempool/mempool.ts';

/** As much of a transaction as a mempool looks at. */
const pending = (id: Digest, keyId: string, bytes = 1): Transaction =>
  ({ id, keyIds: [keyId], bytes: new Uint8Array(bytes) }) as Partial<Transaction> as Transaction;

const all = { bytesMax: 1_000_000, transactionsMax: 1_000_000 };
const none = () => false;

/** Sends as many as are taken, up to `most`; answers how many were. */
function flood(mempool: Mempool, member: string, keyId: string, most: number, bytes = 1): number {
  for (let count = 0; count < most; count++) {
    if (mempool.usedUp(member, keyId, bytes)) return count;
    mempool.add(pending(`${keyId}-${count}` as Digest, keyId, bytes), member);
  }
  return most;
}

describe('the room of a mempool', () => {
  it('is a third for one key that floods, half for its member, and there is more for others', () => {
    const mempool = new Mempool({ transactionsMax: 900, bytesMax: 1_000_000 });
    assert.equal(flood(mempool, 'alpha', 'a0', 1000), 300);
    assert.deepEqual(mempool.usedUp('alpha', 'a0', 1), {
      ...{ of: 'key', unit: 'transactions', share: 300 },
    });
    for (let key = 1; key <= 100; key++) flood(mempool, 'alpha', `a${key}`, 1000);
    assert.ok(mempool.size >= 440 && mempool.size <= 450, String(mempool.size));
    assert.ok(flood(mempool, 'beta', 'b', 1000) >= 150, 'one who comes later');
    assert.equal(mempool.usedUp('alpha', 'a101', 1)?.of, 'member');
    assert.equal(mempool.usedUp('gamma', 'c', 1), undefined);
  });

  it('is shared by bytes as well', () => {
    const mempool = new Mempool({ transactionsMax: 1000, bytesMax: 9000 });
    assert.equal(flood(mempool, 'alpha', 'a', 1000, 100), 30);
    assert.deepEqual(mempool.usedUp('alpha', 'a', 100), {
      ...{ of: 'key', unit: 'bytes', share: 3000 },
    });
    assert.equal(mempool.usedUp('beta', 'b', 1000), undefined);
  });

  it('comes back as transactions are let go', () => {
    const mempool = new Mempool({ transactionsMax: 9, bytesMax: 1000 });
    assert.equal(flood(mempool, 'alpha', 'a', 9), 3);
    mempool.remove('a-0' as Digest);
    assert.equal(mempool.usedUp('alpha', 'a', 1), undefined);
    for (const id of ['a-1', 'a-2']) mempool.remove(id as Digest);
    assert.deepEqual([mempool.size, mempool.untilHalf('alpha')], [0, 0]);
  });

  it('always has some for a member that holds nothing, whatever the others do', () => {
    const step = fc.record({
      member: fc.integer({ min: 0, max: 9 }),
      key: fc.integer({ min: 0, max: 4 }),
      bytes: fc.integer({ min: 1, max: 10 }),
      remove: fc.boolean(),
    });
    const property = fc.property(fc.array(step, { minLength: 50, maxLength: 300 }), (steps) => {
      const mempool = new Mempool({ transactionsMax: 120, bytesMax: 600 });
      const held: Digest[] = [];
      let [bytesHeld, next] = [0, 0];
      for (const { member, key, bytes, remove } of steps) {
        const oldest = remove ? held.shift() : undefined;
        if (oldest !== undefined) {
          bytesHeld -= mempool.get(oldest)!.bytes.length;
          assert.ok(mempool.remove(oldest));
        }
        if (mempool.usedUp(`m${member}`, `m${member}k${key}`, bytes)) continue;
        const id = `t${next++}` as Digest;
        mempool.add(pending(id, `m${member}k${key}`, bytes), `m${member}`);
        held.push(id);
        bytesHeld += bytes;
        assert.ok(mempool.size <= 120 && bytesHeld <= 600);
        assert.equal(mempool.usedUp('newcomer', 'key', 10), undefined);
      }
      assert.deepEqual(
        [...mempool].map(({ id }) => id),
        held,
      );
    });
    fc.assert(property, { seed: 1 });
  });
});

describe('what a block takes', () => {
  const ids = (transactions: readonly Transaction[]) => transactions.map(({ id }) => id);

  it('is one of each member in turn, of each key in turn, the oldest first', () => {
    const mempool = new Mempool();
    flood(mempool, 'alpha', 'a', 1000);
    flood(mempool, 'alpha', 'other', 2);
    flood(mempool, 'beta', 'b', 1);
    const first = mempool.select({ ...all, transactionsMax: 6 }, none);
    assert.deepEqual(ids(first), ['a-0', 'b-0', 'other-0', 'a-1', 'other-1', 'a-2']);
  });

  it('goes on with who was not served, also where a block has room for fewer than there are', () => {
    const mempool = new Mempool();
    for (const name of ['a', 'b', 'c']) flood(mempool, name, name, 4);
    const taken: string[] = [];
    for (let block = 0; block < 6; block++) {
      const selected = mempool.select({ ...all, transactionsMax: 2 }, none);
      for (const { id } of selected) mempool.remove(id);
      taken.push(...ids(selected));
    }
    const turn = (index: number) => [`a-${index}`, `b-${index}`, `c-${index}`];
    assert.deepEqual(taken, [0, 1, 2, 3].flatMap(turn));
  });

  it('keeps the turn of one that did not fit', () => {
    const mempool = new Mempool();
    flood(mempool, 'small', 's', 40, 1);
    flood(mempool, 'large', 'l', 1, 8);
    const first = mempool.select({ bytesMax: 8, transactionsMax: 100 }, none);
    assert.deepEqual(ids(first), ['s-0']);
    const second = mempool.select({ bytesMax: 8, transactionsMax: 100 }, none);
    assert.deepEqual(ids(second), ['l-0']);
  });

  it('leaves out what is excluded, and is everything where there is room', () => {
    const mempool = new Mempool();
    for (const key of ['a', 'b', 'c']) flood(mempool, key === 'c' ? 'beta' : 'alpha', key, 5);
    const rest = mempool.select(all, (id) => id.endsWith('-0'));
    assert.equal(rest.length, 12);
    assert.deepEqual(new Set(ids(mempool.select(all, none))), new Set(ids([...mempool])));
  });

  it('says how many are committed until half of a member’s are', () => {
    const mempool = new Mempool();
    flood(mempool, 'alpha', 'a', 100);
    flood(mempool, 'beta', 'b', 10);
    flood(mempool, 'gamma', 'c', 80);
    assert.equal(mempool.untilHalf('alpha'), 50 + 10 + 50);
  });
});
