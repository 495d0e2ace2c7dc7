/** The simulator bites: every deliberate bug is found within its stated number of seeds, and nothing is found without one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { BUGS, NO_BUG, WITHIN } from './bugs.ts';
import { hunt, huntAll } from './hunt.ts';
import { patched } from './patches.ts';

const root = new URL('../../', import.meta.url);

describe('deliberate bugs', () => {
  it('fit the product’s source', () => {
    for (const { patches } of BUGS) {
      for (const file of new Set(patches.map((patch) => patch.file))) {
        const source = readFileSync(new URL(file, root), 'utf8');
        assert.notEqual(patched(file, source, patches), source);
      }
    }
  });

  it(`are found, each within ${WITHIN} seeds`, async () => {
    const missed: string[] = [];
    await huntAll(
      BUGS.map(({ name }) => name),
      WITHIN,
      ({ bug, found }) => {
        if (found === null) missed.push(bug);
      },
    );
    assert.deepEqual(missed, []);
  });

  it('are why something is found: the product as it is comes through', async () => {
    assert.equal((await hunt(NO_BUG, 40)).found, null);
  });
});
