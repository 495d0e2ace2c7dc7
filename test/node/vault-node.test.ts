/** A node on its own machine that keeps its member’s confidential values: on the disk, over a restart, after a backup. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import type { LocalLayout } from '../../node/local-layout.ts';
import { provision } from '../../node/local-provision.ts';
import { openNode } from '../../node/open-node.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { contracts } from '../../workloads/catalog.ts';
import { dealCatalog } from '../support/deal-contract.ts';
import { fuqi, fuqiJson } from '../support/fuqi.ts';
import { json } from '../support/node-api.ts';
import { SOLO } from '../support/solo.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const CALL = { buyer: 'canary-buyer', price: 250_00, remark: 'canary-remark' };
const all = catalog([...contracts.entries, ...dealCatalog.entries]);
const lines: string[] = [];
const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });

let layout: LocalLayout;
let node: Awaited<ReturnType<typeof openNode>>;

const open = () =>
  openNode(layout.member('all').config, log, {
    catalog: all,
    onUnwritable: (fault) => assert.fail(String(fault)),
  });

const keyOf = (identity: string): string =>
  JSON.parse(readFileSync(layout.keyRing, 'utf8')).keys[`all/${identity}`];

function request(at: string, init: RequestInit = {}) {
  const headers = { authorization: `Bearer ${keyOf('seller')}`, ...init.headers };
  return node.fetch(new Request(`http://node/v1/consortia/solo${at}`, { ...init, headers }));
}

/** All that stands in the files of a folder. */
const filesIn = (folder: string): string =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');

describe('a node with a vault', () => {
  before(async () => {
    layout = provision(temporaryFolder(), SOLO, 0);
    const genesis = JSON.parse(readFileSync(layout.genesis, 'utf8'));
    const { contract, codeHash } = dealCatalog.entries[0]!;
    genesis.contracts.push({ name: contract.name, version: contract.version, codeHash });
    writeFileSync(layout.genesis, JSON.stringify(genesis));
    node = await open();
    await node.begin();
  });
  after(() => node.close());

  let id = '';
  it('signs a call with confidential fields for its tenant', async () => {
    const response = await request('/deals/d-1', {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=10' },
      body: JSON.stringify(CALL),
    });
    assert.equal(response.status, 200);
    ({ id } = await json(response));
    assert.deepEqual((await json(await request(`/transactions/${id}/values`))).fields, CALL);
  });

  it('has the values after a restart', async () => {
    node.halt();
    await node.close();
    node = await open();
    await node.begin();
    assert.deepEqual((await json(await request(`/transactions/${id}/values`))).fields, CALL);
  });

  it('has them under a new vault key, and not under the old one any more', async () => {
    const { config } = layout.member('all');
    const rotate = ['node', 'rotate-key', '--config', config, '--vault'];
    const { action } = await fuqiJson(...rotate);
    node.halt();
    await node.close();
    node = await open();
    await node.begin();
    await until(() => lines.some((line) => line.includes('vault-rewrapped')));
    const post = (at: string, body: object) =>
      request(at, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          prefer: 'wait=10',
          authorization: `Bearer ${keyOf('admin')}`,
        },
        body: JSON.stringify(body),
      });
    node.halt();
    await node.close();
    const early = await fuqi(...rotate, '--finish');
    assert.match(early.stderr, /does not name the new vault key yet/);
    node = await open();
    await node.begin();
    const registered = await post(action.post, action.body);
    assert.equal(registered.status, 200, await registered.clone().text());
    node.halt();
    await node.close();
    const { old } = await fuqiJson(...rotate, '--finish');
    assert.match(old, /vault\.pem$/);
    rmSync(old);
    node = await open();
    await node.begin();
    assert.deepEqual((await json(await request(`/transactions/${id}/values`))).fields, CALL);
    assert.ok(readFileSync(config, 'utf8').includes('keys/vault-2.pem'));
    const both = await fuqi(...rotate, '--peer');
    assert.match(both.stderr, /One key at a time/);
  });

  it('has no confidential value in a file or a line of its log', async () => {
    const written = filesIn(layout.folder);
    assert.ok(written.includes('deal/deal/d-1'), 'the store is looked at');
    assert.ok(!written.includes('canary'));
    assert.ok(!lines.join('').includes('canary'));
  });
});
