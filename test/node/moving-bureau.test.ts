/**
 * The member that sees all hidden values and keeps the limits moves to another machine: nothing that its node had is missing at
 * the new one, nobody's call is held up meanwhile, and no limit begins anew.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { CallRefused, call } from '../../node/gateway-call.ts';
import { localLayout } from '../../node/local-layout.ts';
import { running } from '../../node/local-processes.ts';
import { EInvoiceProcesses } from '../support/einvoice-processes.ts';
import { CLI, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const PORT = 18_930;
const NEW_PORT = PORT + 9;
const BUREAU = 'tax-bureau';
/** 100 net and 13 tax. */
const UNIT = 113;
const LIMIT = 2000 * UNIT;
const folder = path.join(temporaryFolder(), 'moved');
const passphraseFile = path.join(temporaryFolder(), 'passphrase');
let market: EInvoiceProcesses;
let node: ChildProcess | undefined;

before(async () => {
  market = await EInvoiceProcesses.up(PORT, LIMIT);
  writeFileSync(passphraseFile, 'a passphrase of the new machine\n', { mode: 0o600 });
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
  const { own } = market;
  leaveAddressToLedger();
  const first = await market.issued(1000 * UNIT);
  const hook = { url: 'https://erp.example.com/fuqi', types: ['einvoice.issued'], paused: true };
  await call(as(`${BUREAU}/admin`), '/webhooks/erp', { method: 'PUT', body: JSON.stringify(hook) });
  const invited = await fuqiJson('invite', BUREAU, '--as', `${BUREAU}/admin`, ...own);
  const { link, invitation } = invited as { link: string; invitation: { id: string } };
  const join = [
    ...['join', link, '--folder', folder, '--passphrase-file', passphraseFile],
    ...['--listen', `127.0.0.1:${NEW_PORT}`, '--identity', 'officer=einvoice.tax-bureau'],
  ];
  await fuqiJson(...join, '--no-wait');
  const progress = async () =>
    (await market.get('buyer-co/admin', `/invitations/${invitation.id}`)).output;
  const { proposal } = await progress();
  for (const member of ['buyer-co', 'corner-shop']) {
    await fuqiJson('vote', proposal, '--as', `${member}/admin`, ...own);
  }
  const { config } = await fuqiJson(...join);
  // Approved, and the new node has not even started: the old one still takes values, and endorses.
  const second = await market.issued(UNIT);
  const { issued, end } = issuing();
  node = spawn(process.execPath, [CLI, 'node', 'start', '--config', config], { stdio: 'ignore' });
  await until(async () => (await progress()).votesItself);

  const ring = JSON.parse(readFileSync(path.join(folder, 'first-api-keys.json'), 'utf8'));
  const bureau = { url: ring.url, consortium: 'demo', key: ring.keys[`${BUREAU}/admin`] };
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
