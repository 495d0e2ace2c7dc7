/** Every kept input of every fuzz target holds, without the fuzzer; and what seeds are made of is there. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { isAccident } from './invariant.ts';
import { corpusOf, readInputs } from './kept.ts';
import { makeSeeds } from './seeds.ts';
import { loadTarget, TARGET_NAMES, TARGETS } from './targets.ts';

let seeds: Awaited<ReturnType<typeof makeSeeds>>;
before(async () => {
  seeds = await makeSeeds();
});

describe('what fuzzing kept', () => {
  for (const target of TARGET_NAMES) {
    it(`holds for ${target}`, async () => {
      const fuzz = await loadTarget(target);
      const inputs = readInputs(corpusOf(target));
      assert.ok(inputs.length > 0, 'no input is kept');
      for (const { file, bytes } of inputs) {
        try {
          await fuzz(bytes);
        } catch (error) {
          throw new Error(`npm run fuzz -- --target ${target} --replay ${file}`, { cause: error });
        }
      }
    });

    it(`holds for the seeds of ${target}, and they are short enough`, async () => {
      const fuzz = await loadTarget(target);
      assert.ok(seeds[target].length > 0);
      for (const bytes of seeds[target]) await fuzz(bytes);
      const fitting = seeds[target].filter(({ length }) => length <= TARGETS[target].bytesMax);
      assert.ok(fitting.length >= 0.9 * seeds[target].length, `${fitting.length}`);
    });
  }

  it('belongs to a target', () => {
    const folder = path.dirname(corpusOf('cbor'));
    assert.deepEqual(readdirSync(folder).sort(), [...TARGET_NAMES].sort());
  });
});

describe('an error', () => {
  it('is told from one that the engine made', () => {
    const own = [new Error('CBOR was cut off'), new TypeError('cannot encode bytes at /a')];
    for (const error of own) assert.ok(!isAccident(error));
    const accidents = [
      () => (undefined as unknown as { length: number }).length,
      () => new Array(-1),
      () => JSON.parse('{'),
      () => assert.equal(1, 2),
      () => {
        throw 'a text';
      },
    ];
    for (const cause of accidents) assert.throws(cause, isAccident);
  });
});
