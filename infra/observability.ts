/**
 * How an operator hears of a consortium's bad days: a topic, a few alarms, a rule for its keys, and one
 * dashboard. Alarms are billed by metric, so each looks at one that all members' functions send together.
 */
import { CfnCondition, type CfnResource, Duration, Fn, Stack, Token } from 'aws-cdk-lib';
import {
  Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  MathExpression,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { FilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  FOUND_IN_LOGS,
  type FoundInLogs,
  metricNamespace,
  NOTICES,
  type Notice,
} from '../functions/metrics.ts';

export interface ObservabilityProps {
  readonly consortium: string;
  /** Who is told by e-mail; the address confirms once. */
  readonly email?: string | undefined;
  readonly alarmQueue: IQueue;
  /** Keys that somebody must hear of when they are disabled or scheduled for deletion. */
  readonly keys: readonly IKey[];
  /** There is one unless told: the first three of an account are free. */
  readonly hasDashboard?: boolean;
}

/** When a metric is bad: so many of so many minutes with at least one count. */
interface Watch {
  readonly minutes: number;
  readonly of: number;
  readonly description: string;
}
const WATCHES: Readonly<Record<Notice | FoundInLogs, Watch>> = {
  CommitWaits: {
    minutes: 2,
    of: 3,
    description: `${NOTICES.CommitWaits}: too few validators answer. GET …/consensus of a node says who is missing.`,
  },
  ReplicaBehind: {
    minutes: 3,
    of: 5,
    description: `${NOTICES.ReplicaBehind}: the log line names the members. One more may bring the ledger to a stop.`,
  },
  CannotSign: {
    minutes: 1,
    of: 1,
    description: `${NOTICES.CannotSign}: enable it again or cancel its deletion at once. The log line names the key.`,
  },
  NearTimeout: {
    minutes: 3,
    of: 5,
    description: `${NOTICES.NearTimeout}: functions are short of time: too little concurrency, slow services or too large blocks.`,
  },
  Faults: {
    minutes: 3,
    of: 5,
    description: 'Invocations fail, time out or run out of memory.',
  },
  Throttled: {
    minutes: 3,
    of: 5,
    description: 'DynamoDB, KMS, Lambda or SQS refuse calls for their rate: raise the quota.',
  },
};
/** An alarm of a node rings within 24 s, and after a minute's wait again where it could not be rung. */
const QUEUE_AGE = Duration.minutes(5);
const QUEUE_WATCH: Watch = {
  minutes: 3,
  of: 3,
  description: 'Alarms of nodes can’t be rung: the alarm function fails or is throttled.',
};
/** Of all functions of the account and region together: what is short is the account’s. */
const lambdaThrottles = new Metric({
  namespace: 'AWS/Lambda',
  metricName: 'Throttles',
  statistic: Stats.SUM,
  period: Duration.minutes(1),
});
const LAMBDA_WATCH: Watch = {
  minutes: 3,
  of: 5,
  description: 'Lambda refuses invocations: raise the account’s concurrency.',
};

export class Observability extends Construct {
  /** Everything that a person should look at. */
  readonly topic: Topic;

  constructor(scope: Construct, id: string, props: ObservabilityProps) {
    super(scope, id);
    const { consortium, email, alarmQueue, keys, hasDashboard = true } = props;
    this.topic = new Topic(this, 'Notices', { enforceSSL: true });
    this.#letPublish();
    if (email) this.#tell(email);
    const alarms = (Object.keys(WATCHES) as (keyof typeof WATCHES)[]).map((name) =>
      this.#alarm(name, WATCHES[name], countOf(consortium, name)),
    );
    const age = alarmQueue.metricApproximateAgeOfOldestMessage({ period: Duration.minutes(1) });
    const waits = this.#alarm('AlarmsWait', QUEUE_WATCH, age, QUEUE_AGE.toSeconds());
    const throttles = this.#alarm('LambdaThrottles', LAMBDA_WATCH, lambdaThrottles);
    tellOfKeyLoss(this, { consortium, keys, topic: this.topic });
    if (hasDashboard) dashboard(this, consortium, [...alarms, waits, throttles], age);
  }

  /** An address that is a parameter of the stack may be left empty. */
  #tell(email: string): void {
    const subscription = this.topic.addSubscription(new EmailSubscription(email));
    if (!Token.isUnresolved(email)) return;
    const isTold = new CfnCondition(this, 'IsTold', {
      expression: Fn.conditionNot(Fn.conditionEquals(email, '')),
    });
    (subscription.node.defaultChild as CfnResource).cfnOptions.condition = isTold;
  }

  #alarm(name: string, watch: Watch, metric: Metric, threshold = 1): Alarm {
    const alarm = new Alarm(this, name, {
      alarmDescription: watch.description,
      metric,
      threshold,
      datapointsToAlarm: watch.minutes,
      evaluationPeriods: watch.of,
      // Nothing is sent where all is well.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
    return alarm;
  }

  #letPublish(): void {
    const { account } = Stack.of(this);
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': account } },
      }),
    );
  }
}

export interface KeyLossProps {
  readonly consortium: string;
  readonly keys: readonly IKey[];
  readonly topic: ITopic;
}

/** Tells of a key as soon as somebody disables it or schedules its deletion, as CloudTrail records it. */
export function tellOfKeyLoss(scope: Construct, { consortium, keys, topic }: KeyLossProps): void {
  new Rule(scope, 'KeyLoss', {
    description: `A key of ${consortium} was disabled or is to be deleted`,
    eventPattern: {
      source: ['aws.kms'],
      detailType: ['AWS API Call via CloudTrail'],
      detail: {
        eventSource: ['kms.amazonaws.com'],
        eventName: ['DisableKey', 'ScheduleKeyDeletion'],
        resources: { ARN: keys.map(({ keyArn }) => keyArn) },
      },
    },
    targets: [new SnsTopic(topic)],
  });
}

const countOf = (consortium: string, metricName: Notice | FoundInLogs): Metric =>
  new Metric({
    namespace: metricNamespace(consortium),
    metricName,
    statistic: Stats.SUM,
    period: Duration.minutes(1),
  });

/** Has what Lambda and the function itself write to its log counted among the consortium's metrics. */
export function countInLog(fn: LambdaFunction, consortium: string): void {
  for (const [metricName, pattern] of Object.entries(FOUND_IN_LOGS)) {
    new MetricFilter(fn, metricName, {
      logGroup: fn.logGroup,
      filterPattern: FilterPattern.literal(pattern),
      metricNamespace: metricNamespace(consortium),
      metricName,
      metricValue: '1',
    });
  }
}

/** Graphs find functions by their names, those of members that join later too. */
function dashboard(
  scope: Construct,
  consortium: string,
  alarms: readonly Alarm[],
  age: Metric,
): void {
  const words = `fuqi ${consortium.replaceAll('-', ' ')}`;
  const functions = (metric: string, statistic: string) =>
    new MathExpression({
      expression: `SEARCH('{AWS/Lambda,FunctionName} MetricName="${metric}" ${words}', '${statistic}')`,
      label: '',
      usingMetrics: {},
      period: Duration.minutes(1),
    });
  const graph = (title: string, left: (Metric | MathExpression)[]) =>
    new GraphWidget({ title, left, width: 12, height: 6 });
  new Dashboard(scope, 'Dashboard', {
    dashboardName: `fuqi-${consortium}`,
    widgets: [
      [new AlarmStatusWidget({ title: consortium, alarms: [...alarms], width: 24, height: 3 })],
      [
        graph(
          'What is wrong, counts a minute',
          (Object.keys(WATCHES) as (keyof typeof WATCHES)[]).map((name) =>
            countOf(consortium, name),
          ),
        ),
        graph('Alarms that wait: age of the oldest, seconds', [age]),
      ],
      [
        graph('Invocations', [functions('Invocations', 'Sum')]),
        graph('Duration, p99, ms', [functions('Duration', 'p99')]),
      ],
      [
        graph('Errors and throttles', [functions('Errors', 'Sum'), functions('Throttles', 'Sum')]),
        graph('Concurrent executions', [functions('ConcurrentExecutions', 'Maximum')]),
      ],
    ],
  });
}
