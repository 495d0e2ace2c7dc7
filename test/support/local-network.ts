/**
 * Four real replicas in one process: real execution, real contracts, memory stores, direct calls
 * instead of sockets. Links can be cut, nodes stopped and reopened from what is durable.
 */

import {
  createECDH,
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { memoryAttachmentStore } from '../../node/memory/attachment-store.ts';
import { memoryStores } from '../../node/memory/stores.ts';
import { memoryVaultStore } from '../../node/memory/vault-store.ts';
import type { NodeStores } from '../../node/node-stores.ts';
import { timers } from '../../node/timers.ts';
import { openVault, type Vault } from '../../node/vault/vault.ts';
import { vaultKeyOf } from '../../node/vault/vault-key.ts';
import { jwkThumbprint, type PublicJwk } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { utf8 } from '../../shared/bytes/text.ts';
import type { Catalog } from '../../shared/contract/catalog.ts';
import { signBatch } from '../../shared/ledger/batch-signature.ts';
import { type Genesis, type GenesisMember, ledgerId } from '../../shared/ledger/genesis.ts';
import { type ConsensusParameters, DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import {
  draftTransaction,
  signedDraft,
  type TransactionBody,
} from '../../shared/ledger/transaction.ts';
import type { Custody } from '../../shared/ports/custody.ts';
import type { Signer } from '../../shared/ports/signer.ts';
import { ring } from '../../shared/replica/alarm.ts';
import { startDelivering } from '../../shared/replica/deliver.ts';
import { followErasures, lookForErasures } from '../../shared/replica/erasures.ts';
import { openReplica } from '../../shared/replica/open.ts';
import { receive } from '../../shared/replica/receive.ts';
import type { Log, Ports, Replica, ReplicaOptions } from '../../shared/replica/replica.ts';
import { reportEvidence } from '../../shared/replica/report.ts';
import { ledgerService } from '../../shared/replica/service.ts';
import { tellStanding } from '../../shared/replica/tell.ts';

export interface TestKey {
  readonly privateKey: KeyObject;
  readonly jwk: PublicJwk;
  readonly keyId: string;
}

/** A new P-256 key. */
export function testKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  const jwk = { kty, crv, x, y } as PublicJwk;
  return { privateKey, jwk, keyId: jwkThumbprint(jwk) };
}

/** The P-256 key that a text gives: the same each time, for runs that are a function of their seed. */
export function testKeyFrom(text: string): TestKey {
  const ecdh = createECDH('prime256v1');
  // SHA-256 lies below the group's order but for a chance of 2^-32.
  ecdh.setPrivateKey(createHash('sha256').update(text).digest());
  const point = ecdh.getPublicKey();
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) =>
    part.toString('base64url'),
  ) as [string, string];
  const jwk: PublicJwk = { kty: 'EC', crv: 'P-256', x, y };
  const d = ecdh.getPrivateKey().toString('base64url');
  const privateKey = createPrivateKey({ key: { ...jwk, d }, format: 'jwk' });
  return { privateKey, jwk, keyId: jwkThumbprint(jwk) };
}

const es256 = (key: TestKey, bytes: Uint8Array): Uint8Array =>
  sign('sha256', bytes, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });

/** Signs a transaction body as a compact JWS. */
export function signBody(key: TestKey, body: TransactionBody): string {
  const { input } = draftTransaction(key.keyId, body);
  return signedDraft(input, es256(key, utf8(input)));
}

/** An identity to be written into genesis: `member/name` with its roles. */
export interface TestIdentity {
  readonly member: string;
  readonly name: string;
  readonly roles: readonly string[];
}

export interface NetworkOptions {
  readonly members: readonly string[];
  readonly catalog: Catalog;
  readonly identities?: readonly TestIdentity[];
  /** Contract roles of each member; default: all of its identities' roles. */
  readonly parameters?: Partial<ConsensusParameters>;
  /** Where keys come from; fresh ones unless told. */
  readonly keyOf?: (label: string) => TestKey;
  /** Time of block 0; a second ago unless told. */
  readonly time?: number;
  readonly log?: (member: string, ...event: Parameters<Log>) => void;
  /** Told of each digest before it is signed, with what the member's store holds then. */
  readonly onSign?: (member: string, digest: Uint8Array, stores: NodeStores) => Promise<void>;
  /** Each node's own settings. */
  /** Whether nodes have vaults, whose keys the genesis document registers. */
  readonly vaults?: boolean;
  readonly replica?: Pick<ReplicaOptions, 'catchUp' | 'retain' | 'mempoolLimits'>;
}

/** What the host knows of a store that a node is opened with. */
export interface StartOptions {
  readonly store?: string;
  readonly restored?: boolean;
  readonly acceptLoss?: boolean;
}

export interface TestNode {
  readonly member: string;
  replica: Replica;
  readonly service: ReturnType<typeof ledgerService>;
}

/** A network whose links are function calls. */
export class LocalNetwork {
  readonly genesis: Genesis;
  readonly nodes = new Map<string, TestNode>();
  readonly keys = new Map<string, TestKey>();
  readonly #options: NetworkOptions;
  /** Node keys by member, the newest last: a node holds all of its member's. */
  readonly #nodeKeys = new Map<string, TestKey[]>();
  readonly #stores = new Map<string, NodeStores>();
  readonly #vaults = new Map<
    string,
    { vault: Vault; jwk: PublicJwk; entries: Map<string, Uint8Array>; open: () => Vault }
  >();
  readonly #cut = new Set<string>();
  readonly #stopTimers = new Map<string, () => void>();
  /** A liar on the wire: what it answers is delivered instead. */
  intercept: (from: string, to: string, message: Uint8Array) => Uint8Array = (_from, _to, bytes) =>
    bytes;
  /** The same for replies: `to` answered `from`. */
  interceptReply: (from: string, to: string, reply: Uint8Array) => Uint8Array = (_f, _t, bytes) =>
    bytes;
  /** The same for replies: what a member answers to a request. */
  answer: (
    from: string,
    to: string,
    request: Uint8Array,
    reply: Uint8Array,
  ) => Uint8Array | Promise<Uint8Array> = (_from, _to, _request, reply) => reply;
  /** Messages sent so far, for tests of idleness. */
  messages = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
    const identities = options.identities ?? [];
    const newKey = options.keyOf ?? testKey;
    for (const member of options.members) {
      this.#nodeKeys.set(member, [newKey(`${member} node`)]);
      this.keys.set(`${member}/admin`, newKey(`${member}/admin`));
      // The ledger knows the peer key as the member's identity `node`.
      this.keys.set(`${member}/node`, newKey(`${member} peer`));
    }
    for (const { member, name } of identities)
      this.keys.set(`${member}/${name}`, newKey(`${member}/${name}`));
    this.genesis = {
      format: 'fuqi-genesis-1',
      consortium: 'demo',
      time: options.time ?? Date.now() - 1000,
      visibility: 'public',
      parameters: {
        ...DEFAULT_PARAMETERS,
        baseTimeoutMs: 200,
        timeoutMsMax: 1000,
        ...options.parameters,
      },
      members: options.members.map((id) => {
        const own = identities.filter(({ member }) => member === id);
        return {
          id,
          name: id,
          hosting: 'private' as const,
          validator: true,
          nodeKey: this.nodeKey(id),
          peerKey: this.keys.get(`${id}/node`)!.jwk,
          roles: [...new Set(own.flatMap(({ roles }) => roles))].filter((role) => role !== 'admin'),
          identities: [
            { name: 'admin', key: this.keys.get(`${id}/admin`)!.jwk, roles: ['admin'] },
            ...own.map(({ name, roles }) => ({
              name,
              key: this.keys.get(`${id}/${name}`)!.jwk,
              roles: [...roles],
            })),
            ...(options.vaults ? [{ name: 'vault', key: this.#newVault(id), roles: [] }] : []),
          ],
        };
      }),
      contracts: options.catalog.entries.map(({ contract, codeHash }) => ({
        name: contract.name,
        version: contract.version,
        codeHash,
      })),
    };
  }

  /** Opens a network with all nodes running. */
  static async open(options: NetworkOptions): Promise<LocalNetwork> {
    const network = new LocalNetwork(options);
    for (const member of options.members) await network.start(member);
    return network;
  }

  get ledger() {
    return ledgerId(this.genesis);
  }

  node(member: string): TestNode {
    const node = this.nodes.get(member);
    if (!node) throw new Error(`${member} is not running`);
    return node;
  }

  service(member: string) {
    return this.node(member).service;
  }

  /** What a member's administrator is shown of a transaction's values. */
  async values(member: string, id: Digest) {
    const service = this.service(member);
    return service.values(id, await service.identity('admin'));
  }

  /** Gives a node that is not running other stores than its own. */
  useStores(member: string, stores: NodeStores): void {
    this.#stores.set(member, stores);
  }

  /** What a member's node keeps, also while it is stopped. */
  storesOf(member: string): NodeStores {
    return this.#stores.get(member)!;
  }

  /** A member's vault, which outlives its node as its stores do. */
  vaultOf(member: string): Vault {
    return this.#vaults.get(member)!.vault;
  }

  /** The public half of a member's vault key. */
  vaultKeyOf(member: string): PublicJwk {
    return this.#vaults.get(member)!.jwk;
  }

  /** What rests in a member's vault. */
  vaultEntries(member: string): Map<string, Uint8Array> {
    return this.#vaults.get(member)!.entries;
  }

  /** Makes a member's vault; answers the public half of its key. */
  #newVault(member: string): PublicJwk {
    const key = vaultKeyOf(testKey().privateKey);
    const entries = new Map<string, Uint8Array>();
    const blobs = memoryAttachmentStore();
    const open = (): Vault => openVault(memoryVaultStore(entries), blobs, [key]);
    this.#vaults.set(member, { vault: open(), jwk: key.jwk, entries, open });
    return key.jwk;
  }

  /** Opens a member's vault again, as a process that starts does. */
  reopenVault(member: string): void {
    const known = this.#vaults.get(member)!;
    this.#vaults.set(member, { ...known, vault: known.open() });
  }

  /** A member's public consensus key. */
  nodeKey(member: string): PublicJwk {
    return this.#nodeKeys.get(member)!.at(-1)!.jwk;
  }

  /** Gives a member's node a further node key, as a rotation does. */
  newNodeKey(member: string): PublicJwk {
    this.#nodeKeys.get(member)!.push(testKey());
    return this.nodeKey(member);
  }

  /** The member's machine is lost: its store and its node keys. Its administrator's key is not. */
  lose(member: string): void {
    this.#stores.delete(member);
    this.#nodeKeys.set(member, []);
  }

  /** A member to be voted in, with keys that this network keeps. */
  joiner(id: string, validator: boolean): GenesisMember {
    this.#nodeKeys.set(id, [testKey()]);
    this.keys.set(`${id}/admin`, testKey());
    return {
      id,
      name: id,
      hosting: 'private',
      validator,
      nodeKey: this.nodeKey(id),
      peerKey: testKey().jwk,
      roles: [],
      identities: [{ name: 'admin', key: this.keys.get(`${id}/admin`)!.jwk, roles: ['admin'] }],
    };
  }

  /** A signature by a member's consensus key, for tests of hostile members. */
  signAs(member: string, digest: Uint8Array): Uint8Array {
    return es256(this.#nodeKeys.get(member)!.at(-1)!, digest);
  }

  /** Starts a node from what its store holds. */
  async start(member: string, options: StartOptions = {}): Promise<TestNode> {
    const stores = this.#stores.get(member) ?? memoryStores();
    this.#stores.set(member, stores);
    let replica: Replica | undefined;
    const time = timers(() => {
      if (replica) void ring(replica);
    });
    this.#stopTimers.set(member, () => time.stop());
    const ports: Ports = {
      ...stores,
      signer: this.#signer(member),
      peers: { request: (to, message) => this.#deliver(member, to, message) },
      time,
    };
    const log: Log = (...event) => this.#options.log?.(member, ...event);
    const { genesis } = this;
    const { catalog } = this.#options;
    const given = { store: member, ...this.#options.replica, ...options };
    const keeper = this.#options.vaults ? this.vaultOf(member) : undefined;
    const nodeCustody = this.custodyOf(member);
    const own = { keeper, nodeCustody };
    replica = await openReplica({ genesis, member, catalog, ports, log, ...own, ...given });
    reportEvidence(replica);
    followErasures(replica);
    const service = ledgerService(replica, this.custodyOf(member));
    const node = { member, replica, service };
    this.nodes.set(member, node);
    void tellStanding(replica);
    startDelivering(replica);
    lookForErasures(replica);
    return node;
  }

  /** Stops a node at once, as a crash does: only its store stays. */
  stop(member: string): void {
    const node = this.node(member);
    node.replica.stopped = true;
    this.#stopTimers.get(member)!();
    this.nodes.delete(member);
  }

  close(): void {
    for (const member of [...this.nodes.keys()]) this.stop(member);
  }

  /** Cuts or heals the link between two members, both ways. */
  cut(a: string, b: string, cut = true): void {
    for (const link of [`${a}>${b}`, `${b}>${a}`]) {
      if (cut) this.#cut.add(link);
      else this.#cut.delete(link);
    }
  }

  /** Delivers a message of a test's own making, as a hostile member's. */
  say(from: string, to: string, message: Uint8Array): Promise<Uint8Array> {
    return this.#deliver(from, to, message);
  }

  async #deliver(from: string, to: string, message: Uint8Array): Promise<Uint8Array> {
    this.messages++;
    const node = this.nodes.get(to);
    if (!node || this.#cut.has(`${from}>${to}`)) throw new Error(`${to} is unreachable`);
    const own = await receive(node.replica, from, this.intercept(from, to, message));
    const reply = await this.answer(from, to, message, this.interceptReply(from, to, own));
    if (this.#cut.has(`${to}>${from}`) || !this.nodes.has(from))
      throw new Error('the reply is lost');
    return reply;
  }

  #signer(member: string): Signer {
    const find = ({ x }: PublicJwk) => this.#nodeKeys.get(member)!.find(({ jwk }) => jwk.x === x);
    return {
      holds: (key) => find(key) !== undefined,
      sign: async (digest, key) => {
        await this.#options.onSign?.(member, digest, this.storesOf(member));
        return es256(find(key)!, digest);
      },
    };
  }

  /** What a member's node signs with for its identities. */
  custodyOf(member: string): Custody {
    const key = (name: string): TestKey | undefined => this.keys.get(`${member}/${name}`);
    return {
      keyId: (name) => key(name)?.keyId,
      identityOf: (keyId) =>
        [...this.keys].find(([, one]) => one.keyId === keyId)?.[0].split('/')[1],
      sign: async (name, input) => signBatch([input], (message) => es256(key(name)!, message))[0]!,
      nonce: () => randomBytes(16).toString('base64url'),
    };
  }

  /** A signed transaction of an identity, as a compact JWS. */
  signed(
    identity: string,
    contract: string,
    method: string,
    args: TransactionBody['args'],
  ): string {
    const nonce = randomBytes(12).toString('base64url');
    return this.signedAt(identity, contract, method, args, {
      nonce,
      notAfter: Date.now() + 60_000,
    });
  }

  /** The same with a nonce and an end of one's choice. */
  signedAt(
    identity: string,
    contract: string,
    method: string,
    args: TransactionBody['args'],
    bounds: Pick<TransactionBody, 'nonce' | 'notAfter'>,
  ): string {
    const { ledger } = this;
    return signBody(this.keys.get(identity)!, { ledger, contract, method, args, ...bounds });
  }
}
