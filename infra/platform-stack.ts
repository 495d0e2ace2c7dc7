/**
 * What an account and region has once, for all consortia: the vault key, and the queue that alarms wait
 * in with the function that wakes nodes.
 */
import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { onboardingFunction } from '../functions/function-name.ts';
import { alarmClock } from './alarm-clock.ts';
import { functionArns } from './node-function.ts';

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
    ({ queue: this.alarmQueue } = alarmClock(this, {
      enforceSSL: props.keeps,
      wakes: [
        functionArns(this, '*', '*', 'client'),
        this.formatArn({ service: 'lambda', resource: `function:${onboardingFunction('*')}` }),
      ],
    }));
  }
}
