/**
 * `npm run bench:catch-up`: builds a ledger of so many blocks with so much state on LMDB, then lets a
 * new node join over HTTP, once by blocks and once by snapshot, while the ledger goes on committing.
 * Prints one JSON line for the building and one for each way of joining.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { listen } from '../node/listen.ts';
import { peerGuard } from '../node/peer-guard.ts';
import { peerHandler } from '../node/peer-handler.ts';
import { Rejected } from '../shared/ledger/rejection.ts';
import { receive } from '../shared/replica/receive.ts';
import { submit } from '../shared/replica/submit.ts';
import { JOINER, newLedger, openNode, put, VALIDATOR } from './catch-up-ledger.ts';

const options = new Command()
  .option('--blocks <number>', 'blocks of the ledger', '20000')
  .option('--megabytes <number>', 'of state', '200')
  .option('--rate <number>', 'transactions a second while a node joins', '20')
  .option('--ledger-in <folder>', 'where the ledger is built: a memory file system makes it quick')
  .option('--ways <list>', 'how nodes join', 'blocks,snapshot')
  .parse()
  .opts<{ blocks: string; megabytes: string; rate: string; ways: string; ledgerIn?: string }>();
const blocks = Number(options.blocks);
const characters = Math.floor((Number(options.megabytes) * 1e6) / blocks);
/** Transactions under way while the ledger is built. */
const UNDER_WAY = 32;

const root = mkdtempSync(path.join(tmpdir(), 'fuqi-catch-up-'));
const built = mkdtempSync(path.join(options.ledgerIn ?? root, 'fuqi-ledger-'));
// One transaction a block, so that their numbers are what was asked for.
const ledger = newLedger(1);
const ledgerFile = path.join(root, 'ledger.json');
writeFileSync(ledgerFile, JSON.stringify(ledger));
const node = await openNode(ledger, VALIDATOR, built, 'http://127.0.0.1:9', {
  log: (event, fields) => {
    if (/^(drive|ring)-failed|^timeout/.test(event)) {
      process.stderr.write(`${event} ${JSON.stringify(fields)}\n`);
    }
  },
});
const { replica } = node;
const handler = peerHandler({
  // Who may speak is not what is measured.
  verify: () => JOINER,
  receive: (from, message) => receive(replica, from, message),
  guard: {
    ...peerGuard(),
    failed: (_, error) => process.stderr.write(`${String(error)}\n`),
  },
});
const server = await listen(handler.handle, { host: '127.0.0.1', port: 0 });
const heightNow = (): number => replica.head.header.height!;
let count = 0;

try {
  await build();
  for (const way of options.ways.split(',')) await join(way);
} finally {
  await server.close();
  await node.close();
  rmSync(built, { recursive: true, force: true });
  rmSync(root, { recursive: true, force: true });
}

async function commitOne(): Promise<number> {
  const started = performance.now();
  const status = await submit(replica, put(ledger, `text-${count++}`, characters), 25_000);
  if (status instanceof Rejected) throw new Error(status.rejection.message);
  if (status.status !== 'committed') process.stderr.write(`a transaction is ${status.status}\n`);
  return performance.now() - started;
}

async function build(): Promise<void> {
  const started = performance.now();
  const worker = async (): Promise<void> => {
    while (heightNow() < blocks) await commitOne();
  };
  await Promise.all(Array.from({ length: UNDER_WAY }, worker));
  const seconds = (performance.now() - started) / 1000;
  print({
    name: 'build',
    blocks: heightNow(),
    state_mb: Math.round((count * characters) / 1e6),
    store_mb: sizeOf(built),
    seconds: round(seconds),
    blocks_per_s: Math.round(heightNow() / seconds),
  });
}

/** Joins in one way, while transactions go on at a steady rate. */
async function join(way: string): Promise<void> {
  const height = heightNow();
  const folder = path.join(root, `${JOINER}-${way}`);
  const behind = way === 'blocks' ? Number.MAX_SAFE_INTEGER : Math.floor(blocks / 2);
  const program = path.join(import.meta.dirname, 'catch-up-joiner.ts');
  const child = spawn(
    process.execPath,
    [program, ledgerFile, folder, server.url, String(height), String(behind)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const latencies: number[] = [];
  const load = setInterval(() => {
    void commitOne().then((ms) => latencies.push(ms));
  }, 1000 / Number(options.rate));
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  clearInterval(load);
  const { seconds, parts, bytes, takenSeconds, anonymousMb, rssMb } = JSON.parse(text);
  latencies.sort((a, b) => a - b);
  print({
    name: `join-by-${way}`,
    blocks: height,
    seconds: round(seconds),
    ...(takenSeconds
      ? {
          snapshot_s: round(takenSeconds),
          parts,
          snapshot_mb: Math.round(bytes / 1e6),
          mb_per_s: round(bytes / 1e6 / takenSeconds),
        }
      : {
          blocks_per_s: Math.round(height / seconds),
          mb_per_s: round((height * characters * 4) / 3 / 1e6 / seconds),
        }),
    anonymous_mb: anonymousMb,
    rss_mb: rssMb,
    store_mb: sizeOf(folder),
    others_committed: latencies.length,
    others_p50_ms: round(latencies[latencies.length >> 1] ?? 0),
    others_p99_ms: round(latencies[Math.floor(latencies.length * 0.99)] ?? 0),
  });
  rmSync(folder, { recursive: true, force: true });
}

function sizeOf(folder: string): number {
  const files = readdirSync(folder).map((name) => statSync(path.join(folder, name)).size);
  return Math.round(files.reduce((sum, size) => sum + size, 0) / 1e6);
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
