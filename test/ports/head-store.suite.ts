/** The law of `shared/ports/head-store.ts`, sentence by sentence. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Harness, opened, plain } from './harness.ts';

const record = (version: number, ...bytes: number[]) => ({
  version,
  bytes: Uint8Array.from(bytes),
});

export function headStoreSuite(harness: Harness): void {
  const says = (sentence: string) => `head store (${harness.adapter}): ${sentence}`;

  test(says('there is no record before the first swap'), async () => {
    const { heads } = await opened(harness);
    assert.equal(await heads.read('safety'), undefined);
    assert.equal(await heads.swap('safety', 1, record(2, 1)), false);
    assert.equal(await heads.read('safety'), undefined);
  });

  test(says('read answers the last record that was swapped in, whole'), async () => {
    const { heads } = await opened(harness);
    assert.equal(await heads.swap('head', 0, record(1, 1, 2, 3)), true);
    assert.equal(await heads.swap('head', 1, record(2, 4)), true);
    const read = await heads.read('head');
    assert.equal(read?.version, 2);
    assert.deepEqual(plain(read?.bytes), Uint8Array.of(4));
  });

  test(says('a swap on another version answers false and changes nothing'), async () => {
    const { heads } = await opened(harness);
    await heads.swap('head', 0, record(1, 1));
    for (const expected of [0, 2, 7]) {
      assert.equal(await heads.swap('head', expected, record(expected + 1, 9)), false);
    }
    assert.deepEqual(plain((await heads.read('head'))?.bytes), Uint8Array.of(1));
    assert.equal((await heads.read('head'))?.version, 1);
  });

  test(says('the records are items of their own'), async () => {
    const { heads } = await opened(harness);
    assert.deepEqual(
      await Promise.all([
        heads.swap('safety', 0, record(1, 1)),
        heads.swap('head', 0, record(1, 2)),
        heads.swap('lease', 0, record(1, 3)),
      ]),
      [true, true, true],
    );
    assert.equal(await heads.swap('lease', 1, record(2, 4)), true);
    assert.deepEqual(plain((await heads.read('safety'))?.bytes), Uint8Array.of(1));
    assert.deepEqual(plain((await heads.read('head'))?.bytes), Uint8Array.of(2));
    assert.deepEqual(plain((await heads.read('lease'))?.bytes), Uint8Array.of(4));
  });

  test(says('of a hundred swaps on the same version exactly one succeeds'), async () => {
    const { heads } = await opened(harness);
    for (let version = 0; version < 3; version++) {
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          heads.swap('safety', version, record(version + 1, index)),
        ),
      );
      assert.equal(answers.filter((answer) => answer).length, 1);
      const winner = answers.indexOf(true);
      assert.deepEqual(plain((await heads.read('safety'))?.bytes), Uint8Array.of(winner));
    }
  });

  test(says('a read after a swap answered is never older than it'), async () => {
    const { heads } = await opened(harness);
    for (let version = 0; version < 50; version++) {
      const [, before] = await Promise.all([
        heads.swap('head', version, record(version + 1, version)),
        heads.read('head'),
      ]);
      assert.ok((before?.version ?? 0) >= version);
      assert.equal((await heads.read('head'))?.version, version + 1);
    }
  });

  test(says('what was stored does not change with the bytes that were given or read'), async () => {
    const { heads } = await opened(harness);
    const given = record(1, 1, 2, 3);
    await heads.swap('safety', 0, given);
    given.bytes.fill(0);
    (await heads.read('safety'))!.bytes.fill(0);
    assert.deepEqual(plain((await heads.read('safety'))?.bytes), Uint8Array.of(1, 2, 3));
  });

  if (harness.reopen) {
    const { reopen } = harness;
    test(says('a record survives closing and opening again'), async () => {
      const stores = await harness.open();
      await stores.heads.swap('safety', 0, record(1, 1));
      await stores.heads.swap('safety', 1, record(2, 2));
      const again = await reopen(stores);
      const read = await again.heads.read('safety');
      assert.equal(read?.version, 2);
      assert.deepEqual(plain(read?.bytes), Uint8Array.of(2));
      assert.equal(await again.heads.swap('safety', 1, record(2, 9)), false);
      assert.equal(await again.heads.swap('safety', 2, record(3, 3)), true);
      await again.close();
    });
  }
}
