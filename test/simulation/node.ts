/**
 * A simulated node: real replicas over one memory store. A *process* keeps one replica until it
 * crashes; a *function* opens one for every input, from durable state only, so that several can be
 * under way at once over the same store. Where its invocations share a lease, an environment also keeps
 * its replica for a later input, as hosted nodes do; any number of environments may lag behind the store.
 */

import { followCommits } from '../../functions/node/follow-commits.ts';
import { type MemoryStores, memoryStores } from '../../node/memory/stores.ts';
import { kindOf } from '../../shared/consensus/message.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';
import type { Transaction } from '../../shared/ledger/transaction.ts';
import { longerWait, type Time, type Waited } from '../../shared/ports/time.ts';
import { ring } from '../../shared/replica/alarm.ts';
import { openReplica } from '../../shared/replica/open.ts';
import { receive } from '../../shared/replica/receive.ts';
import {
  type Ports,
  quiet,
  type Replica,
  type ReplicaOptions,
  Superseded,
} from '../../shared/replica/replica.ts';
import { isResumable, resumeReplica } from '../../shared/replica/resume.ts';
import { isStoreIdle } from '../../shared/replica/store-idle.ts';
import { submit } from '../../shared/replica/submit.ts';
import { tellStanding } from '../../shared/replica/tell.ts';
import { governedCatalog } from '../support/governed.ts';
import type { LocalNetwork } from '../support/local-network.ts';
import { faultyPorts, type Life, type World } from './faulty-ports.ts';
import type { NodeWatch } from './invariants.ts';
import type { Endpoint, Network, Tamper } from './network.ts';

export type Host = 'process' | 'function';

export interface NodeOptions {
  readonly world: World;
  readonly network: Network;
  readonly keys: LocalNetwork;
  readonly member: string;
  readonly label: string;
  readonly host: Host;
  /** Whether a function's invocations share a lease of the drive. */
  readonly leases: boolean;
  readonly watch: NodeWatch;
  /** Whether it takes a snapshot as soon as it is more than a block behind. */
  readonly snapshots: boolean;
  /** Pending transactions that it holds at the most, where that is few. */
  readonly mempool?: number;
  readonly committed: (replica: Replica) => void;
  readonly violated: (error: Error) => void;
  readonly log: (label: string, event: string, fields?: unknown) => void;
  /** What this node makes of what it sends, where it is hostile. */
  readonly tamper?: Tamper;
  readonly tamperReply?: (request: Uint8Array, reply: Uint8Array) => Uint8Array | null;
}

interface Alive extends Life {
  replica: Replica | undefined;
  cancelAlarm: () => void;
}

export class SimulatedNode implements Endpoint {
  readonly member: string;
  readonly label: string;
  #stores = memoryStores();
  #copy: MemoryStores | undefined;
  /** The identity of the store. */
  store: string;
  readonly #options: NodeOptions;
  /** The lives that are not over: one of a process, any number of a function. */
  readonly #lives = new Set<Alive>();
  /** A function's alarm outlives its invocations. */
  #durableAlarm: { at: number; waited: Waited; cancel: () => void } | undefined;
  /** What a function's environments that wait for an input keep. */
  #left: Replica[] = [];
  /** Whether the record says that the store was restored, if it was: until then the host does. */
  #isMarked = true;
  #clockOffset = 0;
  #invocations = 0;
  crashes = 0;
  isLost = false;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.member = options.member;
    this.label = options.label;
    this.store = options.label;
    if (options.host === 'process') this.start();
  }

  /** The replica of a process that is up. */
  get replica(): Replica | undefined {
    const [life] = this.#lives;
    return life?.replica;
  }

  get isIdle(): boolean {
    if (this.#options.host === 'function') return this.#lives.size === 0 && !this.#durableAlarm;
    return this.replica?.alarmAt === null;
  }

  setClock(offset: number): void {
    this.#clockOffset = offset;
  }

  /** Starts a process from what its store holds, and asks what it missed. */
  start(): void {
    if (this.isLost) return;
    const life = this.#newLife();
    this.#open(life).then(
      (replica) => {
        if (life.alive) void tellStanding(replica);
      },
      (error: Error) => {
        if (!life.alive) return;
        // A store that fails at the start: the process ends and is started again.
        this.#options.log(this.label, 'start-failed', { error: error.message });
        life.crash();
      },
    );
  }

  /** Copies the store as it is, as a backup does. */
  backUp(): void {
    this.#copy = this.#stores.copy();
  }

  /** Puts the backup in the place of the store: a new identity, as the host gives it. */
  restore(): void {
    if (!this.#copy) return;
    this.crash();
    this.#durableAlarm?.cancel();
    this.#durableAlarm = undefined;
    this.#stores = this.#copy;
    this.#copy = undefined;
    this.#left = [];
    this.store = `${this.label} restored`;
    this.#isMarked = false;
    this.#options.watch.restored();
    this.#options.log(this.label, 'restored');
  }

  /** Calls when this node signs the next time. */
  onceSigned(call: () => void): void {
    this.#options.watch.onceSigned(call);
  }

  get wasRestored(): boolean {
    return this.store !== this.label;
  }

  /** Its machine burns: it never comes back. */
  lose(): void {
    this.isLost = true;
    this.crash();
    this.#durableAlarm?.cancel();
    this.#durableAlarm = undefined;
  }

  /** Ends all that runs of this node; a process comes back after a while. */
  crash(): void {
    this.#left = [];
    for (const life of this.#lives) life.crash();
  }

  async deliver(from: string, message: Uint8Array): Promise<Uint8Array> {
    const purpose = kindOf(message) === 'proposal' ? 'vote' : 'read';
    return this.#run((replica) => receive(replica, from, message), purpose);
  }

  submit(transaction: Transaction, waitMs: number): ReturnType<typeof submit> {
    return this.#run(async (replica) => {
      let isOver = false;
      // As the hosted node does: another invocation may commit what this one waits for.
      if (replica.lease) {
        followCommits(
          replica,
          () => this.inspect(),
          () => isOver,
        ).catch(() => {});
      }
      try {
        return await submit(replica, transaction, waitMs);
      } finally {
        isOver = true;
      }
    });
  }

  /** A replica on this node's store that nothing can disturb, for reading. */
  inspect(): Promise<Replica> {
    const { keys } = this.#options;
    const refuse = async (): Promise<never> => {
      throw new Error('an inspection sends and signs nothing');
    };
    const time: Time = { now: () => this.#now(), alarm: () => {}, after: () => () => {} };
    const signer = { holds: () => true, sign: refuse };
    return openReplica({
      genesis: keys.genesis,
      member: this.member,
      catalog: governedCatalog,
      ports: { ...this.#stores, signer, peers: { request: refuse }, time },
      store: this.store,
      log: () => {},
    });
  }

  /** Sends a message of one's own making: hostile members do. */
  ask(to: string, message: Uint8Array): Promise<Uint8Array> {
    const [life] = this.#lives;
    if (!life) return Promise.reject(new Error(`${this.label} is down`));
    return this.#options.network.request(this, life, to, message, (_target, _sent, reply) => reply);
  }

  /** One input: on the process's replica, or on one that is opened for it and ends with its work. */
  async #run<T>(
    input: (replica: Replica) => Promise<T>,
    purpose: 'read' | 'vote' = 'read',
  ): Promise<T> {
    if (this.isLost) throw new Error(`${this.label} is down`);
    if (this.#options.host === 'process') {
      const { replica } = this;
      if (!replica) throw new Error(`${this.label} is down`);
      return input(replica);
    }
    const life = this.#newLife();
    try {
      const replica = await this.#open(life, purpose);
      const output = await input(replica).catch((error: unknown) => {
        if (replica.stopped && life.alive && purpose === 'vote') return undefined;
        throw error;
      });
      if (output !== undefined && !(purpose === 'vote' && replica.stopped)) return output;
      // A replica that began without a look at its store was overtaken: the input is taken by a new one.
      return await input(await this.#open(life, 'new'));
    } finally {
      const { replica } = life;
      if (replica) {
        void quiet(replica).then(() => {
          if (life.alive && this.#options.leases && isResumable(replica)) this.#left.push(replica);
          this.#end(life);
        });
      } else this.#end(life);
    }
  }

  #newLife(): Alive {
    const life: Alive = {
      alive: true,
      replica: undefined,
      cancelAlarm: () => {},
      crash: () => {
        if (!life.alive) return;
        this.crashes++;
        this.#options.log(this.label, 'crash');
        this.#end(life);
        if (this.#options.host === 'function') return;
        const { scheduler } = this.#options.world;
        scheduler.after(scheduler.between(10, 1500), () => this.start());
      },
    };
    this.#lives.add(life);
    return life;
  }

  #end(life: Alive): void {
    life.alive = false;
    if (life.replica) life.replica.stopped = true;
    life.cancelAlarm();
    this.#lives.delete(life);
  }

  async #open(life: Alive, purpose: 'read' | 'vote' | 'new' = 'new'): Promise<Replica> {
    const { world, keys, watch, network, tamper, host, leases, mempool } = this.#options;
    const { member } = this;
    const key = {
      publicKey: keys.nodeKey(member),
      sign: (digest: Uint8Array) => keys.signAs(member, digest),
    };
    const ports: Ports = {
      ...faultyPorts(world, life, this.#stores, key, watch, host),
      peers: {
        request: async (to, message) => {
          const sent = tamper ? await tamper(to, message) : message;
          if (!life.alive || !sent) return new Promise<never>(() => {});
          return network.request(this, life, to, sent, (target, request, reply) =>
            target instanceof SimulatedNode ? target.tamperReply(request, reply) : reply,
          );
        },
        ...(host === 'function' &&
          leases && { tell: (to, message) => this.#tell(life, to, message) }),
      },
      time: this.#time(life),
    };
    const options: ReplicaOptions = {
      genesis: keys.genesis,
      member,
      catalog: governedCatalog,
      ports,
      store: this.store,
      restored: !this.#isMarked,
      ...(host === 'function' && leases && { invocation: `${this.label} ${this.#invocations++}` }),
      catchUp: { waitMs: 500, ...(this.#options.snapshots ? { snapshotBehind: 1 } : {}) },
      ...(mempool !== undefined && {
        mempoolLimits: { transactionsMax: mempool, bytesMax: LIMITS.mempoolBytesMax },
      }),
      log: (event, fields) => this.#options.log(this.label, event, fields),
      onSuperseded: () => {
        // A process is alone with its store: one that finds it moved on has lost track of it.
        if (host === 'process')
          this.#options.violated(new Error(`${this.label} lost track of its store`));
      },
    };
    const left = purpose === 'new' ? undefined : this.#takeLeft();
    const replica = await (left && purpose !== 'new'
      ? resumeReplica(options, left, purpose).catch((error: unknown) => {
          if (error instanceof Superseded) return openReplica(options);
          throw error;
        })
      : openReplica(options));
    this.#isMarked = true;
    life.replica = replica;
    replica.commitListeners.add(() => this.#options.committed(replica));
    return replica;
  }

  /** As an asynchronous invocation: handed over at once, and delivered whatever becomes of this life. */
  async #tell(life: Alive, to: string, message: Uint8Array): Promise<void> {
    const { network } = this.#options;
    const told = network.request(this, life, to, message, (_target, _sent, reply) => reply);
    told.catch(() => {});
  }

  /** What one of the environments that wait kept, or nothing: then a new one starts. */
  #takeLeft(): Replica | undefined {
    const { scheduler } = this.#options.world;
    if (this.#left.length === 0 || scheduler.chance(0.2)) return undefined;
    const [replica] = this.#left.splice(scheduler.between(0, this.#left.length - 1), 1);
    return replica;
  }

  tamperReply(request: Uint8Array, reply: Uint8Array): Uint8Array | null {
    const { tamperReply } = this.#options;
    return tamperReply ? tamperReply(request, reply) : reply;
  }

  #now(): number {
    return this.#options.world.scheduler.now + this.#clockOffset;
  }

  #time(life: Alive): Time {
    const { scheduler } = this.#options.world;
    return {
      now: () => this.#now(),
      alarm: (at, waited) => {
        life.cancelAlarm();
        if (at === null || !life.alive) return;
        if (this.#options.host === 'function') this.#setDurableAlarm(at, waited);
        life.cancelAlarm = scheduler.after(Math.max(0, at - this.#now()), () => {
          if (life.alive && life.replica) void ring(life.replica);
        });
      },
      after: (ms, call) => scheduler.after(ms, () => life.alive && call()),
    };
  }

  /** One alarm a node: the earlier of two, with the longer wait. */
  #setDurableAlarm(at: number, waited: Waited): void {
    const known = this.#durableAlarm;
    known?.cancel();
    const both = known
      ? { at: Math.min(at, known.at), waited: longerWait(known.waited, waited) }
      : { at, waited };
    const { scheduler } = this.#options.world;
    const cancel = scheduler.after(Math.max(0, both.at - this.#now()), () => {
      this.#durableAlarm = undefined;
      this.#run(async (replica) => {
        // As functions do: an alarm that finds nothing is over. They look before a replica is opened, which
        // would set the next one for what only the last block's finality names.
        if (!(await isStoreIdle(replica.ports))) await ring(replica, both.waited);
        else if (this.#lives.size === 1) {
          this.#durableAlarm?.cancel();
          this.#durableAlarm = undefined;
        }
      }).catch(() => {
        // The queue delivers it once more.
        const retryMs = scheduler.between(50, 500);
        this.#setDurableAlarm(this.#now() + retryMs, both.waited);
      });
    });
    this.#durableAlarm = { ...both, cancel };
  }
}
