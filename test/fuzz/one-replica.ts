/** Replicas in memory without timers or sockets, at a time that stands still: what others say comes from a test. */
import { sign } from 'node:crypto';
import { memoryStores } from '../../node/memory/stores.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import type { Peers } from '../../shared/ports/peers.ts';
import { openReplica } from '../../shared/replica/open.ts';
import type { Log, Replica } from '../../shared/replica/replica.ts';
import { contracts } from '../../workloads/catalog.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork, testKeyFrom } from '../support/local-network.ts';

export const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
/** Block 0's time, and the time by the replica's clock. */
const FOUNDED = Date.UTC(2026, 0, 1);
export const NOW = FOUNDED + 60_000;
/** More blocks behind than this takes a snapshot. */
export const SNAPSHOT_BEHIND = 8;

const everything = catalog([...contracts.entries, ...counterCatalog.entries]);

/** Members with their keys, the same each time; none of their nodes runs. */
export const founded = (members: readonly string[]): LocalNetwork =>
  new LocalNetwork({
    members,
    catalog: everything,
    identities: [{ member: 'alpha', name: 'platform', roles: ['invoice.payment-platform'] }],
    keyOf: (label) => testKeyFrom(`fuzz ${label}`),
    time: FOUNDED,
  });

/** Opens a member's replica with an empty store. */
export function openAlone(
  network: LocalNetwork,
  member: string,
  request: Peers['request'],
  log: Log = () => {},
): Promise<Replica> {
  const { privateKey } = testKeyFrom(`fuzz ${member} node`);
  const own = network.nodeKey(member);
  return openReplica({
    genesis: network.genesis,
    member,
    catalog: everything,
    store: member,
    catchUp: { snapshotBehind: SNAPSHOT_BEHIND, waitMs: 1 },
    log,
    ports: {
      ...memoryStores(),
      signer: {
        holds: ({ x, y }) => x === own.x && y === own.y,
        sign: async (digest) =>
          sign('sha256', digest, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
      },
      peers: { request },
      time: {
        now: () => NOW,
        alarm: () => {},
        // Nobody waits here for anything that could still come.
        after(_ms, call) {
          const soon = setImmediate(call);
          return () => clearImmediate(soon);
        },
      },
    },
  });
}
