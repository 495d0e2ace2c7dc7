/** The lease of the drive: one of a node's invocations at a time, and never for ever. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memoryStores } from '../../node/memory/stores.ts';
import { releaseLease, takeLease } from '../../shared/replica/lease.ts';
import type { Replica } from '../../shared/replica/replica.ts';

const BASE_MS = 1000;
const stores = memoryStores();
let now = 1_000_000;

/** An invocation of a node, as far as a lease looks at it. */
const invocation = (holder: string): Replica =>
  ({
    lease: { holder, until: 0 },
    ports: { heads: stores.heads, time: { now: () => now } },
    epoch: { parameters: { baseTimeoutMs: BASE_MS } },
  }) as unknown as Replica;

describe('the lease of the drive', () => {
  it('is held by one, given back, and taken by the next', async () => {
    const [a, b] = [invocation('a'), invocation('b')];
    assert.equal(await takeLease(a), true);
    assert.equal(await takeLease(b), false);
    assert.equal(await takeLease(a), true, 'its holder goes on');
    await releaseLease(b);
    assert.equal(await takeLease(b), false, 'nobody gives back what another holds');
    await releaseLease(a);
    assert.equal(await takeLease(b), true);
    await releaseLease(b);
  });

  it('goes to one of many that want it at once', async () => {
    const many = Array.from({ length: 8 }, (_, index) => invocation(`many ${index}`));
    const taken = await Promise.all(many.map(takeLease));
    assert.equal(taken.filter(Boolean).length, 1);
    await releaseLease(many[taken.indexOf(true)]!);
  });

  it('ends by itself where its holder was killed, and is renewed where it works', async () => {
    const [killed, next] = [invocation('killed'), invocation('next')];
    assert.equal(await takeLease(killed), true);
    now += BASE_MS - 1;
    assert.equal(await takeLease(next), false);
    now += 1;
    assert.equal(await takeLease(next), true);
    for (let round = 0; round < 5; round++) {
      now += BASE_MS * 0.6;
      assert.equal(await takeLease(next), true);
      assert.equal(await takeLease(killed), false);
    }
    await releaseLease(next);
  });

  it('lost to another, is given back by nobody, and without a fault', async () => {
    const [slow, other] = [invocation('slow'), invocation('other')];
    assert.equal(await takeLease(slow), true);
    now += BASE_MS;
    assert.equal(await takeLease(other), true);
    assert.equal(await takeLease(slow), false);
    await releaseLease(slow);
    assert.equal(await takeLease(slow), false, 'the other one holds it still');
    await releaseLease(other);
    assert.equal(await takeLease(slow), true);
    await releaseLease(slow);
  });

  it('is not held by one whose clock was far ahead', async () => {
    const ahead = invocation('ahead');
    now += 3600_000;
    assert.equal(await takeLease(ahead), true);
    now -= 3600_000;
    assert.equal(await takeLease(invocation('right')), true);
  });
});
