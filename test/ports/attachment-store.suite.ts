/** The law of `shared/ports/attachment-store.ts`, sentence by sentence. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../shared/ledger/limits.ts';
import type { AttachmentStore } from '../../shared/ports/attachment-store.ts';
import { bytesOf, plain } from './harness.ts';

export interface AttachmentHarness {
  readonly adapter: string;
  /** An empty store. */
  open(): Promise<AttachmentStore>;
  /** Closes a store and opens what it left behind; absent where nothing is left. */
  reopen?(store: AttachmentStore): Promise<AttachmentStore>;
}

const [A, B] = ['ab'.repeat(16), 'cd'.repeat(32)] as const;

export function attachmentStoreSuite({ adapter, open, reopen }: AttachmentHarness): void {
  const says = (sentence: string) => `attachment store (${adapter}): ${sentence}`;

  test(says('get answers what was put last, of each name and part'), async () => {
    const store = await open();
    assert.equal(await store.get(A, 0), undefined);
    await store.put(A, 0, bytesOf(10, 1));
    await store.put(A, 1, bytesOf(11, 2));
    await store.put(B, 0, bytesOf(12, 3));
    await store.put(A, 0, bytesOf(13, 4));
    assert.deepEqual(plain(await store.get(A, 0)), bytesOf(13, 4));
    assert.deepEqual(plain(await store.get(A, 1)), bytesOf(11, 2));
    assert.deepEqual(plain(await store.get(B, 0)), bytesOf(12, 3));
    assert.equal(await store.get(A, 2), undefined);
    assert.equal(await store.get(B, 1), undefined);
    const there = await Promise.all([0, 1, 2].map((part) => store.has(A, part)));
    assert.deepEqual(there, [true, true, false]);
  });

  test(says('takes parts as large as there are'), async () => {
    const store = await open();
    const bytes = bytesOf(LIMITS.attachmentPartBytes + 64, 7);
    await store.put(A, 24, bytes);
    const found = await store.get(A, 24);
    assert.ok(found && Buffer.compare(found, bytes) === 0);
  });

  test(says('removed parts are gone, and removing them again succeeds'), async () => {
    const store = await open();
    for (const part of [0, 1, 2]) await store.put(A, part, bytesOf(5, part));
    await store.put(B, 0, bytesOf(5, 9));
    await store.remove(A, 2);
    assert.equal(await store.get(A, 0), undefined);
    assert.equal(await store.get(A, 1), undefined);
    assert.equal(await store.has(A, 1), false);
    assert.deepEqual(plain(await store.get(A, 2)), bytesOf(5, 2));
    await store.remove(A, 25);
    assert.equal(await store.get(A, 2), undefined);
    assert.deepEqual(plain(await store.get(B, 0)), bytesOf(5, 9));
  });

  test(says('names that tell something, and parts out of all bounds, are faults'), async () => {
    const store = await open();
    for (const [name, part] of [
      ['invoice.pdf', 0],
      [`${A}/0`, 0],
      [A, -1],
      [A, 64],
      [A, 0.5],
    ] as const) {
      await assert.rejects(async () => store.put(name, part, bytesOf(1, 1)));
    }
  });

  if (!reopen) return;
  test(says('what was put is there after it was opened anew'), async () => {
    const store = await open();
    await store.put(A, 0, bytesOf(100, 1));
    await store.put(B, 3, bytesOf(100, 2));
    await store.remove(A, 1);
    const again = await reopen(store);
    assert.equal(await again.get(A, 0), undefined);
    assert.deepEqual(plain(await again.get(B, 3)), bytesOf(100, 2));
  });
}
