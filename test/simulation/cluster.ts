/**
 * Real replicas on memory stores under one scheduler: a network that drops, delays, repeats and cuts;
 * nodes that crash at any port call and start again from what was durable.
 */
import { memoryStores } from '../../node/memory/stores.ts';
import type { NodeStores } from '../../node/node-stores.ts';
import type { Transaction } from '../../shared/ledger/transaction.ts';
import { ring } from '../../shared/replica/alarm.ts';
import { openReplica } from '../../shared/replica/open.ts';
import { receive } from '../../shared/replica/receive.ts';
import type { Ports, Replica } from '../../shared/replica/replica.ts';
import { submit } from '../../shared/replica/submit.ts';
import { tellStanding } from '../../shared/replica/tell.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork, testKeyFrom } from '../support/local-network.ts';
import { Invariants } from './invariants.ts';
import { Scheduler } from './scheduler.ts';

/** Probabilities of a message's fate and of a crash at one port call. */
export interface Faults {
  readonly drop: number;
  readonly repeat: number;
  readonly delayMsMax: number;
  readonly crash: number;
}

export const NO_FAULTS: Faults = { drop: 0, repeat: 0, delayMsMax: 5, crash: 0 };
const REQUEST_MS = 500;

interface Node {
  readonly member: string;
  /** Counts lives: what an earlier one still waits for comes to nothing. */
  life: number;
  replica: Replica | undefined;
}

export class Cluster {
  readonly scheduler: Scheduler;
  readonly keys: LocalNetwork;
  readonly members: readonly string[];
  readonly invariants = new Invariants();
  faults: Faults = NO_FAULTS;
  crashes = 0;
  violation: Error | undefined;
  #nonce = 1;
  readonly #nodes = new Map<string, Node>();
  readonly #stores = new Map<string, NodeStores>();
  /** Members that hear only their own side, while a partition lasts. */
  #sides: ReadonlySet<string>[] = [];

  constructor(seed: number, replicas: number) {
    this.members = Array.from({ length: replicas }, (_, index) => `member-${index}`);
    this.keys = new LocalNetwork({
      members: this.members,
      catalog: counterCatalog,
      keyOf: testKeyFrom,
      time: 1_700_000_000_000,
      parameters: { tenureRounds: 4, baseTimeoutMs: 300, timeoutMsMax: 2000 },
    });
    this.scheduler = new Scheduler(seed, this.keys.genesis.time + 1000);
    for (const member of this.members) {
      this.#nodes.set(member, { member, life: 0, replica: undefined });
      this.#stores.set(member, memoryStores());
      this.start(member);
    }
  }

  get replicas(): Replica[] {
    return [...this.#nodes.values()].flatMap(({ replica }) => (replica ? [replica] : []));
  }

  replica(member: string): Replica | undefined {
    return this.#nodes.get(member)!.replica;
  }

  partition(side: ReadonlySet<string> | undefined): void {
    const rest = new Set(this.members.filter((member) => !side?.has(member)));
    this.#sides = side ? [side, rest] : [];
  }

  /** Opens a node from its store, as after a crash. */
  start(member: string): void {
    const node = this.#nodes.get(member)!;
    const life = ++node.life;
    node.replica = undefined;
    let cancelAlarm = (): void => {};
    const time = {
      now: () => this.scheduler.now,
      alarm: (at: number | null) => {
        cancelAlarm();
        if (at === null) return;
        const delay = Math.max(0, at - this.scheduler.now);
        cancelAlarm = this.scheduler.after(delay, () => {
          if (node.life === life && node.replica) void this.#noting(ring(node.replica));
        });
      },
      after: (ms: number, call: () => void) => this.scheduler.after(ms, call),
    };
    const ports = this.#crashing(node, life, time);
    const { genesis } = this.keys;
    const log = (): void => {};
    const opened = openReplica({
      genesis,
      member,
      catalog: counterCatalog,
      ports,
      store: member,
      log,
    });
    void this.#noting(
      opened.then((replica) => {
        if (node.life !== life) return;
        node.replica = replica;
        void this.#noting(tellStanding(replica));
        replica.commitListeners.add(() => this.#check(() => this.invariants.committed(replica)));
      }),
    );
  }

  crash(member: string): void {
    const node = this.#nodes.get(member)!;
    if (node.replica) node.replica.stopped = true;
    node.life++;
    node.replica = undefined;
    this.crashes++;
    this.scheduler.after(this.scheduler.between(10, 2000), () => this.start(member));
  }

  /** Submits to a node; undefined where it crashed before it answered. */
  async submit(member: string, transaction: Transaction, waitMs: number) {
    const replica = this.replica(member);
    return replica && (await submit(replica, transaction, waitMs));
  }

  #check(assertion: () => void): void {
    try {
      assertion();
    } catch (error) {
      this.violation ??= error as Error;
    }
  }

  #noting(promise: Promise<unknown>): Promise<void> {
    return promise.then(
      () => {},
      (error: Error) => {
        this.violation ??= error;
      },
    );
  }

  /** Ports of one life of a node: each call may be its last, before or after it took effect. */
  #crashing(node: Node, life: number, time: Ports['time']): Ports {
    const never = new Promise<never>(() => {});
    const { member } = node;
    const through = async <T>(call: () => Promise<T>): Promise<T> => {
      if (node.life !== life) return never;
      if (this.scheduler.chance(this.faults.crash)) {
        this.crash(member);
        return never;
      }
      const result = await call();
      if (node.life !== life) return never;
      if (this.scheduler.chance(this.faults.crash)) {
        this.crash(member);
        return never;
      }
      return result;
    };
    const { heads, blocks, state, mempool } = this.#stores.get(member)!;
    return {
      heads: {
        read: (name) => through(() => heads.read(name)),
        swap: (name, expected, next) =>
          through(async () => {
            const swapped = await heads.swap(name, expected, next);
            if (swapped && name === 'safety') {
              this.#check(() => this.invariants.saved(member, next.bytes));
            }
            return swapped;
          }),
      },
      blocks: {
        put: (id, bytes) => through(() => blocks.put(id, bytes)),
        get: (id) => through(() => blocks.get(id)),
      },
      state: {
        write: (batch) =>
          through(async () => {
            // A torn write: part of it is there, and the node is gone.
            if (this.scheduler.chance(this.faults.crash)) {
              const part = Math.floor(batch.items.length / 2);
              await state.write({ ...batch, values: [], items: batch.items.slice(0, part) });
              this.crash(member);
              return never;
            }
            return state.write(batch);
          }),
        get: (keys, at) => through(() => state.get(keys, at)),
        scan: (range, at) => through(() => state.scan(range, at)),
        items: (names) => through(() => state.items(names)),
      },
      mempool: {
        add: (entries) => through(() => mempool.add(entries)),
        remove: (ids) => through(() => mempool.remove(ids)),
        list: () => through(() => mempool.list()),
      },
      signer: {
        publicKey: this.keys.nodeKey(member),
        sign: (digest) =>
          through(async () => {
            this.#check(() => this.invariants.signed(member, digest));
            return this.keys.signAs(member, digest);
          }),
      },
      peers: { request: (to, message) => this.#request(node, life, to, message) },
      time,
    };
  }

  /** One request with its reply: lost, late, repeated, or cut off by a partition. */
  #request(node: Node, life: number, to: string, message: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const { scheduler } = this;
      const timeout = scheduler.after(REQUEST_MS, () => reject(new Error(`${to} did not answer`)));
      const lost = (): boolean =>
        scheduler.chance(this.faults.drop) || !this.#connected(node.member, to);
      const delay = (): number => scheduler.between(1, this.faults.delayMsMax);
      const deliver = (isRepeat: boolean): void => {
        const receiver = this.replica(to);
        if (!receiver || lost()) return;
        receive(receiver, node.member, message).then(
          (reply) => {
            if (isRepeat || lost()) return;
            scheduler.after(delay(), () => {
              timeout();
              if (node.life === life) resolve(reply);
            });
          },
          () => {},
        );
      };
      scheduler.after(delay(), () => deliver(false));
      if (scheduler.chance(this.faults.repeat)) scheduler.after(delay() * 3, () => deliver(true));
    });
  }

  #connected(a: string, b: string): boolean {
    return this.#sides.every((side) => side.has(a) === side.has(b));
  }

  /** A transaction of a member's administrator that is valid for a while of virtual time. */
  transaction(member: string, name: string, windowMs: number): string {
    return this.keys.signedAt(
      `${member}/admin`,
      'counter',
      'raise',
      { name, by: 1 },
      {
        nonce: `n${this.#nonce++}`,
        notAfter: this.scheduler.now + windowMs,
      },
    );
  }
}
