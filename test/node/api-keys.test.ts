import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { createApiKey, listApiKeys, openApiKeys, revokeApiKey } from '../../node/api-keys.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'fuqi-keys-'));
after(() => rmSync(folder, { recursive: true }));
const now = new Date('2026-03-01T00:00:00Z');
const file = (name: string): string => path.join(folder, `${name}.json`);

test('a key finds its member and identity, and only the whole key does', () => {
  const keyFile = file('find');
  const token = createApiKey(keyFile, { member: 'tax-bureau', identity: 'clerk', now });
  const other = createApiKey(keyFile, { member: 'tax-bureau', identity: 'head', now });
  const keys = openApiKeys([keyFile]);
  assert.deepEqual(keys.find(token), {
    member: 'tax-bureau',
    identity: 'clerk',
    keyId: token.split('_')[2],
  });
  assert.equal(keys.find(other)?.identity, 'head');
  const flipped = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A');
  const mixed = `${token.split('_').slice(0, 3).join('_')}_${other.split('_').slice(3).join('_')}`;
  const moved = token.replace('tax-bureau', 'merchant');
  for (const wrong of [flipped, mixed, moved, `${token}A`, token.slice(1), '', 'fuqi_a_b_c']) {
    assert.equal(keys.find(wrong), undefined, wrong);
  }
});

test('the file holds no secret and is for its owner only', () => {
  const keyFile = file('secret');
  const token = createApiKey(keyFile, { member: 'shop', identity: 'till', now });
  const secret = token.split('_').slice(3).join('_');
  assert.equal(Buffer.from(secret, 'base64url').length, 32);
  assert.ok(!readFileSync(keyFile, 'utf8').includes(secret));
  assert.equal(statSync(keyFile).mode & 0o777, 0o600);
});

test('a revoked key stops working at once, in a directory that is open already', () => {
  const keyFile = file('revoke');
  const keys = openApiKeys([keyFile]);
  const token = createApiKey(keyFile, { member: 'shop', identity: 'till', now });
  assert.ok(keys.find(token), 'a key made later is found');
  const { id } = listApiKeys(keyFile)[0]!;
  assert.equal(revokeApiKey(keyFile, id, now), true);
  assert.equal(keys.find(token), undefined);
  assert.equal(revokeApiKey(keyFile, id, new Date()), true);
  assert.equal(listApiKeys(keyFile)[0]?.revokedAt, now.toISOString());
  assert.equal(revokeApiKey(keyFile, '000000000000', now), false);
});

test('a gateway’s directory reads the files of several members', () => {
  const tokens = ['alpha', 'beta'].map((member) =>
    createApiKey(file(member), { member, identity: 'user', now }),
  );
  const keys = openApiKeys([file('alpha'), file('beta')]);
  assert.deepEqual(
    tokens.map((token) => keys.find(token)?.member),
    ['alpha', 'beta'],
  );
});

test('a damaged file is refused with its name and place, and without its content', () => {
  const keyFile = file('damaged');
  writeFileSync(keyFile, 'not json at all');
  assert.throws(() => openApiKeys([keyFile]), /damaged\.json is not JSON/);
  writeFileSync(keyFile, '{"format":"fuqi-api-keys-1","keys":[{"id":"zz-private"}]}');
  assert.throws(
    () => openApiKeys([keyFile]),
    (error: Error) => {
      assert.match(error.message, /damaged at \/keys\/0\/id/);
      assert.ok(!error.message.includes('zz-private'));
      return true;
    },
  );
});

test('a key needs a member id and an identity’s name', () => {
  assert.throws(() => createApiKey(file('names'), { member: 'A b', identity: 'x', now }));
  assert.throws(() => createApiKey(file('names'), { member: 'a', identity: 'x/y', now }));
});
