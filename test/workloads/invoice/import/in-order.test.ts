import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chains, inOrder } from '../../../../workloads/invoice/import/in-order.ts';

async function* upTo(count: number, seen: number[] = []) {
  for (let item = 0; item < count; item++) {
    seen.push(item);
    yield item;
  }
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('tasks in order', () => {
  it('run side by side, at most so many, and hand over in order', async () => {
    let running = 0;
    let most = 0;
    const results: number[] = [];
    await inOrder(
      upTo(20),
      4,
      async (item) => {
        most = Math.max(most, ++running);
        for (let turns = item % 3; turns >= 0; turns--) await turn();
        running--;
        return item * 2;
      },
      (result, item, index) => {
        assert.deepEqual([result, item], [index * 2, index]);
        results.push(result);
      },
    );
    assert.equal(results.length, 20);
    assert.equal(most, 4);
  });

  it('read no further than their window', async () => {
    const seen: number[] = [];
    await inOrder(
      upTo(10, seen),
      3,
      async () => {},
      (_, item) => assert.ok(seen.length <= item + 3),
    );
  });

  it('stop at a failure, after what was started has ended', async () => {
    const ended: number[] = [];
    const settled: number[] = [];
    const run = inOrder(
      upTo(100),
      4,
      async (item) => {
        await turn();
        ended.push(item);
        if (item === 5) throw new Error('stop here');
      },
      (_, item) => settled.push(item),
    );
    await assert.rejects(run, /stop here/);
    assert.deepEqual(settled, [0, 1, 2, 3, 4]);
    assert.ok(ended.length <= 9);
    const count = ended.length;
    await turn();
    assert.equal(ended.length, count);
  });
});

describe('chains', () => {
  it('run one name one after another, other names beside', async () => {
    const chain = chains();
    const log: string[] = [];
    const task = (name: string) => async () => {
      log.push(`${name} starts`);
      await turn();
      log.push(`${name} ends`);
    };
    await Promise.all([chain('a', task('a1')), chain('a', task('a2')), chain('b', task('b1'))]);
    assert.deepEqual(log.indexOf('a1 ends') < log.indexOf('a2 starts'), true);
    assert.deepEqual(log.indexOf('b1 starts') < log.indexOf('a1 ends'), true);
  });

  it('run nothing more of a name after a failure', async () => {
    const chain = chains();
    const failing = chain('a', async () => {
      throw new Error('first');
    });
    const after = chain('a', async () => 'second');
    await assert.rejects(failing, /first/);
    await assert.rejects(after, /first/);
    await assert.rejects(
      chain('a', async () => 'third'),
      /first/,
    );
    assert.equal(await chain('b', async () => 'other'), 'other');
  });
});
