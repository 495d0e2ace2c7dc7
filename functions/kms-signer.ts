/**
 * The `Signer` port on AWS KMS: ECC_NIST_P256 keys that never leave it. A statement digest is the
 * message (`RAW`), so KMS hashes it once more, as ES256 does.
 *
 * A key that is disabled or about to be deleted is not held: its node follows without a vote, asks for it
 * again from time to time, and votes again once it can be used.
 */
import { createPublicKey } from 'node:crypto';
import {
  DescribeKeyCommand,
  GetPublicKeyCommand,
  type KMSClient,
  SignCommand,
} from '@aws-sdk/client-kms';
import { jwkThumbprint, type PublicJwk } from '../shared/bytes/crypto.ts';
import { rawSignature } from '../shared/bytes/der-signature.ts';
import type { Signer } from '../shared/ports/signer.ts';

/** What KMS answers of a key that somebody disabled, scheduled for deletion or deleted. */
const UNUSABLE = new Set(['DisabledException', 'KMSInvalidStateException', 'NotFoundException']);
/** Whether KMS refused because of the key itself; asking again does not help. */
export const isKeyUnusable = (error: unknown): boolean =>
  error instanceof Error && UNUSABLE.has(error.name);

/** How often a key is asked about: of an unusable one, or for somebody who wants to know. */
const ASK_EVERY_MS = 30_000;

export interface KmsSigner extends Signer {
  /** Sentences about the keys that can't be used; asks KMS, though not often. */
  fault(): Promise<string | undefined>;
  /** Asks for keys again that could not be used a while ago; does nothing where all can. */
  revive(): Promise<void>;
}

export interface KmsSignerOptions {
  /** Told each time when a key turns out to be unusable, with a sentence that names it. */
  readonly onFault?: (sentence: string) => void;
  readonly now?: () => number;
}

interface HeldKey {
  readonly id: string;
  thumbprint: string | undefined;
  fault: string | undefined;
  askedAt: number;
}

/**
 * Opens the keys with these ids: asks for their public halves once. Throws where one is of another kind or
 * may not be asked for.
 */
export async function kmsSigner(
  client: KMSClient,
  keyIds: readonly string[],
  { onFault = () => {}, now = Date.now }: KmsSignerOptions = {},
): Promise<KmsSigner> {
  const unusable = (key: HeldKey, why: string): void => {
    key.fault = `The KMS key ${key.id} can’t be used: ${why}`;
    onFault(key.fault);
  };
  const failed = (key: HeldKey, error: unknown): void => {
    key.askedAt = now();
    if (!isKeyUnusable(error)) throw error;
    unusable(key, `${(error as Error).name}: ${(error as Error).message}`);
  };
  const open = async (key: HeldKey): Promise<void> => {
    key.askedAt = now();
    key.thumbprint ??= jwkThumbprint(await publicJwk(client, key.id));
  };
  /** Asks for the key's state, which KMS tells of every key. */
  const askFor = async (key: HeldKey): Promise<void> => {
    const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: key.id }));
    key.askedAt = now();
    const { KeyState, DeletionDate } = KeyMetadata!;
    if (KeyState !== 'Enabled') {
      unusable(key, `it is ${KeyState}${DeletionDate ? ` on ${DeletionDate.toISOString()}` : ''}.`);
      return;
    }
    await open(key);
    key.fault = undefined;
  };
  const keys = keyIds.map(
    (id): HeldKey => ({ id, thumbprint: undefined, fault: undefined, askedAt: 0 }),
  );
  const isDue = ({ askedAt }: HeldKey): boolean => now() - askedAt >= ASK_EVERY_MS;
  const held = (key: PublicJwk): HeldKey | undefined => {
    const thumbprint = jwkThumbprint(key);
    return keys.find((one) => one.thumbprint === thumbprint && !one.fault);
  };
  await Promise.all(keys.map((key) => open(key).catch((error) => failed(key, error))));
  /** What KMS can't tell at the moment stays as it was known last. */
  const askAgain = (wanted: readonly HeldKey[]): Promise<unknown> =>
    Promise.allSettled(
      wanted.filter(isDue).map((key) => askFor(key).catch((error) => failed(key, error))),
    );
  return {
    holds: (key) => held(key) !== undefined,
    async sign(digest, key) {
      const found = held(key);
      if (!found) throw new Error('this node holds no such key');
      try {
        const { Signature } = await client.send(
          new SignCommand({
            KeyId: found.id,
            Message: digest,
            MessageType: 'RAW',
            SigningAlgorithm: 'ECDSA_SHA_256',
          }),
        );
        return rawSignature(Signature!);
      } catch (error) {
        failed(found, error);
        throw error;
      }
    },
    async fault() {
      await askAgain(keys);
      const faults = keys.flatMap(({ fault }) => fault ?? []);
      return faults.length > 0 ? faults.join(' ') : undefined;
    },
    async revive() {
      await askAgain(keys.filter(({ fault }) => fault));
    },
  };
}

/** The public half of a KMS key. */
export async function publicJwk(client: KMSClient, keyId: string): Promise<PublicJwk> {
  const { PublicKey, KeySpec } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
  if (KeySpec !== 'ECC_NIST_P256') throw new Error(`the key ${keyId} is a ${KeySpec}`);
  const key = createPublicKey({ key: Buffer.from(PublicKey!), format: 'der', type: 'spki' });
  const { x, y } = key.export({ format: 'jwk' });
  return { kty: 'EC', crv: 'P-256', x: x!, y: y! };
}
