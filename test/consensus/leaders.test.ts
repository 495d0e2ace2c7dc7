/** Leaders that lose their tenure are passed over, ever longer, and never more than f of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Digest } from '../../shared/bytes/digest.ts';
import {
  decodeLeaders,
  EVERYBODY,
  encodeLeaders,
  type Leaders,
  leaderIndex,
  leadersAfter,
} from '../../shared/consensus/leaders.ts';
import {
  faultsTolerated,
  tenureEnd,
  type ValidatorSet,
} from '../../shared/consensus/validators.ts';

const setOf = (n: number, tenureRounds: number): ValidatorSet => ({
  ledger: '00'.repeat(32) as Digest,
  epoch: 1,
  tenureRounds,
  validators: Array.from({ length: n }, (_, index) => ({
    member: `m${index}`,
    key: { kty: 'EC', crv: 'P-256', x: '', y: '' },
  })),
});

/** Blocks of every round, but for leaders that are down: their tenures end in a timeout. */
function run(set: ValidatorSet, rounds: number, down: (validator: number) => boolean) {
  let leaders: Leaders = EVERYBODY;
  let parentRound = 0;
  let timeouts = 0;
  const led = new Map<number, number>();
  for (let round = 1; round <= rounds; ) {
    const leader = leaderIndex(set, leaders, round);
    if (down(leader)) {
      timeouts++;
      round = tenureEnd(set, round) + 1;
      continue;
    }
    led.set(leader, (led.get(leader) ?? 0) + 1);
    leaders = leadersAfter(set, leaders, { round, parentRound });
    parentRound = round;
    round++;
  }
  return { leaders, timeouts, led };
}

describe('leaders', () => {
  it('cost few timeouts where a validator is down for good', () => {
    const set = setOf(4, 8);
    const { timeouts } = run(set, 8 * 4 * 200, (validator) => validator === 2);
    // In turn they would be 200; passed over for 4, 8, … 256 tenures they are about ten.
    assert.ok(timeouts <= 10, `${timeouts} timeouts in 200 turns`);
  });

  it('share the tenures of the one that is passed over', () => {
    const { led } = run(setOf(4, 1), 4000, (validator) => validator === 0);
    for (const validator of [1, 2, 3]) assert.ok((led.get(validator) ?? 0) > 1200);
  });

  it('come back, and are forgiven when they end a tenure', () => {
    const set = setOf(4, 2);
    const { leaders } = run(set, 40, (validator) => validator === 1);
    assert.equal(leaders.passedOver[0]?.validator, 1);
    let now = leaders;
    let led = 0;
    for (let round = 41; round < 2000; round++) {
      if (leaderIndex(set, now, round) === 1) led++;
      now = leadersAfter(set, now, { round, parentRound: round - 1 });
    }
    assert.deepEqual(now.passedOver, []);
    assert.ok(led > 300, `${led} rounds led after coming back`);
  });

  it('are at the most f passed over, whatever happens, and nobody where f is 0', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 5 }),
        gaps,
        (n, t, list) => {
          const set = setOf(n, t);
          let leaders: Leaders = EVERYBODY;
          let parentRound = 0;
          for (const gap of list) {
            const round = gap === 0 ? parentRound + 1 : tenureEnd(set, parentRound + gap) + 1;
            leaders = leadersAfter(set, leaders, { round, parentRound });
            parentRound = round;
            assert.ok(leaders.passedOver.length <= faultsTolerated(n));
            const leader = leaderIndex(set, leaders, round + 1);
            assert.ok(leader >= 0 && leader < n);
            assert.deepEqual(decodeLeaders(encodeLeaders(leaders)), leaders);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('start anew with an epoch', () => {
    const { leaders } = run(setOf(4, 2), 40, (validator) => validator === 1);
    const next = { ...setOf(4, 2), epoch: 2 };
    assert.equal(leaderIndex(next, leaders, 3), 1);
  });
});
