/** Agreements to recover a ledger: read in the one way in which everybody reads them. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { toBase64Url, utf8 } from '../../shared/bytes/text.ts';
import { type Agreement, agreementHeader, parseAgreement } from '../../shared/ledger/recovery.ts';
import { testKey } from '../support/local-network.ts';

const key = testKey();
const AGREEMENT = {
  format: 'fuqi-recovery-1',
  ledger: 'ab'.repeat(32),
  epoch: 2,
  height: 7,
  block: 'cd'.repeat(32),
  validators: [{ member: 'alpha', nodeKey: key.jwk, peerKey: key.jwk }],
  removed: [],
  reason: 'two machines burnt',
} as unknown as Agreement;

const signed = (text: string) => ({
  payload: toBase64Url(utf8(text)),
  signatures: [{ protected: agreementHeader(key.keyId), signature: 'A'.repeat(86) }],
});

it('an agreement is read as it was signed', () => {
  const parsed = parseAgreement(signed(JSON.stringify(AGREEMENT)));
  assert.ok(typeof parsed !== 'string', String(parsed));
  assert.deepEqual(parsed.agreement, AGREEMENT);
});

it('an agreement that readers could read differently is refused', () => {
  const text = JSON.stringify(AGREEMENT);
  const wrong = [
    text.replace('{', '{"height":8,'),
    text.replace('"height":7', '"height":7.00000000000000000001'),
    text.replace('burnt', '\\ud800'),
    text.slice(0, -1),
    `[${text}]`,
  ];
  for (const other of wrong) {
    assert.notEqual(other, text);
    assert.match(String(parseAgreement(signed(other))), /^The agreement is wrong at /);
  }
});
