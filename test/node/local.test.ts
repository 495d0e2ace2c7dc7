/** A consortium of real processes on this machine, as its user sees it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { localLayout } from '../../node/local-layout.ts';
import { restartProcess, running } from '../../node/local-processes.ts';
import { CLI, fuqi, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const home = temporaryFolder();
const PORT = 18_180;
const own = ['--home', home];
const layout = localLayout(home, 'demo');
const example = path.resolve(import.meta.dirname, '../../examples/corner-shop-week.jsonl');
const GATEWAY = `http://127.0.0.1:${PORT}`;
const BASE = `${GATEWAY}/v1/consortia/demo`;

after(() => fuqi('down', '--wipe', ...own));

const keys = (): Record<string, string> => JSON.parse(readFileSync(layout.keyRing, 'utf8')).keys;

/** A payment through the gateway, as the payment platform's key. */
async function answeredTo(reference: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${BASE}/payments`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${keys()['payment-platform/platform']}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ reference, payee: 'corner-shop', currency: 'CNY', amount: 100 }),
  });
  return { status: response.status, text: await response.text() };
}
const pay = async (reference: string): Promise<number> => (await answeredTo(reference)).status;

const hasPayment = async (reference: string, url = GATEWAY): Promise<boolean> => {
  const response = await fetch(`${url}/v1/consortia/demo/payments/${reference}`);
  await response.text();
  return response.ok;
};

const find = (name: string) => running(layout).find((one) => one.name === name);

async function kill(name: string): Promise<void> {
  process.kill(find(name)!.pid, 'SIGKILL');
  await until(() => find(name) === undefined);
}

describe('a consortium on one machine', () => {
  it('starts, imports its input through the whole flow, proves a receipt, and ends', async () => {
    const input = path.join(home, 'week.jsonl');
    writeFileSync(input, readFileSync(example));
    const flow = ['start', '--once', '--input', input, '--flow', 'marked', '--port', `${PORT}`];
    const first = await fuqiJson(...flow, ...own);
    assert.equal(first.report.invoices, 60);
    assert.equal(first.report.reversals, 5);
    assert.equal(first.report.refused, 0);
    assert.ok(first.report.reimbursed > 0);
    assert.equal(first.receipt.verdict, 'VALID');
    assert.deepEqual(running(layout), []);

    const again = await fuqiJson(...flow, ...own);
    assert.equal(again.ledger, first.ledger);
    assert.equal(again.report.transactions, 0, 'nothing is written twice');
    assert.ok(again.head.height >= first.head.height, 'it goes on from the stored chain');
    assert.deepEqual(again.report.totalMinor, first.report.totalMinor);
    const proven = await fuqiJson('verify', again.receipt.file, '--ledger', again.ledger);
    assert.equal(proven.status, 'committed', 'its receipt is of something that was done');
  });

  it('serves until Ctrl-C, which may come twice, and leaves nothing running', async () => {
    const child = spawn(process.execPath, [CLI, 'start', ...own]);
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    await until(() => said.includes('Serving.'));
    assert.equal(running(layout).length, 5);
    // npm hands the terminal's signal on to a process that got it already.
    child.kill('SIGINT');
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    assert.equal(code, 0);
    assert.match(said, /Stopped 5 processes/);
    assert.deepEqual(running(layout), []);
  });

  it('stops in order when it is interrupted before its job is done', async () => {
    const child = spawn(process.execPath, [CLI, 'start', ...own]);
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    await until(() => said.includes('gateway'));
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    assert.equal(code, 130);
    assert.deepEqual(running(layout), []);
  });

  it('checks a receipt offline, and one changed bit in it fails', async () => {
    const { stdout } = await fuqi('verify', '--help');
    assert.match(stdout, /offline/);
    const [file] = readdirSync(layout.receipts);
    const receipt = path.join(layout.receipts, file!);
    const valid = await fuqi('verify', receipt, '--genesis', layout.genesis);
    assert.equal(valid.code, 0, valid.stdout + valid.stderr);
    assert.match(valid.stdout, /^VALID/);
    const changed = JSON.parse(readFileSync(receipt, 'utf8'));
    const { path: hashes } = changed.result.inclusion;
    changed.result.inclusion = { ...changed.result.inclusion, path: [...hashes, 'ab'.repeat(32)] };
    const tampered = path.join(home, 'tampered.json');
    writeFileSync(tampered, JSON.stringify(changed));
    assert.equal((await fuqi('verify', tampered, '--genesis', layout.genesis)).code, 1);
    writeFileSync(tampered, '{"format":');
    assert.equal((await fuqi('verify', tampered, '--genesis', layout.genesis)).code, 2);
  });

  it('serves in the background, shows its status, and refuses to start twice', async () => {
    await fuqiJson('up', ...own);
    const status = await fuqiJson('status', ...own);
    assert.equal(status.status, 'ok');
    assert.equal(status.members.length, 4);
    assert.ok(status.nodes.every(({ lag }: { lag: number }) => lag <= 1));
    const twice = await fuqi('up', ...own);
    assert.equal(twice.code, 1);
    assert.match(twice.stderr, /running already/);
  });

  for (const victim of ['tax-bureau', 'payment-platform', 'corner-shop', 'buyer-co']) {
    // Payments go through the payment platform's own node, so its clients wait while it is down.
    const isOwn = victim === 'payment-platform';
    it(`loses and duplicates nothing when ${victim} is killed under load, and it catches up`, async () => {
      const answered: string[] = [];
      let stop = false;
      const client = async (number: number): Promise<void> => {
        for (let index = 0; !stop; index++) {
          const reference = `${victim}-${number}-${index}`;
          const status = await pay(reference).catch(() => 0);
          if (status === 200) answered.push(reference);
        }
      };
      const clients = Array.from({ length: 8 }, (_, number) => client(number));
      try {
        await until(() => answered.length > 20);
        await kill(victim);
        const atKill = answered.length;
        if (isOwn) await restartProcess(layout, victim);
        await until(() => answered.length > atKill + 40, 20_000);
        if (!isOwn) await restartProcess(layout, victim);
        const atReturn = answered.length;
        await until(() => answered.length > atReturn + 20, 20_000);
      } finally {
        stop = true;
        await Promise.all(clients);
      }
      // What is left in a mempool may still be committed; the ledger is at rest when all are level.
      await until(async () => {
        const { nodes } = await fuqiJson('status', ...own);
        const heads = nodes.map(({ status, height }: { status: string; height: number }) =>
          status === 'ok' ? height : status,
        );
        return new Set(heads).size === 1;
      }, 20_000);
      const { url } = find(victim)!;
      for (const reference of answered) {
        assert.ok(await hasPayment(reference, url), `${reference} on ${victim}'s node`);
      }
    });
  }

  it('has every answered transaction, byte for byte, after all nodes are killed right after the answer', async () => {
    for (let round = 0; round < 3; round++) {
      const references = Array.from({ length: 6 }, (_, index) => `crash-${round}-${index}`);
      const answers = await Promise.all(references.map(answeredTo));
      for (const { pid } of running(layout)) process.kill(pid, 'SIGKILL');
      assert.deepEqual(
        answers.map(({ status }) => status),
        Array(6).fill(200),
      );
      await until(() => running(layout).length === 0);
      await fuqiJson('up', ...own);
      for (const reference of references) {
        await until(() => hasPayment(reference));
        assert.equal(await pay(reference), 422, 'and it is there once');
      }
      const nodes = running(layout).filter(({ name }) => name !== 'gateway');
      for (const { text } of answers) {
        const { id } = JSON.parse(text) as { id: string };
        for (const { url } of nodes) {
          const again = () => fetch(`${url}/v1/consortia/demo/transactions/${id}`);
          // One that had not voted for it catches up.
          await until(async () => (await again()).ok, 20_000);
          assert.equal(await (await again()).text(), text);
        }
      }
    }
    assert.equal((await fuqiJson('down', ...own)).stopped, 5);
  });
});

describe('a start that can’t be', () => {
  it('says which port is in use, and leaves nothing running', async () => {
    const server = createServer().listen(PORT + 2, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { code, stderr } = await fuqi('start', '--once', ...own);
    server.close();
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`Port ${PORT + 2} on 127\\.0\\.0\\.1 is in use`));
    assert.deepEqual(running(layout), []);
  });

  it('says which folder can’t be written', async () => {
    const file = path.join(home, 'a-file');
    writeFileSync(file, '');
    const { code, stderr } = await fuqi('up', '--home', path.join(file, 'below'));
    assert.equal(code, 1);
    assert.match(stderr, /a-file.*can't be written/);
    assert.equal(
      stderr
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('Making')).length,
      1,
    );
  });

  it('names the file, the field and the value of a corrupt configuration', async () => {
    const config = path.join(home, 'broken.json');
    const good = JSON.parse(readFileSync(layout.member('buyer-co').config, 'utf8'));
    writeFileSync(config, JSON.stringify({ ...good, listen: { host: '127.0.0.1', port: 'http' } }));
    const wrong = await fuqi('node', 'start', '--config', config);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /broken\.json is wrong at \/listen\/port: .*found "http"/);
    writeFileSync(config, '{');
    assert.match(
      (await fuqi('node', 'start', '--config', config)).stderr,
      /broken\.json is not JSON/,
    );
    assert.match(
      (await fuqi('node', 'start', '--config', path.join(home, 'absent.json'))).stderr,
      /absent\.json can't be read/,
    );
  });
});
