/** A member moves its node to another host while the consortium runs: the same ledger, new keys, one vote. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { call } from '../../node/gateway-call.ts';
import { openKeyFile, publicJwkOf } from '../../node/key-file.ts';
import { type KeyRing, localLayout } from '../../node/local-layout.ts';
import { running } from '../../node/local-processes.ts';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import { CLI, fuqi, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const PORT = 18_810;
const NEW_PORT = PORT + 9;
const home = temporaryFolder();
const own = ['--home', home, '--consortium', 'demo'];
const folder = path.join(home, 'moved');
const passphraseFile = path.join(home, 'passphrase');
let ring: KeyRing;
let node: ChildProcess | undefined;

before(async () => {
  await fuqiJson('up', '--port', `${PORT}`, ...own);
  ring = JSON.parse(readFileSync(localLayout(home, 'demo').keyRing, 'utf8')) as KeyRing;
  writeFileSync(passphraseFile, 'a passphrase of the new machine\n', { mode: 0o600 });
});
after(async () => {
  node?.kill('SIGTERM');
  await fuqi('down', '--wipe', ...own);
});

const as = (name: string) => ({ url: ring.url, consortium: 'demo', key: ring.keys[name]! });
const members = () => [...new Set(Object.keys(ring.keys).map((name) => name.split('/')[0]!))];
const processOf = (member: string): number =>
  running(localLayout(home, 'demo')).find(({ name }) => name === member)!.pid;

it('moves a member to another machine with the history and its vote', async () => {
  const [, second, third, moving] = members() as [string, string, string, string];
  const invited = await fuqiJson('invite', moving, '--as', `${moving}/admin`, ...own);
  const { link, invitation } = invited as { link: string; invitation: { id: string } };
  const join = [
    ...['join', link, '--folder', folder, '--passphrase-file', passphraseFile],
    ...['--listen', `127.0.0.1:${NEW_PORT}`],
  ];
  const progress = async () => {
    const answer = await call(as(`${second}/admin`), `/invitations/${invitation.id}`);
    return (answer as { output: { proposal: string; moves: boolean; votesItself: boolean } })
      .output;
  };
  await fuqiJson(...join, '--no-wait');
  const { proposal, moves, votesItself } = await progress();
  assert.deepEqual([moves, votesItself], [true, false]);
  for (const member of [second, third]) {
    await fuqiJson('vote', proposal, '--as', `${member}/admin`, ...own);
  }
  const { config } = await fuqiJson(...join);
  // The old node still votes, and the new one follows until it has proved that it does.
  node = spawn(process.execPath, [CLI, 'node', 'start', '--config', config], { stdio: 'ignore' });
  await until(async () => (await progress()).votesItself);
  const first = JSON.parse(readFileSync(path.join(folder, 'first-api-keys.json'), 'utf8'));
  const admin = { url: first.url, consortium: 'demo', key: first.keys[`${moving}/admin`] };
  await until(async () => !((await call(admin, '/vault')) as { moving: boolean }).moving);
  process.kill(processOf(moving), 'SIGTERM');
  const head = (at: typeof admin) => call(at, '/blocks/1') as Promise<{ id: string }>;
  const { id } = await head(as(`${second}/admin`));
  assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal((await head(admin)).id, id);
  // Of four validators three have to agree: with one of the others gone, the new node has to.
  process.kill(processOf(second), 'SIGKILL');
  const { status } = (await call(admin, '/endpoint', {
    body: JSON.stringify({ endpoint: `http://localhost:${NEW_PORT}` }),
    headers: { prefer: 'wait=25' },
  })) as { status: string };
  assert.equal(status, 'committed');
  const { output } = (await call(admin, '/members')) as {
    output: { members: { id: string; hosting: string }[] };
  };
  assert.equal(output.members.length, 4);
  // The old identities stay until they are revoked; the new node's stand beside them.
  const { output: listed } = (await call(admin, `/members/${moving}/identities`)) as {
    output: { identities: { name: string; keyId: string }[] };
  };
  const names = listed.identities.map(({ name }) => name);
  assert.ok(names.includes('admin') && names.includes('admin-2'), names.join());
  // The vault has one key: others encrypt to the new node's, which has taken over what the old one held.
  const vault = publicJwkOf(
    openKeyFile(path.join(folder, 'keys/vault.pem'), 'a passphrase of the new machine'),
  );
  const named = listed.identities.filter(({ name }) => name.startsWith('vault'));
  assert.deepEqual(
    named.map(({ name, keyId }) => [name, keyId]),
    [['vault', jwkThumbprint(vault)]],
  );
});
