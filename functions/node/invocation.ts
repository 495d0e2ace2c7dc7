/**
 * One input of a hosted node: a replica takes the input, and ends with its work. It is opened from what is
 * durable, or goes on from what the last input of this execution environment left at hand. What is not
 * done when the time is up goes on in another invocation; an alarm that is still set waits in the queue.
 */

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { announceReadiness, isAwaited } from '../../node/announce-readiness.ts';
import { followVault } from '../../node/follow-vault.ts';
import { activeMembers, onEpoch } from '../../node/ledger-members.ts';
import type { NodeStores } from '../../node/node-stores.ts';
import { replicaLog } from '../../node/replica-log.ts';
import type { MempoolLimits } from '../../shared/mempool/mempool.ts';
import type { Waited } from '../../shared/ports/time.ts';
import { saveNews } from '../../shared/replica/act.ts';
import { followErasures } from '../../shared/replica/erasures.ts';
import { itemName } from '../../shared/replica/items.ts';
import { leaveToDriver } from '../../shared/replica/lease.ts';
import { openReplica } from '../../shared/replica/open.ts';
import {
  inBackground,
  ownIndex,
  quiet,
  type Replica,
  type ReplicaOptions,
  Superseded,
} from '../../shared/replica/replica.ts';
import { reportEvidence } from '../../shared/replica/report.ts';
import { isResumable, resumeReplica } from '../../shared/replica/resume.ts';
import { ledgerService } from '../../shared/replica/service.ts';
import { isVaultHere } from '../../shared/replica/vault-place.ts';
import { startVaultWork } from '../../shared/replica/vault-work.ts';
import { contracts } from '../../workloads/catalog.ts';
import { wakeNode } from '../call-member.ts';
import { DEADLINES } from '../deadlines.ts';
import type { HostedNode } from './cold-start.ts';
import { InvocationTime } from './invocation-time.ts';
import { about, setAlarm } from './node-alarm.ts';
import { noticeTroubles } from './notices.ts';
import { wakeLater } from './wake-later.ts';
import { followForWebhooks } from './webhooks.ts';

/** A vote is waited for: what else an invocation of that entry began goes on elsewhere. */
const PEER_WORK_MS = 1000;
/** DynamoDB keeps what a table was for so long (point-in-time recovery), and nothing else keeps a copy. */
const POINT_IN_TIME_DAYS = 35;
const OPENINGS_MAX = 5;

/**
 * What waits is in the table, and each invocation reads all of it: 16 pages at the most. A key's third of it
 * is more than the largest batch that a function's request can bring.
 */
const HOSTED_MEMPOOL: MempoolLimits = { transactionsMax: 6000, bytesMax: 16 * 1024 * 1024 };

/**
 * What an input needs of a replica: `read`: what is durable now; `vote`: nothing that its own conditional
 * write would not find out.
 */
export type Purpose = 'read' | 'vote';

export interface Invocation {
  readonly replica: Replica;
  /** Opens another replica, from what is durable, where this one was overtaken. */
  again(): Promise<Replica>;
  /** Whether the function has answered, or is about to. */
  isOver(): boolean;
  /** Resolves when nothing goes on any more, or the time for it is up. */
  settled(): Promise<void>;
}

/** What this execution environment keeps for its next input. */
let left: Replica | undefined;

/** Runs one input; `remainingMs` is the time that the function has left. */
export async function invocation<T>(
  node: HostedNode,
  remainingMs: () => number,
  purpose: Purpose,
  input: (invocation: Invocation) => Promise<T>,
): Promise<T> {
  const isPeer = node.environment.FUQI_ENTRY === 'peer';
  let isLeft = false;
  let isOver = false;
  const { stores } = node;
  const setNow = (wanted: Parameters<typeof setAlarm>[1]): Promise<void> =>
    setAlarm(node, wanted).catch((error: unknown) => {
      node.log.error({ error: String(error) }, 'alarm-failed');
      // Tried once more at the end; where that fails too, nothing is answered.
      time.wanted ??= wanted;
    });
  /** It rings in an invocation of its own, which knows what is durable. */
  const ringElsewhere = async (waited: Waited): Promise<void> => {
    try {
      await leaveToDriver(replica);
    } catch (error) {
      node.log.error({ error: String(error) }, 'leave-failed');
    }
    await setNow({ at: Date.now(), waited });
  };
  let early: Promise<void> | undefined;
  /** Resolves when another invocation has overtaken the replica and what it held is handed on. */
  let overtaken: Promise<void>;
  const time: InvocationTime = new InvocationTime(
    (waited) => inBackground(replica, ringElsewhere(waited)),
    // Whoever votes waits for the certificate: the alarm is set while the vote is saved and signed.
    purpose === 'vote' ? (wanted) => (early ??= setNow(wanted)) : undefined,
  );
  const open = (from: Replica | undefined) =>
    openFrom(node, from, purpose, {
      genesis: node.genesis,
      member: node.member,
      catalog: contracts,
      ports: { ...stores, signer: node.signer, peers: node.peers, time },
      store: node.store,
      log: replicaLog(node.log),
      keeper: node.vault,
      backupDays: node.vault && POINT_IN_TIME_DAYS,
      nodeCustody: node.peerCustody,
      mempoolLimits: HOSTED_MEMPOOL,
      invocation: randomUUID(),
      wakeLater: (ms) => {
        const faulted = (error: unknown) => node.log.error({ err: error }, 'wake-later-failed');
        inBackground(replica, wakeLater(node, ms).catch(faulted));
      },
      ...(isPeer && {
        driveElsewhere: () => {
          isLeft = true;
        },
      }),
    });
  /** What votes has no time to have a proof of readiness committed: that goes on in the other function. */
  const leaveReadiness = async (begun: Replica): Promise<void> => {
    try {
      if (await isAwaited(begun)) isLeft = true;
    } catch (error) {
      begun.log('readiness-failed', { error: String(error) });
    }
  };
  /** Where it may be waited for, or its member has moved here a moment ago. */
  const followVaultIn = async (begun: Replica, isWaitedFor: boolean): Promise<void> => {
    const { vault } = node;
    if (!isWaitedFor && (!vault || (await isVaultHere(begun, vault)))) return;
    const service = ledgerService(begun, node.custody);
    followVault(begun, service, node.identities, () => startVaultWork(begun));
  };
  const begin = async (from: Replica | undefined): Promise<Replica> => {
    const begun = await open(from);
    // Another invocation of this node went further: what this one holds goes on in a new one.
    overtaken = new Promise((resolve) => {
      Object.assign(begun, {
        onSuperseded: () => {
          const held = leaveHeld(begun, stores).then((some) => (some ? handOn(node) : undefined));
          const faulted = (error: unknown) => begun.log('hand-on-failed', { error: String(error) });
          const handed = held.catch(faulted);
          inBackground(begun, handed);
          void Promise.all([handed, begun.driving]).then(() => resolve());
        },
      });
    });
    await learnMembers(node, begun);
    onEpoch(begun, () => {
      const faulted = (error: unknown) => begun.log('members-failed', { error: String(error) });
      inBackground(begun, learnMembers(node, begun).catch(faulted));
    });
    reportEvidence(begun);
    followErasures(begun);
    followForWebhooks(node, begun);
    // A node without a vote may be waited for: it joins, or votes by a new key. So may one with two keys.
    const rotates = node.environment.FUQI_SIGNING_KEYS.length > 1;
    const isOutside = ownIndex(begun) < 0;
    if (!isPeer) await followVaultIn(begun, isOutside || rotates);
    else if (isOutside && !node.hasVault) {
      announceReadiness(begun, ledgerService(begun, node.custody), node.identities);
    } else if (isOutside || rotates) {
      begun.commitListeners.add(() => inBackground(begun, leaveReadiness(begun)));
    }
    return begun;
  };
  const from = left;
  left = undefined;
  await node.signer.revive();
  let replica = await begin(from);
  /** What an overtaken replica still asks others for is nobody's concern. */
  const ended = (): Promise<void> => Promise.race([quiet(replica), overtaken]);
  const settled = async (): Promise<void> => {
    const workMs = isPeer ? PEER_WORK_MS : remainingMs() - DEADLINES.reserve;
    const stop = new AbortController();
    const isQuiet = await Promise.race([
      ended().then(() => true),
      delay(Math.max(0, workMs), false, { signal: stop.signal }).catch(() => false),
    ]);
    stop.abort();
    if (!isQuiet) isLeft = true;
  };
  const again = async (): Promise<Replica> => {
    await ended();
    replica = await begin(undefined);
    return replica;
  };
  try {
    const output = await input({ replica, again, settled, isOver: () => isOver });
    await settled();
    noticeTroubles(node.notify, replica, remainingMs());
    if (isLeft) {
      if (!replica.stopped) await replica.lock.run(() => saveNews(replica));
      await handOn(node);
    }
    await early;
    if (time.wanted) await setAlarm(node, time.wanted);
    if (isResumable(replica)) left = replica;
    return output;
  } finally {
    isOver = true;
    replica.stopped = true;
    time.stop();
  }
}

/** Who the others are, and where: read once an epoch. */
async function learnMembers(node: HostedNode, replica: Replica): Promise<void> {
  const { epoch } = replica.epoch.set;
  if (node.members?.epoch === epoch) return;
  const before = node.members?.find ?? (() => undefined);
  node.members = { epoch, find: await activeMembers(replica), before };
}

/** Goes on from what is left, or opens anew what is durable. */
async function openFrom(
  node: HostedNode,
  from: Replica | undefined,
  purpose: Purpose,
  options: ReplicaOptions,
): Promise<Replica> {
  if (!from) return open(node, options);
  try {
    // `stopped` says that its invocation is over.
    return await resumeReplica(options, from, purpose);
  } catch (error) {
    if (!(error instanceof Superseded)) throw error;
    return open(node, options);
  }
}

/** Another invocation may commit while this one opens: then it opens what is there now. */
async function open(node: HostedNode, options: ReplicaOptions): Promise<Replica> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await openReplica(options);
    } catch (error) {
      if (!(error instanceof Superseded) || attempt === OPENINGS_MAX) throw error;
      node.log.info({ attempt }, 'superseded while it opened');
    }
  }
}

/** Makes durable what an overtaken replica holds, and is not in a block yet; answers whether there is any. */
async function leaveHeld({ mempool }: Replica, stores: NodeStores): Promise<boolean> {
  const held = [...mempool].map(({ id, bytes }) => ({ id, bytes }));
  if (held.length === 0) return false;
  const places = await stores.state.items(held.map(({ id }) => itemName.transaction(id)));
  const left = held.filter((_, index) => !places[index]);
  if (left.length > 0) await stores.mempool.add(left);
  return left.length > 0;
}

/** Another invocation of this node goes on from what is durable. */
function handOn({ environment, lambda }: HostedNode): Promise<void> {
  const { FUQI_CONSORTIUM, FUQI_MEMBER } = environment;
  return wakeNode(lambda, FUQI_CONSORTIUM, FUQI_MEMBER, { kind: 'wake', ...about() });
}
