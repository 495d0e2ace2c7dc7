/**
 * Notifications of WeChat Pay's API v3: who sent them, and what was paid or refunded. The signature is the platform's, over
 * `<timestamp>\n<nonce>\n<body>\n` (SHA256-RSA2048); what happened is encrypted with the merchant's APIv3 key
 * (AEAD_AES_256_GCM). Source: WeChat Pay, API v3, "signature verification" and "decryption of callbacks".
 */
import { createDecipheriv, type KeyObject, verify } from 'node:crypto';
import { z } from 'zod';

/** A notification that is not passed on; `code` says why, and nothing of it. */
export class NotificationRefused extends Error {
  readonly code: 'not-signed' | 'too-old' | 'not-understood' | 'not-decrypted' | 'another-merchant';
  constructor(code: NotificationRefused['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** A signature counts so long, either way of the clock here. */
const CLOCK_MS = 300_000;
const TAG_BYTES = 16;

const NotificationSchema = z.looseObject({
  id: z.string().min(1).max(64),
  event_type: z.string().min(1).max(64),
  resource: z.looseObject({
    algorithm: z.literal('AEAD_AES_256_GCM'),
    ciphertext: z.base64(),
    nonce: z.string().length(12),
    associated_data: z.string().max(64).default(''),
  }),
});

/** Whose payment it is: a merchant's, or one of a merchant (`sub_mchid`) that a service provider serves. */
const merchant = {
  mchid: z.string().min(1).max(32).optional(),
  sp_mchid: z.string().min(1).max(32).optional(),
  sub_mchid: z.string().min(1).max(32).optional(),
};
const number = z.string().regex(/^[A-Za-z0-9]{1,32}$/);
/** In the currency's smallest unit. */
const amount = z.int().min(1).max(1_000_000_000_000);
const openid = z.string().min(1).max(64).optional();

const TransactionSchema = z.looseObject({
  ...merchant,
  transaction_id: number,
  trade_state: z.string(),
  success_time: z.iso.datetime({ offset: true }),
  /** The order's own text, as the merchant gave it. */
  attach: z.string().max(128).optional(),
  payer: z.looseObject({ openid, sp_openid: openid, sub_openid: openid }).optional(),
  amount: z.looseObject({ total: amount, currency: z.string().regex(/^[A-Z]{3}$/) }),
});
/** A payment that succeeded. */
export type PaidTransaction = z.infer<typeof TransactionSchema>;

const RefundSchema = z.looseObject({
  ...merchant,
  transaction_id: number,
  refund_id: number,
  refund_status: z.string(),
  success_time: z.iso.datetime({ offset: true }).optional(),
  amount: z.looseObject({ total: amount, refund: amount }),
});
/** A refund that succeeded, of a payment or a part of it. */
export interface Refund extends z.infer<typeof RefundSchema> {
  readonly success_time: string;
}

/** What a notification tells of. */
export type Told = { readonly paid: PaidTransaction } | { readonly refund: Refund };

/** What a request says in its headers. */
export interface SignedBody {
  readonly timestamp: string;
  readonly nonce: string;
  readonly serial: string;
  readonly signature: string;
  readonly body: string;
}

export interface NotificationKeys {
  readonly mchid: string;
  /** Where `mchid` is a service provider: the merchant that it serves here. */
  readonly subMchid?: string | undefined;
  /** 32 bytes. */
  readonly apiV3Key: Uint8Array;
  /** By serial number, or public key id. */
  readonly platformKeys: ReadonlyMap<string, KeyObject>;
}

/**
 * What was paid or refunded; undefined for a notification of something else (a payment or a refund that failed). Throws
 * `NotificationRefused` where it is not from WeChat Pay, not of now, or not for this merchant.
 */
export function openNotification(
  request: SignedBody,
  keys: NotificationKeys,
  now: number,
): Told | undefined {
  const { timestamp, nonce, serial, signature, body } = request;
  const key = keys.platformKeys.get(serial);
  const signed = Buffer.from(`${timestamp}\n${nonce}\n${body}\n`);
  if (!key || !verify('sha256', signed, key, Buffer.from(signature, 'base64'))) {
    throw new NotificationRefused('not-signed', 'The signature is not of a known platform key.');
  }
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp) * 1000) > CLOCK_MS) {
    throw new NotificationRefused('too-old', 'It was signed too long ago, or in the future.');
  }
  const { event_type, resource } = parsed(NotificationSchema, body);
  if (event_type === 'TRANSACTION.SUCCESS') {
    const paid = parsed(TransactionSchema, decrypted(resource, keys.apiV3Key));
    requireOwn(paid, keys);
    return paid.trade_state === 'SUCCESS' ? { paid } : undefined;
  }
  if (event_type !== 'REFUND.SUCCESS') return undefined;
  const refund = parsed(RefundSchema, decrypted(resource, keys.apiV3Key));
  requireOwn(refund, keys);
  const { refund_status, success_time } = refund;
  if (refund_status !== 'SUCCESS') return undefined;
  if (success_time !== undefined) return { refund: { ...refund, success_time } };
  throw new NotificationRefused('not-understood', 'Not as expected: /success_time');
}

/** A service provider's notifications name itself and the merchant; a merchant's own, the merchant alone. */
function requireOwn(
  of: Pick<PaidTransaction, keyof typeof merchant>,
  { mchid, subMchid }: NotificationKeys,
): void {
  const isOwn =
    subMchid === undefined
      ? of.mchid === mchid
      : of.sp_mchid === mchid && of.sub_mchid === subMchid;
  if (!isOwn) throw new NotificationRefused('another-merchant', 'It is about another merchant.');
}

function parsed<T>(schema: z.ZodType<T>, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new NotificationRefused('not-understood', 'It is not JSON.');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  // Paths only: what was found is not for a log.
  const places = result.error.issues.map(({ path }) => `/${path.join('/')}`);
  throw new NotificationRefused('not-understood', `Not as expected: ${places.join(', ')}`);
}

function decrypted(
  { ciphertext, nonce, associated_data }: z.infer<typeof NotificationSchema>['resource'],
  key: Uint8Array,
): string {
  const bytes = Buffer.from(ciphertext, 'base64');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    decipher.setAAD(Buffer.from(associated_data));
    const text = decipher.update(bytes.subarray(0, -TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString();
  } catch {
    throw new NotificationRefused('not-decrypted', 'The APIv3 key does not open it.');
  }
}
