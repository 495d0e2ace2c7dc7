/** The KMS keys that members of a hosted consortium vote with. */
import {
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  KMSClient,
  ListKeysCommand,
} from '@aws-sdk/client-kms';
import type { Cloud } from '../../../infra/emulator/consortium.ts';
import { EMULATOR_CREDENTIALS, EMULATOR_REGION } from '../../../infra/emulator/emulator.ts';

/** Disables a member's signing key, as by mistake; answers its id. */
export const disableSigningKey = (cloud: Cloud, member: string): Promise<string> =>
  withKey(cloud, member, (kms, KeyId) => kms.send(new DisableKeyCommand({ KeyId })));

export const enableSigningKey = (cloud: Cloud, member: string): Promise<string> =>
  withKey(cloud, member, (kms, KeyId) => kms.send(new EnableKeyCommand({ KeyId })));

async function withKey(
  { endpoint }: Cloud,
  member: string,
  change: (kms: KMSClient, id: string) => Promise<unknown>,
): Promise<string> {
  const options = { endpoint, region: EMULATOR_REGION, credentials: EMULATOR_CREDENTIALS };
  const kms = new KMSClient(options);
  try {
    const { Keys = [] } = await kms.send(new ListKeysCommand({}));
    for (const { KeyId } of Keys) {
      const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId }));
      if (!KeyMetadata?.Description?.includes(`votes of ${member} `)) continue;
      await change(kms, KeyId!);
      return KeyId!;
    }
    throw new Error(`no signing key of ${member}`);
  } finally {
    kms.destroy();
  }
}
