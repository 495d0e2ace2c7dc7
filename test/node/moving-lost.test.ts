/** A member moves, and its old node is lost before the new one has its vault: that waits, until an administrator gives it up. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { call } from '../../node/gateway-call.ts';
import { localLayout } from '../../node/local-layout.ts';
import { running } from '../../node/local-processes.ts';
import { EInvoiceProcesses } from '../support/einvoice-processes.ts';
import { CLI, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const PORT = 18_950;
const NEW_PORT = PORT + 9;
const MEMBER = 'corner-shop';
const folder = path.join(temporaryFolder(), 'moved');
const passphraseFile = path.join(temporaryFolder(), 'passphrase');
let market: EInvoiceProcesses;
let node: ChildProcess | undefined;

before(async () => {
  market = await EInvoiceProcesses.up(PORT, 1_000_000);
  writeFileSync(passphraseFile, 'a passphrase of the new machine\n', { mode: 0o600 });
});
after(async () => {
  node?.kill('SIGTERM');
  await market.down();
});

it('goes on without what only the lost node had, once an administrator says so', async () => {
  const { own } = market;
  await market.issued(11_300);
  const invited = await fuqiJson('invite', MEMBER, '--as', `${MEMBER}/admin`, ...own);
  const { link, invitation } = invited as { link: string; invitation: { id: string } };
  const join = [
    ...['join', link, '--folder', folder, '--passphrase-file', passphraseFile],
    ...['--listen', `127.0.0.1:${NEW_PORT}`, '--identity', 'seller=einvoice.seller'],
  ];
  await fuqiJson(...join, '--no-wait');
  const progress = async () =>
    (await market.get('buyer-co/admin', `/invitations/${invitation.id}`)).output;
  const { proposal } = await progress();
  for (const member of ['buyer-co', 'tax-bureau']) {
    await fuqiJson('vote', proposal, '--as', `${member}/admin`, ...own);
  }
  const { config } = await fuqiJson(...join);
  const old = running(localLayout(market.home, 'demo')).find(({ name }) => name === MEMBER)!;
  process.kill(old.pid, 'SIGKILL');

  let log = '';
  node = spawn(process.execPath, [CLI, 'node', 'start', '--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  node.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  await until(() => log.split('vault-not-given').length > 2);
  assert.equal((await progress()).votesItself, false);
  const ring = JSON.parse(readFileSync(path.join(folder, 'first-api-keys.json'), 'utf8'));
  const shop = { url: ring.url, consortium: 'demo', key: ring.keys[`${MEMBER}/admin`] };
  const vault = () => call(shop, '/vault') as Promise<{ moving: boolean; key: object }>;
  const { moving, key } = await vault();
  assert.equal(moving, true);

  const listed = (await call(shop, `/members/${MEMBER}/identities`)) as {
    output: { identities: { name: string; keyId: string }[] };
  };
  const { keyId } = listed.output.identities.find(({ name }) => name === 'vault')!;
  const headers = { prefer: 'wait=20' };
  await call(shop, `/identities/${keyId}/rotate`, { body: JSON.stringify({ jwk: key }), headers });
  await until(async () => (await progress()).votesItself);
  await until(async () => !(await vault()).moving);
});
