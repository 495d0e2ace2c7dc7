/** `npm run cloud:up`: a hosted consortium on the AWS emulator of this machine, until Ctrl-C. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { cloudUp } from './emulator/consortium.ts';

const { consortium: file, port } = new Command('cloud:up')
  .description('deploy a consortium to the AWS emulator on this machine, and keep it up')
  .option('--consortium <file>', 'what to deploy', 'examples/consortia/shenzhen-invoice.yaml')
  .option('--port <number>', 'the emulator’s port', '4566')
  .parse()
  .opts<{ consortium: string; port: string }>();

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const folder = mkdtempSync(path.join(tmpdir(), 'fuqi-cloud-'));
const cloud = await cloudUp({ file, folder, root: '.fuqi', port: Number(port), onStep: say });
const { consortium } = cloud.ring;
say(`
${consortium} is up: ${cloud.ring.url}
  AWS       AWS_ENDPOINT_URL=${cloud.endpoint} (any credentials)
  keys      ${cloud.keyRing}
  log       ${folder}/emulator.log

  npx fuqi --consortium ${consortium} import invoices examples/corner-shop-week.jsonl
  curl -s ${cloud.ring.url}/v1/consortia/${consortium}

Ctrl-C stops it, and everything in it is gone.`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cloud.stop().then(() => process.exit(0)));
}
