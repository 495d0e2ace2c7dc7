/** Peer tokens: good for one ledger, one receiver and a short time. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { publicJwkOf, signCompactJws } from '../../node/key-file.ts';
import {
  issuePeerToken,
  PEER_TOKEN_MS,
  peerTokenVerifier,
  verifyPeerToken,
} from '../../node/peer-token.ts';
import type { PublicJwk } from '../../shared/bytes/crypto.ts';
import { toBase64Url, utf8 } from '../../shared/bytes/text.ts';
import { digestOf } from '../ports/harness.ts';

const makeKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

const alice = makeKey();
const ledger = digestOf('ledger');
const NOW = 1_700_000_000_000;
const issued = { key: alice, member: 'alice', audience: 'bob', ledger, now: NOW };
const keysOf = (member: string): PublicJwk[] => (member === 'alice' ? [publicJwkOf(alice)] : []);
const check = { ledger, audience: 'bob', keysOf, now: NOW };

test('a token names its issuer to the receiver it was made for', () => {
  assert.equal(verifyPeerToken({ ...check, token: issuePeerToken(issued) }), 'alice');
});

test('a token for another receiver, ledger or member, or by another key, is not good', () => {
  const refused = [
    issuePeerToken({ ...issued, audience: 'carol' }),
    issuePeerToken({ ...issued, ledger: digestOf('other') }),
    issuePeerToken({ ...issued, member: 'mallory' }),
    issuePeerToken({ ...issued, key: makeKey() }),
  ];
  for (const token of refused) assert.equal(verifyPeerToken({ ...check, token }), undefined);
});

test('a token is good until its time is over, give or take the difference of two clocks', () => {
  const token = issuePeerToken(issued);
  const at = (now: number) => verifyPeerToken({ ...check, token, now });
  assert.equal(at(NOW + PEER_TOKEN_MS - 1), 'alice');
  assert.equal(at(NOW + PEER_TOKEN_MS + 29_000), 'alice');
  assert.equal(at(NOW + PEER_TOKEN_MS + 30_000), undefined);
  assert.equal(at(NOW - 30_000), 'alice');
  assert.equal(at(NOW - 31_000), undefined);
});

test('a text that is no token of this kind is not good', () => {
  const header = (value: object) => toBase64Url(utf8(JSON.stringify(value)));
  const claims = { iss: 'alice', aud: 'bob', ledger, iat: NOW / 1000, exp: NOW / 1000 + 60 };
  const good = header({ alg: 'ES256', typ: 'fuqi-peer+jwt' });
  const token = signCompactJws(alice, good, claims);
  assert.equal(verifyPeerToken({ ...check, token }), 'alice');
  const refused = [
    '',
    'a.b.c',
    `${token}A`,
    token.slice(0, -2),
    `${token.split('.').slice(0, 2).join('.')}.`,
    signCompactJws(alice, header({ alg: 'ES256', typ: 'fuqi-tx+jws' }), claims),
    signCompactJws(alice, header({ alg: 'none', typ: 'fuqi-peer+jwt' }), claims),
    signCompactJws(alice, good, { ...claims, exp: claims.exp + 3600 }),
    signCompactJws(alice, good, { ...claims, exp: `${claims.exp}` }),
    signCompactJws(alice, good, { ...claims, iss: undefined }),
    signCompactJws(alice, good, { ...claims, padding: 'x'.repeat(3000) }),
  ];
  for (const each of refused) assert.equal(verifyPeerToken({ ...check, token: each }), undefined);
});

test('a remembered token ends with its time, and with its issuer’s key', () => {
  let now = NOW;
  let keys: PublicJwk[] = [publicJwkOf(alice)];
  const verify = peerTokenVerifier({ ledger, audience: 'bob', keysOf: () => keys, now: () => now });
  const token = issuePeerToken(issued);
  assert.equal(verify(token), 'alice');
  assert.equal(verify(token), 'alice');
  keys = [publicJwkOf(makeKey())];
  assert.equal(verify(token), undefined);
  keys = [];
  assert.equal(verify(token), undefined);
  // A member that moves has two nodes for a while.
  keys = [publicJwkOf(makeKey()), publicJwkOf(alice)];
  assert.equal(verify(token), 'alice');
  now = NOW + PEER_TOKEN_MS + 30_000;
  assert.equal(verify(token), undefined);
});
