/** What the cloud tests rely on in the AWS emulator, where it had to be mended (`infra/emulator/start.py`). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  waitUntilStackCreateComplete,
  waitUntilStackDeleteComplete,
} from '@aws-sdk/client-cloudformation';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  EMULATOR_CREDENTIALS,
  EMULATOR_REGION,
  type Emulator,
  startEmulator,
} from '../../infra/emulator/emulator.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const FUNCTION = 'of-a-stack';
const ROLE = 'arn:aws:iam::000000000000:role/any';
const CODE = `exports.handler = async ({ fails }) => {
  if (fails) { console.log('tried in', process.env.STACK); throw new Error('as asked'); }
  return process.env.STACK;
};`;

const folder = temporaryFolder();
let emulator: Emulator;
let stacks: CloudFormationClient;
let functions: LambdaClient;

before(async () => {
  emulator = await startEmulator({ folder });
  const { url: endpoint } = emulator;
  const options = { endpoint, region: EMULATOR_REGION, credentials: EMULATOR_CREDENTIALS };
  stacks = new CloudFormationClient(options);
  functions = new LambdaClient(options);
});
after(async () => {
  stacks.destroy();
  functions.destroy();
  await emulator.stop();
});

const waiting = () => ({ client: stacks, maxWaitTime: 20, minDelay: 0.2, maxDelay: 0.2 });

async function create(name: string): Promise<void> {
  const Properties = {
    FunctionName: FUNCTION,
    Runtime: 'nodejs24.x',
    Handler: 'index.handler',
    Role: ROLE,
    Code: { ZipFile: CODE },
    Environment: { Variables: { STACK: name } },
  };
  const TemplateBody = JSON.stringify({
    Resources: { Function: { Type: 'AWS::Lambda::Function', Properties } },
  });
  await stacks.send(new CreateStackCommand({ StackName: name, TemplateBody }));
  await waitUntilStackCreateComplete(waiting(), { StackName: name });
}

describe('a function that is made in the place of a deleted one', () => {
  it('has its own environment, whatever is still tried again of the old one', async () => {
    await create('old');
    const Payload = Buffer.from(JSON.stringify({ fails: true }));
    const event = { FunctionName: FUNCTION, InvocationType: 'Event', Payload } as const;
    await functions.send(new InvokeCommand(event));
    await stacks.send(new DeleteStackCommand({ StackName: 'old' }));
    await waitUntilStackDeleteComplete(waiting(), { StackName: 'old' });
    await create('new');
    const log = () => readFileSync(path.join(folder, 'emulator.log'), 'utf8');
    // Twice at least: the first attempt may have ended with its function.
    await until(() => log().split('tried in old').length > 2);
    for (let count = 0; count < 3; count++) {
      const { Payload: answer } = await functions.send(
        new InvokeCommand({ FunctionName: FUNCTION, Payload: Buffer.from('{}') }),
      );
      assert.equal(Buffer.from(answer!).toString(), '"new"');
    }
  });
});
