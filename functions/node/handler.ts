/**
 * A hosted node's function. It takes HTTP requests (as events of payload format 2.0, from the gateway,
 * from peers, or from a function URL), alarms, and what another invocation handed on.
 */
import { Hono } from 'hono';
import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import type { z } from 'zod';
import { tenantOf } from '../../node/api-key-records.ts';
import { memberRecords } from '../../node/ledger-members.ts';
import { peerGuard } from '../../node/peer-guard.ts';
import { peerHandler } from '../../node/peer-handler.ts';
import { peerTokenVerifier } from '../../node/peer-token.ts';
import { inRequest } from '../../node/request-context.ts';
import { nodeApp } from '../../shared/api/app.ts';
import type { LedgerService } from '../../shared/api/ledger-service.ts';
import { methodRouter } from '../../shared/api/method-router.ts';
import { PEER_PATHS } from '../../shared/api/node-api.ts';
import { problem } from '../../shared/api/problem.ts';
import { type RequestAbout, requestAbout } from '../../shared/api/request-id.ts';
import { type ApiKeyDirectory, parseApiKey } from '../../shared/api/tenant.ts';
import type { UsageSource } from '../../shared/api/usage.ts';
import type { VaultKeys } from '../../shared/api/vault.ts';
import { decodeReply, kindOf } from '../../shared/consensus/message.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';
import { longerWait } from '../../shared/ports/time.ts';
import { hasWork, ring } from '../../shared/replica/alarm.ts';
import { startDrive } from '../../shared/replica/drive.ts';
import { tallyUsage } from '../../shared/replica/ledger-usage.ts';
import { openReplica } from '../../shared/replica/open.ts';
import { receive } from '../../shared/replica/receive.ts';
import type { Replica } from '../../shared/replica/replica.ts';
import { ledgerService } from '../../shared/replica/service.ts';
import { isStoreIdle } from '../../shared/replica/store-idle.ts';
import { replyWith, tellStanding } from '../../shared/replica/tell.ts';
import { isVaultHere } from '../../shared/replica/vault-place.ts';
import { startVaultWork } from '../../shared/replica/vault-work.ts';
import { isFor, metered } from '../billing/metered-handler.ts';
import { dynamoLedgerUsageStore } from '../dynamodb/ledger-usage-store.ts';
import { dynamoStores } from '../dynamodb/stores.ts';
import { nodeEnvironment } from '../environment.ts';
import type { MemberKeysSchema } from '../hosted-members.ts';
import { isKeyUnusable } from '../kms-signer.ts';
import { functionLog } from '../log.ts';
import { notifier } from '../metrics.ts';
import { coldStart, type HostedNode } from './cold-start.ts';
import { followCommits } from './follow-commits.ts';
import { type Invocation, invocation } from './invocation.ts';
import { type NodeEvent, storedWait } from './node-alarm.ts';
import { readApiKeys } from './node-record.ts';
import { deliverDue } from './webhooks.ts';

/** A stream of events is an answer of this long at the most; clients resume. */
const STREAM_MS = 5000;

/** Of a file in one answer: two parts of an attachment, which fit an invocation's answer as base64. */
const ANSWER_BYTES_MAX = 2 * LIMITS.attachmentPartBytes;

const environment = nodeEnvironment();
const { FUQI_ENTRY: entry, FUQI_MEMBER: member } = environment;
const log = functionLog(entry, { member });
const notify = notifier(log, environment.FUQI_CONSORTIUM, Date.now);
/** What this environment knows of peers that send garbage. */
const guard = peerGuard({ log });
let started: Promise<HostedNode> | undefined;

/** Opens what the environment keeps; a failed attempt is made again by the next input. */
function start(): Promise<HostedNode> {
  started ??= coldStart(environment, log, notify).catch((error: unknown) => {
    started = undefined;
    if (isKeyUnusable(error)) notify('CannotSign', { sentence: String(error) });
    log.fatal({ err: error }, 'this node can’t start');
    throw error;
  });
  return started;
}

export const handler = metered(
  log,
  async (event: LambdaEvent | NodeEvent, context: LambdaContext) => {
    const about = 'kind' in event ? event.request : requestOf(event);
    return about ? inRequest(about, () => answer(event, context)) : answer(event, context);
  },
);

/** The request that an event is; its headers say so from here on, however it came. */
function requestOf(event: LambdaEvent): RequestAbout {
  const headers = (event.headers ?? {}) as Record<string, string | undefined>;
  const about = requestAbout((name) => headers[name]);
  headers['x-request-id'] = about.requestId;
  event.headers = headers as never;
  return about;
}

async function answer(event: LambdaEvent | NodeEvent, context: LambdaContext) {
  const node = await start();
  const remainingMs = () => context.getRemainingTimeInMillis();
  await node.vaultKeys?.follow(Date.now());
  if (!('kind' in event)) {
    const isPeers = 'rawPath' in event && PEER_PATHS.some((door) => door === event.rawPath);
    isFor(isPeers ? 'peer' : 'api');
    log.info({ invocation: context.awsRequestId, path: isPeers ? '/peer' : 'api' }, 'request');
    const purpose = isPeers && isProposal(event) ? 'vote' : 'read';
    // Read for each request: a revoked key stops working at the next one.
    const keys = isPeers ? undefined : readApiKeys(node.table);
    keys?.catch(() => {});
    return invocation(node, remainingMs, purpose, async (running) => {
      const answering = keys
        ? (movedAnswer(node) ?? handle(await clientsApp(node, running, await keys)))
        : handle(await peersApp(node, running));
      const result = await answering(event, context);
      node.metrics.flush();
      return result;
    });
  }
  isFor(event.kind);
  log.info({ invocation: context.awsRequestId }, event.kind);
  // Whoever votes sets an alarm, and mostly the certificate came.
  if (event.kind === 'alarm' && (await isStoreIdle(node.stores))) return undefined;
  if (event.kind === 'members') {
    return invocation(node, remainingMs, 'read', async ({ replica }) =>
      hostingElsewhere(node) === undefined ? memberKeys(node, replica) : null,
    );
  }
  return invocation(node, remainingMs, 'read', async ({ replica }) => {
    if (event.kind === 'webhooks') {
      const { vault } = node;
      if (vault && (await isVaultHere(replica, vault)))
        await deliverDue(node, replica, remainingMs);
      return;
    }
    if (event.kind === 'alarm') {
      const { waited } = event;
      return ring(replica, hasWork(replica) ? longerWait(waited, await storedWait(node)) : waited);
    }
    await tellStanding(replica);
    startDrive(replica);
    startVaultWork(replica);
  });
}

/** Who may speak to the others, for the relay. */
async function memberKeys(
  { members }: HostedNode,
  replica: Replica,
): Promise<z.infer<typeof MemberKeysSchema>> {
  const records = await memberRecords(replica);
  return records.flatMap(({ id }) => {
    const known = members?.find(id);
    return known ? [{ id, peerKeys: [...known.peerKeys] }] : [];
  });
}

/** The door for other members' nodes. */
async function peersApp(node: HostedNode, { replica, again, settled }: Invocation) {
  const app = nodeApp({
    service: ledgerService(replica, node.custody),
    keys: NO_KEYS,
    log,
  });
  const keysOf = (from: string) => node.members?.find(from)?.peerKeys ?? [];
  const { ledger } = replica;
  const peers = peerHandler({
    verify: peerTokenVerifier({ ledger, audience: node.member, now: Date.now, keysOf }),
    async receive(from, message) {
      isFor(kindOf(message) ?? 'peer');
      if (kindOf(message) === 'proposal') return voteOn(from, message);
      const { answering } = replica;
      if (kindOf(message) === 'tidings') answering.add(from);
      const reply = await receive(replica, from, message);
      if (kindOf(message) !== 'tidings') return reply;
      // Whoever brought transactions gets the certificates of the drive that they led to.
      await settled();
      return replyWith(replica, { refusal: decodeReply(reply).refusal });
    },
    guard,
  });
  /** A replica that began without a look at its store may find that it was overtaken. */
  async function voteOn(from: string, message: Uint8Array): Promise<Uint8Array> {
    try {
      const reply = await receive(replica, from, message);
      if (!replica.stopped) return reply;
    } catch (error) {
      if (!replica.stopped) throw error;
    }
    return receive(await again(), from, message);
  }
  app.on('POST', [...PEER_PATHS], (c) => peers.handle(c.req.raw));
  return app;
}

/** Whether a peer's request asks for a vote. */
function isProposal({ body, isBase64Encoded }: { body?: unknown; isBase64Encoded?: boolean }) {
  if (typeof body !== 'string' || !isBase64Encoded) return false;
  return kindOf(Buffer.from(body.slice(0, KIND_CHARACTERS), 'base64')) === 'proposal';
}

/** As much of a message in base64 as says its kind. */
const KIND_CHARACTERS = 64;

const NO_KEYS: ApiKeyDirectory = { find: () => undefined };

/**
 * What this node answers to its member's clients where the ledger says that the member's node is elsewhere: it
 * has moved away, or not arrived yet. Undefined where it is this one.
 */
function movedAnswer(node: HostedNode) {
  const got = hostingElsewhere(node);
  if (got === undefined) return undefined;
  const text = `The node of ${node.member} is elsewhere (${got}): call it there.`;
  return handle(
    new Hono({ router: methodRouter() }).all('*', () => problem('misdirected', text, { got })),
  );
}

/** How the member's node is hosted, where that is not this one. */
function hostingElsewhere({ members, member, environment }: HostedNode): string | undefined {
  const hosting = members?.find(member)?.hosting;
  return hosting === environment.FUQI_HOSTING ? undefined : hosting;
}

/** The API for the member's own clients. */
async function clientsApp(
  node: HostedNode,
  { replica, isOver }: Invocation,
  stored: Awaited<ReturnType<typeof readApiKeys>>,
) {
  const records = new Map(stored.map((record) => [record.id, record]));
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
  const { tokens, issuers, usageMeter: meter } = node;
  const webhooks = node.webhooks?.api;
  const vaultKeys = vaultKeysOf(node, replica, service);
  const own = { service, keys, tokens, issuers, webhooks, vaultKeys, log, meter, usage };
  return nodeApp({ ...own, streamMsMax: STREAM_MS, answerBytesMax: ANSWER_BYTES_MAX });
}

/** What one request may take of wrapping a vault anew. */
const REWRAP_MS = 10_000;

function vaultKeysOf(
  { vault, vaultKeys }: HostedNode,
  replica: Replica,
  service: LedgerService,
): VaultKeys | undefined {
  if (!vault || !vaultKeys) return undefined;
  return {
    rotate(identity) {
      const begun = Date.now();
      const isOver = () => Date.now() > begun + REWRAP_MS;
      return vaultKeys.rotate({ replica, service, vault, identity, isOver }, begun);
    },
  };
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
