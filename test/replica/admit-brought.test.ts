/** What another node brings: admitted in its order up to the first that is forged, as much of it as there is room for. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { toBase64Url } from '../../shared/bytes/text.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction, type Transaction } from '../../shared/ledger/transaction.ts';
import { admitBrought } from '../../shared/replica/admit-brought.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
/** A key that floods gets a third. */
const [ROOM, SHARE] = [90, 30];
let network: LocalNetwork;

beforeEach(async () => {
  network = await LocalNetwork.open({
    members: MEMBERS,
    catalog: counterCatalog,
    replica: { mempoolLimits: { transactionsMax: ROOM, bytesMax: 10_000_000 } },
  });
  // Only beta runs on: nothing that is let in is committed meanwhile.
  for (const member of ['alpha', 'gamma', 'delta']) await network.stop(member);
});
afterEach(() => network.close());

function parsed(jws: string): Transaction {
  const transaction = parseTransaction(jws);
  assert.ok(!(transaction instanceof Rejected));
  return transaction;
}

const signed = (index: number): string =>
  network.signed('alpha/admin', 'counter', 'raise', { name: `c${index}`, by: 1 });
const good = (count: number): Transaction[] =>
  Array.from({ length: count }, (_, index) => parsed(signed(index)));
const forged = (): Transaction =>
  parsed(signed(0).replace(/[^.]*$/, toBase64Url(new Uint8Array(randomBytes(64)))));

const bring = (transactions: readonly { readonly bytes: Uint8Array }[]) =>
  admitBrought(
    network.node('beta').replica,
    transactions.map(({ bytes }) => bytes),
  );
const ids = (transactions: Iterable<Transaction>) => [...transactions].map(({ id }) => id);

describe('transactions that another node brings', () => {
  it('are all let in, in their order, a repeated one once', async () => {
    const transactions = good(7);
    const { admitted, withoutRoom, forged } = await bring([...transactions, ...transactions]);
    assert.deepEqual(ids(admitted), ids(transactions));
    assert.deepEqual([withoutRoom, forged], [false, undefined]);
    const again = await bring(transactions);
    assert.deepEqual(again.admitted, []);
  });

  for (const [what, bad] of [
    ['whose signature is bad', forged],
    ['that is no transaction', () => ({ bytes: new Uint8Array([0x80]) })],
  ] as const) {
    it(`are read up to one ${what}, and no further`, async () => {
      const transactions = good(6);
      const lot = [...transactions.slice(0, 4), bad(), ...transactions.slice(4)];
      const { admitted, forged } = await bring(lot);
      assert.deepEqual(ids(admitted), ids(transactions.slice(0, 4)));
      assert.equal(forged?.kind, 'forged-transaction');
      const { mempool } = network.node('beta').replica;
      assert.deepEqual(new Set(ids(mempool)), new Set(ids(transactions.slice(0, 4))));
    });
  }

  it('are let in as far as there is room', async () => {
    const transactions = good(ROOM);
    const { admitted, withoutRoom, forged } = await bring(transactions);
    assert.deepEqual([withoutRoom, forged], [true, undefined]);
    assert.deepEqual(ids(admitted), ids(transactions.slice(0, SHARE)));
    assert.equal(network.node('beta').replica.mempool.size, SHARE);
  });
});
