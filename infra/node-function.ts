/** A function of the product: its bundle, the runtime, and a log that does not grow for ever. */
import path from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  Architecture,
  Code,
  type FunctionProps,
  Function as LambdaFunction,
  RecursiveLoop,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { BUNDLES, type FunctionBundle } from './build.ts';

export interface ProductFunctionOptions
  extends Pick<FunctionProps, 'role' | 'functionName' | 'reservedConcurrentExecutions'> {
  readonly bundle: FunctionBundle;
  readonly environment: Record<string, string>;
  readonly timeout: Duration;
  readonly memoryMiB?: number;
  /** Whether functions call each other in a circle, which Lambda stops unless told: nodes do. */
  readonly recursive?: boolean;
}

/** Makes the function. */
export function productFunction(
  scope: Construct,
  id: string,
  options: ProductFunctionOptions,
): LambdaFunction {
  const { bundle, timeout, environment, memoryMiB = 1024, recursive = false, ...rest } = options;
  return new LambdaFunction(scope, id, {
    ...rest,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    handler: 'index.handler',
    code: Code.fromAsset(path.join(BUNDLES, bundle)),
    timeout,
    memorySize: memoryMiB,
    environment,
    ...(recursive && { recursiveLoop: RecursiveLoop.ALLOW }),
    logGroup: new LogGroup(scope, `${id}Log`, {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    }),
  });
}

/** The times of functions, each shorter than that of who waits for it. */
export const TIMES = {
  /** What a peer waits for. */
  peer: Duration.seconds(15),
  client: Duration.seconds(29),
  gateway: Duration.seconds(30),
  setup: Duration.seconds(60),
} as const;
