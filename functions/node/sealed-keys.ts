/**
 * Software keys of a hosted member (its identities' and its peer key), sealed: each by AES-256-GCM
 * (NIST SP 800-38D) under a key of its own for the member, and that one by the vault key in KMS, which never
 * leaves it. What is sealed for one member and purpose opens for no other.
 */
import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { DecryptCommand, EncryptCommand, type KMSClient } from '@aws-sdk/client-kms';
import { sealBytes, unsealBytes } from '../../node/aes-gcm.ts';

/** What a sealed thing belongs to: KMS's encryption context. */
export interface SealedFor {
  readonly consortium: string;
  readonly member: string;
}

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

/** Seals bytes for a purpose, as base64url. */
export const seal = (dataKey: Buffer, purpose: string, bytes: Uint8Array): string =>
  sealBytes(dataKey, purpose, bytes).toString('base64url');

/** Opens what was sealed for a purpose; throws where it was changed, or sealed for another. */
export const unseal = (dataKey: Buffer, purpose: string, sealed: string): Buffer =>
  unsealBytes(dataKey, purpose, Buffer.from(sealed, 'base64url'));

/** What the vault's key is sealed for; no identity has such a name. */
export const VAULT_PURPOSE = 'the vault';

/** Seals a private key. */
export const sealKey = (dataKey: Buffer, purpose: string, key: KeyObject): string =>
  seal(dataKey, purpose, key.export({ format: 'der', type: 'pkcs8' }));

/** Opens a private key. */
export const unsealKey = (dataKey: Buffer, purpose: string, sealed: string): KeyObject =>
  createPrivateKey({ key: unseal(dataKey, purpose, sealed), format: 'der', type: 'pkcs8' });
