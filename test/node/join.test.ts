/** Joining while a consortium runs: an invitation, keys of one's own, the members' votes, then a vote in consensus. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { call } from '../../node/gateway-call.ts';
import { type KeyRing, localLayout } from '../../node/local-layout.ts';
import { running } from '../../node/local-processes.ts';
import { CLI, fuqi, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const PORT = 18_760;
const JOINER_PORT = PORT + 9;
const home = temporaryFolder();
const own = ['--home', home, '--consortium', 'demo'];
const folder = path.join(home, 'newcomer');
const passphraseFile = path.join(home, 'passphrase');
let ring: KeyRing;
let node: ChildProcess | undefined;

before(async () => {
  await fuqiJson('up', '--port', `${PORT}`, ...own);
  ring = JSON.parse(readFileSync(localLayout(home, 'demo').keyRing, 'utf8')) as KeyRing;
  writeFileSync(passphraseFile, 'a passphrase of the newcomer\n', { mode: 0o600 });
});
after(async () => {
  node?.kill('SIGTERM');
  await fuqi('down', '--wipe', ...own);
});

const as = (name: string) => ({ url: ring.url, consortium: 'demo', key: ring.keys[name]! });
const members = () => [...new Set(Object.keys(ring.keys).map((name) => name.split('/')[0]!))];
const invite = (
  member: string,
  ...more: string[]
): Promise<{ link: string; invitation: { id: string } }> =>
  fuqiJson('invite', member, '--as', `${members()[0]}/admin`, ...more, ...own);
const join = (link: string, ...more: string[]) =>
  fuqi(
    ...['join', link, '--folder', folder, '--passphrase-file', passphraseFile],
    ...['--listen', `127.0.0.1:${JOINER_PORT}`, '--json', ...more],
  );
const vote = async (more: readonly string[], proposal: string) => {
  for (const member of members().slice(1, 3)) {
    await fuqiJson('vote', proposal, '--as', `${member}/admin`, ...more, ...own);
  }
};
const proposalOf = async (id: string): Promise<string> => {
  const { output } = (await call(as(`${members()[0]}/admin`), `/invitations/${id}`)) as {
    output: { proposal: string };
  };
  return output.proposal;
};

describe('joining by invitation', () => {
  it('makes a private member that fetches the ledger and votes', async () => {
    const { link, invitation } = await invite('newcomer', '--role', 'invoice.seller');
    const sent = await join(link, '--no-wait', '--identity', 'seller=invoice.seller');
    assert.equal(sent.code, 0, sent.stderr);
    await vote([], await proposalOf(invitation.id));
    // The same command again goes on where it was.
    const joined = await join(link);
    assert.equal(joined.code, 0, joined.stderr);
    const { config } = JSON.parse(joined.stdout);
    node = spawn(process.execPath, [CLI, 'node', 'start', '--config', config], { stdio: 'ignore' });
    await until(async () => {
      const { output } = (await call(
        as(`${members()[0]}/admin`),
        `/invitations/${invitation.id}`,
      )) as {
        output: { votesItself: boolean };
      };
      return output.votesItself;
    });
    // Its own node knows the ledger, and takes a transaction of its own.
    const first = JSON.parse(
      readFileSync(path.join(folder, 'first-api-keys.json'), 'utf8'),
    ) as KeyRing;
    const admin = { url: first.url, consortium: 'demo', key: first.keys['newcomer/admin']! };
    await until(async () => {
      const { output } = (await call(admin, `/invitations/${invitation.id}`)) as {
        output: { votesItself: boolean };
      };
      return output.votesItself;
    });
    const { status } = (await call(admin, '/endpoint', {
      body: JSON.stringify({ endpoint: `http://localhost:${JOINER_PORT}` }),
      headers: { prefer: 'wait=20' },
    })) as { status: string };
    assert.equal(status, 'committed');
    // Of five validators four have to agree: with one of the old ones gone, the newcomer has to.
    process.kill(
      running(localLayout(home, 'demo')).find(({ name }) => name === members()[3])!.pid,
      'SIGKILL',
    );
    const again = (await call(admin, '/endpoint', {
      body: JSON.stringify({ endpoint: `http://127.0.0.1:${JOINER_PORT}` }),
      headers: { prefer: 'wait=20' },
    })) as { status: string };
    assert.equal(again.status, 'committed');
  });

  it('refuses a secret that was spent, and one that is not known', async () => {
    const { link } = await invite('second');
    const other = `${link.slice(0, -43)}${'A'.repeat(43)}`;
    const { code, stdout } = await fuqi('join', other, '--json');
    assert.equal(code, 1);
    assert.match(stdout, /401/);
    const { stdout: notOne } = await fuqi('join', link.slice(0, -1), '--json');
    assert.match(notOne, /no invitation/);
  });

  it('ends where the members refuse, or the candidate withdraws', async () => {
    const { link, invitation } = await invite('third');
    const elsewhere = ['--folder', path.join(home, 'third')];
    const sent = await join(link, '--no-wait', ...elsewhere);
    assert.equal(sent.code, 0, sent.stderr);
    await vote(['--refuse'], await proposalOf(invitation.id));
    const { code, stdout } = await join(link, ...elsewhere);
    assert.equal(code, 1);
    assert.match(stdout, /refused/);
    const { link: fourth } = await invite('fourth');
    const there = ['--folder', path.join(home, 'fourth')];
    assert.equal((await join(fourth, '--no-wait', ...there)).code, 0);
    const { code: withdrawn } = await fuqi('join', fourth, '--withdraw', '--json');
    assert.equal(withdrawn, 0);
    const after = await join(fourth, ...there);
    assert.match(after.stdout, /withdrawn/);
  });
});
