/** A consortium of real processes for the benchmarks: keys, genesis, nodes on LMDB, all in a temporary folder. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildCli } from '../../infra/build-cli.ts';
import { openKeyFile, readPassphrase } from '../../node/key-file.ts';
import type { KeyRing, LocalConsortium, LocalLayout } from '../../node/local-layout.ts';
import { type LocalProcess, startProcesses, stopProcesses } from '../../node/local-processes.ts';
import { provision } from '../../node/local-provision.ts';
import type { Digest } from '../../shared/bytes/digest.ts';

const NAME = 'bench';
/** Where a node's API is, under its URL. */
export const BASE = `/v1/consortia/${NAME}`;

/** A member's node, and what its clients sign or call with. */
export interface Target {
  readonly process: LocalProcess;
  readonly key: ReturnType<typeof openKeyFile>;
  readonly apiKey: string;
  /** Its data folder. */
  readonly data: string;
}

export interface BenchConsortium {
  readonly ledger: Digest;
  readonly targets: readonly Target[];
  readonly gateway: LocalProcess;
  readonly layout: LocalLayout;
  /** Stops all; removes the folder unless it is kept. */
  stop(keep?: boolean): Promise<void>;
}

/** So many members, each with a platform that records payments and a seller. */
export function describe(nodes: number): LocalConsortium {
  const members = Array.from({ length: nodes }, (_, index) => `member-${index + 1}`);
  return {
    format: 'fuqi-local-1',
    name: NAME,
    members: members.map((id) => ({
      id,
      name: id,
      identities: { platform: ['invoice.payment-platform'], seller: ['invoice.seller'] },
    })),
  };
}

/** Starts so many validators on ports from `port` on (the gateway's first). */
export async function startConsortium(nodes: number, port: number): Promise<BenchConsortium> {
  const started = await startDescribed(describe(nodes), port);
  const { layout, nodeProcesses, keyOf } = started;
  const { ledger } = await getJson(nodeProcesses[0]!, BASE);
  const passphrase = readPassphrase({ env: {}, file: layout.passphrase });
  return {
    ...started,
    ledger,
    targets: nodeProcesses.map((process) => ({
      process,
      key: openKeyFile(layout.member(process.name).identityKey('platform'), passphrase),
      apiKey: keyOf(process.name, 'platform'),
      data: layout.member(process.name).data,
    })),
  };
}

/** Starts the nodes of a described consortium, as the product's built command line runs them. */
export async function startDescribed(description: LocalConsortium, port: number) {
  const root = mkdtempSync(path.join(tmpdir(), 'fuqi-bench-'));
  const layout = provision(root, description, port);
  const processes = await startProcesses(layout, description, undefined, await buildCli());
  const { keys }: KeyRing = JSON.parse(readFileSync(layout.keyRing, 'utf8'));
  return {
    layout,
    gateway: processes.find(({ name }) => name === 'gateway')!,
    nodeProcesses: processes.filter(({ name }) => name !== 'gateway'),
    /** The API key of a member's identity. */
    keyOf: (member: string, identity: string): string => keys[`${member}/${identity}`]!,
    async stop(keep = false): Promise<void> {
      await stopProcesses(layout);
      if (keep) process.stderr.write(`${root}\n`);
      else rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A JSON answer of a node's API, or of another server. Throws where it is none of success. */
// biome-ignore lint/suspicious/noExplicitAny: answers of any shape, read at one place each.
export async function getJson({ url }: Pick<LocalProcess, 'url'>, route: string): Promise<any> {
  const response = await fetch(`${url}${route}`);
  if (!response.ok) throw new Error(`${route} answered ${response.status}`);
  return response.json();
}

/** Prints one figure's line. */
export const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

/** One decimal place. */
export const round = (value: number): number => Math.round(value * 10) / 10;
