/**
 * `npm run bench`: real node processes on LMDB with synced writes, and closed-loop clients spread over
 * the nodes' own APIs that each sign their transactions and wait for the commit; with `--custodial` they
 * have their node sign. Prints one JSON line for each number of clients. Everything runs on one machine,
 * the clients included.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { Command } from 'commander';
import { Client } from 'undici';
import { openKeyFile, readPassphrase, signTransaction } from '../node/key-file.ts';
import type { KeyRing, LocalConsortium } from '../node/local-layout.ts';
import { type LocalProcess, startProcesses, stopProcesses } from '../node/local-processes.ts';
import { provision } from '../node/local-provision.ts';
import type { Digest } from '../shared/bytes/digest.ts';
import type { TransactionBody } from '../shared/ledger/transaction.ts';

const NAME = 'bench';
const BASE = `/v1/consortia/${NAME}`;
const PAYEE = 'member-1';
const WAIT = 'wait=25';
const TICKS_PER_SECOND = 100;

const { nodes, clients, txs, port, keep, custodial } = new Command()
  .option('--nodes <number>', 'validators', '4')
  .option('--clients <list>', 'numbers of clients, one line each', '1,16,128,1024')
  .option('--txs <number>', 'transactions for each line', '4000')
  .option('--port <number>', 'the first port', '9180')
  .option('--custodial', 'the nodes sign for their clients, which call with API keys')
  .option('--keep', 'keep the folder with the nodes’ logs')
  .option('--json', 'JSON lines (there is no other output)')
  .parse()
  .opts<{
    nodes: string;
    clients: string;
    txs: string;
    port: string;
    keep?: boolean;
    custodial?: boolean;
  }>();

const members = Array.from({ length: Number(nodes) }, (_, index) => `member-${index + 1}`);
const description: LocalConsortium = {
  format: 'fuqi-local-1',
  name: NAME,
  members: members.map((id) => ({
    id,
    name: id,
    identities: { platform: ['invoice.payment-platform'], seller: ['invoice.seller'] },
  })),
};

const root = mkdtempSync(path.join(tmpdir(), 'fuqi-bench-'));
const layout = provision(root, description, Number(port));
const started = performance.now();
try {
  const processes = await startProcesses(layout, description);
  const nodeProcesses = processes.filter(({ name }) => name !== 'gateway');
  const { ledger } = await get(nodeProcesses[0]!, BASE);
  const passphrase = readPassphrase({ env: {}, file: layout.passphrase });
  const ring: KeyRing = JSON.parse(readFileSync(layout.keyRing, 'utf8'));
  const load: Load = {
    ledger,
    targets: nodeProcesses.map((process) => ({
      process,
      key: openKeyFile(layout.member(process.name).identityKey('platform'), passphrase),
      apiKey: ring.keys[`${process.name}/platform`]!,
    })),
  };
  await run(load, 1, 1);
  const firstCommitMs = Math.round(performance.now() - started);
  print({ name: 'start-to-first-commit', nodes: members.length, ms: firstCommitMs });
  // The engine compiles what is hot; a short load before the first line takes that out of it.
  await run(load, 16, 500);
  for (const count of clients.split(',').map(Number))
    print(await measure(load, count, Number(txs)));
} finally {
  await stopProcesses(layout);
  if (keep) process.stderr.write(`${root}\n`);
  else rmSync(root, { recursive: true, force: true });
}

interface Load {
  readonly ledger: Digest;
  readonly targets: readonly {
    readonly process: LocalProcess;
    readonly key: ReturnType<typeof openKeyFile>;
    readonly apiKey: string;
  }[];
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

// biome-ignore lint/suspicious/noExplicitAny: answers of any shape, read at one place each.
async function get({ url }: LocalProcess, route: string): Promise<any> {
  const response = await fetch(`${url}${route}`);
  if (!response.ok) throw new Error(`${route} answered ${response.status}`);
  return response.json();
}

/** One line: `txs` transactions by `count` clients at once. */
async function measure(load: Load, count: number, total: number): Promise<object> {
  const observed = load.targets[0]!.process;
  const before = { cpu: cpuSeconds(load), height: (await get(observed, '/healthz')).height };
  const { seconds, latency } = await run(load, count, total);
  const after = { cpu: cpuSeconds(load), height: (await get(observed, '/healthz')).height };
  const batches = await fullBlocks(observed, before.height, after.height);
  return {
    name: custodial ? 'consensus-custodial' : 'consensus',
    nodes: load.targets.length,
    clients: count,
    txs: total,
    tps: Math.round(total / seconds),
    p50_ms: round(latency.percentile(50) / 1000),
    p99_ms: round(latency.percentile(99) / 1000),
    cpu_s: round(after.cpu - before.cpu),
    rss_mb: Math.round(rssMegabytes(load)),
    blocks: after.height - before.height,
    mean_batch: round(total / Math.max(1, batches)),
  };
}

async function run(
  { ledger, targets }: Load,
  count: number,
  total: number,
): Promise<{ seconds: number; latency: RecordableHistogram }> {
  const latency = createHistogram();
  const label = randomBytes(6).toString('hex');
  let next = 0;
  const client = async (index: number): Promise<void> => {
    const { key, process, apiKey } = targets[index % targets.length]!;
    const connection = new Client(process.url);
    while (next < total) {
      const number = next++;
      const reference = `${label}-${number}`;
      const args = { reference, payee: PAYEE, currency: 'CNY', amount: 100 + number };
      const request = custodial
        ? custodialRequest(apiKey, args)
        : signedRequest(key, {
            ledger,
            contract: 'invoice',
            method: 'recordPayment',
            args,
            nonce: reference,
            notAfter: Date.now() + 120_000,
          });
      const sent = performance.now();
      const { status, text } = await post(connection, request);
      if (status !== 200) throw new Error(`a transaction ended with ${status}: ${text}`);
      latency.record(Math.max(1, Math.round((performance.now() - sent) * 1000)));
    }
    await connection.close();
  };
  const from = performance.now();
  await Promise.all(Array.from({ length: count }, (_, index) => client(index)));
  const seconds = (performance.now() - from) / 1000;
  return { seconds, latency };
}

interface Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function signedRequest(key: Load['targets'][number]['key'], body: TransactionBody): Request {
  const headers = { 'content-type': 'application/jose', prefer: WAIT };
  return { path: `${BASE}/transactions`, headers, body: signTransaction(key, body) };
}

function custodialRequest(apiKey: string, args: object): Request {
  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${apiKey}`,
    prefer: WAIT,
  };
  return { path: `${BASE}/payments`, headers, body: JSON.stringify(args) };
}

/** Sends a request and waits for the answer, without a stream for each: the client shares the machine. */
function post(connection: Client, request: Request): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let text = '';
    connection.dispatch(
      { method: 'POST', ...request },
      {
        onRequestStart() {},
        onResponseStart(_, statusCode) {
          status = statusCode;
        },
        onResponseData(_, chunk) {
          text += chunk.toString('latin1');
        },
        onResponseEnd() {
          resolve({ status, text });
        },
        onResponseError(_, error) {
          reject(error);
        },
      },
    );
  });
}

/** Blocks with transactions among those that were added. */
async function fullBlocks(process: LocalProcess, from: number, to: number): Promise<number> {
  let full = 0;
  for (let route: string | undefined = `${BASE}/blocks?limit=100`; route; ) {
    const page: { blocks: { height: number; transactionCount: number }[]; next: string | null } =
      await get(process, route);
    const added = page.blocks.filter(({ height }) => height > from && height <= to);
    full += added.filter(({ transactionCount }) => transactionCount > 0).length;
    const isDone = (page.blocks.at(-1)?.height ?? 0) <= from || page.next === null;
    route = isDone ? undefined : `${BASE}/blocks?limit=100&cursor=${page.next}`;
  }
  return full;
}

/** User and system time of the nodes' processes so far (proc(5): fields 14 and 15 of stat). */
function cpuSeconds({ targets }: Load): number {
  return targets.reduce((sum, { process: { pid } }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }, 0);
}

function rssMegabytes({ targets }: Load): number {
  return targets.reduce((sum, { process: { pid } }) => {
    const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return sum + Number(line?.[1] ?? 0) / 1024;
  }, 0);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
