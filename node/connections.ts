/**
 * Bounds a server's connections, of each address and in all. One too many takes the place of one on which
 * nothing is asked at the moment, so thousands that idle keep nobody out; where all are busy it is closed.
 */
import type { Server } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import { z } from 'zod';
import type { Exchanges } from './exchanges.ts';

/** Few enough for any machine's memory, and more than a proxy or a gateway keeps open to one server. */
export const CONNECTION_LIMITS = { max: 8192, perAddress: 2048 };

/** Connections in all, and of one address. */
export const ConnectionLimitsSchema = z.strictObject({
  max: z.int().min(16).max(1_000_000).default(CONNECTION_LIMITS.max),
  perAddress: z.int().min(1).max(1_000_000).default(CONNECTION_LIMITS.perAddress),
});
export type ConnectionLimits = z.infer<typeof ConnectionLimitsSchema>;

/** Files that a process needs besides its connections. */
const FILES_RESERVED = 512;

/** The limits as far as this process may have that many files open. */
export function withinOpenFiles({ max, perAddress }: ConnectionLimits): ConnectionLimits {
  const files = openFilesMax();
  const most = Math.min(max, Math.max(FILES_RESERVED / 2, files - FILES_RESERVED));
  return { max: most, perAddress: Math.min(perAddress, most) };
}

function openFilesMax(): number {
  const { report } = process;
  // Without it the report looks up names of networks.
  Object.assign(report, { excludeNetwork: true });
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft: unknown } } };
  const soft = Number(userLimits?.open_files?.soft ?? Number.NaN);
  // "unlimited", or a system that has no such limit.
  return Number.isInteger(soft) ? soft : Number.POSITIVE_INFINITY;
}

/** An address's connections by what goes on with them, each from the one that is so longest. */
interface OfAddress {
  readonly address: string;
  /** No request has come yet. */
  readonly silent: Set<Socket>;
  /** Between two requests. */
  readonly idle: Set<Socket>;
  readonly busy: Set<Socket>;
}

/** Told when a connection had to go. */
export type OnCrowded = (about: {
  readonly address: string;
  readonly connections: number;
  readonly ofAddress: number;
}) => void;

/** Holds a server's connections to the limits until it closes. */
export function boundConnections(
  server: Server,
  exchanges: Exchanges,
  { max, perAddress }: ConnectionLimits,
  onCrowded: OnCrowded = () => {},
): void {
  const addresses = new Map<string, OfAddress>();
  const ofSocket = new WeakMap<Socket, OfAddress>();
  let total = 0;

  const remove = (socket: Socket, of: OfAddress): void => {
    for (const state of [of.silent, of.idle, of.busy]) if (state.delete(socket)) total--;
    if (sizeOf(of) === 0) addresses.delete(of.address);
  };

  /** Whether there is room now for one more of an address. */
  const makeRoom = (of: OfAddress): boolean => {
    const own = sizeOf(of);
    if (own < perAddress && total < max) return true;
    onCrowded({ address: of.address, connections: total, ofAddress: own });
    const most = own < perAddress ? fullest(addresses.values()) : of;
    // Whoever has many more than the newcomer gives up even one that is busy.
    const isGreedy = sizeOf(most) > own + 1;
    const states = [most.silent, most.idle, ...(isGreedy ? [most.busy] : [])];
    const victim = states
      .find(({ size }) => size > 0)
      ?.values()
      .next().value;
    if (!victim) return false;
    remove(victim, most);
    victim.destroy();
    return true;
  };

  server.prependListener('connection', (socket: Socket) => {
    const address = networkOf(socket.remoteAddress ?? '');
    const of = addresses.get(address) ?? newAddress(address);
    if (!makeRoom(of)) {
      socket.destroy();
      return;
    }
    // Again: its last connection may have made room.
    addresses.set(address, of);
    ofSocket.set(socket, of);
    of.silent.add(socket);
    total++;
    socket.once('close', () => remove(socket, of));
  });

  exchanges.watch({
    begin({ socket }) {
      const of = ofSocket.get(socket);
      if (of && (of.silent.delete(socket) || of.idle.delete(socket))) of.busy.add(socket);
    },
    end({ socket }) {
      const of = ofSocket.get(socket);
      if (of?.busy.delete(socket)) of.idle.add(socket);
    },
  });
}

const sizeOf = ({ silent, idle, busy }: OfAddress): number => silent.size + idle.size + busy.size;

const newAddress = (address: string): OfAddress => ({
  ...{ address, silent: new Set(), idle: new Set(), busy: new Set() },
});

/** The one with the most connections, of those that have any. */
function fullest(addresses: Iterable<OfAddress>): OfAddress {
  let most: OfAddress | undefined;
  for (const of of addresses) if (!most || sizeOf(of) > sizeOf(most)) most = of;
  return most!;
}

/** Who has one IPv6 address has a network of them (RFC 6177): its first 64 bits count as one. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
