/** One transaction against a state that is not at hand, or can't be read: that is never the contract's doing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeCbor, type Value } from '../../shared/bytes/cbor.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { genesisState } from '../../shared/contract/genesis-state.ts';
import { runTransaction } from '../../shared/execution/run-transaction.ts';
import { type Base, Miss, Misses, View } from '../../shared/execution/view.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { genesisOf } from '../contract/run.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { signBody, testKey } from '../support/local-network.ts';

const LEDGER = '1'.repeat(64) as Digest;
const FACTS = { ledger: LEDGER, epoch: 1, height: 1, time: 1000, windowMs: 60_000 };
const key = testKey();
const genesis = genesisOf([
  { id: 'alpha', identities: [{ name: 'admin', key: key.jwk, roles: ['admin'] }] },
]);
const code = { name: 'counter', version: 1, codeHash: '11'.repeat(32) };
const state = new Map(
  genesisState({ ...genesis, contracts: [...genesis.contracts, code] }).map(
    ([name, value]) => [name, encodeCbor(value)] as const,
  ),
);

/** What becomes of a call where reads of the contract's own records end in `missing`. */
function run(
  method: string,
  args: Record<string, Value>,
  missing: () => Uint8Array | null | undefined,
) {
  const body = { ledger: LEDGER, contract: 'counter', method, args, nonce: 'n', notAfter: 2000 };
  const transaction = parseTransaction(signBody(key, body));
  assert.ok(!(transaction instanceof Rejected));
  const base: Base = {
    value: (name) => (name.startsWith('counter/') ? missing() : (state.get(name) ?? null)),
    range: () => [],
    known: () => false,
    page: () => undefined,
  };
  const misses = new Misses();
  const outcome = runTransaction(transaction, FACTS, counterCatalog, new View([], base, misses));
  assert.ok(!(outcome instanceof Rejected));
  return outcome.result;
}

describe('a transaction', () => {
  const raise = { name: 'a', by: 1 };

  it('is committed where its reads are answered, by a store that uses what contracts may not', () => {
    const result = run('raise', raise, () =>
      typeof setTimeout === 'function' && Date.now() > 0 ? null : undefined,
    );
    assert.equal(result.status, 'committed');
  });

  for (const [method, args] of [
    ['raise', raise],
    ['misbehave', { how: 'swallow' }],
  ] as const) {
    it(`stops where a read is not at hand, also where ${method} would catch that`, () => {
      assert.throws(
        () => run(method, args, () => undefined),
        (thrown) => thrown instanceof Miss,
      );
    });

    it(`has no result where the store fails, also where ${method} would catch that`, () => {
      const failed = () => {
        throw new Error('the store is damaged');
      };
      assert.throws(() => run(method, args, failed), /the store is damaged/);
    });
  }
});
