/** What an operator does with a node of its own: rotate its keys, and recover a ledger. Real files, real commands. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { provision } from '../../node/local-provision.ts';
import { type RunningNode, startNode } from '../../node/server.ts';
import { fuqi, fuqiJson } from '../support/fuqi.ts';
import { SOLO } from '../support/solo.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const silent = pino({ level: 'silent' });

let running: RunningNode | undefined;
const start = async (config: string): Promise<RunningNode> => {
  running = await startNode(config, silent);
  return running;
};
// One that a failed test left behind would keep this process alive.
afterEach(() => running?.stop().catch(() => {}));

/** A consortium of one member, on any free port. */
function solo() {
  const home = temporaryFolder();
  const layout = provision(home, SOLO, 1);
  const files = layout.member('all');
  const config = JSON.parse(readFileSync(files.config, 'utf8'));
  config.listen.port = 0;
  writeFileSync(files.config, JSON.stringify(config));
  const { keys } = JSON.parse(readFileSync(layout.keyRing, 'utf8'));
  const post = (url: string, at: string, identity: string, body: object): Promise<Response> =>
    fetch(`${url}/v1/consortia/solo${at}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${keys[`all/${identity}`]}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    });
  const pay = async (url: string, reference: string): Promise<string> => {
    const payment = { reference, payee: 'all', currency: 'CNY', amount: 100 };
    const response = await post(url, '/payments', 'platform', payment);
    assert.equal(response.status, 200);
    return ((await response.json()) as { id: string }).id;
  };
  return { home, layout, files, post, pay };
}

describe('a node’s key', () => {
  for (const kind of ['node', 'peer'] as const) {
    it(`is rotated by a vote: ${kind}`, async () => {
      const { files, post, pay } = solo();
      const flags = kind === 'peer' ? ['--peer'] : [];
      const rotate = ['node', 'rotate-key', '--config', files.config, ...flags];
      const { action } = await fuqiJson(...rotate);
      const again = await fuqi(...rotate);
      assert.match(again.stderr, /A rotation is under way already, to keys\/(node|peer)-2\.pem/);
      let node = await start(files.config);
      await pay(node.url, 'before');
      const early = await fuqi(...rotate, '--finish');
      assert.equal(early.code, 1);
      assert.match(early.stderr, /has to be stopped first/);
      assert.equal((await post(node.url, '/proposals', 'admin', { action })).status, 200);
      // The node itself proves that it has the new key; then the epoch changes.
      await until(() => node.replica.epoch.set.epoch === 2);
      await pay(node.url, 'after');
      await node.stop();
      const { old } = await fuqiJson(...rotate, '--finish');
      assert.equal(old, kind === 'node' ? files.nodeKey : files.peerKey);
      rmSync(old);
      node = await start(files.config);
      await pay(node.url, 'alone');
      await node.stop();
    });
  }

  it('is not dropped before its successor has been voted in', async () => {
    const { files, pay } = solo();
    const node = await start(files.config);
    await pay(node.url, 'one');
    await node.stop();
    await fuqiJson('node', 'rotate-key', '--config', files.config);
    const finish = await fuqi('node', 'rotate-key', '--config', files.config, '--finish');
    assert.match(finish.stderr, /The ledger does not name the new node key yet/);
    assert.equal(finish.code, 1);
  });
});

describe('fuqi recover', () => {
  it('drafts, collects signatures, and starts the next epoch of a stopped node with a new key', async () => {
    const { home, layout, files, pay } = solo();
    let node = await start(files.config);
    const first = await pay(node.url, 'one');
    await node.stop();
    // The node key is lost; the administrator’s is not.
    const key = path.join(path.dirname(files.nodeKey), 'fresh.pem');
    const secret = ['--passphrase-file', layout.passphrase];
    const made = path.join(home, 'fresh.json');
    writeFileSync(made, JSON.stringify(await fuqiJson('keys', 'create', '--out', key, ...secret)));
    rmSync(files.nodeKey);
    const out = path.join(home, 'agreement.json');
    const at = ['--config', files.config];
    const draft = ['recover', 'draft', ...at, '--validators', 'all', '--node-key', `all=${made}`];
    const { agreement } = await fuqiJson(...draft, '--reason', 'the key is lost', '--out', out);
    assert.deepEqual([agreement.epoch, agreement.validators.length], [2, 1]);
    const apply = ['recover', 'apply', ...at, '--agreement', out];
    assert.match((await fuqi(...apply)).stderr, /no JWS/);
    const sign = ['recover', 'sign', '--agreement', out, ...secret, '--key-file'];
    await fuqiJson(...sign, files.identityKey('admin'));
    assert.match(
      (await fuqi(...sign, files.identityKey('admin'))).stderr,
      /signed the agreement already/,
    );
    const applied = await fuqiJson(...apply);
    assert.deepEqual(applied, { epoch: 2, validators: ['all'], signers: ['all'] });
    const config = JSON.parse(readFileSync(files.config, 'utf8'));
    config.keys.node = 'keys/fresh.pem';
    writeFileSync(files.config, JSON.stringify(config));
    node = await start(files.config);
    const second = await pay(node.url, 'two');
    const check = async (id: string) => {
      const receipt = await fetch(`${node.url}/v1/consortia/solo/transactions/${id}/receipt`);
      const file = path.join(home, `${id}.json`);
      writeFileSync(file, await receipt.text());
      return fuqiJson('verify', file, '--genesis', layout.genesis);
    };
    assert.equal((await check(first)).recovered, undefined);
    const { verdict, recovered } = await check(second);
    assert.equal(verdict, 'VALID');
    assert.match(recovered[0], /^epoch 2, after block \d+, by agreement of all: the key is lost$/);
    await node.stop();
  });
});
