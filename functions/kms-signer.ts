/**
 * The `Signer` port on AWS KMS: ECC_NIST_P256 keys that never leave it. A statement digest is the
 * message (`RAW`), so KMS hashes it once more, as ES256 does.
 */
import { createPublicKey } from 'node:crypto';
import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { jwkThumbprint, type PublicJwk } from '../shared/bytes/crypto.ts';
import type { Signer } from '../shared/ports/signer.ts';
import { rawSignature } from './der-signature.ts';

/** Opens the keys with these ids: asks for their public halves once. Throws where one is no such key. */
export async function kmsSigner(client: KMSClient, keyIds: readonly string[]): Promise<Signer> {
  const ids = new Map<string, string>();
  for (const keyId of keyIds) ids.set(jwkThumbprint(await publicJwk(client, keyId)), keyId);
  return {
    holds: (key) => ids.has(jwkThumbprint(key)),
    async sign(digest, key) {
      const KeyId = ids.get(jwkThumbprint(key));
      if (!KeyId) throw new Error('this node holds no such key');
      const { Signature } = await client.send(
        new SignCommand({
          KeyId,
          Message: digest,
          MessageType: 'RAW',
          SigningAlgorithm: 'ECDSA_SHA_256',
        }),
      );
      return rawSignature(Signature!);
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
