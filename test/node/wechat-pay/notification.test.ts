/** Which notifications count: those that WeChat Pay signed now, for this merchant. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NotificationRefused, openNotification } from '../../../node/wechat-pay/notification.ts';
import {
  API_V3_KEY,
  bodyOf,
  MCHID,
  paidFor,
  platformKey,
  SERIAL,
  signedHeaders,
} from './platform.ts';

const NOW = 1_772_332_496_000;
const keys = {
  mchid: MCHID,
  apiV3Key: Buffer.from(API_V3_KEY),
  platformKeys: new Map([[SERIAL, platformKey]]),
};
const paid = paidFor('4200000001', 11_300);

const requestOf = (body: string, at = NOW) => {
  const headers = signedHeaders(body, at);
  return {
    timestamp: headers['wechatpay-timestamp']!,
    nonce: headers['wechatpay-nonce']!,
    serial: headers['wechatpay-serial']!,
    signature: headers['wechatpay-signature']!,
    body,
  };
};
const codeOf = (
  request: ReturnType<typeof requestOf>,
  with_: Partial<typeof keys> = {},
): string => {
  try {
    openNotification(request, { ...keys, ...with_ }, NOW);
    return 'counts';
  } catch (error) {
    assert.ok(error instanceof NotificationRefused, String(error));
    assert.ok(!error.message.includes('canary'));
    return error.code;
  }
};

describe('a notification', () => {
  it('tells what was paid', () => {
    const opened = openNotification(requestOf(bodyOf(paid)), keys, NOW);
    assert.equal(opened?.transaction_id, '4200000001');
    assert.equal(opened?.amount.total, 11_300);
    assert.equal(opened?.payer?.openid, 'canary-openid-77af');
  });

  it('that is about something else says nothing', () => {
    for (const body of [
      bodyOf(paid, { event: 'REFUND.SUCCESS' }),
      bodyOf({ ...paid, trade_state: 'REFUND' }),
    ]) {
      assert.equal(openNotification(requestOf(body), keys, NOW), undefined);
    }
  });

  it('is refused where one byte of what was signed differs, or the key is not the platform’s', () => {
    const request = requestOf(bodyOf(paid));
    assert.equal(codeOf({ ...request, body: `${request.body} ` }), 'not-signed');
    assert.equal(codeOf({ ...request, nonce: `${request.nonce}0` }), 'not-signed');
    const later = String(Number(request.timestamp) + 1);
    assert.equal(codeOf({ ...request, timestamp: later }), 'not-signed');
    assert.equal(codeOf({ ...request, serial: 'other' }), 'not-signed');
    // What WeChat Pay sends to see whether a merchant checks.
    const signature = `WECHATPAY/SIGNTEST/${request.signature}`;
    assert.equal(codeOf({ ...request, signature }), 'not-signed');
    assert.equal(codeOf({ ...request, signature: '' }), 'not-signed');
  });

  it('is refused where it is old, or of a clock that is ahead', () => {
    assert.equal(codeOf(requestOf(bodyOf(paid), NOW - 299_000)), 'counts');
    assert.equal(codeOf(requestOf(bodyOf(paid), NOW - 302_000)), 'too-old');
    assert.equal(codeOf(requestOf(bodyOf(paid), NOW + 302_000)), 'too-old');
  });

  it('is refused where this merchant can’t read it, or it is to another one', () => {
    assert.equal(codeOf(requestOf(bodyOf(paid, { key: 'f'.repeat(32) }))), 'not-decrypted');
    assert.equal(codeOf(requestOf(bodyOf(paid)), { mchid: '1900000002' }), 'another-merchant');
  });

  it('is refused where it does not have the form', () => {
    const amounts = [{ total: 1.5, currency: 'CNY' }, { total: 0, currency: 'CNY' }, { total: 1 }];
    for (const amount of amounts) {
      assert.equal(codeOf(requestOf(bodyOf({ ...paid, amount }))), 'not-understood');
    }
    for (const body of ['', '{', '{}', JSON.stringify({ resource: null })]) {
      assert.equal(codeOf(requestOf(body)), 'not-understood');
    }
    const weak = bodyOf(paid).replace('AEAD_AES_256_GCM', 'AEAD_AES_128_GCM');
    assert.equal(codeOf(requestOf(weak)), 'not-understood');
  });
});
