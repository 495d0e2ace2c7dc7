/** Signatures of webhooks, checked by the specification's own library. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { newSecret, signatureHeaders } from '../../../node/webhooks/signature.ts';

const BODY = '{"specversion":"1.0","data":{"名":"发票"}}';

test('an endpoint checks them with the library of Standard Webhooks', () => {
  const secret = newSecret();
  const headers = signatureHeaders('event-1', Date.now(), BODY, [secret]);
  assert.deepEqual(new Webhook(secret).verify(BODY, headers), JSON.parse(BODY));
});

test('another body, id, time or secret does not verify', () => {
  const secret = newSecret();
  const headers = signatureHeaders('event-1', Date.now(), BODY, [secret]);
  const refused = (body: string, others: Record<string, string>, by = secret) =>
    assert.throws(() => new Webhook(by).verify(body, { ...headers, ...others }));
  refused(BODY.replace('发票', '发标'), {});
  refused(BODY, { 'webhook-id': 'event-2' });
  refused(BODY, { 'webhook-timestamp': String(Number(headers['webhook-timestamp']) - 1) });
  refused(BODY, {}, newSecret());
});

test('while a secret is replaced, whoever has the old or the new one can check', () => {
  const [old, next] = [newSecret(), newSecret()];
  const headers = signatureHeaders('event-1', Date.now(), BODY, [next, old]);
  for (const secret of [old, next]) new Webhook(secret).verify(BODY, headers);
});
