/** Work in the background until nothing is left: how long it waits, and what wakes it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Replica } from '../../shared/replica/replica.ts';
import {
  type Progress,
  startUntilNothingLeft,
  type UnderWay,
} from '../../shared/replica/until-nothing-left.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A replica on a clock that goes on when it is told, and work that comes to what it is told. */
function bench(more: object = {}) {
  const waits: { readonly ms: number; readonly done: () => void }[] = [];
  const time = { after: (ms: number, done: () => void) => waits.push({ ms, done }) };
  const replica = {
    ...{ stopped: false, lease: null, ports: { time }, background: new Set(), ...more },
  } as unknown as Replica;
  const [underWay, looks, faults]: [UnderWay, ((come: Progress) => void)[], unknown[]] = [
    new WeakMap(),
    [],
    [],
  ];
  const once = () => new Promise<Progress>((resolve) => looks.push(resolve));
  const start = () => startUntilNothingLeft(replica, underWay, once, (error) => faults.push(error));
  /** The look that is under way comes to this; answers for how long is waited then, if at all. */
  const comes = async (left: number, came = 0): Promise<number | undefined> => {
    const before = waits.length;
    looks.pop()!({ left, came });
    await turn();
    return waits.length > before ? waits.at(-1)!.ms : undefined;
  };
  const pass = async (): Promise<void> => {
    waits.at(-1)!.done();
    await turn();
  };
  return { replica, start, comes, pass, looks, waits, faults, underWay };
}

it('waits ever longer where nothing came of it, and soon again where something did', async () => {
  const { start, comes, pass, looks, underWay, replica } = bench();
  start();
  const waited: (number | undefined)[] = [];
  for (let count = 0; count < 8; count++) {
    waited.push(await comes(3));
    await pass();
  }
  assert.deepEqual(waited, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  assert.equal(await comes(2, 1), 1000);
  await pass();
  assert.equal(await comes(2), 2000);
  await pass();
  assert.equal(await comes(0, 2), undefined);
  assert.deepEqual([looks.length, underWay.has(replica)], [0, false]);
});

it('is woken from a long wait by what comes then, and looks again for what came while it looked', async () => {
  const { start, comes, pass, waits, looks, underWay, replica } = bench();
  start();
  for (let count = 0; count < 5; count++) {
    await comes(1);
    await pass();
  }
  assert.equal(await comes(1), 32_000);
  start();
  await turn();
  assert.equal(waits.at(-1)!.ms, 1000);
  await pass();
  assert.equal(looks.length, 1);
  // Nothing was left where it looked; what came meanwhile it may have passed by.
  start();
  assert.equal(await comes(0), 1000);
  await pass();
  assert.equal(await comes(0), undefined);
  assert.ok(!underWay.has(replica));
  start();
  assert.equal(looks.length, 1);
});

it('does it once where the host lives for one request, and ends with a fault or a stop', async () => {
  const hosted = bench({ lease: {} });
  hosted.start();
  assert.equal(await hosted.comes(5), undefined);
  assert.ok(!hosted.underWay.has(hosted.replica));
  hosted.start();
  hosted.start();
  assert.equal(await hosted.comes(5), undefined);
  assert.equal(hosted.looks.length, 1);

  const failing = bench();
  const { replica, underWay, faults } = failing;
  startUntilNothingLeft(
    replica,
    underWay,
    async () => {
      throw new Error('a store that fails');
    },
    (error) => faults.push(error),
  );
  await turn();
  assert.equal(String(faults[0]), 'Error: a store that fails');
  failing.start();
  assert.equal(failing.looks.length, 1);
  Object.assign(replica, { stopped: true });
  assert.equal(await failing.comes(1), 1000);
  await failing.pass();
  assert.deepEqual([failing.looks.length, underWay.has(replica)], [0, false]);
});
