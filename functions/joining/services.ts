/** What a member's own stack joins with: its account's services, and the consortium's gateway over HTTPS. */
import {
  CloudFormationClient,
  UpdateTerminationProtectionCommand,
} from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SQSClient } from '@aws-sdk/client-sqs';
import { consortiumPath } from '../../shared/api/node-api.ts';
import { apiEndpoint } from '../api-endpoint.ts';
import { wakeNode } from '../call-member.ts';
import { DEADLINES, givesUpAfter } from '../deadlines.ts';
import { readMember } from '../directory.ts';
import { fromEnvironment } from '../environment.ts';
import { functionName } from '../function-name.ts';
import { askToJoin } from '../onboarding/ask-to-join.ts';
import { tokenSeal } from '../onboarding/sealed-token.ts';
import type { OnboardingServices } from '../onboarding/steps.ts';
import { reminders } from '../onboarding/take-step.ts';

/** Opens them by what the environment names. */
export function openJoining() {
  const consortium = fromEnvironment('FUQI_CONSORTIUM');
  const member = fromEnvironment('FUQI_MEMBER');
  const requestHandler = givesUpAfter(DEADLINES.service);
  const lambda = new LambdaClient({ requestHandler });
  const cloudformation = new CloudFormationClient({ requestHandler });
  const directory = {
    client: new DynamoDBClient({ requestHandler }),
    name: fromEnvironment('FUQI_DIRECTORY'),
  };
  const url = `${fromEnvironment('FUQI_GATEWAY')}${consortiumPath(consortium)}/join`;

  const services: OnboardingServices = {
    stacks: {
      // This runs in it.
      state: async () => ({ is: 'ready' }),
      create: async () => {},
      /** From now on nobody deletes it by mistake. */
      async keep() {
        await cloudformation.send(
          new UpdateTerminationProtectionCommand({
            StackName: fromEnvironment('FUQI_STACK'),
            EnableTerminationProtection: true,
          }),
        );
      },
      /** Its account's administrators delete it: nothing here may. */
      remove: async () => false,
    },
    async memberOf(id) {
      const described = await readMember(directory, id);
      return described && { ...described, hosting: 'own-account', endpoint: apiEndpoint() };
    },
    join: (token, step) => askToJoin({ url, token, step }),
    wake: (id) => wakeNode(lambda, consortium, id),
    now: Date.now,
  };
  const queueUrl = fromEnvironment('FUQI_ALARM_QUEUE');
  return {
    member,
    ledger: fromEnvironment('FUQI_LEDGER'),
    directory,
    services,
    remind: reminders(
      new SQSClient({ requestHandler, useQueueUrlAsEndpoint: false }),
      queueUrl,
      functionName(consortium, member, 'joining'),
    ),
    ...tokenSeal({
      client: new KMSClient({ requestHandler }),
      vaultKey: fromEnvironment('FUQI_VAULT_KEY'),
      consortium,
    }),
  };
}
