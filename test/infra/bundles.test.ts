/** The bundles of the functions are what Lambda can load: minified names and banners don't collide. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, it } from 'node:test';
import { BUNDLES, buildFunctions } from '../../infra/build.ts';

describe('bundles', () => {
  it('are modules that Node can parse, each within its budget', async () => {
    for (const { name } of await buildFunctions()) {
      const file = path.join(BUNDLES, name, 'index.mjs');
      const { status, stderr } = spawnSync(process.execPath, ['--check', file], {
        encoding: 'utf8',
      });
      assert.equal(status, 0, `${name}: ${stderr}`);
    }
  });
});
