import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { governance } from '../../shared/contract/governance.ts';
import { identity } from '../../shared/contract/identity.ts';
import { genesisOf, newKey, output, refusal, startedLedger } from './run.ts';

function members() {
  const { ledger, admin } = startedLedger(
    [governance, identity],
    genesisOf([{ id: 'shop', roles: ['invoice.seller'] }, { id: 'bank' }]),
  );
  const call = (member: string, method: string, args: unknown) =>
    ledger.call(admin(member), 'identity', method, args);
  const register = (name: string, roles: string[], jwk = newKey()) =>
    call('shop', 'register', { name, jwk, roles });
  return { ledger, admin, call, register };
}

describe('an administrator', () => {
  it('registers keys for the own member with roles that it holds', () => {
    const { ledger, register } = members();
    const keyId = output(register('till', ['invoice.seller', 'invoice.seller'])).keyId as string;
    assert.deepEqual(ledger.caller(keyId), {
      member: 'shop',
      name: 'till',
      keyId,
      roles: ['invoice.seller'],
    });
    assert.equal(refusal(register('other', ['invoice.finance'])), 'role-not-held');
    assert.equal(refusal(register('till', [])), 'name-in-use');
  });

  it('registers no key twice, of no member, revoked or not', () => {
    const { call, register } = members();
    const jwk = newKey();
    const keyId = output(register('till', [], jwk)).keyId;
    assert.equal(refusal(register('till2', [], jwk)), 'key-in-use');
    output(call('shop', 'revoke', { keyId }));
    assert.equal(refusal(register('till', [], jwk)), 'key-in-use');
    assert.equal(refusal(call('bank', 'register', { name: 'x', jwk, roles: [] })), 'key-in-use');
    output(register('till', []));
  });

  it('changes and revokes the keys of the own member only', () => {
    const { ledger, call, register } = members();
    const keyId = output(register('till', [])).keyId as string;
    for (const [method, args] of [
      ['setRoles', { keyId, roles: [] }],
      ['revoke', { keyId }],
      ['rotate', { keyId, jwk: newKey() }],
    ] as const) {
      assert.equal(refusal(call('bank', method, args)), 'unknown-key');
    }
    output(call('shop', 'setRoles', { keyId, roles: ['invoice.seller', 'admin'] }));
    assert.deepEqual(ledger.caller(keyId).roles, ['admin', 'invoice.seller']);
    output(call('shop', 'revoke', { keyId }));
    assert.deepEqual(ledger.caller(keyId).roles, []);
    assert.equal(refusal(call('shop', 'revoke', { keyId })), 'unknown-key');
  });

  it('rotates a key: the new one takes name and roles, the old one is revoked', () => {
    const { ledger, admin, call } = members();
    const old = admin('shop').keyId;
    const keyId = output(call('shop', 'rotate', { keyId: old, jwk: newKey() })).keyId as string;
    assert.deepEqual(ledger.caller(old).roles, []);
    assert.deepEqual(ledger.caller(keyId), {
      member: 'shop',
      name: 'admin',
      keyId,
      roles: ['admin'],
    });
  });

  it('can not lock the member out of its last administrator', () => {
    const { admin, call, register } = members();
    const { keyId } = admin('shop');
    assert.equal(refusal(call('shop', 'revoke', { keyId })), 'last-admin');
    assert.equal(refusal(call('shop', 'setRoles', { keyId, roles: [] })), 'last-admin');
    output(register('second', ['admin']));
    output(call('shop', 'revoke', { keyId }));
  });

  it('is needed for all of it', () => {
    const { ledger, register } = members();
    const till = ledger.caller(output(register('till', ['invoice.seller'])).keyId as string);
    const args = { name: 'x', jwk: newKey(), roles: [] };
    assert.match(refusal(ledger.call(till, 'identity', 'register', args)), /^forbidden/);
  });
});

describe('the queries', () => {
  it('list active identities by name in pages, and find revoked ones by key', () => {
    const { ledger, call, register } = members();
    const ids = ['c', 'b', 'd'].map((name) => output(register(name, [])).keyId as string);
    output(call('shop', 'revoke', { keyId: ids[2] }));
    type Page = { identities: { name: string }[]; next: string | null };
    const list = (more: object) =>
      ledger.query(undefined, 'identity', 'keys', { member: 'shop', ...more }) as unknown as Page;
    const first = list({ limit: '2' });
    assert.deepEqual(
      first.identities.map(({ name }) => name),
      ['admin', 'b'],
    );
    const second = list({ limit: '2', after: first.next });
    assert.deepEqual(
      second.identities.map(({ name }) => name),
      ['c'],
    );
    assert.equal(second.next, null);
    const revoked = ledger.query(undefined, 'identity', 'key', { keyId: ids[2] }) as {
      active: boolean;
    };
    assert.equal(revoked.active, false);
    const none = ledger.query(undefined, 'identity', 'key', { keyId: 'x'.repeat(43) });
    assert.deepEqual(none, { refused: 'not-found' });
  });
});
