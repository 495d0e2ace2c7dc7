/**
 * The consortium that a user gets by `fuqi up`, for real data under failure: four node processes on LMDB and a
 * gateway, with the folders of some nodes on small disks. Kills and restarts nodes, and fills their disks.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { loadJson } from '../../node/config.ts';
import { LocalConsortiumSchema, localLayout } from '../../node/local-layout.ts';
import { restartProcess, running } from '../../node/local-processes.ts';
import { provision } from '../../node/local-provision.ts';
import { fuqi, fuqiJson } from '../support/fuqi.ts';
import { type DiskKind, type SmallDisk, smallDisk } from '../support/small-disk.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

export const MEMBERS = ['tax-bureau', 'payment-platform', 'corner-shop', 'buyer-co'] as const;
export type Member = (typeof MEMBERS)[number];

const NAME = 'demo';
const BASE = `/v1/consortia/${NAME}`;
const DISK_MIB = 160;
const HEAL_MS = 60_000;

export interface Health {
  readonly status: string;
  readonly reason?: string;
  readonly height: number;
}

export class RetailConsortium {
  readonly home = temporaryFolder();
  readonly layout = localLayout(this.home, NAME);
  readonly #port: number;
  readonly #disks = new Map<Member, SmallDisk>();

  constructor(port: number) {
    this.#port = port;
  }

  /** Makes it, and starts it. Members in `small` have a disk of their own, which can be filled. */
  async start(small: readonly Member[], kind: DiskKind): Promise<void> {
    const example = path.join(import.meta.dirname, '../../examples/consortia/demo.json');
    const description = loadJson(example, LocalConsortiumSchema, 'description');
    provision(this.home, description, this.#port);
    for (const member of small) {
      const folder = path.dirname(this.layout.member(member).config);
      this.#disks.set(member, smallDisk(folder, kind, DISK_MIB));
    }
    await fuqiJson('up', '--home', this.home);
  }

  /** Ends all processes, and gives the disks back. */
  async close(): Promise<void> {
    await fuqi('down', '--home', this.home);
    for (const disk of this.#disks.values()) disk.remove();
    this.#disks.clear();
  }

  get disks(): Member[] {
    return [...this.#disks.keys()];
  }

  urlOf(member: Member): string {
    return `http://127.0.0.1:${this.#port + 1 + MEMBERS.indexOf(member)}`;
  }

  /** `member/identity`. */
  keyOf(identity: string): string {
    return JSON.parse(readFileSync(this.layout.keyRing, 'utf8')).keys[identity];
  }

  logOf(member: Member): string {
    return readFileSync(this.layout.member(member).log, 'utf8');
  }

  #pid(member: Member): number {
    return running(this.layout).find(({ name }) => name === member)!.pid;
  }

  /** Kills nodes at once, with no chance to do anything. */
  async kill(members: readonly Member[]): Promise<void> {
    for (const member of members) process.kill(this.#pid(member), 'SIGKILL');
    const live = (): boolean =>
      running(this.layout).some(({ name }) => members.some((member) => member === name));
    await until(() => !live());
  }

  async restart(members: readonly Member[]): Promise<void> {
    for (const member of members) await restartProcess(this.layout, member);
  }

  fill(member: Member): void {
    this.#disks.get(member)!.fill(this.#pid(member));
  }

  /** Makes room again. The process may be gone meanwhile: a limit of its own is gone with it. */
  free(member: Member): void {
    const isRunning = running(this.layout).some(({ name }) => name === member);
    this.#disks.get(member)!.free(isRunning ? this.#pid(member) : process.pid);
  }

  /** What a node says of itself; `down` where it does not answer. */
  async health(member: Member): Promise<Health> {
    try {
      const response = await fetch(`${this.urlOf(member)}/healthz`);
      return (await response.json()) as Health;
    } catch {
      return { status: 'down', height: -1 };
    }
  }

  async healths(): Promise<Health[]> {
    return Promise.all(MEMBERS.map((member) => this.health(member)));
  }

  /** Waits until all nodes serve and have what the highest one had when this began. */
  async untilWhole(): Promise<void> {
    const due = Math.max(...(await this.healths()).map(({ height }) => height));
    await until(
      async () =>
        (await this.healths()).every(({ status, height }) => status === 'ok' && height >= due),
      HEAL_MS,
    );
  }

  /** Waits until all nodes serve, have the same head, and hold nothing. */
  async untilLevel(): Promise<void> {
    const said = new Set<string>();
    await until(async () => {
      said.clear();
      for (const health of await this.healths()) {
        const { status, headId, pending } = health as Health & { headId: string; pending: number };
        said.add(`${status} ${headId} ${pending}`);
      }
      return said.size === 1 && [...said][0]!.startsWith('ok') && [...said][0]!.endsWith(' 0');
    }, HEAL_MS);
  }

  /** A call of a node, past the gateway. */
  ask(member: Member, route: string, key?: string): Promise<Response> {
    const headers: Record<string, string> =
      key === undefined ? {} : { authorization: `Bearer ${key}` };
    return fetch(`${this.urlOf(member)}${BASE}${route}`, { headers });
  }

  /** A payment that is none of the file's, as the platform's own node takes it. */
  async pay(reference: string): Promise<{ readonly status: number; readonly id: string }> {
    const response = await fetch(`${this.urlOf('payment-platform')}${BASE}/payments`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.keyOf('payment-platform/platform')}`,
        'content-type': 'application/json',
        'idempotency-key': reference,
      },
      body: JSON.stringify({ reference, payee: 'corner-shop', currency: 'CNY', amount: 100 }),
    });
    const { id } = (await response.json()) as { id: string };
    return { status: response.status, id };
  }
}
