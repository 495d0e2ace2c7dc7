import assert from 'node:assert/strict';
import { it } from 'node:test';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import { genesisState } from '../../shared/contract/genesis-state.ts';
import {
  effectiveContract,
  effectiveRoles,
  type KeyRecord,
  type MemberRecord,
} from '../../shared/contract/system-records.ts';
import { genesisOf, newKey } from './run.ts';

it('writes members, keys, contracts, parameters and the first epoch', () => {
  const genesis = genesisOf([{ id: 'bureau', roles: ['invoice.tax-bureau'] }, { id: 'shop' }]);
  const state = new Map(genesisState(genesis));
  const keys = genesis.members.map(({ identities }) => jwkThumbprint(identities[0]!.key));
  assert.deepEqual(
    [...state.keys()].sort(),
    [
      'governance/contract/governance',
      'governance/contract/identity',
      'governance/epoch/current',
      'governance/member/bureau',
      'governance/member/shop',
      'governance/parameters/current',
      ...keys.map((key) => `identity/key/${key}`).sort(),
      'identity/roster/bureau',
      'identity/roster/shop',
    ].sort(),
  );
  assert.deepEqual(state.get('governance/epoch/current'), { current: 1, next: null });
  assert.deepEqual((state.get('governance/member/bureau') as MemberRecord).roles, [
    'invoice.tax-bureau',
  ]);
  assert.equal('identities' in (state.get('governance/member/shop') as MemberRecord), false);
});

it('refuses a document that contradicts itself', () => {
  const nodeKey = newKey();
  const double = [
    { id: 'a', nodeKey },
    { id: 'b', nodeKey },
  ];
  assert.throws(() => genesisState(genesisOf(double)), /one node key/);
  assert.throws(() => genesisState(genesisOf([{ id: 'a' }, { id: 'a' }])), /member\/a twice/);
  assert.throws(() => genesisState(genesisOf([{ id: 'a', validator: false }])), /no validator/);
  const identity = { name: 'x', key: newKey(), roles: [] };
  const twice = [identity, { ...identity, key: newKey() }];
  assert.throws(
    () => genesisState(genesisOf([{ id: 'a', identities: twice }])),
    /identity x twice/,
  );
});

it('takes the next code of a contract from its epoch on', () => {
  const old = { version: 1, codeHash: '1'.repeat(64) };
  const code = { version: 2, codeHash: '2'.repeat(64) };
  const record = { active: old, next: { code, fromEpoch: 3 } };
  assert.deepEqual(effectiveContract(record, 2), old);
  assert.deepEqual(effectiveContract(record, 3), code);
  assert.equal(
    effectiveContract({ active: old, next: { code: null, fromEpoch: 3 } }, 3),
    undefined,
  );
  assert.equal(effectiveContract(undefined, 1), undefined);
});

it('gives a key the roles that its member still holds, and none once either is inactive', () => {
  const roles = ['admin', 'invoice.seller', 'invoice.finance'];
  const key: KeyRecord = { member: 'shop', name: 'ann', roles, jwk: newKey(), active: true };
  const { identities: _, ...rest } = genesisOf([{ id: 'shop', roles: ['invoice.seller'] }])
    .members[0]!;
  const member = { ...rest, active: true };
  assert.deepEqual(effectiveRoles(key, member), ['admin', 'invoice.seller']);
  assert.deepEqual(effectiveRoles({ ...key, active: false }, member), []);
  assert.deepEqual(effectiveRoles(key, { ...member, active: false }), []);
  assert.deepEqual(effectiveRoles(key, undefined), []);
});
