/** A consortium of four hosted members on the emulator, with a fault proxy between its functions and AWS. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient, paginateListFunctions } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { parse } from 'yaml';
import { type Cloud, cloudUp } from '../../../infra/emulator/consortium.ts';
import {
  EMULATOR_CREDENTIALS,
  EMULATOR_REGION,
  freePort,
} from '../../../infra/emulator/emulator.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { Clients } from './clients.ts';
import { FaultProxy } from './fault-proxy.ts';
import { printFaults } from './print-faults.ts';

const EXAMPLE = path.resolve(
  import.meta.dirname,
  '../../../examples/consortia/shenzhen-invoice.yaml',
);
export const CONSORTIUM = 'shenzhen-invoice';
export const MEMBERS = ['tax-bureau', 'payment-platform', 'corner-shop', 'buyer-co'] as const;
export type Member = (typeof MEMBERS)[number];

export interface FaultyConsortium {
  readonly cloud: Cloud;
  readonly proxy: FaultProxy;
  /** The consortium's file, and what the emulator and the CDK leave. */
  readonly file: string;
  readonly folder: string;
  readonly dynamodb: DynamoDBClient;
  readonly lambda: LambdaClient;
  readonly sqs: SQSClient;
  readonly s3: S3Client;
  /** Clients that pay through the payment platform's node. */
  clients(): Clients;
  /** A member's table. */
  tableOf(member: Member): string;
  stop(): Promise<void>;
}

/** That of the file's one consortium. Hooks that a hook adds never run, so this one is added here. */
const folder = temporaryFolder();
printFaults(path.join(folder, 'cloud'));

/** Deploys it, once a test file; `parameters` are the ledger's. */
export async function faultyConsortium(
  parameters: Readonly<Record<string, number>>,
): Promise<FaultyConsortium> {
  const file = path.join(folder, 'consortium.json');
  const example = parse(readFileSync(EXAMPLE, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...example, parameters }));
  const port = await freePort();
  const proxy = await FaultProxy.open(port);
  const cloud = await cloudUp({
    file,
    folder: path.join(folder, 'cloud'),
    root: path.join(folder, 'home'),
    auth: true,
    port,
    functionEndpoint: proxy.url,
  });
  const options = {
    endpoint: cloud.endpoint,
    region: EMULATOR_REGION,
    credentials: EMULATOR_CREDENTIALS,
  };
  const lambda = new LambdaClient(options);
  const dynamodb = new DynamoDBClient(options);
  const sqs = new SQSClient(options);
  const s3 = new S3Client({ ...options, forcePathStyle: true });
  const tables = new Map<string, string>();
  for await (const { Functions = [] } of paginateListFunctions({ client: lambda }, {})) {
    proxy.know(
      Functions.map(({ FunctionName, FunctionArn, Role }) => ({
        name: FunctionName!,
        arn: FunctionArn!,
        role: Role!,
      })),
    );
    for (const { Environment } of Functions) {
      const { FUQI_MEMBER, FUQI_TABLE } = Environment?.Variables ?? {};
      if (FUQI_MEMBER && FUQI_TABLE) tables.set(FUQI_MEMBER, FUQI_TABLE);
    }
  }
  return {
    cloud,
    proxy,
    file,
    folder,
    dynamodb,
    lambda,
    sqs,
    s3,
    clients: () =>
      new Clients({
        url: cloud.url,
        consortium: CONSORTIUM,
        key: cloud.ring.keys['payment-platform/platform']!,
      }),
    tableOf: (member) => tables.get(member)!,
    async stop() {
      for (const client of [dynamodb, lambda, sqs, s3]) client.destroy();
      await cloud.stop();
      proxy.close();
    },
  };
}
