/** The evaluator of the policy tests against cases of the IAM User Guide's own tables. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAllowed, type Statement } from './policy-evaluator.ts';

const ROLE = 'arn:aws:iam::111122223333:role/Node';
const ROOT = 'arn:aws:iam::111122223333:root';
const allow = (
  actions: string[],
  resources: string[],
  more: Partial<Statement> = {},
): Statement => ({
  effect: 'Allow',
  actions,
  resources,
  principals: [],
  condition: {},
  ...more,
});
const deny = (actions: string[], more: Partial<Statement> = {}): Statement =>
  allow(actions, ['*'], { effect: 'Deny', ...more });

const decide = (
  identity: Statement[],
  asked: { action?: string; resource?: string; context?: Record<string, string[]> } = {},
  more: { boundary?: Statement[]; resource?: Statement[] } = {},
): boolean =>
  isAllowed(
    { action: 'sqs:SendMessage', resource: 'arn:aws:sqs:::a', context: {}, ...asked },
    { principal: ROLE, identity, resource: [], ...more },
  );
const when = (operator: string, values: string[]): Statement[] => [
  allow(['*'], ['*'], { condition: { [operator]: { key: values } } }),
];

describe('the policy evaluator', () => {
  it('denies what nobody allows', () => {
    assert.equal(decide([]), false);
    assert.equal(decide([allow(['sqs:ReceiveMessage'], ['*'])]), false);
    assert.equal(decide([allow(['sqs:SendMessage'], ['arn:aws:sqs:::b'])]), false);
  });

  it('reads wildcards, actions in any case, and a point as a point', () => {
    assert.equal(decide([allow(['SQS:send*'], ['arn:aws:sqs:::?'])]), true);
    assert.equal(decide([allow(['sqs:SendMessage'], ['arn.aws:sqs:::a'])]), false);
  });

  it('lets a denial win, wherever it stands', () => {
    const identity = [allow(['*'], ['*'])];
    assert.equal(decide([...identity, deny(['sqs:*'])]), false);
    assert.equal(decide(identity, {}, { boundary: [...identity, deny(['sqs:*'])] }), false);
    assert.equal(
      decide(identity, {}, { resource: [deny(['sqs:*'], { principals: ['*'] })] }),
      false,
    );
    const other = ['arn:aws:iam::111122223333:role/Other'];
    assert.equal(
      decide(identity, {}, { resource: [deny(['sqs:*'], { principals: other })] }),
      true,
    );
  });

  it('keeps an identity within its boundary', () => {
    const identity = [allow(['*'], ['*'])];
    assert.equal(decide(identity, {}, { boundary: [allow(['kms:*'], ['*'])] }), false);
    assert.equal(decide(identity, {}, { boundary: [allow(['sqs:*'], ['*'])] }), true);
    assert.equal(decide([], {}, { boundary: [allow(['sqs:*'], ['*'])] }), false);
  });

  it('reaches a key only as its key policy says', () => {
    const sign = { action: 'kms:Sign', resource: 'arn:aws:kms:::key/a' };
    const identity = [allow(['kms:Sign'], ['*'])];
    const root = [allow(['kms:*'], ['*'], { principals: [ROOT] })];
    assert.equal(decide(identity, sign), false);
    assert.equal(decide(identity, sign, { resource: root }), true);
    assert.equal(decide([], sign, { resource: root }), false);
    assert.equal(
      decide([], sign, { resource: [allow(['*'], ['*'], { principals: [ROLE] })] }),
      true,
    );
  });

  it('compares conditions as their operators say, absent keys too', () => {
    const with_ = (operator: string, wanted: string[], values?: string[]): boolean =>
      decide(when(operator, wanted), values ? { context: { key: values } } : {});
    assert.equal(with_('StringEquals', ['a', 'b'], ['b']), true);
    assert.equal(with_('StringEquals', ['a'], ['A']), false);
    assert.equal(with_('StringEquals', ['a']), false);
    assert.equal(with_('StringEqualsIfExists', ['a']), true);
    assert.equal(with_('StringEqualsIfExists', ['a'], ['b']), false);
    assert.equal(with_('StringNotEquals', ['a'], ['b']), true);
    assert.equal(with_('StringNotEquals', ['a', 'b'], ['b']), false);
    assert.equal(with_('StringNotEquals', ['a']), true);
    assert.equal(with_('StringLike', ['a*'], ['ab']), true);
    assert.equal(with_('ArnNotEquals', ['a'], ['a']), false);
    assert.equal(with_('ForAllValues:StringEquals', ['a', 'b'], ['b', 'a']), true);
    assert.equal(with_('ForAllValues:StringEquals', ['a'], ['a', 'b']), false);
    assert.equal(with_('ForAllValues:StringEquals', ['a']), true);
    assert.equal(with_('ForAnyValue:StringEquals', ['a'], ['b', 'a']), true);
    assert.equal(with_('ForAnyValue:StringEquals', ['a']), false);
    assert.equal(with_('Bool', ['false'], ['true']), false);
    assert.throws(() => with_('NumericLessThan', ['1'], ['0']), /knows no operator/);
  });
});
