/** The file that `fuqi wechat-pay` reads: whose payments, which keys, and what stands on the invoices. */
import { createHmac, createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { MemberSchema } from '../../workloads/invoice/records.ts';
import { loadJson, readBesides } from '../config.ts';
import { UserError } from '../user-error.ts';
import { InvoiceFormSchema, type Payee } from './invoice-payment.ts';
import type { NotificationKeys } from './notification.ts';

const file = z.string().min(1).max(400);

export const WechatPayConfigSchema = z.strictObject({
  format: z.literal('fuqi-wechat-pay-1'),
  host: z.string().default('127.0.0.1'),
  port: z.int().min(0).max(65_535),
  gateway: z.url(),
  consortium: z.string().min(1).max(63),
  /** The merchant's member. */
  payee: MemberSchema,
  mchid: z.string().min(1).max(32),
  /** Where `mchid` is a service provider: the merchant that it serves here. */
  subMchid: z.string().min(1).max(32).optional(),
  /** Files, beside this one unless absolute: each holds a key and nothing else. */
  apiV3KeyFile: file,
  /** The platform's certificates or public keys (PEM), by serial number or public key id. */
  platformKeyFiles: z.record(z.string().min(1).max(64), file),
  recorderKeyFile: file,
  issuerKeyFile: file,
  invoice: InvoiceFormSchema,
});

/** Reads the file and those that it names. Throws a `UserError` that names the one that is wrong, and nothing of it. */
export function loadWechatPayConfig(name: string): {
  readonly host: string;
  readonly port: number;
  readonly payee: Payee;
  readonly keys: NotificationKeys;
} {
  const config = loadJson(name, WechatPayConfigSchema, 'configuration');
  const read = (other: string): string => readBesides(name, other);
  const apiV3Key = Buffer.from(read(config.apiV3KeyFile));
  if (apiV3Key.length !== 32) {
    throw new UserError(`${config.apiV3KeyFile} holds no APIv3 key: one has 32 characters.`);
  }
  const platformKeys = new Map(
    Object.entries(config.platformKeyFiles).map(([serial, pem]) => [
      serial,
      rsaKey(read(pem), pem),
    ]),
  );
  const { gateway: url, consortium } = config;
  return {
    host: config.host,
    port: config.port,
    payee: {
      member: config.payee,
      recorder: { url, consortium, key: read(config.recorderKeyFile) },
      issuer: { url, consortium, key: read(config.issuerKeyFile) },
      form: config.invoice,
      secret: createHmac('sha256', apiV3Key).update('fuqi/v1/wechat-pay').digest(),
    },
    keys: { mchid: config.mchid, subMchid: config.subMchid, apiV3Key, platformKeys },
  };
}

function rsaKey(pem: string, name: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {
    // Said below.
  }
  throw new UserError(`${name} holds no RSA certificate or public key (PEM).`);
}
