/** A node process whose events reach a real HTTP endpoint, over a restart of either. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import type { LocalLayout } from '../../../node/local-layout.ts';
import { provision } from '../../../node/local-provision.ts';
import { openNode } from '../../../node/open-node.ts';
import { json } from '../../support/node-api.ts';
import { SOLO } from '../../support/solo.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';
import { WebhookEndpoint } from '../../support/webhook-endpoint.ts';

const TOKEN = 'canary-in-the-url';
const lines: string[] = [];
const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });

let layout: LocalLayout;
let node: Awaited<ReturnType<typeof openNode>>;
const endpoint = new WebhookEndpoint();
/** References of the payments that it took. */
const taken = (): string[] => endpoint.taken.map(({ reference }) => reference);

async function start(): Promise<void> {
  node = await openNode(layout.member('all').config, log, {
    onUnwritable: (fault) => assert.fail(String(fault)),
  });
  await node.begin();
}

async function request(identity: string, verb: string, at: string, body?: object) {
  const { keys } = JSON.parse(readFileSync(layout.keyRing, 'utf8'));
  const response = await node.fetch(
    new Request(`http://node/v1/consortia/solo${at}`, {
      method: verb,
      headers: {
        authorization: `Bearer ${keys[`all/${identity}`]}`,
        'content-type': 'application/json',
      },
      ...(body && { body: JSON.stringify(body) }),
    }),
  );
  return { status: response.status, body: await json(response) };
}

async function pay(reference: string): Promise<void> {
  const payment = { reference, payee: 'all', currency: 'CNY', amount: 100 };
  assert.equal((await request('platform', 'POST', '/payments', payment)).status, 200);
}

const set = (more: object = {}) =>
  request('admin', 'PUT', '/webhooks/erp', {
    ...{ url: `${endpoint.url}?token=${TOKEN}`, types: ['invoice.payment-recorded'] },
    ...more,
  });
const shown = async () => (await request('admin', 'GET', '/webhooks/erp')).body;

describe('a node with a webhook', () => {
  before(async () => {
    layout = provision(temporaryFolder(), SOLO, 0);
    await endpoint.open();
    await start();
  });
  after(async () => {
    await node.close();
    endpoint.close();
  });

  it('calls nothing on its own machine unless its operator allows it', async () => {
    const { status, body } = await set();
    assert.equal(status, 400);
    assert.match(body.errors[0].detail, /https/);
    await node.close();
    const { config } = layout.member('all');
    const allowed = { webhookAddresses: ['127.0.0.0/8'] };
    writeFileSync(
      config,
      JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), ...allowed }),
    );
    await start();
  });

  it('sends what happens from then on', async () => {
    await pay('before');
    const made = await set();
    assert.equal(made.status, 201);
    endpoint.secret = made.body.secret;
    await pay('first');
    await pay('second');
    await until(() => taken().length === 2);
    assert.deepEqual(taken(), ['first', 'second']);
  });

  it('goes on after its own restart', async () => {
    await node.close();
    await start();
    await pay('third');
    await until(() => taken().length === 3);
    assert.deepEqual(taken(), ['first', 'second', 'third']);
  });

  it('sends what happened while the endpoint was away, in order', async () => {
    endpoint.close();
    await pay('fourth');
    await pay('fifth');
    await until(async () => (await shown()).status === 'retrying');
    assert.match((await shown()).reason, /ECONNREFUSED/);
    await endpoint.open();
    // Sooner than in five seconds.
    await set();
    await until(() => taken().length === 5);
    assert.deepEqual(taken().slice(3), ['fourth', 'fifth']);
  });

  it('tries again by itself', async () => {
    endpoint.status = 500;
    await pay('sixth');
    await until(async () => (await shown()).failures === 1);
    endpoint.status = 204;
    await until(() => taken().length === 6, 30_000);
    await until(async () => (await shown()).status === 'active');
  });

  it('stops at once, though an endpoint hangs', async () => {
    endpoint.close();
    const arrived = new Promise<void>((resolve) => {
      void endpoint.open(resolve);
    });
    await pay('seventh');
    await arrived;
    const began = performance.now();
    await node.close();
    // An attempt has ten seconds.
    assert.ok(performance.now() - began < 5000);
    endpoint.close();
    await endpoint.open();
    await start();
    await until(() => taken().length === 7);
  });

  it('keeps URL and secret out of its files and its log', () => {
    const folder = path.dirname(layout.member('all').config);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'latin1'));
    for (const text of [...files, ...lines]) {
      assert.ok(!text.includes(TOKEN));
      assert.ok(!text.includes(endpoint.secret.slice('whsec_'.length)));
    }
    assert.ok(lines.some((line) => line.includes('webhook-failed')));
  });
});
