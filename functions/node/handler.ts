/**
 * A hosted node's function. It takes HTTP requests (as events of payload format 2.0, from the gateway,
 * from peers, or from a function URL), alarms, and what another invocation handed on.
 */
import { handle as answer, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import { tenantOf } from '../../node/api-key-records.ts';
import { peerHandler } from '../../node/http-peers.ts';
import { peerTokenVerifier } from '../../node/peer-token.ts';
import { inRequest } from '../../node/request-context.ts';
import { nodeApp } from '../../shared/api/app.ts';
import { type RequestAbout, requestAbout } from '../../shared/api/request-id.ts';
import { type ApiKeyDirectory, parseApiKey } from '../../shared/api/tenant.ts';
import type { UsageSource } from '../../shared/api/usage.ts';
import { kindOf } from '../../shared/consensus/message.ts';
import { ring } from '../../shared/replica/alarm.ts';
import { startDrive } from '../../shared/replica/drive.ts';
import { tallyUsage } from '../../shared/replica/ledger-usage.ts';
import { openReplica } from '../../shared/replica/open.ts';
import { receive } from '../../shared/replica/receive.ts';
import type { Replica } from '../../shared/replica/replica.ts';
import { ledgerService } from '../../shared/replica/service.ts';
import { replyWith, tellStanding } from '../../shared/replica/tell.ts';
import { dynamoLedgerUsageStore } from '../dynamodb/ledger-usage-store.ts';
import { dynamoStores } from '../dynamodb/stores.ts';
import { nodeEnvironment } from '../environment.ts';
import { functionLog } from '../log.ts';
import { coldStart, type HostedNode } from './cold-start.ts';
import { followCommits } from './follow-commits.ts';
import { type Invocation, invocation } from './invocation.ts';
import type { NodeEvent } from './node-alarm.ts';
import { readApiKeys } from './node-record.ts';

/** A stream of events is an answer of this long at the most; clients resume. */
const STREAM_MS = 5000;

const environment = nodeEnvironment();
const { FUQI_ENTRY: entry, FUQI_MEMBER: member } = environment;
const log = functionLog(entry, { member });
let started: Promise<HostedNode> | undefined;

/** Opens what the environment keeps; a failed attempt is made again by the next input. */
function start(): Promise<HostedNode> {
  started ??= coldStart(environment, log).catch((error: unknown) => {
    started = undefined;
    throw error;
  });
  return started;
}

export async function handler(event: LambdaEvent | NodeEvent, context: LambdaContext) {
  const about = 'kind' in event ? event.request : requestOf(event);
  return about ? inRequest(about, () => handle(event, context)) : handle(event, context);
}

/** The request that an event is; its headers say so from here on, however it came. */
function requestOf(event: LambdaEvent): RequestAbout {
  const headers = (event.headers ?? {}) as Record<string, string | undefined>;
  const about = requestAbout((name) => headers[name]);
  headers['x-request-id'] = about.requestId;
  event.headers = headers as never;
  return about;
}

async function handle(event: LambdaEvent | NodeEvent, context: LambdaContext) {
  const node = await start();
  const remainingMs = () => context.getRemainingTimeInMillis();
  if (!('kind' in event)) {
    const isPeers = 'rawPath' in event && event.rawPath === '/peer';
    log.info({ invocation: context.awsRequestId, path: isPeers ? '/peer' : 'api' }, 'request');
    return invocation(node, remainingMs, async (running) => {
      const app = isPeers ? await peersApp(node, running) : await clientsApp(node, running);
      const result = await answer(app)(event, context);
      node.metrics.flush();
      return result;
    });
  }
  log.info({ invocation: context.awsRequestId }, event.kind);
  await invocation(node, remainingMs, async ({ replica }) => {
    if (event.kind === 'alarm') return ring(replica, event.waited);
    await tellStanding(replica);
    startDrive(replica);
  });
}

/** The door for other members' nodes. */
async function peersApp(node: HostedNode, { replica, settled }: Invocation) {
  const app = nodeApp({ service: ledgerService(replica, node.custody), keys: NO_KEYS, log });
  const keyOf = (from: string) => node.members?.find(from)?.peerKey;
  const { ledger } = replica;
  const serve = peerHandler({
    verify: peerTokenVerifier({ ledger, audience: node.member, now: Date.now, keyOf }),
    async receive(from, message) {
      const reply = await receive(replica, from, message);
      if (kindOf(message) !== 'tidings') return reply;
      // Whoever brought transactions gets the certificates of the drive that they led to.
      await settled();
      return replyWith(replica);
    },
    onFault: (from, error) => log.error({ member: from, err: error }, 'peer-request-failed'),
  });
  app.post('/peer', (c) => serve(c.req.raw));
  return app;
}

const NO_KEYS: ApiKeyDirectory = { find: () => undefined };

/** The API for the member's own clients. */
async function clientsApp(node: HostedNode, { replica, isOver }: Invocation) {
  // Read for each request: a revoked key stops working at the next one.
  const records = new Map((await readApiKeys(node.table)).map((record) => [record.id, record]));
  const keys: ApiKeyDirectory = {
    find(token) {
      const given = parseApiKey(token);
      const record = given && records.get(given.keyId);
      return record?.member === given?.member && given ? tenantOf(record!, given) : undefined;
    },
  };
  void followCommits(replica, () => openNow(node, replica), isOver).catch((error: unknown) =>
    replica.log('follow-failed', { error: String(error) }),
  );
  const service = ledgerService(replica, node.custody);
  const ledgerUsage = dynamoLedgerUsageStore(node.table);
  const usage: UsageSource = {
    tally: (isOver) => tallyUsage(replica, ledgerUsage, isOver),
    ledger: ledgerUsage.read,
    storeBytes: node.storeBytes,
  };
  const { tokens, issuers, meter } = node;
  return nodeApp({ service, keys, tokens, issuers, log, meter, usage, streamMsMax: STREAM_MS });
}

/** The node as its table has it now: to be read, not to be worked with. */
function openNow(node: HostedNode, { genesis, catalog, store, log: said }: Replica) {
  const request = async (): Promise<never> => {
    throw new Error('a replica that is read asks nobody');
  };
  const time = { now: Date.now, alarm: () => {}, after: () => () => {} };
  const ports = { ...dynamoStores(node.table), signer: node.signer, peers: { request }, time };
  return openReplica({ genesis, member: node.member, catalog, store, ports, log: said });
}
