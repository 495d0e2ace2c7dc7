/**
 * An onboarding that is killed at any call of a service, before it or after it: whoever looks next goes on, and
 * comes to the same end.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StackState } from '../../functions/onboarding/member-stack.ts';
import type { Onboarding } from '../../functions/onboarding/record.ts';
import { advance, type OnboardingServices } from '../../functions/onboarding/steps.ts';
import type { Join } from '../../shared/api/join.ts';

type Invitation = Join['invitation'];
class Killed extends Error {}

/** Where a call is cut off: the how many-th of all, with its effect or without it. */
interface Cut {
  readonly call: number;
  readonly after: boolean;
}

interface Wanted {
  readonly moves: boolean;
  readonly refused: boolean;
  /** A stack of the member's last time is there. */
  readonly left: boolean;
}

/** The account, the consortium and its members as far as an onboarding sees them. */
class World {
  stack: StackState['is'] = 'absent';
  made = 0;
  kept = false;
  removed = 0;
  wakes = 0;
  calls = 0;
  accepted = 0;
  enrolments = 0;
  readonly #wanted: Wanted;
  readonly #cut: Cut | undefined;
  #progress = { status: 'open', joined: false, enrolled: false, votesItself: false };

  constructor(wanted: Wanted, cut: Cut | undefined) {
    this.#wanted = wanted;
    this.#cut = cut;
    if (wanted.left) this.stack = 'ready';
  }

  /** What goes on by itself between two looks. */
  pass(): void {
    if (this.stack === 'under-way') this.stack = 'ready';
    if (this.stack === 'going') this.stack = 'absent';
    const { moves, refused } = this.#wanted;
    if (this.#progress.status === 'accepted' && !refused) this.#progress.joined = true;
    if (this.wakes > 0 && this.#progress.enrolled) this.#progress.votesItself = true;
    assert.ok(
      !(moves && this.kept && !this.#progress.votesItself),
      'kept before it is the member’s',
    );
  }

  async #call<T>(effect: () => T): Promise<T> {
    const isCut = this.calls++ === this.#cut?.call;
    if (isCut && !this.#cut!.after) throw new Killed();
    const result = effect();
    if (isCut) throw new Killed();
    return result;
  }

  #invitation(): Invitation {
    const { moves, refused } = this.#wanted;
    const { status, ...rest } = this.#progress;
    const decided = rest.joined ? 'enacted' : refused ? 'refused' : 'open';
    const votes = { status: decided, approvals: [], refusals: [], needed: 3 };
    return {
      ...{ id: 'an invitation', member: 'newcomer', moves, validator: true, roles: [] },
      ...{ inviter: { member: 'first', identity: 'admin' }, invitedAt: 0, notAfter: 1e12 },
      ...{ proposal: status === 'accepted' ? 'a proposal' : null, nodeKeyId: null },
      ...rest,
      status: status as 'open',
      votes: status === 'accepted' ? votes : null,
    };
  }

  readonly services: OnboardingServices = {
    stacks: {
      state: () => this.#call(() => ({ is: this.stack, reason: '' }) as StackState),
      create: () =>
        this.#call(() => {
          // A stack that is there stays as it is.
          if (this.stack !== 'absent') return;
          this.made++;
          this.stack = 'under-way';
        }),
      keep: () =>
        this.#call(() => {
          this.kept = true;
        }),
      remove: () =>
        this.#call(() => {
          this.removed++;
          if (this.stack !== 'absent') this.stack = 'going';
          return true;
        }),
    },
    memberOf: () => this.#call(() => ({ id: 'newcomer' }) as never),
    join: (_token, step) =>
      this.#call(() => {
        const progress = this.#progress;
        if (step?.member && progress.status === 'open') {
          progress.status = 'accepted';
          this.accepted++;
        } else if (step && progress.joined && !progress.enrolled) {
          progress.enrolled = true;
          this.enrolments++;
        }
        return { invitation: this.#invitation(), consortium: 'c', ledger: 'l', genesis: {} };
      }),
    wake: () =>
      this.#call(() => {
        this.wakes++;
      }),
    now: () => 1000,
  };
}

const LOOKS_MAX = 40;

/** Looks again and again, as reminders do, until it is over; what was killed is not written down. */
async function onboard(wanted: Wanted, cut?: Cut) {
  const world = new World(wanted, cut);
  let record: Onboarding = {
    ...{ member: 'newcomer', invitation: 'an invitation', token: '', description: '{}' },
    ...{ reason: null, startedAt: 0, nextAt: 0, keysTaken: false, version: 1 },
    phase: wanted.left ? 'replacing' : 'creating',
  };
  for (let look = 0; look < LOOKS_MAX; look++) {
    if (record.phase === 'done' || record.phase === 'undone') return { world, record };
    try {
      record = await advance(world.services, record, 'a token', true);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
    world.pass();
  }
  throw new Error(`no end: ${record.phase}`);
}

const CASES: Readonly<Record<string, Wanted>> = {
  'a member that joins': { moves: false, refused: false, left: false },
  'a candidate that is refused': { moves: false, refused: true, left: false },
  'a member that moves here': { moves: true, refused: false, left: false },
  'a member that comes back': { moves: true, refused: false, left: true },
  'a move that is refused': { moves: true, refused: true, left: true },
};

describe('an onboarding that is killed at any call', () => {
  for (const [name, wanted] of Object.entries(CASES)) {
    it(`comes to its end: ${name}`, async () => {
      const { calls } = (await onboard(wanted)).world;
      const cuts = Array.from({ length: calls }, (_, call) =>
        [false, true].map((after): Cut => ({ call, after })),
      ).flat();
      assert.ok(cuts.length >= 12);
      for (const cut of [undefined, ...cuts]) {
        const { world, record } = await onboard(wanted, cut);
        const at = JSON.stringify(cut);
        assert.equal(world.made, 1, at);
        assert.equal(world.accepted, 1, at);
        assert.equal(record.phase, wanted.refused ? 'undone' : 'done', at);
        assert.equal(world.stack, wanted.refused ? 'absent' : 'ready', at);
        assert.equal(world.kept, !wanted.refused, at);
        assert.equal(world.enrolments, wanted.refused ? 0 : 1, at);
        assert.equal(record.reason !== null, wanted.refused, at);
      }
    });
  }
});
