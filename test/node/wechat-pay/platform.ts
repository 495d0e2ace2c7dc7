/** Notifications as WeChat Pay's platform sends them, with a key made here. */
import { createCipheriv, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export const API_V3_KEY = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';
export const SERIAL = '5157F09EFDC096DE15EBE81A47057A7232F1B8E1';
export const MCHID = '1900000001';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const platformKey = publicKey;

/** A payment of an amount in fen. */
export const paidFor = (transactionId: string, total: number, more: object = {}) => ({
  ...{ transaction_id: transactionId, out_trade_no: `order-${transactionId}`, mchid: MCHID },
  ...{ appid: 'wxd678efh567hg6787', trade_type: 'JSAPI', trade_state: 'SUCCESS' },
  ...{ trade_state_desc: '支付成功', bank_type: 'CMC', attach: '' },
  success_time: '2026-03-01T10:34:56+08:00',
  payer: { openid: 'canary-openid-77af' },
  amount: { total, payer_total: total, currency: 'CNY', payer_currency: 'CNY' },
  ...more,
});

/** A refund of a part of a payment, or all of it. */
export const refundOf = (
  transactionId: string,
  refundId: string,
  refund: number,
  total: number,
  more: object = {},
) => ({
  ...{ mchid: MCHID, transaction_id: transactionId, out_trade_no: `order-${transactionId}` },
  ...{ refund_id: refundId, out_refund_no: `back-${refundId}`, refund_status: 'SUCCESS' },
  ...{ success_time: '2026-03-05T18:01:02+08:00', user_received_account: '招商银行信用卡0403' },
  amount: { total, refund, payer_total: total, payer_refund: refund },
  ...more,
});

/** The body of a notification: what happened, encrypted. */
export function bodyOf(
  content: object,
  { key = API_V3_KEY, event = 'TRANSACTION.SUCCESS' } = {},
): string {
  const nonce = randomBytes(6).toString('hex');
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.from(nonce));
  cipher.setAAD(Buffer.from('transaction'));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(content)), cipher.final()]);
  return JSON.stringify({
    ...{ id: 'EV-2018022511223320873', create_time: '2026-03-01T10:34:57+08:00' },
    ...{ resource_type: 'encrypt-resource', event_type: event, summary: '支付成功' },
    resource: {
      ...{ original_type: 'transaction', algorithm: 'AEAD_AES_256_GCM', nonce },
      ciphertext: Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64'),
      associated_data: 'transaction',
    },
  });
}

/** The headers that go with a body. */
export function signedHeaders(body: string, at: number = Date.now()): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  const nonce = randomBytes(16).toString('hex');
  const signature = sign('sha256', Buffer.from(`${timestamp}\n${nonce}\n${body}\n`), privateKey);
  return {
    'wechatpay-timestamp': timestamp,
    'wechatpay-nonce': nonce,
    'wechatpay-serial': SERIAL,
    'wechatpay-signature': signature.toString('base64'),
  };
}
