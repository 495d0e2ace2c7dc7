/**
 * `npm run deploy -- --consortium FILE`: checks the account's quotas, then is exactly `npx cdk deploy --all
 * --context consortium=FILE`, and then writes the first API keys into the key ring of the command line.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { Command } from 'commander';
import { functionName } from '../functions/function-name.ts';
import { setUpInvoicing } from '../node/local-setup.ts';
import { accountFacts } from './account-facts.ts';
import { readConsortiumFile } from './consortium-file.ts';
import { writeKeyRing } from './first-keys.ts';
import { PEER_CONCURRENCY } from './member-node.ts';
import { judge } from './preflight.ts';

const { consortium: file, checks } = new Command('deploy')
  .description('deploy the platform and a consortium to the AWS account of your credentials')
  .requiredOption('--consortium <file>', 'what to deploy')
  .option('--no-checks', 'deploy whatever the account’s quotas are')
  .parse()
  .opts<{ consortium: string; checks: boolean }>();

const consortium = readConsortiumFile(file);
if (checks) await checkAccount();
const cdk = path.resolve(import.meta.dirname, '../node_modules/aws-cdk/bin/cdk');
const outputs = path.join(mkdtempSync(path.join(tmpdir(), 'fuqi-deploy-')), 'outputs.json');
const args = ['deploy', '--all', '--context', `consortium=${file}`, '--outputs-file', outputs];
const { status } = spawnSync(process.execPath, [cdk, ...args], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

const { ApiUrl: url } = JSON.parse(readFileSync(outputs, 'utf8'))[`fuqi-${consortium.name}`];
const client = new LambdaClient({});
const { file: keyRing, ring } = await writeKeyRing({ client, consortium, url, root: '.fuqi' });
await setUpInvoicing({ url, consortium: consortium.name, key: undefined }, consortium, ring.keys);
process.stdout.write(`\n${consortium.name}: ${url}\nfirst API keys: ${keyRing}\n`);

/** Prints what the account lacks, and ends where the deployment would fail by it. */
async function checkAccount(): Promise<void> {
  const { name, members } = consortium;
  const { isUpdate, ...facts } = await accountFacts(
    members.map(({ id }) => functionName(name, id, 'peer')),
  );
  const plan = { members: members.length, reservedPerMember: PEER_CONCURRENCY, isUpdate };
  const findings = judge(facts, plan);
  for (const { level, text } of findings) process.stderr.write(`${level}: ${text}\n`);
  if (findings.some(({ level }) => level === 'stop')) process.exit(1);
}
