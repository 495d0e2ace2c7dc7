/**
 * The member that sees all hidden values and keeps the limits moves to another machine: nothing that its node had is missing at
 * the new one, nobody's call is held up meanwhile, and no limit begins anew.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, it } from 'node:test';
import { CallRefused, call } from '../../node/gateway-call.ts';
import { localLayout } from '../../node/local-layout.ts';
import { running } from '../../node/local-processes.ts';
import { approvedMove } from '../support/approved-move.ts';
import { EInvoiceProcesses } from '../support/einvoice-processes.ts';
import { CLI } from '../support/fuqi.ts';
import { until } from '../support/until.ts';

const PORT = 18_930;
const BUREAU = 'tax-bureau';
/** 100 net and 13 tax. */
const UNIT = 113;
const LIMIT = 2000 * UNIT;
let market: EInvoiceProcesses;
let node: ChildProcess | undefined;

before(async () => {
  market = await EInvoiceProcesses.up(PORT, LIMIT);
});
after(async () => {
  node?.kill('SIGTERM');
  await market.down();
});

const as = (name: string) => ({ url: market.url, consortium: 'demo', key: market.keys[name]! });

/** The demo's nodes have each other's addresses in their configuration, which wins over the ledger's. */
function leaveAddressToLedger(): void {
  const layout = localLayout(market.home, 'demo');
  for (const member of ['buyer-co', 'corner-shop', 'payment-platform']) {
    const { config: file } = layout.member(member);
    const { peers, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
    const { [BUREAU]: _, ...others } = peers;
    writeFileSync(file, JSON.stringify({ ...rest, peers: others }));
  }
}

/** Issues one small invoice after the other until it is told to end; what is refused for a moment is tried anew. */
function issuing() {
  const issued: string[] = [];
  let isOver = false;
  const run = async (): Promise<void> => {
    while (!isOver) {
      try {
        issued.push((await market.issued(UNIT)).transaction);
      } catch (error) {
        if (!(error instanceof CallRefused) || error.status !== 503) throw error;
      }
    }
  };
  const ended = run();
  ended.catch(() => {});
  const end = async (): Promise<void> => {
    isOver = true;
    await ended;
  };
  return { issued, end };
}

it('has all that it had on the machine before, and goes on with the limits where they were', async () => {
  leaveAddressToLedger();
  const first = await market.issued(1000 * UNIT);
  const hook = { url: 'https://erp.example.com/fuqi', types: ['einvoice.issued'], paused: true };
  await call(as(`${BUREAU}/admin`), '/webhooks/erp', { method: 'PUT', body: JSON.stringify(hook) });
  const voters = ['buyer-co', 'corner-shop'];
  const move = await approvedMove(market, BUREAU, {
    ...{ port: PORT + 9, identity: 'officer=einvoice.tax-bureau', voters },
  });
  // Approved, and the new node has not even started: the old one still takes values, and endorses.
  const second = await market.issued(UNIT);
  const { issued, end } = issuing();
  node = spawn(process.execPath, [CLI, 'node', 'start', '--config', move.config], {
    stdio: 'ignore',
  });
  await until(move.votesItself);

  const bureau = move.administrator();
  const vault = (after = '') =>
    call(bureau, `/vault?limit=200${after}`) as Promise<{
      moving: boolean;
      records: { transaction: string }[];
      next: string | null;
    }>;
  await until(async () => !(await vault()).moving);
  const before = issued.length;
  await until(() => issued.length > before + 3);
  const old = running(localLayout(market.home, 'demo')).find(({ name }) => name === BUREAU)!;
  process.kill(old.pid, 'SIGKILL');
  await end();

  const held: string[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const page = await vault(next && `&after=${next}`);
    held.push(...page.records.map(({ transaction }) => transaction));
    ({ next } = page);
  }
  const all = [first.transaction, second.transaction, ...issued];
  assert.deepEqual(
    all.filter((id) => !held.includes(id)),
    [],
  );
  const { fields } = (await call(bureau, `/transactions/${first.transaction}/values`)) as {
    fields: { gross: number };
  };
  assert.equal(fields.gross, 1000 * UNIT);
  const { webhooks } = (await call(bureau, '/webhooks')) as { webhooks: { name: string }[] };
  assert.deepEqual(
    webhooks.map(({ name }) => name),
    ['erp'],
  );
  // The new node endorses what is left of the limit, and no more.
  const left = 1000 - 1 - issued.length;
  await assert.rejects(market.issued((left + 1) * UNIT), /over-credit-limit/);
  const third = await market.issued(900 * UNIT - issued.length * UNIT);
  const shown = (await call(bureau, `/transactions/${third.transaction}/values`)) as {
    fields: { gross: number };
  };
  assert.equal(shown.fields.gross, (900 - issued.length) * UNIT);
});
