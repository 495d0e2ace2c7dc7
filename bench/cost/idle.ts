/** What an idle consortium costs a month: read from the templates that were deployed, and from its tables. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { DynamoDBClient, ListTablesCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { itemBytes } from '../../functions/billing/item-size.ts';
import { EMULATOR_CREDENTIALS, EMULATOR_REGION } from '../../infra/emulator/emulator.ts';
import { PRICES } from './prices.ts';

export interface IdleLine {
  readonly what: string;
  readonly units: number;
  readonly usdMonth: number;
}

const GB = 1024 ** 3;
/** DynamoDB counts this much for each item besides its own bytes. */
const ITEM_OVERHEAD_BYTES = 100;
/** Lambda polls a queue with five connections, each waiting 20 s for a message. */
const POLLS_MONTH = (5 / 20) * 3600 * 730;

/** `templates` is the folder of the synthesised app. */
export async function idleBill(endpoint: string, templates: string): Promise<IdleLine[]> {
  const count = resourceCounts(templates);
  const of = (type: string): number => count.get(type) ?? 0;
  const gb = (await storedBytes(endpoint)) / GB;
  const line = (what: string, units: number, usd: number): IdleLine => ({
    what,
    units,
    usdMonth: units * usd,
  });
  return [
    line(
      'KMS keys: a signing key a member, a vault key an account',
      of('AWS::KMS::Key'),
      PRICES.kmsKeyMonth.usd,
    ),
    line(
      'polls of the alarm queue, one queue an account',
      POLLS_MONTH * of('AWS::Lambda::EventSourceMapping'),
      PRICES.sqsRequest.usd,
    ),
    line('CloudWatch alarms', of('AWS::CloudWatch::Alarm'), PRICES.alarmMonth.usd),
    line('GB in tables', gb, PRICES.dynamoGbMonth.usd),
    line('GB of point-in-time recovery', gb, PRICES.dynamoBackupGbMonth.usd),
  ].filter(({ units }) => units > 0);
}

function resourceCounts(folder: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const file of readdirSync(folder)) {
    // What is deployed, and not the template that members are made from at run time.
    if (!/^fuqi-.*\.template\.json$/.test(file)) continue;
    const { Resources } = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as {
      Resources: Record<string, { Type: string }>;
    };
    for (const { Type } of Object.values(Resources)) counts.set(Type, (counts.get(Type) ?? 0) + 1);
  }
  return counts;
}

async function storedBytes(endpoint: string): Promise<number> {
  const client = new DynamoDBClient({
    endpoint,
    region: EMULATOR_REGION,
    credentials: EMULATOR_CREDENTIALS,
  });
  const { TableNames = [] } = await client.send(new ListTablesCommand({}));
  let bytes = 0;
  for (const TableName of TableNames) {
    const { Items = [] } = await client.send(new ScanCommand({ TableName }));
    for (const item of Items) bytes += itemBytes(item) + ITEM_OVERHEAD_BYTES;
  }
  client.destroy();
  return bytes;
}
