/**
 * One member's node as a process: an open node behind a port. Must not start half: whatever is wrong is said
 * in one sentence before it listens. Where its store can't be written it stands still, says so, and goes on by
 * itself from what is durable when there is room again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { interruptedProblem, type Standstill, unwritableApp } from '../shared/api/store-faults.ts';
import type { Catalog } from '../shared/contract/catalog.ts';
import { StoreFault } from '../shared/ports/store-fault.ts';
import type { Replica } from '../shared/replica/replica.ts';
import { whyNoRoom } from './disk-room.ts';
import { interruptible } from './interruptible.ts';
import { listen } from './listen.ts';
import { filesOf } from './node-files.ts';
import { type OpenNode, openNode } from './open-node.ts';
import type { Door } from './peer-door.ts';
import { inRequest } from './request-context.ts';

export interface RunningNode {
  readonly url: string;
  /** The replica that is open, or was last. */
  readonly replica: Replica;
  stop(): Promise<void>;
}

export interface StartOptions {
  /** The operator says that the store is a copy from before, where nothing on this machine shows it. */
  readonly restored?: boolean;
  /** The contracts that it can run; this build's unless told. */
  readonly catalog?: Catalog;
  /** Called where the store was changed by somebody else: the node has stopped working, and is to be started anew. */
  readonly onSuperseded?: () => void;
  /** Called where a write failed although there is room: the node has stopped working, and its disk is to be looked at. */
  readonly onStoreFailed?: (fault: StoreFault) => void;
}

/** A node that stands still looks for room so often. */
const ROOM_EVERY_MS = 1000;
/** Streams of events end so long after its store failed; what was under way has its answer by then. */
const GRACE_MS = 1000;

/** An open node, and the news that its store can't be written any more. */
interface Held extends OpenNode {
  readonly failed: Promise<StoreFault>;
}

/** Starts the node that a configuration file describes. */
export async function startNode(
  configFile: string,
  log: Logger,
  options: StartOptions = {},
): Promise<RunningNode> {
  const { config, data } = filesOf(configFile);
  const { restored, catalog, onSuperseded, onStoreFailed } = options;
  const stopping = Promise.withResolvers<undefined>();
  let isStopping = false;

  async function open(isRestored?: boolean): Promise<Held> {
    const failed = Promise.withResolvers<StoreFault>();
    const opened = { restored: isRestored, catalog, onSuperseded, onUnwritable: failed.resolve };
    return { ...(await openNode(configFile, log, opened)), failed: failed.promise };
  }

  let node = await open(restored);
  let serving = interruptible(node.fetch);
  // While it stands still, the other nodes are told so as everybody is.
  let door: Door | undefined = node.door;
  let server: Awaited<ReturnType<typeof listen>>;
  try {
    server = await listen((request) => serving.fetch(request), {
      ...config.listen,
      door: (request, response) => door?.(request, response) ?? false,
      log,
    });
  } catch (error) {
    await node.close();
    throw error;
  }
  const { url } = server;
  await node.begin();
  sayStarted(log, node.replica, url);

  async function watch(): Promise<void> {
    for (;;) {
      const fault = await Promise.race([node.failed, stopping.promise]);
      if (!fault) return node.close();
      if (!(await standStill(fault))) return;
      // A store that fails again says so below.
      await node.begin().catch((error: unknown) => {
        if (!(error instanceof StoreFault)) throw error;
      });
    }
  }

  /** Answers whether the node is open again; it is not where it has to stop meanwhile. */
  async function standStill(fault: StoreFault): Promise<boolean> {
    const { replica } = node;
    node.halt();
    const noRoom = await whyNoRoom(data);
    const since = Date.now();
    let finding = { reason: noRoom ?? fault.message, checkedAt: since };
    const find = (reason: string): void => {
      finding = { reason, checkedAt: Date.now() };
    };
    const about = standstillOf(replica, since, () => finding);
    const cutOff = server.underWay();
    const interrupted = serving;
    serving = interruptible(unwritableApp(about).fetch);
    door = undefined;
    interrupted.interrupt(interruptedProblem);
    log.error({ reason: finding.reason, folder: data }, 'store-unwritable');
    await sleep(GRACE_MS);
    // What began since is answered by the other one.
    cutOff();
    await node.close();
    if (noRoom === undefined) onStoreFailed?.(fault);
    while (!isStopping) {
      const missing = await whyNoRoom(data);
      if (missing === undefined) {
        const opened = await open().catch((error: Error) => error);
        if (!(opened instanceof Error)) {
          node = opened;
          serving = interruptible(opened.fetch);
          door = opened.door;
          const { header } = opened.replica.head;
          const stoodStillMs = Date.now() - since;
          log.warn({ stoodStillMs, height: header.height }, 'store-writable');
          return true;
        }
        find(opened.message);
      } else find(missing);
      await Promise.race([sleep(ROOM_EVERY_MS), stopping.promise]);
    }
    return false;
  }

  const watching = watch();
  return {
    url,
    get replica() {
      return node.replica;
    },
    async stop() {
      isStopping = true;
      node.halt();
      await server.close();
      stopping.resolve(undefined);
      await watching;
    },
  };
}

function sayStarted(log: Logger, { member, ledger, head }: Replica, url: string): void {
  log.info({ member, ledger, url, height: head.header.height }, 'node started');
}

const standstillOf = (
  { member, genesis, ledger, head }: Replica,
  since: number,
  finding: Standstill['finding'],
): Standstill => ({
  last: {
    ...{ member, consortium: genesis.consortium, ledger },
    height: head.header.height!,
    headId: head.id,
    headTime: head.header.time,
  },
  ...{ since, finding, inRequest },
});
