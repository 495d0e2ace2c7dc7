/** What the onboarding function works with: the account's services, and the members' functions. */
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { consortiumPath } from '../../shared/api/node-api.ts';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import { apiEndpoint } from '../api-endpoint.ts';
import { firstKeysOf, wakeNode } from '../call-member.ts';
import { DEADLINES, givesUpAfter } from '../deadlines.ts';
import { readMember } from '../directory.ts';
import { fromEnvironment } from '../environment.ts';
import { onboardingFunction } from '../function-name.ts';
import { askHostedMembers } from '../hosted-members.ts';
import { s3Objects } from '../s3-object.ts';
import { askToJoin } from './ask-to-join.ts';
import { memberStacks } from './member-stack.ts';
import { tokenSeal } from './sealed-token.ts';
import type { OnboardingServices } from './steps.ts';
import { reminders } from './take-step.ts';

const SettingsSchema = z.object({
  templates: z.object({ candidate: z.string(), member: z.string() }),
  roleArn: z.string(),
  noticesArn: z.string(),
  boundaryArn: z.string(),
  code: z.object({ bucket: z.string(), node: z.string(), setup: z.string() }),
  /** What members with an account of their own take: keys in the same bucket. */
  own: z.object({
    template: z.object({ key: z.string(), sha256: z.string() }),
    /** By name, `<bundle>.zip`. */
    files: z.record(z.string(), z.string()),
  }),
  directoryArn: z.string(),
  vaultKeyArn: z.string(),
  alarmQueue: z.object({ arn: z.string(), url: z.string() }),
});
export type OnboardingSettings = z.infer<typeof SettingsSchema>;

const SERVICE_MS = 5000;
/** Somebody reads the template before launching it; a file is fetched at once. */
const TEMPLATE_S = 3600;
const FILE_S = 300;

/** Opens the services that the environment names. */
export function openServices() {
  const consortium = fromEnvironment('FUQI_CONSORTIUM');
  const settings = SettingsSchema.parse(JSON.parse(fromEnvironment('FUQI_ONBOARDING')));
  const requestHandler = givesUpAfter(SERVICE_MS);
  const lambda = new LambdaClient({ maxAttempts: 1, requestHandler: givesUpAfter(DEADLINES.node) });
  const kms = new KMSClient({ requestHandler });
  const queue = new SQSClient({ requestHandler });
  const directory = {
    client: new DynamoDBClient({ requestHandler }),
    name: fromEnvironment('FUQI_DIRECTORY'),
  };
  const vaultKey = settings.vaultKeyArn;
  const url = `${apiEndpoint()}${consortiumPath(consortium)}/join`;
  const join = (token: string, step?: object, method?: 'DELETE') =>
    askToJoin({ url, token, step, ...(method && { method }) });

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
        NoticesArn: settings.noticesArn,
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
    /** Members whose nodes the stack of the consortium holds. */
    founders: z.array(z.string()).parse(JSON.parse(fromEnvironment('FUQI_FOUNDERS'))),
    directory,
    services,

    /** Whether the node that was made here last is the member's, as the members know it. */
    async isHere(member: string): Promise<boolean> {
      const { peerKey } = (await readMember(directory, member)) ?? {};
      const { keysOf } = await askHostedMembers({ consortium, directory, lambda });
      return keysOf(member).some((key) => peerKey && jwkThumbprint(key) === jwkThumbprint(peerKey));
    },

    withdraw: (token: string) => join(token, undefined, 'DELETE'),
    ...tokenSeal({ client: kms, vaultKey, consortium }),

    /** The first API keys of the member by identity; `forget`: they are handed out no more. */
    firstKeys: (member: string, forget: boolean): Promise<Record<string, string>> =>
      firstKeysOf(lambda, consortium, member, forget ? 'take-first-keys' : 'read-first-keys'),
    /** Where the template for a member's own account is read, and its digest. */
    async ownTemplate() {
      const { key, sha256 } = settings.own.template;
      const url = await s3Objects().readableAt({ bucket: settings.code.bucket, key }, TEMPLATE_S);
      return { url, sha256 };
    },

    /** Where one of the files is read that the template takes; undefined where there is none of this name. */
    async ownFile(name: string): Promise<string | undefined> {
      const { files } = settings.own;
      if (!Object.hasOwn(files, name)) return undefined;
      return s3Objects().readableAt({ bucket: settings.code.bucket, key: files[name]! }, FILE_S);
    },

    remind: reminders(queue, settings.alarmQueue.url, onboardingFunction(consortium)),
  };
}
export type Services = ReturnType<typeof openServices>;
