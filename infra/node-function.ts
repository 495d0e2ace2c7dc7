/** A function of the product: its bundle, the runtime, and a log that does not grow for ever. */
import path from 'node:path';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type IRole, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
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
import { DEADLINES } from '../functions/deadlines.ts';
import { type Entry, functionName } from '../functions/function-name.ts';
import { BUNDLES, type FunctionBundle } from './build.ts';

export interface ProductFunctionOptions
  extends Pick<FunctionProps, 'functionName' | 'reservedConcurrentExecutions'> {
  readonly bundle: FunctionBundle;
  /** Where the bundle is, if not among the assets of this app. */
  readonly code?: Code;
  readonly environment: Record<string, string>;
  readonly timeout: Duration;
  readonly memoryMiB?: number;
  /** One of its own, that can do nothing, unless told; the function's log is added to either. */
  readonly role?: IRole;
  /** Whether functions call each other in a circle, which Lambda stops unless told: nodes do. */
  readonly recursive?: boolean;
}

/** Makes the function. */
export function productFunction(
  scope: Construct,
  id: string,
  options: ProductFunctionOptions,
): LambdaFunction {
  const {
    bundle,
    code,
    timeout,
    environment,
    memoryMiB = 1024,
    recursive = false,
    ...rest
  } = options;
  const role = options.role ?? functionRole(scope, `${id}Role`);
  const logGroup = new LogGroup(scope, `${id}Log`, {
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  logGroup.grantWrite(role);
  return new LambdaFunction(scope, id, {
    ...rest,
    role,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    handler: 'index.handler',
    code: code ?? Code.fromAsset(path.join(BUNDLES, bundle)),
    timeout,
    memorySize: memoryMiB,
    environment,
    ...(recursive && { recursiveLoop: RecursiveLoop.ALLOW }),
    logGroup,
  });
}

/** A role that functions take, and that reaches nothing yet. */
export const functionRole = (scope: Construct, id: string): Role =>
  new Role(scope, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });

const { functions } = DEADLINES;
/** The functions' time-outs. */
export const TIMES = {
  alarm: Duration.millis(functions.alarm),
  peer: Duration.millis(functions.peer),
  client: Duration.millis(functions.client),
  gateway: Duration.millis(functions.gateway),
  setup: Duration.millis(functions.setup),
  customResource: Duration.millis(DEADLINES.customResource),
} as const;

/** Members' functions of this account and region as a policy names them; `*` stands for any name. */
export const functionArns = (
  scope: Construct,
  consortium: string,
  member: string,
  entry: Entry,
): string =>
  Stack.of(scope).formatArn({
    service: 'lambda',
    resource: `function:${functionName(consortium, member, entry)}`,
  });

/** A condition that lets a statement touch the items of a table with these partition keys only. */
export const itemsOnly = (keys: readonly string[]) => ({
  'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [...keys] },
});
