/**
 * What an account and region has once, for all consortia: the vault key, and the queue that alarms wait
 * in with the function that wakes nodes.
 */
import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { onboardingFunction } from '../functions/function-name.ts';
import { functionArns, productFunction, TIMES } from './node-function.ts';

export interface Production {
  /** Tables and keys outlive their stack, and are protected; a test's go with it. */
  readonly keeps: boolean;
}

export class PlatformStack extends Stack {
  /** Seals the members' software keys, each under its own encryption context. */
  readonly vaultKey: Key;
  readonly alarmQueue: Queue;

  constructor(scope: Construct, id: string, props: StackProps & Production) {
    super(scope, id, { terminationProtection: props.keeps, ...props });
    this.vaultKey = new Key(this, 'VaultKey', {
      description: 'Fuqi: seals members’ software keys',
      enableKeyRotation: true,
      removalPolicy: props.keeps ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      pendingWindow: Duration.days(props.keeps ? 30 : 7),
    });
    const alarm = productFunction(this, 'Alarm', {
      bundle: 'alarm',
      environment: {},
      timeout: TIMES.alarm,
      memoryMiB: 256,
    });
    this.alarmQueue = new Queue(this, 'AlarmQueue', {
      encryption: QueueEncryption.SQS_MANAGED,
      // The emulator of the tests speaks plain HTTP on loopback.
      enforceSSL: props.keeps,
      // Six times the function's time, as Lambda asks for.
      visibilityTimeout: Duration.millis(6 * TIMES.alarm.toMilliseconds()),
      // As long as the functions of an account may be out of reach: alarms ring when they are back.
      retentionPeriod: Duration.days(1),
      // One that could not be rung this often is kept to be looked at; nobody polls it.
      deadLetterQueue: {
        queue: new Queue(this, 'UnrungAlarms', {
          encryption: QueueEncryption.SQS_MANAGED,
          enforceSSL: props.keeps,
          retentionPeriod: Duration.days(14),
        }),
        maxReceiveCount: 1000,
      },
    });
    alarm.addEventSource(
      new SqsEventSource(this.alarmQueue, { batchSize: 10, reportBatchItemFailures: true }),
    );
    alarm.addToRolePolicy(
      new PolicyStatement({
        effect: Effect.ALLOW,
        actions: ['lambda:InvokeFunction'],
        resources: [
          functionArns(this, '*', '*', 'client'),
          this.formatArn({ service: 'lambda', resource: `function:${onboardingFunction('*')}` }),
        ],
      }),
    );
  }
}
