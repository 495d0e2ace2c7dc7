/** The joiner of the catch-up benchmark: a process of its own, so that its memory is its own. */
import { readFileSync } from 'node:fs';
import { tellStanding } from '../shared/replica/tell.ts';
import { type BenchLedger, JOINER, openNode } from './catch-up-ledger.ts';

const [ledgerFile, folder, other, height, snapshotBehind] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const ledger = JSON.parse(readFileSync(ledgerFile, 'utf8')) as BenchLedger;
let taken: Readonly<Record<string, unknown>> | undefined;
let takenAfterMs: number | undefined;
const started = performance.now();
const { replica, close } = await openNode(ledger, JOINER, folder, other, {
  catchUp: { snapshotBehind: Number(snapshotBehind) },
  log: (event, fields) => {
    if (event.endsWith('-failed')) process.stderr.write(`${event} ${JSON.stringify(fields)}\n`);
    if (event !== 'snapshot-taken') return;
    taken = fields;
    takenAfterMs = performance.now() - started;
  },
});
await tellStanding(replica);
// What the process itself holds; LMDB's mapped file comes and goes with the system's cache.
let anonymousMb = 0;
const sampling = setInterval(() => {
  const status = readFileSync('/proc/self/status', 'utf8');
  const kilobytes = Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0);
  anonymousMb = Math.max(anonymousMb, Math.round(kilobytes / 1024));
}, 100);
while (replica.head.header.height! < Number(height)) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
clearInterval(sampling);
const seconds = (performance.now() - started) / 1000;
const { parts, bytes } = (taken ?? {}) as { parts?: number; bytes?: number };
process.stdout.write(
  JSON.stringify({
    seconds,
    parts,
    bytes,
    takenSeconds: takenAfterMs && takenAfterMs / 1000,
    anonymousMb,
    rssMb: Math.round(process.resourceUsage().maxRSS / 1024),
  }),
);
await close();
process.exit(0);
