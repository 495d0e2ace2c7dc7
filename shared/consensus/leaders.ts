/**
 * Who leads a round. Leaders take turns, a tenure of rounds each; one whose tenure was timed out is
 * passed over for a while that doubles each time, so that a validator that is down for good does not
 * cost a timeout each time its turn comes. All of it is a function of the chain below the block that
 * is proposed: every replica that has its parent computes the same (compare the leader reputation of
 * Spiegelman et al., "Shoal", 2023, §4, and of DiemBFT v4, 2021, §3.5).
 */
import type { Cbor } from '../bytes/cbor.ts';
import { list, natural } from '../bytes/cbor-shape.ts';
import { faultsTolerated, type ValidatorSet } from './validators.ts';

/** A validator that is passed over. */
export interface PassedOver {
  /** Index in the epoch's validator set. */
  readonly validator: number;
  /** Tenures in a row that it lost. */
  readonly failures: number;
  /** The first tenure of the epoch that it may lead again. */
  readonly until: number;
}

/** Who is passed over after a block; at the most f validators. */
export interface Leaders {
  readonly epoch: number;
  readonly passedOver: readonly PassedOver[];
}

/** Everybody leads. */
export const EVERYBODY: Leaders = { epoch: 0, passedOver: [] };

/** A validator sits out n·2^0, n·2^1, … tenures, up to n·2^this. */
const DOUBLINGS_MAX = 6;

/** The tenure of a round, from 0. Rounds start at 1. */
export const tenureOf = (set: ValidatorSet, round: number): number =>
  Math.floor((Math.max(1, round) - 1) / set.tenureRounds);

/** The index of the leader of a round, as the chain up to the round's parent says it. */
export const leaderIndex = (set: ValidatorSet, leaders: Leaders, round: number): number =>
  leaderOfTenure(set, leaders, tenureOf(set, round));

/** The member that leads a round. */
export const leaderOf = (set: ValidatorSet, leaders: Leaders, round: number): string =>
  set.validators[leaderIndex(set, leaders, round)]!.member;

function leaderOfTenure(set: ValidatorSet, leaders: Leaders, tenure: number): number {
  const n = set.validators.length;
  const turn = tenure % n;
  if (leaders.epoch !== set.epoch) return turn;
  const out = new Set<number>();
  for (const { validator, until } of leaders.passedOver) if (tenure < until) out.add(validator);
  if (!out.has(turn)) return turn;
  // The others share these tenures in turn.
  const others = [...set.validators.keys()].filter((index) => !out.has(index));
  return others[Math.floor(tenure / n) % others.length]!;
}

/**
 * Who is passed over after a block of `round` on a parent certified in `parentRound`. Rounds between
 * them were timed out: the leaders of the tenures that ended so are passed over. A leader that comes
 * back is forgiven when it ends a tenure.
 */
export function leadersAfter(
  set: ValidatorSet,
  before: Leaders,
  { round, parentRound }: { readonly round: number; readonly parentRound: number },
): Leaders {
  const known = before.epoch === set.epoch ? before : { epoch: set.epoch, passedOver: [] };
  const now = tenureOf(set, round);
  if (round === parentRound + 1) {
    if (round % set.tenureRounds !== 0) return before;
    const author = leaderIndex(set, before, round);
    const passedOver = known.passedOver.filter(({ validator }) => validator !== author);
    return passedOver.length === known.passedOver.length ? before : { ...known, passedOver };
  }
  let { passedOver } = known;
  // Of a long run of lost tenures the last round of turns says it all.
  const n = set.validators.length;
  const first = Math.max(tenureOf(set, parentRound + 1), now - n);
  for (let tenure = first; tenure < now; tenure++) {
    const validator = leaderOfTenure(set, before, tenure);
    const failures = 1 + (passedOver.find((entry) => entry.validator === validator)?.failures ?? 0);
    const until = now + n * 2 ** Math.min(failures - 1, DOUBLINGS_MAX);
    const others = passedOver.filter((entry) => entry.validator !== validator);
    passedOver = [...others, { validator, failures, until }];
  }
  const f = faultsTolerated(n);
  // With more than f passed over, correct ones are among them: the latest failures count.
  return { epoch: set.epoch, passedOver: f === 0 ? [] : passedOver.slice(-f) };
}

/** CBOR form of a ledger's record of leaders. */
export const encodeLeaders = ({ epoch, passedOver }: Leaders): Cbor => [
  epoch,
  passedOver.map(({ validator, failures, until }): Cbor => [validator, failures, until]),
];

/** Reverses `encodeLeaders`; throws an Error on any other structure. */
export function decodeLeaders(item: Cbor): Leaders {
  const [epoch, entries] = list(item, 2);
  return {
    epoch: natural(epoch),
    passedOver: list(entries).map((entry) => {
      const [validator, failures, until] = list(entry, 3);
      return {
        validator: natural(validator),
        failures: natural(failures),
        until: natural(until),
      };
    }),
  };
}
