/** How an operator hears of bad days, as the templates have it: what is watched, by whom, and what it costs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Template } from 'aws-cdk-lib/assertions';
import { FOUND_IN_LOGS, metricNamespace, NOTICES } from '../../functions/metrics.ts';
import { memberTemplate } from '../../infra/member-template.ts';
import { consortium, stacks, templates } from './synthesis.ts';

const { consortium: template, platform } = templates(true);
const of = (type: string) => Object.entries(template.findResources(type));
const COUNTED = [...Object.keys(NOTICES), ...Object.keys(FOUND_IN_LOGS)].sort();
const namespace = metricNamespace(consortium.name);

describe('what is watched', () => {
  it('is eight alarms a consortium, of one billed metric each, which tell the topic', () => {
    const alarms = of('AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
    assert.equal(alarms.length, 8);
    const [[topic]] = of('AWS::SNS::Topic') as [[string, unknown]];
    for (const alarm of alarms) {
      assert.ok(alarm.MetricName && !alarm.Metrics, 'metric math is billed by each of its metrics');
      assert.deepEqual(alarm.AlarmActions, [{ Ref: topic }]);
      assert.equal(alarm.TreatMissingData, 'notBreaching');
      assert.ok(alarm.AlarmDescription.length > 20);
    }
    const own = alarms.filter(({ Namespace }) => Namespace === namespace);
    assert.deepEqual(own.map(({ MetricName }) => MetricName).sort(), COUNTED);
    assert.ok(own.every(({ Dimensions }) => Dimensions === undefined));
    assert.equal(Object.keys(platform.findResources('AWS::CloudWatch::Alarm')).length, 0);
  });

  it('counts what Lambda writes to the log of each node and of the gateway', () => {
    const filters = of('AWS::Logs::MetricFilter').map(([, { Properties }]) => Properties);
    const watched = of('AWS::Lambda::Function').filter(
      ([, { Properties }]) =>
        Properties.Environment?.Variables.FUQI_ENTRY ??
        Properties.Environment?.Variables.FUQI_MEMBERS,
    );
    assert.equal(watched.length, 2 * consortium.members.length + 1);
    for (const [, { Properties }] of watched) {
      const found = filters.filter(
        ({ LogGroupName }) => LogGroupName.Ref === Properties.LoggingConfig.LogGroup.Ref,
      );
      const counted = found.flatMap(({ MetricTransformations }) => MetricTransformations);
      assert.deepEqual(
        counted.map(({ MetricName }) => MetricName).sort(),
        Object.keys(FOUND_IN_LOGS).sort(),
      );
      for (const one of counted) {
        assert.equal(one.MetricNamespace, namespace);
        // A default value would be sent, and billed, all the time.
        assert.equal(one.DefaultValue, undefined);
      }
    }
  });

  it('has one dashboard', () => {
    assert.equal(of('AWS::CloudWatch::Dashboard').length, 1);
  });
});

describe('a lost key', () => {
  it('is told of when it is disabled or to be deleted, whichever key it is', () => {
    const [[, rule]] = of('AWS::Events::Rule') as [[string, { Properties: never }]];
    const { EventPattern: pattern, Targets: targets } = rule.Properties as {
      EventPattern: { detail: { eventName: string[]; resources: { ARN: object[] } } };
      Targets: { Arn: { Ref: string } }[];
    };
    assert.deepEqual(pattern.detail.eventName, ['DisableKey', 'ScheduleKeyDeletion']);
    const watched = JSON.stringify(pattern.detail.resources.ARN);
    const keys = [
      ...of('AWS::KMS::Key'),
      ...Object.entries(platform.findResources('AWS::KMS::Key')),
    ];
    assert.equal(keys.length, consortium.members.length + 1);
    for (const [id] of keys) assert.ok(watched.includes(id), id);
    assert.deepEqual(
      targets.map(({ Arn }) => Arn.Ref),
      of('AWS::SNS::Topic').map(([id]) => id),
    );
  });

  it('is told of, too, where its member joined later', () => {
    const later = Template.fromJSON(memberTemplate(true, consortium.limits));
    const [[key]] = Object.entries(later.findResources('AWS::KMS::Key')) as [[string, object]];
    const [rule] = Object.values(later.findResources('AWS::Events::Rule'));
    const { ARN } = rule!.Properties.EventPattern.detail.resources;
    assert.deepEqual(ARN, [{ 'Fn::GetAtt': [key, 'Arn'] }]);
    assert.deepEqual(rule!.Properties.Targets[0].Arn, { Ref: 'NoticesArn' });
  });

  it('may be published to the topic by alarms of this account and by the rule', () => {
    const [[, policy]] = of('AWS::SNS::TopicPolicy') as [[string, { Properties: never }]];
    const { Statement } = (policy.Properties as { PolicyDocument: { Statement: never[] } })
      .PolicyDocument;
    const allowed = (
      Statement as { Effect: string; Principal: { Service: string }; Action: string }[]
    )
      .filter(({ Effect }) => Effect === 'Allow')
      .map(({ Principal, Action }) => [Principal.Service, Action]);
    assert.deepEqual(allowed.sort(), [
      ['cloudwatch.amazonaws.com', 'sns:Publish'],
      ['events.amazonaws.com', 'sns:Publish'],
    ]);
  });
});

it('tells the operator by e-mail where the file has an address', () => {
  assert.equal(of('AWS::SNS::Subscription').length, 0);
  const operator = { email: 'operator@example.com' };
  const told = Template.fromStack(stacks(true, { ...consortium, operator }).consortium);
  told.hasResourceProperties('AWS::SNS::Subscription', {
    Protocol: 'email',
    Endpoint: operator.email,
  });
});
