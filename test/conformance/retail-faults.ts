/** What is done to the consortium and the importer while the retailer's ten days are imported, by a seed. */
import assert from 'node:assert/strict';
import type { Random } from '../support/random.ts';
import { until } from '../support/until.ts';
import { MEMBERS, type Member, type RetailConsortium } from './retail-consortium.ts';
import type { Importer } from './retail-importer.ts';

export interface Faults {
  readonly consortium: RetailConsortium;
  readonly importer: Importer;
  readonly random: Random;
  /** Payments that were acknowledged while a node's disk was full, and whose disk that was. */
  readonly meanwhile: { readonly id: string; readonly full: Member }[];
  /** How often each node's disk was full, and how often it was killed then: it may have had no room to say so. */
  readonly timesFull: Map<Member, number>;
  readonly timesKilled: Map<Member, number>;
}

type Fault = (faults: Faults) => Promise<void>;

/** Blocks that the others have to commit while one node's disk is full. */
const PAYMENTS = 3;

const pause = (random: Random): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, random.between(0, 1500)));

/** Kills so many nodes at once, and starts them again. */
const kill =
  (count: number): Fault =>
  async ({ consortium, random }) => {
    const left: Member[] = [...MEMBERS];
    const victims = Array.from(
      { length: count },
      () => left.splice(random.between(0, left.length - 1), 1)[0]!,
    );
    await consortium.kill(victims);
    await pause(random);
    await consortium.restart(victims);
  };

/** Ends the importer, which is run again. */
const stop =
  (signal: 'SIGKILL' | 'SIGINT'): Fault =>
  async ({ importer }) => {
    const { length } = importer.ends;
    importer.signal(signal);
    await until(() => importer.ends.length > length, 45_000);
    const end = importer.ends[length];
    // Whoever has only just started it, and does not listen yet, ends by the signal itself.
    assert.ok(end === signal || (signal === 'SIGINT' && end === 130), `it ended with ${end}`);
  };

/** Fills a node's disk, looks at what it says while the others go on, and makes room again. */
const fullDisk =
  (member: Member, end: 'recovers' | 'is killed'): Fault =>
  async (faults) => {
    const { consortium, meanwhile, timesFull, timesKilled } = faults;
    timesFull.set(member, (timesFull.get(member) ?? 0) + 1);
    let payments = 0;
    const pay = async (): Promise<string> => {
      const reference = `full-${member}-${timesFull.get(member)}-${payments++}`;
      const { status, id } = await consortium.pay(reference);
      assert.equal(status, 200, `a payment while the disk of ${member} is full`);
      return id;
    };
    consortium.fill(member);
    // The import may be waiting, or over: it shows with the first block for which the file has to grow.
    await until(async () => {
      await pay();
      return (await consortium.health(member)).status === 'store-unwritable';
    }, 30_000).catch(async (error: Error) => {
      const all = await Promise.all(
        MEMBERS.map(async (one) => `${one} ${JSON.stringify(await consortium.health(one))}`),
      );
      throw new Error(
        `after ${payments} payments: ${all.join('; ')}\n${consortium.logOf(member).slice(-3000)}`,
        { cause: error },
      );
    });
    const { reason } = await consortium.health(member);
    assert.match(reason ?? '', /\((ENOSPC|EFBIG)\)$/);
    const refused = await consortium.ask(member, '/blocks');
    const { code } = (await refused.json()) as { code: string };
    assert.deepEqual([refused.status, code], [503, 'store-unwritable']);
    for (let index = 0; index < PAYMENTS; index++)
      meanwhile.push({ id: await pay(), full: member });
    if (end === 'is killed') {
      timesKilled.set(member, (timesKilled.get(member) ?? 0) + 1);
      await consortium.kill([member]);
    }
    consortium.free(member);
    if (end === 'is killed') await consortium.restart([member]);
  };

/** Every kind; members whose disk can be filled are the consortium's own. */
export function faultsOf({ disks }: RetailConsortium): Readonly<Record<string, Fault>> {
  const kinds: Record<string, Fault> = {
    'one node killed': kill(1),
    'one more node killed': kill(1),
    'two nodes killed at once': kill(2),
    'all nodes killed at once': kill(MEMBERS.length),
    'importer killed': stop('SIGKILL'),
    'importer interrupted': stop('SIGINT'),
  };
  for (const member of disks) {
    kinds[`disk of ${member} full`] = fullDisk(member, 'recovers');
    kinds[`disk of ${member} full, node killed`] = fullDisk(member, 'is killed');
  }
  return kinds;
}
