/** How far the making of a member's node has come: an item of the consortium's directory. */
import { ConditionalCheckFailedException, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { z } from 'zod';
import { MemberIdSchema } from '../../shared/ledger/genesis.ts';
import { type Directory, readItem } from '../directory.ts';

export const OnboardingSchema = z.strictObject({
  member: MemberIdSchema,
  /** The invitation's id; its token, sealed by the vault key, base64url. */
  invitation: z.string(),
  token: z.string(),
  /** What the member's setup is told, as JSON. */
  description: z.string(),
  /**
   * `replacing`: what is left of the member's last node here is taken away. `creating`: the node is made. `voting`: the members decide. `following`: it is a member, and its node
   * fetches the ledger. `done`: it votes. `undoing`, `undone`: refused, withdrawn or failed.
   */
  phase: z.enum(['replacing', 'creating', 'voting', 'following', 'done', 'undoing', 'undone']),
  /** Why it is undone. */
  reason: z.string().nullable(),
  startedAt: z.int(),
  /** When it is looked after next, by itself. */
  nextAt: z.int(),
  /** Whether the member has its first API keys. */
  keysTaken: z.boolean(),
  version: z.int(),
});
export type Onboarding = z.infer<typeof OnboardingSchema>;

/** A record that begins, in the place of what there was of the member before. */
export const newOnboarding = (
  begun: Pick<
    Onboarding,
    'member' | 'invitation' | 'token' | 'description' | 'phase' | 'keysTaken'
  >,
  before: Onboarding | undefined,
): Onboarding => ({
  ...begun,
  reason: null,
  startedAt: Date.now(),
  nextAt: 0,
  version: before?.version ?? 0,
});

/** The key of the item. */
export const onboardingItem = (member: string): string => `onboarding#${member}`;

/** The record of a member; undefined where none was begun. */
export async function readOnboarding(
  directory: Directory,
  member: string,
): Promise<Onboarding | undefined> {
  const json = await readItem(directory, onboardingItem(member));
  return json === undefined ? undefined : OnboardingSchema.parse(json);
}

/**
 * Replaces the record of a version; undefined where another invocation replaced it first. Answers it
 * with its new version.
 */
export async function writeOnboarding(
  { client, name }: Directory,
  record: Onboarding,
): Promise<Onboarding | undefined> {
  const next = { ...record, version: record.version + 1 };
  try {
    await client.send(
      new PutItemCommand({
        TableName: name,
        Item: {
          p: { S: onboardingItem(record.member) },
          j: { S: JSON.stringify(next) },
          v: { N: String(next.version) },
        },
        ...(record.version === 0
          ? { ConditionExpression: 'attribute_not_exists(p)' }
          : {
              ConditionExpression: 'v = :v',
              ExpressionAttributeValues: { ':v': { N: String(record.version) } },
            }),
      }),
    );
    return next;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw error;
  }
}
