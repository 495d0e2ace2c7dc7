/** The bundles of the functions are what Lambda can load: names and banners don't collide. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { buildFunctions, bundleFile } from '../../infra/build.ts';

describe('bundles', () => {
  it('are modules that Node can parse, each within its budget', async () => {
    for (const { name } of await buildFunctions()) {
      const file = bundleFile(name);
      const { status, stderr } = spawnSync(process.execPath, ['--check', file], {
        encoding: 'utf8',
      });
      assert.equal(status, 0, `${name}: ${stderr}`);
    }
  });
});
