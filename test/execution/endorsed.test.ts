/** What signs besides the caller: who counts, and that nobody else can use up a transaction's id with it. */
import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { it } from 'node:test';
import { encodeCbor } from '../../shared/bytes/cbor.ts';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { toBase64Url, utf8 } from '../../shared/bytes/text.ts';
import { splitArguments } from '../../shared/contract/confidential.ts';
import { genesisState } from '../../shared/contract/genesis-state.ts';
import { type KeyRecord, SYSTEM_KEYS } from '../../shared/contract/system-records.ts';
import { runTransaction } from '../../shared/execution/run-transaction.ts';
import { Misses, View } from '../../shared/execution/view.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { decodeTransaction, parseTransaction } from '../../shared/ledger/transaction.ts';
import { genesisOf } from '../contract/run.ts';
import { deal, dealCatalog } from '../support/deal-contract.ts';
import { signBody, type TestKey, testKey } from '../support/local-network.ts';

const LEDGER = '1'.repeat(64) as Digest;
const FACTS = { ledger: LEDGER, epoch: 1, height: 1, time: 1000, windowMs: 60_000 };
const keys = {
  seller: testKey(),
  auditor: testKey(),
  person: testKey(),
  other: testKey(),
  revoked: testKey(),
};
const node = (key: TestKey, name = 'node') => ({ name, key: key.jwk, roles: [] as string[] });
const admin = (key = testKey()) => ({ name: 'admin', key: key.jwk, roles: ['admin'] });
const genesis = genesisOf([
  { id: 'alpha', identities: [admin(keys.seller)] },
  {
    id: 'delta',
    roles: ['deal.auditor'],
    identities: [admin(), node(keys.auditor), node(keys.person, 'person')],
  },
  { id: 'gamma', identities: [admin(), node(keys.other), node(keys.revoked, 'gone')] },
]);
const code = { name: 'deal', version: 1, codeHash: '33'.repeat(32) };
const state = new Map(
  genesisState({ ...genesis, contracts: [...genesis.contracts, code] }).map(([name, value]) => {
    const isGone = name === SYSTEM_KEYS.key(jwkThumbprint(keys.revoked.jwk));
    const record = isGone ? { ...(value as unknown as KeyRecord), active: false } : value;
    return [name, encodeCbor(record as never)] as const;
  }),
);

const { args } = splitArguments(deal.transactions.sell!.input, { deal: 'd', price: 50 }, () =>
  new Uint8Array(16).fill(7),
);
const body = { ledger: LEDGER, contract: 'deal', method: 'sell', args, nonce: 'n', notAfter: 2000 };
const signed = parseTransaction(signBody(keys.seller, body));
assert.ok(!(signed instanceof Rejected));

/** What becomes of the seller's transaction with the signatures of others. */
function run(...endorsers: readonly TestKey[]): string {
  assert.ok(!(signed instanceof Rejected));
  const others = endorsers.map((key) => {
    const header = { alg: 'ES256', typ: 'fuqi-tx+jws', kid: jwkThumbprint(key.jwk) };
    const head = toBase64Url(utf8(JSON.stringify(header)));
    const input = utf8(`${head}.${signed.payload}`);
    const how = { key: key.privateKey, dsaEncoding: 'ieee-p1363' } as const;
    return [head, new Uint8Array(sign('sha256', input, how))] as const;
  });
  const list = [...signed.signatures.map((one) => [one.protected, one.signature]), ...others];
  const transaction = decodeTransaction(encodeCbor([signed.payload, list] as never));
  assert.ok(!(transaction instanceof Rejected));
  assert.equal(transaction.id, signed.id);
  const base = {
    value: (name: string) => state.get(name) ?? null,
    range: () => [],
    known: () => false,
    page: () => undefined,
  };
  const view = new View([], base, new Misses());
  const outcome = runTransaction(transaction, FACTS, dealCatalog, view);
  // What may not stand in a block says so by itself; a result is recorded, and uses the id up.
  return outcome instanceof Rejected
    ? `no block takes it: ${outcome.rejection.code}`
    : outcome.result.status;
}

it('takes a transaction with the signature of a node whose member has the role, and none without', () => {
  const missing = 'no block takes it: not-endorsed';
  assert.equal(run(keys.auditor), 'committed');
  assert.equal(run(keys.auditor, keys.other), 'committed');
  assert.equal(run(), missing);
  assert.equal(run(keys.other), missing);
  assert.equal(run(keys.person), missing, 'a person of that member has not run the rule');
});

it('lets nobody use an id up by adding a signature that does not count', () => {
  const revoked = 'no block takes it: key-revoked';
  assert.equal(run(keys.revoked), revoked);
  assert.equal(run(keys.auditor, keys.revoked), revoked);
  assert.equal(run(testKey()), 'no block takes it: unknown-key');
});
