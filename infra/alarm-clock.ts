/**
 * What wakes nodes at their time: the queue that alarms wait in, and the function that takes them from there.
 * One for all nodes of an account, because a queue that idles is polled, and polls are billed.
 */
import { Duration } from 'aws-cdk-lib';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Code, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { productFunction, TIMES } from './node-function.ts';

export interface AlarmClockProps {
  /** Whether what comes without TLS is refused: the emulator of the tests speaks plain HTTP on loopback. */
  readonly enforceSSL: boolean;
  /** ARNs of the functions that it may wake. */
  readonly wakes: readonly string[];
  /** Where the bundle is, if not among the assets of this app. */
  readonly code?: Code;
}

/** Makes both in this scope. */
export function alarmClock(
  scope: Construct,
  { enforceSSL, wakes, code }: AlarmClockProps,
): { readonly queue: Queue; readonly alarm: LambdaFunction } {
  const alarm = productFunction(scope, 'Alarm', {
    bundle: 'alarm',
    environment: {},
    timeout: TIMES.alarm,
    memoryMiB: 256,
    ...(code && { code }),
  });
  const queue = new Queue(scope, 'AlarmQueue', {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL,
    // Six times the function's time, as Lambda asks for.
    visibilityTimeout: Duration.millis(6 * TIMES.alarm.toMilliseconds()),
    // As long as the functions of an account may be out of reach: alarms ring when they are back.
    retentionPeriod: Duration.days(1),
    // One that could not be rung this often is kept to be looked at; nobody polls it.
    deadLetterQueue: {
      queue: new Queue(scope, 'UnrungAlarms', {
        encryption: QueueEncryption.SQS_MANAGED,
        enforceSSL,
        retentionPeriod: Duration.days(14),
      }),
      maxReceiveCount: 1000,
    },
  });
  alarm.addEventSource(new SqsEventSource(queue, { batchSize: 10, reportBatchItemFailures: true }));
  alarm.addToRolePolicy(
    new PolicyStatement({
      effect: Effect.ALLOW,
      actions: ['lambda:InvokeFunction'],
      resources: [...wakes],
    }),
  );
  return { queue, alarm };
}
