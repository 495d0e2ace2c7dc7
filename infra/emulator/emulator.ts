/**
 * The AWS emulator as a process on this machine: MiniStack, which runs functions with the Node that
 * runs this. It listens on the loopback interface only.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { installEmulator } from './install.ts';

export interface EmulatorOptions {
  /** Where its log goes, and what it keeps. */
  readonly folder: string;
  /** A free one unless told. */
  readonly port?: number;
  /** The account that it is; the usual one unless told. */
  readonly account?: string;
  /** IAM policies and signatures are checked. */
  readonly auth?: boolean;
  /** What every function's environment says besides. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What functions take for AWS; the emulator itself unless something stands in front of it. */
  readonly functionEndpoint?: string;
}

export interface Emulator {
  /** What clients take as their endpoint. */
  readonly url: string;
  stop(): Promise<void>;
}

export const EMULATOR_REGION = 'us-east-1';
export const EMULATOR_ACCOUNT = '000000000000';
/** Any credentials do while IAM is not enforced; a client's account is its access key. */
export const EMULATOR_CREDENTIALS = { accessKeyId: EMULATOR_ACCOUNT, secretAccessKey: 'emulator' };

const START = path.join(import.meta.dirname, 'start.py');
const START_MS = 30_000;
const STOP_MS = 5000;

/** Installs the emulator where it is not yet, starts it and waits until it answers. */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const python = installEmulator();
  const port = options.port ?? (await freePort());
  mkdirSync(options.folder, { recursive: true });
  const log = createWriteStream(path.join(options.folder, 'emulator.log'), { flags: 'a' });
  const child = spawn(python, [START], {
    cwd: options.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    // It hands its environment to every function: nothing of this process's may be in it.
    env: {
      PATH: `${path.dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
      HOME: options.folder,
      GATEWAY_PORT: String(port),
      BIND_HOST: '127.0.0.1',
      MINISTACK_REGION: EMULATOR_REGION,
      MINISTACK_ACCOUNT_ID: options.account ?? EMULATOR_ACCOUNT,
      LAMBDA_EXECUTOR: 'local',
      // Each invocation holds a thread, and nodes invoke each other: too few, and all wait for one another.
      MINISTACK_WORKER_THREADS: '512',
      IOT_MTLS_ENABLED: '0',
      SFTP_ENABLED: '0',
      ...(options.auth && { AUTH: 'true' }),
      ...options.environment,
      ...(options.functionEndpoint && { AWS_ENDPOINT_URL: options.functionEndpoint }),
    },
  });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const isOver = await Promise.race([ended.then(() => true), delay(STOP_MS, false)]);
    if (!isOver) child.kill('SIGKILL');
    await ended;
    log.end();
  };
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_MS;
  while (!(await answers(url))) {
    if (child.exitCode === null && Date.now() < deadline) {
      await delay(50);
      continue;
    }
    await stop();
    throw new Error(`The AWS emulator does not start: see ${String(log.path)}.`);
  }
  return { url, stop };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/_ministack/health`)).ok;
  } catch {
    return false;
  }
}

/** A port of this machine that nothing listens on. */
export function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve((address as { port: number }).port));
    });
  });
}
