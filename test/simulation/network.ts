/**
 * The wire between simulated nodes: requests and replies are lost, late, repeated, replayed or cut
 * off, one way or both. A member with a twin has two nodes, and the wire decides who talks to which.
 */
import type { FaultCounts } from './faults.ts';
import type { Life, World } from './faulty-ports.ts';

/** A node as the wire sees it. */
export interface Endpoint {
  readonly member: string;
  /** Another name for a member's second node. */
  readonly label: string;
  deliver(from: string, message: Uint8Array): Promise<Uint8Array>;
}

/** What a hostile sender makes of its message; null: it says nothing. */
export type Tamper = (to: string, message: Uint8Array) => Promise<Uint8Array | null>;

const REQUEST_MS = 250;
const RECORDED_MAX = 200;

export class Network {
  readonly #world: World;
  readonly #endpoints = new Map<string, Endpoint[]>();
  /** Directed links that are cut, `from>to` by labels. */
  readonly #cut = new Set<string>();
  /** Which of a member's nodes a node talks to: `label>member` → index; both where there is none. */
  readonly #routes = new Map<string, number>();
  readonly #recorded: { from: string; to: string; message: Uint8Array }[] = [];
  /** Nodes that nobody hears, and how often they were cut off. */
  readonly #isolated = new Map<string, number>();
  /** A filter on single messages, for scripted scenarios. */
  passes: (from: Endpoint, to: Endpoint, message: Uint8Array) => boolean = () => true;
  messages = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get endpoints(): Endpoint[] {
    return [...this.#endpoints.values()].flat();
  }

  add(endpoint: Endpoint): void {
    const known = this.#endpoints.get(endpoint.member) ?? [];
    this.#endpoints.set(endpoint.member, [...known, endpoint]);
  }

  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  /** Cuts a node off from all others for a while. */
  isolate(label: string, ms: number): void {
    this.#isolated.set(label, (this.#isolated.get(label) ?? 0) + 1);
    this.#world.scheduler.after(ms, () => {
      this.#isolated.set(label, this.#isolated.get(label)! - 1);
    });
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Draws anew which twin each node talks to: one, the other, or both. */
  drawRoutes(): void {
    const { scheduler } = this.#world;
    this.#routes.clear();
    for (const [member, nodes] of this.#endpoints) {
      if (nodes.length < 2) continue;
      for (const { label } of this.endpoints) {
        const index = scheduler.between(0, nodes.length);
        if (index < nodes.length) this.#routes.set(`${label}>${member}`, index);
      }
    }
  }

  /** One request with its reply, from a life of a node. Rejects when no reply came in time. */
  request(
    from: Endpoint,
    life: Life,
    to: string,
    message: Uint8Array,
    tamperReply: (endpoint: Endpoint, request: Uint8Array, reply: Uint8Array) => Uint8Array | null,
  ): Promise<Uint8Array> {
    const { scheduler, faults } = this.#world;
    this.#record(from.member, to, message);
    return new Promise((resolve, reject) => {
      const timeout = scheduler.after(REQUEST_MS, () => {
        if (life.alive) reject(new Error(`${to} did not answer`));
      });
      const deliver = (isRepeat: boolean): void => {
        for (const target of this.#targets(from, to)) {
          if (this.#lost(from, target) || !this.passes(from, target, message)) continue;
          this.messages++;
          target.deliver(from.member, message).then(
            (answer) => {
              const reply = tamperReply(target, message, answer);
              if (!reply || isRepeat || this.#lost(target, from)) return;
              scheduler.after(this.#delay(), () => {
                timeout();
                if (life.alive) resolve(reply);
              });
            },
            // A fault of the other node: no reply.
            () => {},
          );
        }
      };
      scheduler.after(this.#delay(), () => deliver(false));
      if (this.#happens('repeat', faults.repeat)) {
        scheduler.after(this.#delay() * 3, () => deliver(true));
      }
      if (this.#happens('replay', faults.replay)) this.#replay();
    });
  }

  /** Delivers a message from outside any node: of a hostile member that has its own mind. */
  inject(from: Endpoint, to: string, message: Uint8Array): void {
    this.#world.scheduler.after(this.#delay(), () => {
      for (const target of this.#targets(from, to)) {
        if (!this.#lost(from, target)) target.deliver(from.member, message).catch(() => {});
      }
    });
  }

  #targets(from: Endpoint, to: string): Endpoint[] {
    const nodes = this.#endpoints.get(to) ?? [];
    const others = nodes.filter((node) => node !== from);
    const route = this.#routes.get(`${from.label}>${to}`);
    return route === undefined ? others : others.filter((node) => node === nodes[route]);
  }

  #lost(from: Endpoint, to: Endpoint): boolean {
    if (this.#isolated.get(from.label) || this.#isolated.get(to.label)) return true;
    if (this.#cut.has(`${from.label}>${to.label}`)) return true;
    return this.#happens('drop', this.#world.faults.drop);
  }

  #delay(): number {
    return this.#world.scheduler.between(1, this.#world.faults.delayMsMax);
  }

  #record(from: string, to: string, message: Uint8Array): void {
    if (this.#world.faults.replay === 0) return;
    this.#recorded.push({ from, to, message });
    if (this.#recorded.length > RECORDED_MAX) this.#recorded.shift();
  }

  #replay(): void {
    const { from, to, message } = this.#world.scheduler.pick(this.#recorded);
    const sender = this.#endpoints.get(from)![0]!;
    this.inject(sender, to, message);
  }

  #happens(kind: string, probability: number): boolean {
    const { scheduler, counts }: { scheduler: World['scheduler']; counts: FaultCounts } =
      this.#world;
    if (!scheduler.chance(probability)) return false;
    counts[kind] = (counts[kind] ?? 0) + 1;
    return true;
  }
}
