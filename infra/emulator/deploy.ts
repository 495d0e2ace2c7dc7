/** Deploys the real CDK app to a running emulator, with the CDK's own command line. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { DeleteBucketPolicyCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { EMULATOR_ACCOUNT, EMULATOR_CREDENTIALS, EMULATOR_REGION } from './emulator.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CDK = path.join(ROOT, 'node_modules/aws-cdk/bin/cdk');
/** A custom resource that never answers would hold a deployment for much longer. */
const DEPLOY_MS = 120_000;
/**
 * For a consortium whose file names none. All functions share this machine's cores: with the hosted default of
 * 3 s, cold starts on one slow core look like dead leaders, whose time-outs wake more functions, which start
 * later still, and nothing is committed any more.
 */
const BASE_TIMEOUT_MS = 10_000;

export interface DeployOptions {
  /** The emulator's URL. */
  readonly url: string;
  /** The consortium's file. */
  readonly consortium: string;
  /** Where the synthesised app goes, and what the command says. */
  readonly folder: string;
  /** What the bundles are marked with: another mark is another version of every function. */
  readonly release?: string;
}

/**
 * Makes the account ready for the CDK, once. The bootstrap bucket refuses what does not come by TLS, which
 * the emulator has none of on loopback: that policy goes.
 */
export async function bootstrap(options: Omit<DeployOptions, 'consortium'>): Promise<void> {
  // Outside of the project: there it would ask for a consortium.
  await cdk(['bootstrap', `aws://${EMULATOR_ACCOUNT}/${EMULATOR_REGION}`], options.folder, options);
  const client = new S3Client({
    endpoint: options.url,
    region: EMULATOR_REGION,
    credentials: EMULATOR_CREDENTIALS,
    forcePathStyle: true,
  });
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
  for (const { Name } of Buckets)
    await client.send(new DeleteBucketPolicyCommand({ Bucket: Name }));
  client.destroy();
}

/** Deploys the platform and the consortium. */
export const deploy = (options: DeployOptions): Promise<void> =>
  cdk(
    [
      'deploy',
      '--all',
      '--require-approval=never',
      ...context(options.consortium),
      ...['--output', path.join(options.folder, 'cdk.out')],
      ...['--outputs-file', path.join(options.folder, 'outputs.json')],
    ],
    ROOT,
    options,
  );

const context = (consortium: string): string[] => [
  ...['--context', `consortium=${consortium}`],
  ...['--context', 'keeps=false'],
  ...['--context', `baseTimeoutMs=${BASE_TIMEOUT_MS}`],
];

/** Runs the command; throws an Error with the end of what it said where it failed or took too long. */
function cdk(
  args: readonly string[],
  cwd: string,
  { url, release }: { readonly url: string; readonly release?: string },
): Promise<void> {
  const child = spawn(process.execPath, [CDK, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEPLOY_MS,
    env: {
      PATH: `${path.dirname(process.execPath)}:${process.env.PATH}`,
      HOME: process.env.HOME,
      AWS_ENDPOINT_URL: url,
      AWS_REGION: EMULATOR_REGION,
      AWS_ACCESS_KEY_ID: EMULATOR_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: EMULATOR_CREDENTIALS.secretAccessKey,
      ...(release && { FUQI_RELEASE: release }),
      CI: 'true',
      CDK_DISABLE_CLI_TELEMETRY: 'true',
    },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-8000);
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`cdk ${args[0]} ended with ${code ?? signal}:\n${said}`));
    });
  });
}
