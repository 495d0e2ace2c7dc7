/**
 * A consortium of real processes in a folder of its own: four nodes that reach each other through
 * links of ours (`proxy.ts`), and a gateway. Kills, pauses, cuts and restarts them; knows no client.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LocalConsortium, LocalLayout } from '../../node/local-layout.ts';
import { provision } from '../../node/local-provision.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { ledgerId } from '../../shared/ledger/genesis.ts';
import { Link, type Trouble } from './proxy.ts';
import { REGISTER_CODE } from './register-contract.ts';

export const NAME = 'chaos';
export const BASE = `/v1/consortia/${NAME}`;
export const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'] as const;
/** Identities of each member that may use registers. */
export const IDENTITY = 'user';

const GATEWAY = 'gateway';
const START_MS = 60_000;

const DESCRIPTION: LocalConsortium = {
  format: 'fuqi-local-1',
  name: NAME,
  members: MEMBERS.map((id) => ({ id, name: id, identities: { [IDENTITY]: ['register.user'] } })),
};

/** How a start ended: it serves, or the process ended with a code or by a signal, and what it said last. */
export type Start =
  | { readonly serving: true }
  | {
      readonly serving: false;
      readonly code: number | null;
      readonly signal: string | null;
      readonly said: string;
    };

/** Where a node stands, as it says itself. */
export interface Standing {
  readonly height: number;
  readonly headId: Digest;
  readonly round: number;
  readonly leader: string;
  readonly state: string;
  readonly pending: number;
}

export class Consortium {
  readonly layout: LocalLayout;
  readonly ledger: Digest;
  readonly #links: ReadonlyMap<string, Link>;
  readonly #processes = new Map<string, ChildProcess>();
  readonly #port: number;

  private constructor(layout: LocalLayout, ledger: Digest, links: Map<string, Link>, port: number) {
    this.layout = layout;
    this.ledger = ledger;
    this.#links = links;
    this.#port = port;
  }

  /** Makes the files and starts all processes. Ports: `port` for the gateway, the four after it for the nodes. */
  static async open(root: string, port: number): Promise<Consortium> {
    const layout = provision(root, DESCRIPTION, port);
    const genesis = edit(layout.genesis, (document) => {
      document.contracts.push(REGISTER_CODE);
    });
    const links = new Map<string, Link>();
    for (const [from, to] of PAIRS) links.set(`${from}>${to}`, await Link.open(portOf(to, port)));
    for (const from of MEMBERS) {
      edit(layout.member(from).config, ({ peers }) => {
        for (const to of Object.keys(peers)) peers[to] = links.get(`${from}>${to}`)!.url;
      });
    }
    const consortium = new Consortium(layout, ledgerId(genesis), links, port);
    const starts = await Promise.all([GATEWAY, ...MEMBERS].map((name) => consortium.start(name)));
    const failed = starts.find(({ serving }) => !serving);
    if (failed) {
      await consortium.close();
      throw new Error(`the consortium did not start: ${JSON.stringify(failed)}`);
    }
    return consortium;
  }

  /** The base URL of a member's API; without a member the gateway's. */
  urlOf(member?: string): string {
    return `http://127.0.0.1:${member === undefined ? this.#port : portOf(member, this.#port)}`;
  }

  /** Starts a process and waits until it serves or has ended. */
  async start(name: string): Promise<Start> {
    const files = name === GATEWAY ? this.layout.gateway : this.layout.member(name);
    const log = openSync(files.log, 'a');
    const kind = name === GATEWAY ? GATEWAY : 'node';
    const child = spawn(
      process.execPath,
      [path.join(import.meta.dirname, 'process.ts'), kind, files.config],
      { stdio: ['ignore', log, log, 'ipc'] },
    );
    closeSync(log);
    this.#processes.set(name, child);
    const stop = AbortSignal.timeout(START_MS);
    const ended = await Promise.race([
      once(child, 'message', { signal: stop }).then(() => undefined),
      once(child, 'exit', { signal: stop }) as Promise<[number | null, string | null]>,
    ]);
    if (!ended) return { serving: true };
    const [code, signal] = ended;
    const said = readFileSync(files.log, 'utf8').trimEnd().split('\n').at(-1) ?? '';
    return { serving: false, code, signal, said };
  }

  /** Sends a signal; waits for the end where it ends the process. */
  async signal(name: string, signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const child = this.#processes.get(name)!;
    const isEnd = signal === 'SIGKILL' || signal === 'SIGTERM';
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    if (isEnd) await ended;
  }

  /** Sets the link by which one member reaches another. */
  link(from: string, to: string, trouble: Trouble): void {
    this.#links.get(`${from}>${to}`)!.set(trouble);
  }

  /** Makes all links good. */
  mend(): void {
    for (const link of this.#links.values()) link.set({});
  }

  /** What a node says of itself; undefined where it doesn't answer within a second. */
  async standing(member: string): Promise<Standing | undefined> {
    try {
      const url = `${this.urlOf(member)}${BASE}/consensus`;
      const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
      return response.ok ? ((await response.json()) as Standing) : undefined;
    } catch {
      return undefined;
    }
  }

  async standings(): Promise<(Standing & { readonly member: string })[]> {
    const all = await Promise.all(
      MEMBERS.map(async (member) => {
        const standing = await this.standing(member);
        return standing && { ...standing, member };
      }),
    );
    return all.filter((standing) => standing !== undefined);
  }

  /** The leader as the nodes that are furthest see it. */
  async leader(): Promise<string> {
    const standings = await this.standings();
    const [furthest] = standings.sort((a, b) => b.round - a.round);
    return furthest?.leader ?? MEMBERS[0];
  }

  /** Ends everything. */
  async close(): Promise<void> {
    for (const link of this.#links.values()) link.close();
    await Promise.all([...this.#processes.keys()].map((name) => this.signal(name, 'SIGKILL')));
  }
}

/** All ordered pairs of members. */
export const PAIRS: readonly (readonly [from: string, to: string])[] = MEMBERS.flatMap((from) =>
  MEMBERS.filter((to) => to !== from).map((to) => [from, to] as const),
);

const portOf = (member: string, port: number): number =>
  port + 1 + (MEMBERS as readonly string[]).indexOf(member);

/** Changes a JSON file in place and answers the document. */
// biome-ignore lint/suspicious/noExplicitAny: files of any shape.
function edit(file: string, change: (document: any) => void): any {
  const document = JSON.parse(readFileSync(file, 'utf8'));
  change(document);
  writeFileSync(file, JSON.stringify(document));
  return document;
}
