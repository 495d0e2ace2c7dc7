/** Work done together: each item once, in order, in lots as large as what waits. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { Together } from '../../shared/replica/together.ts';

it('does each item once, in lots within what is allowed, and answers each its own', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.nat({ max: 99 }), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 7 }),
      async (scheduler, items, ways, most) => {
        const done: number[] = [];
        let [underWay, idle] = [0, 0];
        const together = new Together<number, string>({
          ways,
          take: (waiting) => Math.min(waiting.length, most),
          async run(lot) {
            underWay++;
            assert.ok(underWay <= ways && lot.length >= 1 && lot.length <= most);
            await scheduler.schedule(Promise.resolve());
            done.push(...lot);
            underWay--;
            if (lot.includes(13)) throw new Error('unlucky');
            return lot.map((item) => `did ${item}`);
          },
          onIdle: () => {
            assert.equal(underWay, 0);
            idle++;
          },
        });
        const asked = items.map(async (item) => {
          await scheduler.schedule(Promise.resolve());
          return together.add(item).then(
            (answer) => assert.equal(answer, `did ${item}`),
            (error: Error) => assert.equal(error.message, 'unlucky'),
          );
        });
        await scheduler.waitFor(Promise.all(asked));
        assert.deepEqual([...done].sort(), [...items].sort());
        assert.ok(idle >= 1);
      },
    ),
    { numRuns: 100 },
  );
});

it('gathers what comes in one turn, and what comes while a lot is under way', async () => {
  const lots: number[][] = [];
  let finish = (): void => {};
  const together = new Together<number, number>({
    ways: 1,
    async run(lot) {
      lots.push([...lot]);
      if (lots.length === 1) await new Promise<void>((resolve) => (finish = resolve));
      return lot;
    },
  });
  const first = [together.add(1), together.add(2)];
  await Promise.resolve();
  const later = [together.add(3), together.add(4), together.add(5)];
  finish();
  assert.deepEqual(await Promise.all([...first, ...later]), [1, 2, 3, 4, 5]);
  assert.deepEqual(lots, [
    [1, 2],
    [3, 4, 5],
  ]);
});
