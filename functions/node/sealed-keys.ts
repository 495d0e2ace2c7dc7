/**
 * Software keys of a hosted member (its identities' and its peer key), sealed: each by AES-256-GCM
 * (NIST SP 800-38D) under a key of its own for the member, and that one by the vault key in KMS, which never
 * leaves it. What is sealed for one member and purpose opens for no other.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { DecryptCommand, EncryptCommand, type KMSClient } from '@aws-sdk/client-kms';
import { utf8 } from '../../shared/bytes/text.ts';

/** What a sealed thing belongs to: KMS's encryption context. */
export interface SealedFor {
  readonly consortium: string;
  readonly member: string;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;

const contextOf = ({ consortium, member }: SealedFor) => ({
  'fuqi:consortium': consortium,
  'fuqi:member': member,
});

/** Makes a member's data key: itself, and as the vault key seals it. */
export async function newDataKey(
  client: KMSClient,
  vaultKey: string,
  sealedFor: SealedFor,
): Promise<{ readonly dataKey: Buffer; readonly sealed: Uint8Array }> {
  const dataKey = randomBytes(32);
  const EncryptionContext = contextOf(sealedFor);
  const { CiphertextBlob } = await client.send(
    new EncryptCommand({ KeyId: vaultKey, Plaintext: dataKey, EncryptionContext }),
  );
  return { dataKey, sealed: CiphertextBlob! };
}

/** Opens a member's data key. Throws where it was sealed for another. */
export async function openDataKey(
  client: KMSClient,
  sealed: Uint8Array,
  sealedFor: SealedFor,
): Promise<Buffer> {
  const EncryptionContext = contextOf(sealedFor);
  const { Plaintext } = await client.send(
    new DecryptCommand({ CiphertextBlob: sealed, EncryptionContext }),
  );
  return Buffer.from(Plaintext!);
}

/** Seals bytes for a purpose: IV, ciphertext and tag, base64url. */
export function seal(dataKey: Buffer, purpose: string, bytes: Uint8Array): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', dataKey, iv);
  cipher.setAAD(utf8(purpose));
  const text = [cipher.update(bytes), cipher.final()];
  return Buffer.concat([iv, ...text, cipher.getAuthTag()]).toString('base64url');
}

/** Opens what was sealed for a purpose; throws where it was changed, or sealed for another. */
export function unseal(dataKey: Buffer, purpose: string, sealed: string): Buffer {
  const bytes = Buffer.from(sealed, 'base64url');
  const tagAt = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', dataKey, bytes.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(utf8(purpose));
  decipher.setAuthTag(bytes.subarray(tagAt));
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, tagAt)), decipher.final()]);
}

/** Seals a private key. */
export const sealKey = (dataKey: Buffer, purpose: string, key: KeyObject): string =>
  seal(dataKey, purpose, key.export({ format: 'der', type: 'pkcs8' }));

/** Opens a private key. */
export const unsealKey = (dataKey: Buffer, purpose: string, sealed: string): KeyObject =>
  createPrivateKey({ key: unseal(dataKey, purpose, sealed), format: 'der', type: 'pkcs8' });
