/** An invitation's token while its node is made: sealed by the vault key, for this one member's onboarding. */
import { DecryptCommand, EncryptCommand, type KMSClient } from '@aws-sdk/client-kms';
import { utf8 } from '../../shared/bytes/text.ts';

export interface TokenSealOptions {
  readonly client: KMSClient;
  readonly vaultKey: string;
  readonly consortium: string;
}

/** Seals and opens; what was sealed for one member's onboarding opens for no other. */
export function tokenSeal({ client, vaultKey: KeyId, consortium }: TokenSealOptions) {
  const contextOf = (member: string) => ({
    'fuqi:consortium': consortium,
    'fuqi:onboarding': member,
  });
  return {
    async seal(member: string, token: string): Promise<string> {
      const EncryptionContext = contextOf(member);
      const { CiphertextBlob } = await client.send(
        new EncryptCommand({ KeyId, Plaintext: utf8(token), EncryptionContext }),
      );
      return Buffer.from(CiphertextBlob!).toString('base64url');
    },
    async unseal(member: string, sealed: string): Promise<string> {
      const { Plaintext } = await client.send(
        new DecryptCommand({
          KeyId,
          CiphertextBlob: Buffer.from(sealed, 'base64url'),
          EncryptionContext: contextOf(member),
        }),
      );
      return Buffer.from(Plaintext!).toString('utf8');
    },
  };
}
