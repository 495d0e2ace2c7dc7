/** Reads of an account what `preflight.ts` judges. What can't be read is said, and stops nothing. */
import {
  CloudTrailClient,
  DescribeTrailsCommand,
  GetTrailStatusCommand,
} from '@aws-sdk/client-cloudtrail';
import { DynamoDBClient, paginateListTables } from '@aws-sdk/client-dynamodb';
import { GetAccountSummaryCommand, IAMClient } from '@aws-sdk/client-iam';
import {
  GetAccountSettingsCommand,
  GetFunctionConcurrencyCommand,
  LambdaClient,
  ResourceNotFoundException,
} from '@aws-sdk/client-lambda';
import { paginateListServiceQuotas, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { givesUpAfter } from '../functions/deadlines.ts';
import type { AccountFacts } from './preflight.ts';

/** What the clients of AWS are made with: nothing where the environment says it all. */
export interface ClientOptions {
  readonly endpoint?: string;
  readonly region?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

const CALL_MS = 10_000;
/** AWS's own default of tables in a region, where Service Quotas does not answer. */
const TABLES_DEFAULT = 2500;

/** Reads the account; `peers` are the names of the consortium's functions that reserve environments. */
export async function accountFacts(
  peers: readonly string[],
  options: ClientOptions = {},
): Promise<AccountFacts & { readonly isUpdate: boolean }> {
  const made = { ...options, requestHandler: givesUpAfter(CALL_MS) };
  const lambda = new LambdaClient(made);
  const quotas = new ServiceQuotasClient(made);
  const unread: string[] = [];
  const read = async <T>(what: string, from: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await from();
    } catch (error) {
      unread.push(`${what} (${(error as Error).name})`);
      return undefined;
    }
  };
  const [region, concurrency, reserved, signatures, tables, roles, isRecorded] = await Promise.all([
    lambda.config.region(),
    read('Lambda’s concurrency', () => concurrencyOf(lambda)),
    read('reserved concurrency', () => Promise.all(peers.map((name) => reservedBy(lambda, name)))),
    read('KMS’s request rate', () => quotaOf(quotas, 'kms', /^Cryptographic operations \(ECC\)/)),
    read('DynamoDB’s tables', () => tablesOf(new DynamoDBClient(made), quotas)),
    read('IAM’s roles', () => rolesOf(new IAMClient(made))),
    read('CloudTrail’s trails', () => recordsHere(new CloudTrailClient(made))),
  ]);
  const found = (reserved ?? []).filter((one) => one !== undefined);
  return {
    region,
    reservedAlready: found.reduce((sum, one) => sum + one, 0),
    isUpdate: found.length > 0,
    unread,
    ...(concurrency && { concurrency }),
    ...(signatures !== undefined && { signaturesPerSecond: signatures }),
    ...(tables && { tables }),
    ...(roles && { roles }),
    ...(isRecorded !== undefined && { isRecorded }),
  };
}

async function concurrencyOf(lambda: LambdaClient) {
  const { AccountLimit } = await lambda.send(new GetAccountSettingsCommand({}));
  const { ConcurrentExecutions, UnreservedConcurrentExecutions } = AccountLimit!;
  return { limit: ConcurrentExecutions!, unreserved: UnreservedConcurrentExecutions! };
}

/** What a function reserves; undefined where there is no such function. */
async function reservedBy(lambda: LambdaClient, name: string): Promise<number | undefined> {
  try {
    const command = new GetFunctionConcurrencyCommand({ FunctionName: name });
    return (await lambda.send(command)).ReservedConcurrentExecutions ?? 0;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

/** The value of the quota with such a name; undefined where the service has none. */
async function quotaOf(
  client: ServiceQuotasClient,
  service: string,
  name: RegExp,
): Promise<number | undefined> {
  for await (const { Quotas = [] } of paginateListServiceQuotas(
    { client },
    { ServiceCode: service },
  )) {
    const found = Quotas.find(({ QuotaName }) => QuotaName && name.test(QuotaName));
    if (found) return found.Value;
  }
  return undefined;
}

async function tablesOf(client: DynamoDBClient, quotas: ServiceQuotasClient) {
  let count = 0;
  for await (const { TableNames = [] } of paginateListTables({ client }, {}))
    count += TableNames.length;
  const quota = quotaOf(quotas, 'dynamodb', /number of tables/i).catch(() => undefined);
  return { count, limit: (await quota) ?? TABLES_DEFAULT };
}

async function rolesOf(client: IAMClient) {
  const { SummaryMap = {} } = await client.send(new GetAccountSummaryCommand({}));
  const { Roles: count, RolesQuota: limit } = SummaryMap as { Roles?: number; RolesQuota?: number };
  if (count === undefined || limit === undefined) throw new Error('the summary has no roles');
  return { count, limit };
}

/** Whether any trail of this region is switched on. */
async function recordsHere(client: CloudTrailClient): Promise<boolean> {
  const { trailList = [] } = await client.send(new DescribeTrailsCommand({}));
  const statuses = await Promise.all(
    trailList.map(({ TrailARN: Name }) => client.send(new GetTrailStatusCommand({ Name }))),
  );
  return statuses.some(({ IsLogging }) => IsLogging);
}
