/**
 * `npm run bench:confidential`: the same call with eight fields, once public, once with all of them confidential to three
 * readers, once checked by one of those besides: five node processes on LMDB that sign for their clients. Then what an
 * owner's read of its vault takes, and another member's under a grant. Prints JSON lines.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createHistogram } from 'node:perf_hooks';
import { Command } from 'commander';
import { Client } from 'undici';
import { provision } from '../node/local-provision.ts';
import { print, round } from './local/consortium.ts';
import { send } from './local/load.ts';
import { NOTES } from './local/notes-node.ts';

const options = new Command()
  .option('--clients <number>', 'clients, spread over three nodes', '128')
  .option('--txs <number>', 'transactions for each line', '3000')
  .option('--reads <number>', 'reads for each line, one after the other', '300')
  .option('--port <number>', 'the first port', '9580')
  .parse()
  .opts<{ clients: string; txs: string; reads: string; port: string }>();
const [clients, txs, reads, port] = [
  Number(options.clients),
  Number(options.txs),
  Number(options.reads),
  Number(options.port),
];

const NAME = 'notes';
const BASE = `/v1/consortia/${NAME}`;
const SELLERS = ['member-1', 'member-2', 'member-3'];
const BUREAU = 'member-4';
const READER = 'member-5';

const root = mkdtempSync(path.join(tmpdir(), 'fuqi-bench-'));
const layout = provision(
  root,
  {
    format: 'fuqi-local-1',
    name: NAME,
    members: [
      ...SELLERS.map((id) => ({ id, name: id, identities: {} })),
      { id: BUREAU, name: BUREAU, identities: { officer: ['notes.bureau'] } },
      // It reads under a grant.
      { id: READER, name: READER, identities: {} },
    ],
  },
  port,
);
const genesis = JSON.parse(readFileSync(layout.genesis, 'utf8'));
const { contract, codeHash } = NOTES;
genesis.contracts.push({ name: contract.name, version: contract.version, codeHash });
writeFileSync(layout.genesis, JSON.stringify(genesis));
const { keys } = JSON.parse(readFileSync(layout.keyRing, 'utf8'));
const urlOf = (member: string): string => {
  const { listen } = JSON.parse(readFileSync(layout.member(member).config, 'utf8'));
  return `http://${listen.host}:${listen.port}`;
};

const host = path.join(import.meta.dirname, 'local/notes-node.ts');
const processes = [...SELLERS, BUREAU, READER].map((member) =>
  fork(host, [layout.member(member).config], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
);
await Promise.all(processes.map((child) => once(child, 'message')));

interface Answer {
  readonly status: number;
  readonly text: string;
}

const post = (connection: Client, member: string, at: string, body: object): Promise<Answer> =>
  send(connection, {
    method: 'POST',
    path: `${BASE}${at}`,
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${keys[`${member}/admin`]}`,
      prefer: 'wait=25',
    },
    body: JSON.stringify(body),
  });
const get = (connection: Client, member: string, at: string): Promise<Answer> =>
  send(connection, {
    method: 'GET',
    path: `${BASE}${at}`,
    headers: { authorization: `Bearer ${keys[`${member}/admin`]}` },
  });
// biome-ignore lint/suspicious/noExplicitAny: answers of any shape, read at one place each.
function good({ status, text }: Answer): any {
  if (status !== 200) throw new Error(`answered ${status}: ${text}`);
  return JSON.parse(text);
}

/** Closed-loop clients that write notes of one kind; answers the first seller's transactions. */
async function write(kind: 'open' | 'hidden' | 'checked', total: number): Promise<string[]> {
  const latency = createHistogram();
  const own: string[] = [];
  let next = 0;
  const from = performance.now();
  const client = async (index: number): Promise<void> => {
    const seller = SELLERS[index % SELLERS.length]!;
    const [buyer, carrier] = SELLERS.filter((member) => member !== seller);
    const connection = new Client(urlOf(seller));
    while (next < total) {
      const number = next++;
      const body = {
        ...{ buyer, carrier, taxId: `91440300${number}`, address: 'Nanshan, Shenzhen' },
        ...{ description: 'Cold drinks and a hat', net: 10_000, tax: 1300, gross: 11_300 },
      };
      const sent = performance.now();
      const name = `${kind}-${total}-${number}`;
      const { id } = good(await post(connection, seller, `/${kind}-notes/${name}`, body));
      latency.record(Math.max(1, Math.round((performance.now() - sent) * 1000)));
      if (seller === SELLERS[0]) own.push(id);
    }
    await connection.close();
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  const seconds = (performance.now() - from) / 1000;
  const tps = Math.round(total / seconds);
  tpsOf.set(kind, tps);
  const share = round((100 * tps) / (tpsOf.get('open') ?? tps));
  print({ name: kind, clients, txs: total, tps, percent_of_public: share, ...figures(latency) });
  return own;
}
const tpsOf = new Map<string, number>();

const figures = (latency: ReturnType<typeof createHistogram>) => ({
  p50_ms: round(latency.percentile(50) / 1000),
  p99_ms: round(latency.percentile(99) / 1000),
});

async function read(
  name: string,
  member: string,
  ids: readonly string[],
  suffix = '',
): Promise<void> {
  const latency = createHistogram();
  const connection = new Client(urlOf(member));
  for (let count = 0; count < reads; count++) {
    const sent = performance.now();
    const at = `/transactions/${ids[count % ids.length]}/values${suffix}`;
    good(await get(connection, member, at));
    latency.record(Math.max(1, Math.round((performance.now() - sent) * 1000)));
  }
  await connection.close();
  print({ name, reads, ...figures(latency) });
}

try {
  // The engine compiles what is hot; a short load of each before takes that out of the lines.
  for (const kind of ['open', 'hidden', 'checked'] as const) await write(kind, 300);
  tpsOf.clear();
  await write('open', txs);
  const ids = await write('hidden', txs);
  await write('checked', txs);
  await read('vault-read', SELLERS[0]!, ids);
  const connection = new Client(urlOf(SELLERS[0]!));
  const period = { contract: NAME, from: 0, to: Date.now() + 1000 };
  const wanted = { reader: READER, period, purpose: 'audit', notAfter: Date.now() + 3_600_000 };
  const { output } = good(await post(connection, SELLERS[0]!, '/grants', wanted));
  await connection.close();
  await read('granted-read', READER, ids, `?grant=${output.grant}`);
} finally {
  for (const child of processes) child.kill('SIGTERM');
  await Promise.all(processes.map((child) => child.exitCode ?? once(child, 'exit')));
  rmSync(root, { recursive: true, force: true });
}
