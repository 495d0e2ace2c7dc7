/** cdk-nag's AWS Solutions rules over the stacks as they are deployed in production. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AwsSolutionsChecks } from 'cdk-nag';
import { NAG_SUPPRESSIONS } from '../../infra/nag-suppressions.ts';
import { ownAccount, stacks } from './synthesis.ts';

const findings = [stacks(true).app, ownAccount(true).app]
  .flatMap((app) => new AwsSolutionsChecks().validateScope(app).violations)
  .flatMap(({ ruleName, description, violatingResources }) =>
    violatingResources.map(({ constructPath }) => ({
      rule: ruleName,
      at: String(constructPath),
      description,
    })),
  );
const fits = (
  suppression: (typeof NAG_SUPPRESSIONS)[number],
  { rule, at }: (typeof findings)[number],
): boolean => suppression.rule.test(rule) && suppression.at.test(at);

describe('the AWS Solutions rules', () => {
  it('find nothing without a reason', () => {
    const open = findings.filter((finding) => !NAG_SUPPRESSIONS.some((one) => fits(one, finding)));
    assert.deepEqual(open, []);
  });

  it('have no suppression that is out of use, and none without a sentence', () => {
    for (const one of NAG_SUPPRESSIONS) {
      assert.ok(
        findings.some((finding) => fits(one, finding)),
        `nothing is found any more by ${one.rule} at ${one.at}`,
      );
      assert.match(one.because, /^[A-Z].{40,}\.$/u);
    }
  });
});
