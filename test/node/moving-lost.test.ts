/** A member moves, and its old node is lost before the new one has its vault: that waits, until an administrator gives it up. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { after, before, it } from 'node:test';
import { call } from '../../node/gateway-call.ts';
import { localLayout } from '../../node/local-layout.ts';
import { running } from '../../node/local-processes.ts';
import { approvedMove } from '../support/approved-move.ts';
import { EInvoiceProcesses } from '../support/einvoice-processes.ts';
import { CLI } from '../support/fuqi.ts';
import { until } from '../support/until.ts';

const PORT = 18_950;
const MEMBER = 'corner-shop';
let market: EInvoiceProcesses;
let node: ChildProcess | undefined;

before(async () => {
  market = await EInvoiceProcesses.up(PORT, 1_000_000);
});
after(async () => {
  node?.kill('SIGTERM');
  await market.down();
});

it('goes on without what only the lost node had, once an administrator says so', async () => {
  await market.issued(11_300);
  const voters = ['buyer-co', 'tax-bureau'];
  const move = await approvedMove(market, MEMBER, {
    ...{ port: PORT + 9, identity: 'seller=einvoice.seller', voters },
  });
  const old = running(localLayout(market.home, 'demo')).find(({ name }) => name === MEMBER)!;
  process.kill(old.pid, 'SIGKILL');

  let log = '';
  node = spawn(process.execPath, [CLI, 'node', 'start', '--config', move.config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  node.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  await until(() => log.split('vault-not-given').length > 2);
  assert.equal(await move.votesItself(), false);
  const shop = move.administrator();
  const vault = () => call(shop, '/vault') as Promise<{ moving: boolean; key: object }>;
  const { moving, key } = await vault();
  assert.equal(moving, true);

  const listed = (await call(shop, `/members/${MEMBER}/identities`)) as {
    output: { identities: { name: string; keyId: string }[] };
  };
  const { keyId } = listed.output.identities.find(({ name }) => name === 'vault')!;
  const headers = { prefer: 'wait=20' };
  await call(shop, `/identities/${keyId}/rotate`, { body: JSON.stringify({ jwk: key }), headers });
  await until(move.votesItself);
  await until(async () => !(await vault()).moving);
});
