/**
 * `npm run deploy -- --consortium FILE`: exactly `npx cdk deploy --all --context consortium=FILE`, and then
 * the first API keys into the key ring of the command line.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { Command } from 'commander';
import { setUpInvoicing } from '../node/local-setup.ts';
import { readConsortiumFile } from './consortium-file.ts';
import { writeKeyRing } from './first-keys.ts';

const { consortium: file } = new Command('deploy')
  .description('deploy the platform and a consortium to the AWS account of your credentials')
  .requiredOption('--consortium <file>', 'what to deploy')
  .parse()
  .opts<{ consortium: string }>();

const consortium = readConsortiumFile(file);
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
