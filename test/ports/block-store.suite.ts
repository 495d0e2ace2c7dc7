/** The law of `shared/ports/block-store.ts`, sentence by sentence. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../shared/ledger/limits.ts';
import { bytesOf, digestOf, type Harness, opened, plain } from './harness.ts';

export function blockStoreSuite(harness: Harness): void {
  const says = (sentence: string) => `block store (${harness.adapter}): ${sentence}`;

  test(says('a block that was never put is absent'), async () => {
    const { blocks } = await opened(harness);
    assert.equal(await blocks.get(digestOf('absent')), undefined);
  });

  test(says('a block is found whole as soon as put resolved'), async () => {
    const { blocks } = await opened(harness);
    for (const length of [0, 1, 100, 40_000, LIMITS.blockBytesMax]) {
      const block = bytesOf(length, length);
      await blocks.put(digestOf(length), block);
      assert.deepEqual(plain(await blocks.get(digestOf(length))), block);
    }
  });

  test(says('putting a block again changes nothing and succeeds'), async () => {
    const { blocks, heads } = await opened(harness);
    await blocks.put(digestOf(1), bytesOf(1000, 1));
    await blocks.put(digestOf(1), bytesOf(1000, 1));
    await heads.swap('safety', 0, { version: 1, bytes: bytesOf(10, 1) });
    await blocks.put(digestOf(1), bytesOf(1000, 1));
    assert.deepEqual(plain(await blocks.get(digestOf(1))), bytesOf(1000, 1));
  });

  test(says('blocks put at the same time are all found, before and after a swap'), async () => {
    const { blocks, heads } = await opened(harness);
    const numbers = Array.from({ length: 60 }, (_, index) => index);
    await Promise.all(numbers.map((each) => blocks.put(digestOf(each), bytesOf(200_000, each))));
    for (let round = 0; round < 2; round++) {
      for (const each of numbers) {
        assert.deepEqual(plain(await blocks.get(digestOf(each))), bytesOf(200_000, each));
      }
      await heads.swap('head', round, { version: round + 1, bytes: bytesOf(10, 1) });
    }
  });

  test(says('what was stored does not change with the bytes that were given or read'), async () => {
    const { blocks, heads } = await opened(harness);
    for (const length of [100, 50_000]) {
      const given = bytesOf(length, 1);
      await blocks.put(digestOf(length), given);
      given.fill(0);
      (await blocks.get(digestOf(length)))!.fill(0);
    }
    await heads.swap('head', 0, { version: 1, bytes: bytesOf(10, 1) });
    for (const length of [100, 50_000]) {
      const first = (await blocks.get(digestOf(length)))!;
      // A copy stays what it is while other blocks are read.
      await blocks.get(digestOf(150 - length));
      assert.deepEqual(plain(first), bytesOf(length, 1));
      first.fill(0);
      assert.deepEqual(plain(await blocks.get(digestOf(length))), bytesOf(length, 1));
    }
  });

  test(
    says('a removed block is absent, before and after a swap, and may be put again'),
    async () => {
      const { blocks, heads } = await opened(harness);
      let version = 0;
      const swap = () => heads.swap('head', version, { version: ++version, bytes: bytesOf(10, 1) });
      for (const [index, settled] of [false, true].entries()) {
        const [gone, kept] = [digestOf(10 * index), digestOf(10 * index + 1)];
        await blocks.put(gone, bytesOf(100, 1));
        await blocks.put(kept, bytesOf(100, 2));
        if (settled) await swap();
        await blocks.remove([gone, digestOf('absent')]);
        assert.equal(await blocks.get(gone), undefined);
        await swap();
        assert.equal(await blocks.get(gone), undefined);
        assert.deepEqual(plain(await blocks.get(kept)), bytesOf(100, 2));
        await blocks.put(gone, bytesOf(100, 1));
        assert.deepEqual(plain(await blocks.get(gone)), bytesOf(100, 1));
      }
    },
  );

  test(says('a block that is put while its removal is under way stays'), async () => {
    const { blocks, heads } = await opened(harness);
    await blocks.put(digestOf(1), bytesOf(100, 1));
    await heads.swap('head', 0, { version: 1, bytes: bytesOf(10, 1) });
    await blocks.remove([digestOf(1)]);
    const swap = heads.swap('head', 1, { version: 2, bytes: bytesOf(10, 1) });
    await Promise.resolve();
    await blocks.put(digestOf(1), bytesOf(100, 1));
    await swap;
    assert.deepEqual(plain(await blocks.get(digestOf(1))), bytesOf(100, 1));
    await heads.swap('head', 2, { version: 3, bytes: bytesOf(10, 1) });
    assert.deepEqual(plain(await blocks.get(digestOf(1))), bytesOf(100, 1));
  });

  if (harness.reopen) {
    const { reopen } = harness;
    test(says('blocks that were removed before a swap are gone after opening again'), async () => {
      const stores = await harness.open();
      await stores.blocks.put(digestOf(1), bytesOf(100, 1));
      await stores.heads.swap('head', 0, { version: 1, bytes: bytesOf(10, 1) });
      await stores.blocks.remove([digestOf(1)]);
      await stores.heads.swap('head', 1, { version: 2, bytes: bytesOf(10, 1) });
      const again = await reopen(stores);
      assert.equal(await again.blocks.get(digestOf(1)), undefined);
      await again.close();
    });
    test(says('blocks survive closing and opening again, with or without a swap'), async () => {
      const stores = await harness.open();
      await stores.blocks.put(digestOf(1), bytesOf(LIMITS.blockBytesMax, 1));
      await stores.heads.swap('safety', 0, { version: 1, bytes: bytesOf(10, 1) });
      await stores.blocks.put(digestOf(2), bytesOf(20_000, 2));
      const again = await reopen(stores);
      assert.deepEqual(
        plain(await again.blocks.get(digestOf(1))),
        bytesOf(LIMITS.blockBytesMax, 1),
      );
      assert.deepEqual(plain(await again.blocks.get(digestOf(2))), bytesOf(20_000, 2));
      await again.close();
    });
  }
}
