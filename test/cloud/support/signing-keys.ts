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

/** Disables a key by its id. */
export const disableKey = (cloud: Cloud, KeyId: string): Promise<void> =>
  withKms(cloud, async (kms) => void (await kms.send(new DisableKeyCommand({ KeyId }))));

/** Disables a member's signing key, as by mistake; answers its id. */
export const disableSigningKey = (cloud: Cloud, member: string): Promise<string> =>
  withKey(cloud, member, (kms, KeyId) => kms.send(new DisableKeyCommand({ KeyId })));

export const enableSigningKey = (cloud: Cloud, member: string): Promise<string> =>
  withKey(cloud, member, (kms, KeyId) => kms.send(new EnableKeyCommand({ KeyId })));

const withKey = (
  cloud: Cloud,
  member: string,
  change: (kms: KMSClient, id: string) => Promise<unknown>,
): Promise<string> =>
  withKms(cloud, async (kms) => {
    const { Keys = [] } = await kms.send(new ListKeysCommand({}));
    for (const { KeyId } of Keys) {
      const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId }));
      if (!KeyMetadata?.Description?.includes(`votes of ${member} `)) continue;
      await change(kms, KeyId!);
      return KeyId!;
    }
    throw new Error(`no signing key of ${member}`);
  });

async function withKms<T>({ endpoint }: Cloud, act: (kms: KMSClient) => Promise<T>): Promise<T> {
  const options = { endpoint, region: EMULATOR_REGION, credentials: EMULATOR_CREDENTIALS };
  const kms = new KMSClient(options);
  try {
    return await act(kms);
  } finally {
    kms.destroy();
  }
}
