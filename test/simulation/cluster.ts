/**
 * A simulated consortium: correct nodes as processes or as functions, hostile ones with a mind of
 * their own, twins (two correct nodes of one member), under one scheduler. A run is a function of its seed.
 */
import { encodeCbor, toValue } from '../../shared/bytes/cbor.ts';
import { taggedDigest } from '../../shared/bytes/digest.ts';
import { equalBytes } from '../../shared/bytes/text.ts';
import { leaderOf } from '../../shared/consensus/leaders.ts';
import { attestationDigest } from '../../shared/consensus/restored.ts';
import { type SafetyRecord, signedUpTo } from '../../shared/consensus/safety.ts';
import { faultsTolerated } from '../../shared/consensus/validators.ts';
import type { Action } from '../../shared/contract/governance-action.ts';
import type { Evidence } from '../../shared/ledger/evidence.ts';
import type { ConsensusParameters } from '../../shared/ledger/limits.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction, type Transaction } from '../../shared/ledger/transaction.ts';
import { currentTenureEnd, leaderNow, type Replica } from '../../shared/replica/replica.ts';
import { governedCatalog } from '../support/governed.ts';
import { LocalNetwork, testKeyFrom } from '../support/local-network.ts';
import { type FaultCounts, type Faults, NO_FAULTS } from './faults.ts';
import { Hostile } from './hostile.ts';
import { Invariants, NodeWatch } from './invariants.ts';
import { Network } from './network.ts';
import { type Host, SimulatedNode } from './node.ts';
import { Scheduler } from './scheduler.ts';

const GENESIS_TIME = 1_700_000_000_000;

export const PARAMETERS = {
  tenureRounds: 4,
  baseTimeoutMs: 200,
  timeoutMsMax: 1600,
  clockToleranceMs: 2000,
} as const;
/** How far a correct node's clock may be off. */
export const SKEW_MS_MAX = 500;

export interface ClusterOptions {
  readonly seed: number;
  readonly replicas: number;
  readonly host: Host;
  /** How many members are faulty on purpose, and how; at the most f. */
  readonly hostile?: number;
  /** Whether nodes that are behind take snapshots. */
  readonly snapshots?: boolean;
  readonly leases?: boolean;
  readonly twins?: number;
  /** Members with a twin, by name. */
  readonly twinned?: readonly string[];
  readonly parameters?: Partial<ConsensusParameters>;
  /** Pending transactions that a node holds at the most, where that is few. */
  readonly mempool?: number;
  readonly trace?: (line: string) => void;
}

export class Cluster {
  readonly scheduler: Scheduler;
  readonly keys: LocalNetwork;
  readonly members: readonly string[];
  readonly network: Network;
  readonly nodes: SimulatedNode[] = [];
  /** Nodes of members that follow the rules. */
  readonly correct: SimulatedNode[] = [];
  readonly counts: FaultCounts = {};
  faults: Faults = NO_FAULTS;
  violation: Error | undefined;
  readonly #options: ClusterOptions;
  readonly #invariants = new Invariants();
  readonly #watches: NodeWatch[] = [];
  readonly #hostile = new Map<SimulatedNode, Hostile>();
  #nonce = 1;

  constructor(options: ClusterOptions) {
    const { seed, replicas, hostile = 0, twins = 0 } = options;
    if (hostile + twins > faultsTolerated(replicas)) throw new Error('more than f faulty members');
    this.#options = options;
    this.members = Array.from({ length: replicas }, (_, index) => `member-${index}`);
    this.scheduler = new Scheduler(seed, GENESIS_TIME + 1000);
    const tenureRounds = this.scheduler.pick([2, 4, 6]);
    this.keys = new LocalNetwork({
      members: this.members,
      catalog: governedCatalog,
      keyOf: testKeyFrom,
      time: GENESIS_TIME,
      parameters: { ...PARAMETERS, tenureRounds, ...options.parameters },
    });
    this.network = new Network(this);
    const { twinned } = options;
    const faulty = twinned ?? shuffled(this.scheduler, this.members).slice(0, hostile + twins);
    for (const member of this.members) {
      const index = faulty.indexOf(member);
      if (index < 0) this.correct.push(this.#node(member, member, options.host));
      else if (index < hostile) this.#hostileNode(member);
      else for (const copy of ['a', 'b']) this.#node(member, `${member}-${copy}`, 'process');
    }
    if (!twinned) this.network.drawRoutes();
  }

  get crashes(): number {
    return this.nodes.reduce((sum, { crashes }) => sum + crashes, 0);
  }

  /** Rounds that the most active node voted in. */
  get rounds(): number {
    return Math.max(...this.#watches.map(({ rounds }) => rounds));
  }

  get hasFaultyMembers(): boolean {
    return this.correct.length < this.members.length;
  }

  failed(error: Error): void {
    this.#log('network', 'VIOLATION', { error: error.message });
    this.violation ??= error;
    this.scheduler.stop();
  }

  /** A correct member is gone for good: nothing is asked of it at the end. */
  lose(node: SimulatedNode): void {
    this.counts.lost = (this.counts.lost ?? 0) + 1;
    this.correct.splice(this.correct.indexOf(node), 1);
    node.lose();
  }

  /** Messages of hostile members that nobody asked for. */
  async stir(): Promise<void> {
    for (const [node, hostile] of this.#hostile) {
      const said = await hostile.spontaneous();
      if (said) this.network.inject(node, said.to, said.message);
    }
  }

  #node(member: string, label: string, host: Host, hostile?: Hostile): SimulatedNode {
    const watch = new NodeWatch(
      label,
      (error) => this.failed(error),
      (digest, record) => this.#isAttestation(digest, record),
    );
    const node = new SimulatedNode({
      world: this,
      network: this.network,
      keys: this.keys,
      member,
      label,
      host,
      leases: this.#options.leases ?? false,
      watch,
      // The first member keeps the whole history for the reckoning.
      snapshots: member !== this.members[0] && (this.#options.snapshots ?? false),
      ...(this.#options.mempool !== undefined && { mempool: this.#options.mempool }),
      committed: (replica) => this.#committed(label, replica),
      violated: (error) => this.failed(error),
      log: (...event) => this.#log(...event),
      ...(hostile && {
        tamper: (to, message) => hostile.tamper(to, message),
        tamperReply: (request, reply) => hostile.tamperReply(request, reply),
      }),
    });
    this.#watches.push(watch);
    this.nodes.push(node);
    this.network.add(node);
    return node;
  }

  #hostileNode(member: string): void {
    const sign = (digest: Uint8Array): Uint8Array => this.keys.signAs(member, digest);
    const hostile = new Hostile(this.scheduler, this.counts, sign, this.members);
    const node = this.#node(member, member, 'process', hostile);
    hostile.replica = () => node.replica;
    hostile.ask = (to, message) => node.ask(to, message);
    this.#hostile.set(node, hostile);
  }

  #committed(label: string, replica: Replica): void {
    const { header, id } = replica.head;
    const { epoch, round, height } = header;
    this.#log(label, 'committed', { height, epoch, round, id: id.slice(0, 8) });
    const { ambush, isolate } = this.faults;
    if (this.scheduler.chance(this.#leadsBeforeHostile(replica) ? ambush : isolate)) {
      this.counts.isolate = (this.counts.isolate ?? 0) + 1;
      this.network.isolate(label, this.scheduler.between(100, 1500));
    }
    try {
      const latest = this.scheduler.now + PARAMETERS.clockToleranceMs + SKEW_MS_MAX;
      this.#invariants.committed(replica, latest);
    } catch (error) {
      this.failed(new Error(`${label}: ${(error as Error).message}`));
    }
  }

  /** Whether a node leads, and a hostile one comes after it. */
  #leadsBeforeHostile(replica: Replica): boolean {
    if (leaderNow(replica) !== replica.member) return false;
    const { epoch, head } = replica;
    const next = leaderOf(epoch.set, head.leaders, currentTenureEnd(replica) + 1);
    return [...this.#hostile.keys()].some(({ member }) => member === next);
  }

  /** Whether a node tells a restored one what it signed, as its record has it. */
  #isAttestation(digest: Uint8Array, record: SafetyRecord): boolean {
    const says = { epoch: record.epoch, votedRound: signedUpTo(record) };
    return this.nodes.some(({ member, store }) => {
      const expected = attestationDigest(this.keys.ledger, { member, store }, says);
      return equalBytes(digest, expected);
    });
  }

  /** I7: what correct nodes take for evidence never names a member that follows the rules. */
  #noticed({ member }: Evidence): void {
    this.counts.evidence = (this.counts.evidence ?? 0) + 1;
    if (this.correct.some((node) => node.member === member)) {
      this.failed(new Error(`I7: evidence against ${member}, which follows the rules`));
    }
  }

  #log(label: string, event: string, fields?: unknown): void {
    if (event === 'double-signed') this.#noticed((fields as { evidence: Evidence }).evidence);
    const { trace } = this.#options;
    if (!trace) return;
    const at = String(this.scheduler.now - this.keys.genesis.time).padStart(6);
    trace(`${at} ms  ${label.padEnd(12)} ${event} ${fields ? JSON.stringify(fields) : ''}`);
  }

  /** Raises a counter, signed by a member's administrator, valid for a while of virtual time. */
  raise(member: string, name: string, windowMs: number): Transaction {
    return this.#signed(member, 'counter', 'raise', { name, by: 1 }, windowMs);
  }

  /** A proposal with the votes of all members, each for itself. */
  decision(action: Action, windowMs: number): { member: string; transaction: Transaction }[] {
    const deadline = this.scheduler.now + 600_000;
    const [proposer, ...voters] = this.members as [string, ...string[]];
    const proposal = this.#signed(
      proposer,
      'governance',
      'propose',
      { action: toValue(action), deadline },
      windowMs,
    );
    const id = proposal.id.slice(0, 16);
    const content = encodeCbor(toValue({ id, action, deadline }));
    const digest = taggedDigest('fuqi/v1/proposal', content);
    const vote = { id, digest, approve: true };
    return [
      { member: proposer, transaction: proposal },
      // Twice: a first vote can come before its proposal, or to a node that is down.
      ...[...voters, ...voters].map((member) => ({
        member,
        transaction: this.#signed(member, 'governance', 'vote', vote, windowMs),
      })),
    ];
  }

  #signed(
    member: string,
    contract: string,
    method: string,
    args: Parameters<LocalNetwork['signedAt']>[3],
    windowMs: number,
  ): Transaction {
    const bounds = { nonce: `n${this.#nonce++}`, notAfter: this.scheduler.now + windowMs };
    const text = this.keys.signedAt(`${member}/admin`, contract, method, args, bounds);
    const transaction = parseTransaction(text);
    if (transaction instanceof Rejected) throw new Error(transaction.rejection.message);
    return transaction;
  }
}

function shuffled<T>(scheduler: Scheduler, items: readonly T[]): T[] {
  const left = [...items];
  return items.map(() => left.splice(scheduler.between(0, left.length - 1), 1)[0]!);
}
