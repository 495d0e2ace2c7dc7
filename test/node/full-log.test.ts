/** A node whose log can't be written any more, whoever writes to it, goes on: `/dev/full` is a disk without room. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { it } from 'node:test';
import { provision } from '../../node/local-provision.ts';
import { CLI } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const PORT = 18_910;
const SAYS = 'setInterval(() => console.error(new Error("what a library says")), 5)';

it('serves while what it and its libraries say meets a full disk', async () => {
  const members = ['one', 'two', 'three', 'four'].map((id) => ({ id, name: id, identities: {} }));
  const layout = provision(
    temporaryFolder(),
    { format: 'fuqi-local-1', name: 'demo', members },
    PORT,
  );
  const args = [CLI, 'node', 'start', '--config', layout.member('one').config];
  const node = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', openSync('/dev/full', 'w')],
    env: {
      ...process.env,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(SAYS)}`,
    },
  });
  const isUp = async (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${PORT + 1}/healthz`).then(
      ({ status }) => status === 200,
      () => false,
    );
  try {
    await until(() => node.exitCode !== null || isUp());
    assert.equal(node.exitCode, null, 'it ended');
    // By now it was said many times.
    for (let times = 0; times < 20; times++) assert.ok(await isUp());
  } finally {
    node.kill('SIGKILL');
  }
});
