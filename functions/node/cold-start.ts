/**
 * What an execution environment of a hosted node reads once and keeps: clients, the genesis document, the
 * identity of its table, its keys. What is not immutable, it keeps a replica of (`invocation.ts`).
 */
import type { KeyObject } from 'node:crypto';
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SQSClient } from '@aws-sdk/client-sqs';
import { custodyOf } from '../../node/custody.ts';
import { type MemberDirectory, otherNodeOf } from '../../node/ledger-members.ts';
import type { NodeStores } from '../../node/node-stores.ts';
import { tokenVerifier } from '../../node/oidc-tokens.ts';
import type { StructuredLog } from '../../node/replica-log.ts';
import { tokenPeers } from '../../node/token-peers.ts';
import { openVault, type Vault } from '../../node/vault/vault.ts';
import { type Meter, meter as usageMeter } from '../../shared/api/meter.ts';
import { mayDrive, peerDoor } from '../../shared/api/node-api.ts';
import type { TokenIssuers, TokenVerifier } from '../../shared/api/token-issuer.ts';
import { NODE_IDENTITY } from '../../shared/contract/system-records.ts';
import { type Genesis, ledgerId } from '../../shared/ledger/genesis.ts';
import type { Custody } from '../../shared/ports/custody.ts';
import type { Peers } from '../../shared/ports/peers.ts';
import { meter } from '../billing/metered-handler.ts';
import { DEADLINES, givesUpAfter } from '../deadlines.ts';
import { readGenesis } from '../directory.ts';
import { dynamoStores } from '../dynamodb/stores.ts';
import type { Table } from '../dynamodb/table.ts';
import { dynamoUsageStore } from '../dynamodb/usage-store.ts';
import { dynamoVaultStore } from '../dynamodb/vault-store.ts';
import type { NodeEnvironment } from '../environment.ts';
import { functionName } from '../function-name.ts';
import { handRequestOver, invokeWithRequest } from '../invoke-fetch.ts';
import { type KmsSigner, kmsSigner } from '../kms-signer.ts';
import type { Notify } from '../metrics.ts';
import { messageRetries, serviceRetries } from '../retries.ts';
import { s3AttachmentStore } from '../s3-attachment-store.ts';
import { s3Objects } from '../s3-object.ts';
import { type UsageMetrics, usageMetrics } from '../usage-metrics.ts';
import { hostedIssuers } from './issuer-record.ts';
import { readNodeRecord } from './node-record.ts';
import { postToEndpoint } from './post-to-endpoint.ts';
import { openDataKey, unsealKey } from './sealed-keys.ts';
import { type HostedVaultKeys, hostedVaultKeys } from './vault-keys.ts';
import { type HostedWebhooks, hostedWebhooks } from './webhooks.ts';

/** Reads that are counted with one write; so many are not counted when an environment ends. */
const READS_TOGETHER = 8;

export interface HostedNode {
  readonly environment: NodeEnvironment;
  readonly log: StructuredLog;
  readonly genesis: Genesis;
  readonly member: string;
  /** Identity of the store: of the table, not of what stands in it. */
  readonly store: string;
  readonly table: Table;
  readonly stores: NodeStores;
  readonly signer: KmsSigner;
  readonly notify: Notify;
  readonly peers: Peers;
  readonly lambda: LambdaClient;
  readonly queue: SQSClient;
  readonly usageMeter: Meter;
  readonly metrics: UsageMetrics;
  /** Bytes of the table; DynamoDB counts them about every six hours. */
  storeBytes(): Promise<number>;
  readonly issuers: TokenIssuers;
  readonly tokens: TokenVerifier;
  /** The identities' keys, and under `node` the peer key, which reports evidence. */
  readonly custody: Custody;
  /** Their names. */
  readonly identities: readonly string[];
  readonly peerCustody: Custody;
  readonly vaultKeys: HostedVaultKeys | undefined;
  /** Where this function opens it: what votes does not. */
  readonly vault: Vault | undefined;
  readonly hasVault: boolean;
  /** Like the vault, only where the values are. */
  readonly webhooks: HostedWebhooks | undefined;
  /** The active members as of an epoch, and as of the one before: their keys and endpoints change with epochs only. */
  members: {
    readonly epoch: number;
    readonly find: MemberDirectory;
    readonly before: MemberDirectory;
  } | null;
}

/** Opens all that a node function keeps between its invocations. Throws where it was never set up. */
export async function coldStart(
  environment: NodeEnvironment,
  log: StructuredLog,
  notify: Notify,
): Promise<HostedNode> {
  const { FUQI_CONSORTIUM: consortium, FUQI_MEMBER: member, FUQI_GATEWAY: gateway } = environment;
  const requestHandler = givesUpAfter(DEADLINES.service);
  const retryStrategy = serviceRetries();
  const dynamodb = meter.client(new DynamoDBClient({ requestHandler, retryStrategy }));
  const kms = meter.client(new KMSClient({ requestHandler, retryStrategy }));
  const table = { client: dynamodb, name: environment.FUQI_TABLE };
  const [record, genesis, described, signer] = await Promise.all([
    readNodeRecord(table),
    readGenesis({ client: dynamodb, name: environment.FUQI_DIRECTORY }),
    dynamodb.send(new DescribeTableCommand({ TableName: table.name })),
    kmsSigner(kms, environment.FUQI_SIGNING_KEYS, {
      onFault: (sentence) => notify('CannotSign', { sentence }),
    }),
  ]);
  const metrics = usageMetrics(consortium, member);
  const issuers = hostedIssuers(table, environment.FUQI_ISSUERS);
  // An empty table in the place of the node's own would let it sign again what it has forgotten.
  if (!record) throw new Error(`the table of ${member} was not set up`);
  if (!genesis) throw new Error(`the directory of ${consortium} has no genesis document`);
  const dataKey = await openDataKey(kms, Buffer.from(record.dataKey, 'base64url'), {
    consortium,
    member,
  });
  const peerKey = unsealKey(dataKey, 'peer', record.peer);
  const identities = Object.entries(record.identities).map(
    ([name, sealed]): [string, KeyObject] => [name, unsealKey(dataKey, name, sealed)],
  );
  // Who votes needs no values.
  const opensVault = environment.FUQI_ENTRY !== 'peer' && record.vault !== undefined;
  const vaultKeys = opensVault ? await hostedVaultKeys(table, dataKey, record.vault!) : undefined;
  const lambda = meter.client(new LambdaClient({ retryStrategy: messageRetries() }));
  const queue = meter.client(
    new SQSClient({
      requestHandler,
      retryStrategy,
      // The region's endpoint, as for all others: a queue's URL may name another host.
      useQueueUrlAsEndpoint: false,
    }),
  );
  const peers = tokenPeers({
    member,
    ledger: ledgerId(genesis),
    keys: [peerKey],
    now: Date.now,
    tells: true,
    async post(to, headers, body, waits) {
      const { find, before } = opened.members ?? {};
      const record = find?.(to);
      // One's own member's other node, while the member moves.
      const there = to === member ? otherNodeOf(record, signer.holds) : record;
      if (to === member && !there) throw new Error('there is no other node of this member');
      const isGone = there?.hosting !== 'hosted' && before?.(to)?.hosting === 'hosted';
      if (isGone && !waits && gateway === undefined) {
        // That the member's node is another one now, the one that was here learns by this alone.
        const name = functionName(consortium, to, 'peer');
        const request = { method: 'POST', path: '/peer', headers, body };
        await handRequestOver(lambda, name, request).catch(() => {});
      }
      const endpoint = there?.endpoint ?? (gateway && `${gateway}${peerDoor(consortium, to)}`);
      if (endpoint !== undefined) {
        return postToEndpoint(endpoint, headers, body, DEADLINES.peer);
      }
      const entry = waits && mayDrive(body) ? 'client' : 'peer';
      const request = { method: 'POST', path: '/peer', headers, body };
      const name = functionName(consortium, to, entry);
      if (!waits) {
        await handRequestOver(lambda, name, request);
        return { status: 200, reply: new Uint8Array() };
      }
      const signal = AbortSignal.timeout(DEADLINES.peer);
      const response = await invokeWithRequest(lambda, name, request, signal);
      return { status: response.status, reply: new Uint8Array(await response.arrayBuffer()) };
    },
  });
  const opened: HostedNode = {
    environment,
    log,
    genesis,
    member,
    store: described.Table?.TableId ?? described.Table!.TableArn!,
    table,
    stores: dynamoStores(table),
    signer,
    notify,
    peers,
    lambda,
    issuers,
    tokens: tokenVerifier({
      member,
      issuers: issuers.list,
      now: Date.now,
      onFault: (issuer, error) => log.error({ issuer, err: error }, 'issuer-unavailable'),
    }),
    metrics,
    async storeBytes() {
      const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: table.name }));
      return Table?.TableSizeBytes ?? 0;
    },
    usageMeter: usageMeter({
      ...metrics.hear,
      store: dynamoUsageStore(table),
      limits: environment.FUQI_LIMITS,
      now: Date.now,
      readsTogether: READS_TOGETHER,
      onFault: (error) => log.error({ err: error }, 'usage-failed'),
    }),
    queue,
    custody: custodyOf(new Map(identities)),
    vaultKeys,
    hasVault: record.vault !== undefined,
    vault:
      vaultKeys &&
      openVault(
        dynamoVaultStore(table),
        s3AttachmentStore(s3Objects(), environment.FUQI_ATTACHMENTS),
        vaultKeys.keys,
      ),
    webhooks: vaultKeys && hostedWebhooks({ table, queue, environment }, vaultKeys.keys),
    identities: identities.map(([name]) => name),
    peerCustody: custodyOf(new Map([[NODE_IDENTITY, peerKey]])),
    members: null,
  };
  return opened;
}
