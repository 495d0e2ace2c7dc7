/**
 * What runs of one member's node: store, keys, replica, and what answers requests. Opened from what is
 * durable and closed again, as often as its host wants; it listens on no port (`server.ts`).
 */
import type { KeyObject } from 'node:crypto';
import type { Logger } from 'pino';
import { nodeApp } from '../shared/api/app.ts';
import type { LedgerService } from '../shared/api/ledger-service.ts';
import { meter } from '../shared/api/meter.ts';
import { PEER_PATHS } from '../shared/api/node-api.ts';
import { NO_TENANT_LIMITS, type TenantLimits } from '../shared/api/tenant-limits.ts';
import { decodeCbor } from '../shared/bytes/cbor.ts';
import type { Catalog } from '../shared/contract/catalog.ts';
import {
  type ContractRecord,
  effectiveContract,
  NODE_IDENTITY,
  SYSTEM_KEYS,
} from '../shared/contract/system-records.ts';
import { prefixRange } from '../shared/execution/view.ts';
import { ledgerId } from '../shared/ledger/genesis.ts';
import type { StoreFault } from '../shared/ports/store-fault.ts';
import { ring } from '../shared/replica/alarm.ts';
import { followErasures } from '../shared/replica/erasures.ts';
import { tallyUsage } from '../shared/replica/ledger-usage.ts';
import { openReplica } from '../shared/replica/open.ts';
import { memberRecord } from '../shared/replica/readers.ts';
import { receive } from '../shared/replica/receive.ts';
import { isRecovering } from '../shared/replica/recover.ts';
import { inBackground, type Replica } from '../shared/replica/replica.ts';
import { reportEvidence } from '../shared/replica/report.ts';
import { ledgerService } from '../shared/replica/service.ts';
import { tellStanding } from '../shared/replica/tell.ts';
import { isVaultHere } from '../shared/replica/vault-place.ts';
import { startVaultWork } from '../shared/replica/vault-work.ts';
import { contracts } from '../workloads/catalog.ts';
import { openApiKeys } from './api-keys.ts';
import { custodyOf } from './custody.ts';
import { damageReport } from './damage-report.ts';
import { endOfTurn } from './end-of-turn.ts';
import { followUntilInForce } from './follow-until-in-force.ts';
import { followUsage } from './follow-usage.ts';
import { followVault } from './follow-vault.ts';
import { httpPeers } from './http-peers.ts';
import { openKeyFile, publicJwkOf, signerFromKeys } from './key-file.ts';
import { followMembers, onEpoch, warnOfOtherKeys } from './ledger-members.ts';
import { lmdbStores } from './lmdb/stores.ts';
import { filesOf, loadGenesis, nodePassphrase } from './node-files.ts';
import { tokenVerifier } from './oidc-tokens.ts';
import { type Door, peerDoor } from './peer-door.ts';
import { peerEndpoints } from './peer-endpoints.ts';
import { peerGuard } from './peer-guard.ts';
import { peerHandler } from './peer-handler.ts';
import { peerTokenVerifier } from './peer-token.ts';
import { connectToRelay } from './relay-client.ts';
import { replicaLog } from './replica-log.ts';
import { inRequest } from './request-context.ts';
import { refuseSoleValidator } from './sole-validator.ts';
import { inspectStore, openStoreIdentity } from './store-identity.ts';
import { markedHeads } from './store-mark.ts';
import { timers } from './timers.ts';
import { UserError } from './user-error.ts';
import { openVault } from './vault/vault.ts';
import { vaultKeyOf } from './vault/vault-key.ts';
import { verifyHead } from './verify-store.ts';
import { webhookBook } from './webhooks/book.ts';
import { deliverWebhook } from './webhooks/deliver.ts';
import { followWebhooks } from './webhooks/follow.ts';
import { webhookPost } from './webhooks/post.ts';
import { webhooks } from './webhooks/webhooks.ts';

export interface OpenNode {
  readonly replica: Replica;
  /** Answers the API's requests, and those of the other nodes. */
  fetch(request: Request): Response | Promise<Response>;
  /** Takes the other nodes' messages, where a server of this process asks it first. */
  readonly door: Door;
  /** To be called when requests arrive: looks for what it missed, and says what its operator should know. */
  begin(): Promise<void>;
  /** Works no further: nothing is begun any more. */
  halt(): void;
  /** Ends all use of the store. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** The operator says that the store is a copy from before, where nothing on this machine shows it. */
  readonly restored?: boolean | undefined;
  /** The contracts that it can run; this build's unless told. */
  readonly catalog?: Catalog | undefined;
  /** Called where the store was changed by somebody else: the node has stopped working, and is to be started anew. */
  readonly onSuperseded?: (() => void) | undefined;
  /** Called once where the store can't be written: nothing is signed or acknowledged any more. */
  readonly onUnwritable: (fault: StoreFault) => void;
}

/** Opens the node that a configuration file describes. Throws a `UserError` that says what is wrong. */
export async function openNode(
  configFile: string,
  log: Logger,
  options: OpenOptions,
): Promise<OpenNode> {
  const files = filesOf(configFile);
  const { config, at } = files;
  const genesis = loadGenesis(files.genesisFile);
  const ledger = ledgerId(genesis);
  const { member } = config;
  const passphrase = nodePassphrase(files);
  const open = (file: string): KeyObject => openKeyFile(at(file), passphrase);
  const { node, nextNode, peer, nextPeer, vault: vaultFile, nextVault } = config.keys;
  const nodeKeys = [open(node), ...(nextNode === undefined ? [] : [open(nextNode)])];
  const peerKeys = [open(peer), ...(nextPeer === undefined ? [] : [open(nextPeer)])] as const;
  const identities = Object.entries(config.keys.identities).map(
    ([name, file]) => [name, open(file)] as const,
  );
  // While it is rotated the new one seals, and both open.
  const [vaultKey, ...olderKeys] = [nextVault, vaultFile].flatMap((file) =>
    file === undefined ? [] : [vaultKeyOf(open(file))],
  );
  const apiKeys = openApiKeys([at(config.apiKeys)]);

  const signer = signerFromKeys(nodeKeys);
  const endpoints = peerEndpoints(configFile, config, genesis.consortium, signer.holds);
  let isUnwritable = false;
  const damage = damageReport(log);
  const stores = lmdbStores(files.data, (fault) => {
    if (fault.code === 'damaged') return damage.note(fault.message);
    isUnwritable = true;
    options.onUnwritable(fault);
  });
  /** What fails because the store does is said once, by whoever holds this node. */
  const unlessUnwritable =
    <Args extends unknown[]>(say: (...args: Args) => void) =>
    (...args: Args): void => {
      if (!isUnwritable) say(...args);
    };
  const vault = vaultKey && openVault(stores.vault, stores.attachments, [vaultKey, ...olderKeys]);
  let replica: Replica | undefined;
  let heads: ReturnType<typeof markedHeads> | undefined;
  const { now } = Date;
  const peers = httpPeers({
    member,
    ledger,
    keys: peerKeys,
    endpointOf: endpoints.of,
    now,
    timeoutMs: 5000,
  });
  const time = timers(() => {
    if (replica) void ring(replica);
  });
  try {
    const found = await inspectStore(stores.heads);
    const file = files.storeIdentity;
    const store = openStoreIdentity(file, found, options.restored);
    if (store.restored && !store.acceptLoss && Object.keys(config.peers).length === 0) {
      await refuseSoleValidator(stores, genesis, store.restored);
    }
    store.claim();
    const onFault = unlessUnwritable((error: unknown): void =>
      log.error({ err: error }, 'store-mark-failed'),
    );
    heads = markedHeads(stores.heads, file, store.identity, found, onFault);
    replica = await openReplica({
      genesis,
      member,
      catalog: options.catalog ?? contracts,
      ports: { ...stores, heads, signer, peers, time },
      store: store.identity,
      restored: store.restored !== undefined,
      acceptLoss: store.acceptLoss,
      nodeCustody: custodyOf(new Map([[NODE_IDENTITY, peerKeys[0]]])),
      keeper: vault,
      backupDays: vault && config.backupDays,
      log: unlessUnwritable(replicaLog(log)),
      onDamaged: damage.note,
      ...(options.onSuperseded && { onSuperseded: options.onSuperseded }),
      ...(config.retain === undefined ? {} : { retain: config.retain }),
    });
    await verifyHead(replica).catch((error: Error) => {
      throw new UserError(
        `${error.message.replace(/\.?$/, '.')} Somebody or something has changed it: move the data folder away, and restore a backup ` +
          '("fuqi restore") or start with an empty folder: the node asks the others before it signs.',
      );
    });
    // Nothing is signed before somebody sends a transaction or a message.
    store.settle();
    warnOfRestored(replica, store.restored, log);
  } catch (error) {
    time.stop();
    await heads?.close();
    await stores.close().catch(() => {});
    if (error instanceof UserError) throw error;
    throw new UserError(`The node of ${member} can't start: ${(error as Error).message}`);
  }
  const opened = replica;
  reportEvidence(opened);
  followErasures(opened);
  const ledgerOf = ledgerService(opened, custodyOf(new Map(identities)));
  const service: LedgerService = {
    ...ledgerOf,
    async submit(transaction, waitMs) {
      await endOfTurn();
      return ledgerOf.submit(transaction, waitMs);
    },
  };
  const issuers = async () => config.issuers ?? [];
  const hooks = vaultKey && nodeWebhooks();
  const app = nodeApp({
    service,
    webhooks: hooks?.api,
    keys: apiKeys,
    tokens: tokenVerifier({
      member,
      issuers,
      now,
      onFault: (issuer, error) => log.error({ issuer, err: error }, 'issuer-unavailable'),
    }),
    issuers: { list: issuers },
    usage: {
      tally: (isOver) => tallyUsage(opened, stores.ledgerUsage, isOver),
      ledger: stores.ledgerUsage.read,
      storeBytes: stores.bytes,
    },
    damage: damage.first,
    inRequest,
    log,
    meter: meter({
      store: stores.usage,
      limits: { ...NO_TENANT_LIMITS, ...config.limits } as TenantLimits,
      now,
      onFault: unlessUnwritable((error: unknown) => log.error({ err: error }, 'usage-failed')),
    }),
  });
  const members = await followMembers(opened);
  endpoints.follow(members);
  if (config.retain) followUsage(opened, stores.ledgerUsage);
  const keysOf = (from: string) => members(from)?.peerKeys ?? [];
  const verify = peerTokenVerifier({ ledger, audience: member, now, keysOf });
  const guard = peerGuard({ log });
  const peersHere = peerHandler({
    verify,
    receive: (from, message) => receive(opened, from, message),
    guard: { ...guard, failed: unlessUnwritable(guard.failed) },
  });
  app.on('POST', [...PEER_PATHS], (c) => peersHere.handle(c.req.raw));
  /** What the node's administrators may set up where it has a vault, and what sends to it. */
  function nodeWebhooks() {
    const book = webhookBook(stores.vault, [vaultKey!, ...olderKeys]);
    const sender = webhookPost({ allowed: config.webhookAddresses ?? [] });
    const following = followWebhooks({
      names: async () => ((await isVaultHere(opened, vault!)) ? book.names() : []),
      deliver: (name, isOver) =>
        deliverWebhook(
          {
            ...{ book, service, post: sender.post, now, isOver },
            log: (what, fields) => log.warn(fields, what),
          },
          name,
        ),
      onFault: unlessUnwritable((error) => log.error({ err: error }, 'webhooks-failed')),
    });
    return { ...following, api: webhooks({ book, sender, now, onChange: following.wake }), sender };
  }
  let relay: ReturnType<typeof connectToRelay> | undefined;
  let stopAsking: (() => void) | undefined;

  /** What waits in the vault. */
  function beginWithVault(): void {
    startVaultWork(opened);
    hooks?.wake();
  }

  async function begin(): Promise<void> {
    await warnOfMissingCode(opened, log);
    const own = { node: nodeKeys.map(publicJwkOf), peer: peerKeys.map(publicJwkOf) };
    await warnOfOtherKeys(opened, own, log);
    onEpoch(opened, () => endpoints.reload(log));
    followVault(opened, service, Object.keys(config.keys.identities), beginWithVault);
    // An idle ledger sends nothing, so who was away asks what it missed.
    void tellStanding(opened);
    beginWithVault();
    if (vault && olderKeys.length > 0) {
      void vault.rewrap().then(
        ({ count }) => log.info({ count }, 'vault-rewrapped'),
        (error: unknown) => log.error({ err: error }, 'vault-not-rewrapped'),
      );
    }
    stopAsking = followUntilInForce(opened, members);
    if (hooks) service.onNews(hooks.wake);
    await connectOutWhereOwn();
    onEpoch(opened, () => inBackground(opened, connectOutWhereOwn()));
  }

  /** Connects to the relay, which has one place for each member: not while that is the node's that this one takes the place of. */
  async function connectOutWhereOwn(): Promise<void> {
    const { gateway, relay: socket } = config;
    if (socket === undefined || gateway === undefined || relay || opened.stopped) return;
    const record = await memberRecord(opened, member);
    if (record && !signer.holds(record.nodeKey)) return;
    relay ??= connectToRelay({
      ...{ gateway, socket, consortium: genesis.consortium, member, ledger, log },
      peerKey: peerKeys[0],
      handle: peersHere.handle,
      onConnected: () => void tellStanding(opened),
    });
  }

  function halt(): void {
    opened.stopped = true;
    relay?.stop();
    stopAsking?.();
    void hooks?.stop();
    hooks?.sender.close();
    time.stop();
  }

  return {
    replica: opened,
    fetch: (request) => app.fetch(request),
    door: peerDoor(peersHere),
    begin,
    halt,
    async close() {
      halt();
      await hooks?.stop();
      // What is under way on the store ends before the store does.
      await opened.lock.run(async () => {});
      await peers.close();
      await stores.close();
      await heads?.close();
    },
  };
}

/** A restored node follows and answers reads; its operator should know why it does not vote. */
function warnOfRestored(replica: Replica, why: string | undefined, log: Logger): void {
  if (!why && !isRecovering(replica)) return;
  const reason = why ?? 'it was restored, and the others have not all answered yet';
  const { floor } = replica.record;
  log.warn(
    { store: replica.store, reason },
    floor === null
      ? 'this store was restored from a backup: the node follows, and signs nothing before the other validators have told it what it may have signed'
      : 'this store was restored from a backup: what was committed since is lost, as its operator accepted',
  );
}

/** A node that lacks approved code runs, but can't execute that contract's transactions nor vote for them. */
async function warnOfMissingCode(replica: Replica, log: Logger): Promise<void> {
  const range = prefixRange(SYSTEM_KEYS.contracts, 1024);
  const { height } = replica.head.header;
  for (const { key, value } of await replica.ports.state.scan(range, height!)) {
    const record = decodeCbor(value) as unknown as ContractRecord;
    const code = effectiveContract(record, replica.epoch.set.epoch);
    const contract = key.slice(SYSTEM_KEYS.contracts.length);
    if (!code || replica.catalog.find(contract, code.version, code.codeHash)) continue;
    log.error({ contract, ...code }, 'this node lacks the approved code of an active contract');
  }
}
