/** Which notifications count: those that WeChat Pay signed now, for this merchant. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type NotificationKeys,
  NotificationRefused,
  openNotification,
} from '../../../node/wechat-pay/notification.ts';
import {
  API_V3_KEY,
  bodyOf,
  MCHID,
  paidFor,
  platformKey,
  refundOf,
  SERIAL,
  signedHeaders,
} from './platform.ts';

const REFUNDED = { event: 'REFUND.SUCCESS' };
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
  with_: Partial<NotificationKeys> = {},
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
    assert.ok(opened && 'paid' in opened);
    const { transaction_id, amount, payer } = opened.paid;
    assert.equal(transaction_id, '4200000001');
    assert.equal(amount.total, 11_300);
    assert.equal(payer?.openid, 'canary-openid-77af');
  });

  it('tells what was refunded', () => {
    const body = bodyOf(refundOf('4200000001', '5030000001', 1130, 11_300), REFUNDED);
    const opened = openNotification(requestOf(body), keys, NOW);
    assert.ok(opened && 'refund' in opened);
    const { transaction_id, refund_id, amount, success_time } = opened.refund;
    assert.deepEqual([transaction_id, refund_id], ['4200000001', '5030000001']);
    assert.deepEqual([amount.refund, success_time], [1130, '2026-03-05T18:01:02+08:00']);
  });

  it('to a service provider counts for the merchant that it serves here', () => {
    const { mchid: _, payer: __, ...rest } = paid;
    const provided = {
      ...{ ...rest, sp_mchid: MCHID, sub_mchid: '1900000109' },
      payer: { sp_openid: 'canary-of-provider', sub_openid: 'canary-of-merchant' },
    };
    const request = requestOf(bodyOf(provided));
    assert.equal(codeOf(request, { subMchid: '1900000109' }), 'counts');
    assert.equal(codeOf(request, { subMchid: '1900000110' }), 'another-merchant');
    assert.equal(
      codeOf(request, { mchid: '1900000002', subMchid: '1900000109' }),
      'another-merchant',
    );
    // Neither passes for the other's.
    assert.equal(codeOf(request), 'another-merchant');
    assert.equal(codeOf(requestOf(bodyOf(paid)), { subMchid: '1900000109' }), 'another-merchant');
    const { mchid: ___, ...refund } = refundOf('4200000001', '5030000001', 1130, 11_300);
    const refunded = { ...refund, sp_mchid: MCHID, sub_mchid: '1900000109' };
    const back = requestOf(bodyOf(refunded, REFUNDED));
    assert.equal(codeOf(back, { subMchid: '1900000109' }), 'counts');
    assert.equal(codeOf(back), 'another-merchant');
  });

  it('that is about something else says nothing', () => {
    for (const body of [
      bodyOf(paid, { event: 'REFUND.ABNORMAL' }),
      bodyOf({ ...paid, trade_state: 'REFUND' }),
      bodyOf(refundOf('4200000001', '5030000001', 1, 2, { refund_status: 'CLOSED' }), REFUNDED),
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
    const timeless = refundOf('4200000001', '5030000001', 1, 2, { success_time: undefined });
    const negative = refundOf('4200000001', '5030000001', -1, 2);
    for (const refund of [timeless, negative, paid]) {
      assert.equal(codeOf(requestOf(bodyOf(refund, REFUNDED))), 'not-understood');
    }
    const weak = bodyOf(paid).replace('AEAD_AES_256_GCM', 'AEAD_AES_128_GCM');
    assert.equal(codeOf(requestOf(weak)), 'not-understood');
  });
});
