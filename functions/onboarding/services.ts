/** What the onboarding function works with: the account's services, and the members' functions. */
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { type Join, JoinSchema, parseInvitationToken } from '../../shared/api/join.ts';
import { consortiumPath } from '../../shared/api/node-api.ts';
import { utf8 } from '../../shared/bytes/text.ts';
import { firstKeysOf, wakeNode } from '../call-member.ts';
import { DEADLINES, givesUpAfter } from '../deadlines.ts';
import { readMember } from '../directory.ts';
import { fromEnvironment } from '../environment.ts';
import { functionName, onboardingFunction } from '../function-name.ts';
import { invokeFetch } from '../invoke-fetch.ts';
import { memberStacks } from './member-stack.ts';
import type { OnboardingServices } from './steps.ts';

/** What the function is sent besides requests. */
export interface AdvanceEvent {
  readonly kind: 'advance';
  readonly member: string;
}

/** The node of the member that invited refuses; its answer says why. */
export class JoinRefused extends Error {
  readonly response: Response;
  constructor(response: Response) {
    super(`the node of the member that invited answered ${response.status}`);
    this.response = response;
  }
}

const SettingsSchema = z.object({
  templates: z.object({ candidate: z.string(), member: z.string() }),
  roleArn: z.string(),
  boundaryArn: z.string(),
  code: z.object({ bucket: z.string(), node: z.string(), setup: z.string() }),
  directoryArn: z.string(),
  vaultKeyArn: z.string(),
  alarmQueue: z.object({ arn: z.string(), url: z.string() }),
});
export type OnboardingSettings = z.infer<typeof SettingsSchema>;

const SERVICE_MS = 5000;

/** Opens the services that the environment names. */
export function openServices() {
  const consortium = fromEnvironment('FUQI_CONSORTIUM');
  const settings = SettingsSchema.parse(JSON.parse(fromEnvironment('FUQI_ONBOARDING')));
  const requestHandler = { requestTimeout: SERVICE_MS };
  const lambda = new LambdaClient({ maxAttempts: 1, requestHandler: givesUpAfter(DEADLINES.node) });
  const kms = new KMSClient({ requestHandler });
  const queue = new SQSClient({ requestHandler });
  const directory = {
    client: new DynamoDBClient({ requestHandler }),
    name: fromEnvironment('FUQI_DIRECTORY'),
  };
  const contextOf = (member: string) => ({
    'fuqi:consortium': consortium,
    'fuqi:onboarding': member,
  });
  const fetch = invokeFetch(lambda);

  async function join(
    token: string,
    step?: object,
    method: 'GET' | 'POST' | 'DELETE' = step ? 'POST' : 'GET',
  ): Promise<Join> {
    const inviter = parseInvitationToken(token)?.inviter ?? '';
    const node = `https://${functionName(consortium, inviter, 'client')}`;
    const response = await fetch(`${node}${consortiumPath(consortium)}/join`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        // Whoever asked is not kept waiting: what is not final then is so at the next look.
        prefer: 'wait=8',
      },
      ...(step && { body: JSON.stringify(step) }),
    });
    if (!response.ok) throw new JoinRefused(response);
    return JoinSchema.parse(await response.json());
  }

  const services: OnboardingServices = {
    stacks: memberStacks({
      client: new CloudFormationClient({ requestHandler }),
      templates: settings.templates,
      roleArn: settings.roleArn,
      parameters: {
        Consortium: consortium,
        DirectoryArn: settings.directoryArn,
        VaultKeyArn: settings.vaultKeyArn,
        AlarmQueueArn: settings.alarmQueue.arn,
        AlarmQueueUrl: settings.alarmQueue.url,
        BoundaryArn: settings.boundaryArn,
        CodeBucket: settings.code.bucket,
        NodeCode: settings.code.node,
        SetupCode: settings.code.setup,
      },
    }),
    memberOf: (member) => readMember(directory, member),
    join,
    wake: (member) => wakeNode(lambda, consortium, member),
    now: Date.now,
  };

  return {
    consortium,
    directory,
    services,
    withdraw: (token: string) => join(token, undefined, 'DELETE'),

    async seal(member: string, token: string): Promise<string> {
      const { CiphertextBlob } = await kms.send(
        new EncryptCommand({
          KeyId: settings.vaultKeyArn,
          Plaintext: utf8(token),
          EncryptionContext: contextOf(member),
        }),
      );
      return Buffer.from(CiphertextBlob!).toString('base64url');
    },

    async unseal(member: string, sealed: string): Promise<string> {
      const { Plaintext } = await kms.send(
        new DecryptCommand({
          KeyId: settings.vaultKeyArn,
          CiphertextBlob: Buffer.from(sealed, 'base64url'),
          EncryptionContext: contextOf(member),
        }),
      );
      return Buffer.from(Plaintext!).toString('utf8');
    },

    /** The first API keys of the member by identity; `forget`: they are handed out no more. */
    firstKeys: (member: string, forget: boolean): Promise<Record<string, string>> =>
      firstKeysOf(lambda, consortium, member, forget ? 'take-first-keys' : 'read-first-keys'),

    /** Lets this function look after a member again in so many milliseconds. */
    async remind(member: string, afterMs: number): Promise<void> {
      const event: AdvanceEvent = { kind: 'advance', member };
      await queue.send(
        new SendMessageCommand({
          QueueUrl: settings.alarmQueue.url,
          MessageBody: JSON.stringify({ function: onboardingFunction(consortium), event }),
          DelaySeconds: Math.ceil(afterMs / 1000),
        }),
      );
    },
  };
}
export type Services = ReturnType<typeof openServices>;
