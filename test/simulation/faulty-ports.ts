/**
 * The ports of one life of a simulated node (a process between two crashes, or one invocation of a
 * function): each call may be late, fail, take effect and fail, or be the last of that life.
 */
import type { NodeStores } from '../../node/node-stores.ts';
import type { PublicJwk } from '../../shared/bytes/crypto.ts';
import type { ScanRange, StateBatch } from '../../shared/ports/state-store.ts';
import type { Ports } from '../../shared/replica/replica.ts';
import type { FaultCounts, Faults } from './faults.ts';
import type { Host } from './node.ts';
import type { Scheduler } from './scheduler.ts';

export interface Life {
  alive: boolean;
  /** Ends this life at once; what it waits for never comes. */
  crash(): void;
}

export interface World {
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly counts: FaultCounts;
}

/** What is watched at a node's ports. */
export interface Watch {
  saved(bytes: Uint8Array): void;
  signed(digest: Uint8Array): void;
}

/** A promise of its own each time: one for all would keep everything alive that ever waited for it. */
const never = (): Promise<never> => new Promise(() => {});

/** The stores and the signer of one life, with the faults of the world. */
export function faultyPorts(
  world: World,
  life: Life,
  stores: NodeStores,
  key: { readonly publicKey: PublicJwk; readonly sign: (digest: Uint8Array) => Uint8Array },
  watch: Watch,
  host: Host,
): Omit<Ports, 'peers' | 'time'> {
  const { scheduler, counts } = world;
  const happens = (kind: string, probability: number): boolean => {
    if (!scheduler.chance(probability)) return false;
    counts[kind] = (counts[kind] ?? 0) + 1;
    return true;
  };
  const ends = (): boolean => {
    if (life.alive && happens('crash', world.faults.crash)) life.crash();
    return !life.alive;
  };
  const wait = (msMax: number): Promise<void> => {
    const ms = msMax > 0 ? scheduler.between(0, msMax) : 0;
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve) => scheduler.after(ms, resolve));
  };

  /** One call of a store; `torn` leaves a part of a multi-item write behind. */
  async function call<T>(effect: () => Promise<T>, torn?: () => Promise<void>): Promise<T> {
    if (ends()) return never();
    await wait(world.faults.storeMsMax);
    if (!life.alive) return never();
    if (happens('store-error', world.faults.storeError)) throw new Error('the store is throttled');
    if (torn && happens('torn-write', world.faults.crash)) {
      await torn();
      life.crash();
      return never();
    }
    const result = await effect();
    if (ends()) return never();
    if (happens('lost-reply', world.faults.storeError)) throw new Error('the reply is lost');
    return result;
  }

  const { heads, blocks, state, mempool } = stores;
  /** Reads at once, which fail at once: half of the processes have a store that can, a function has none. */
  const atOnce = <T>(read: () => T): T => {
    if (happens('store-error', world.faults.storeError)) throw new Error('the store is damaged');
    return read();
  };
  const { now } = state;
  const immediate = now &&
    host === 'process' &&
    scheduler.chance(0.5) && {
      now: {
        value: (key: string, at: number) => atOnce(() => now.value(key, at)),
        scan: (range: ScanRange, at: number) => atOnce(() => now.scan(range, at)),
        item: (name: string) => atOnce(() => now.item(name)),
      },
    };
  return {
    heads: {
      read: (name) => call(() => heads.read(name)),
      swap: (name, expected, next) =>
        call(async () => {
          const swapped = await heads.swap(name, expected, next);
          if (swapped && name === 'safety') watch.saved(next.bytes);
          return swapped;
        }),
    },
    blocks: {
      put: (id, bytes) => call(() => blocks.put(id, bytes)),
      get: (id) => call(() => blocks.get(id)),
      remove: (ids) => call(() => blocks.remove(ids)),
    },
    state: {
      write: (batch) =>
        call(
          () => state.write(batch),
          () => state.write(partOf(batch, scheduler.next())),
        ),
      get: (keys, at) => call(() => state.get(keys, at)),
      scan: (range, at) => call(() => state.scan(range, at)),
      items: (names) => call(() => state.items(names)),
      removeItems: (names) => call(() => state.removeItems(names)),
      ...immediate,
    },
    mempool: {
      add: (entries) =>
        call(
          () => mempool.add(entries),
          () => mempool.add(entries.slice(0, entries.length >> 1)),
        ),
      remove: (ids) => call(() => mempool.remove(ids)),
      list: () => call(() => mempool.list()),
    },
    signer: {
      holds: ({ x }) => x === key.publicKey.x,
      async sign(digest) {
        if (ends()) return never();
        await wait(world.faults.signerMsMax);
        if (!life.alive) return never();
        if (happens('signer-error', world.faults.signerError)) {
          throw new Error('the signer is throttled');
        }
        watch.signed(digest);
        const signature = key.sign(digest);
        if (ends()) return never();
        return signature;
      },
    },
  };
}

const partOf = ({ height, values, items }: StateBatch, part: number): StateBatch => ({
  height,
  values: values.slice(0, Math.floor(values.length * part)),
  items: items.slice(0, Math.floor(items.length * part)),
});
