/** The linearizability checker against the plainest one there is: all orders of all subsets, tried in turn. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isLinearizable, type Operation } from './linearizability.ts';
import { EMPTY, type Input, type Output, REGISTER, type Register } from './register-contract.ts';

type Call = Operation<Input, Output>;

/** Whether some order puts each returned operation, and any of the others, between its call and its return. */
function hasOrder(left: readonly Call[], state: Register): boolean {
  if (left.every(({ returned }) => !returned)) return true;
  return left.some((first) => {
    const rest = left.filter((one) => one !== first);
    const isEarly = rest.every(({ returned }) => !returned || returned.at >= first.calledAt);
    const next = REGISTER.step(state, first.input, first.returned?.output);
    return isEarly && next !== undefined && hasOrder(rest, next);
  });
}

const value = fc.constantFrom('', 'a', 'b');
const input: fc.Arbitrary<Input> = fc.oneof(
  fc.constant({ key: 'k', method: 'read' } as const),
  fc.record({ key: fc.constant('k'), method: fc.constant('write' as const), value }),
  fc.record({ key: fc.constant('k'), method: fc.constant('cas' as const), expected: value, value }),
);
const register = fc.record({ value, writes: fc.nat(3) });
const output: fc.Arbitrary<Output> = fc.oneof(
  fc.record({ before: register }),
  fc.record({ found: value }),
);

/** Histories that are often right: most answers are those of some order of the calls. */
const histories = fc
  .array(
    fc.record({
      input,
      from: fc.nat(20),
      to: fc.nat(20),
      lost: fc.boolean(),
      other: fc.option(output),
    }),
    {
      maxLength: 6,
    },
  )
  .map((list) => {
    let state = EMPTY;
    return list
      .sort((a, b) => a.from - b.from)
      .map(({ input: asked, from, to, lost, other }): Call => {
        const { output: due, after } = applied(state, asked);
        state = after;
        const returned = { at: from + to, output: other ?? due };
        return { input: asked, calledAt: from, ...(lost ? {} : { returned }) };
      });
  });

function applied(state: Register, asked: Input): { output: Output; after: Register } {
  const output: Output =
    asked.method === 'cas' && asked.expected !== state.value
      ? { found: state.value }
      : { before: state };
  return { output, after: REGISTER.step(state, asked, undefined)! };
}

describe('the linearizability checker', () => {
  it('agrees with trying all orders', () => {
    const verdicts = { true: 0, false: 0 };
    fc.assert(
      fc.property(histories, (history) => {
        const due = hasOrder(history, EMPTY);
        verdicts[`${due}`]++;
        assert.equal(isLinearizable(history, REGISTER), due);
      }),
      { numRuns: 2000 },
    );
    assert.ok(verdicts.true > 200 && verdicts.false > 200, JSON.stringify(verdicts));
  });
});
