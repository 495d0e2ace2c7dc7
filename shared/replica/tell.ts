/** What this node says to others, and what it learns from their standing in any message or reply. */
import {
  type CatchUpStep,
  decodeReply,
  encodeReply,
  encodeRequest,
  type Reply,
  type Request,
  type Standing,
} from '../consensus/message.ts';
import { catchUp } from './catch-up.ts';
import { adoptCertificates, checkQc, checkTc } from './chain.ts';
import { enough } from './enough.ts';
import { tryFollowStore } from './follow-store.ts';
import { otherMembers, pointOf, type Replica } from './replica.ts';
import { overhear } from './witness.ts';

/** A request without the standing, which is added when it is sent. */
export type Saying = Request extends infer R
  ? R extends Request
    ? Omit<R, 'standing'>
    : never
  : never;

/** This node's position, which every message brings. */
export const standingOf = (replica: Replica): Standing => ({
  epoch: replica.epoch.set.epoch,
  height: replica.head.header.height!,
  qc: replica.record.highQc,
  tc: replica.record.highTc,
  seen: replica.book.shown,
});

/** Asks one member; learns from its reply. Undefined where it did not answer. */
export async function ask(
  replica: Replica,
  member: string,
  saying: Saying,
): Promise<Reply | undefined> {
  const request = { ...saying, standing: standingOf(replica) } as Request;
  try {
    const reply = decodeReply(await replica.ports.peers.request(member, encodeRequest(request)));
    // This replica is over; another one may go on from what it had at hand.
    if (replica.stopped) return undefined;
    replica.missing.delete(member);
    overhear(replica, reply.standing);
    await learn(replica, member, reply.standing);
    return reply;
  } catch (error) {
    replica.missing.add(member);
    replica.log('peer-failed', { member, kind: saying.kind, error: String(error) });
    return undefined;
  }
}

/** Says the same to several members and waits for enough answers; later ones are learnt from, too. */
export async function askAll(
  replica: Replica,
  members: readonly string[],
  saying: Saying,
  each: (reply: Reply) => Promise<unknown> = async () => {},
): Promise<void> {
  const calls = members.map(async (member): Promise<boolean> => {
    const reply = await ask(replica, member, saying);
    if (reply) await each(reply);
    return reply !== undefined;
  });
  await enough(replica, new Map(members.map((member, index) => [member, calls[index]!])));
}

/** Brings this node's standing to all other members and learns theirs: after a burst, and on start. */
export const tellStanding = (replica: Replica): Promise<void> =>
  askAll(replica, otherMembers(replica), { kind: 'tidings', transactions: [], waiting: false });

/**
 * Hands this node's standing over to all whom no answer brings it, where the host can do that without
 * waiting for their replies.
 */
export async function spreadStanding(replica: Replica): Promise<void> {
  const { peers } = replica.ports;
  const saying = { kind: 'tidings', transactions: [], waiting: false } as const;
  const message = encodeRequest({ ...saying, standing: standingOf(replica) });
  const tell = async (member: string): Promise<boolean> => {
    try {
      await peers.tell?.(member, message);
      return true;
    } catch (error) {
      replica.log('peer-failed', { member, kind: saying.kind, error: String(error) });
      return false;
    }
  };
  // Whose answer brings it has been heard.
  const calls = otherMembers(replica).map((member) => {
    const call = replica.answering.has(member) ? Promise.resolve(true) : tell(member);
    return [member, call] as const;
  });
  await enough(replica, new Map(calls));
}

/** Encodes a reply with this node's standing. */
export const replyWith = (
  replica: Replica,
  answer: Partial<Omit<Reply, 'standing'>> & { readonly steps?: readonly CatchUpStep[] } = {},
): Uint8Array =>
  encodeReply({
    standing: standingOf(replica),
    vote: null,
    timeout: replica.ownTimeout,
    steps: [],
    parts: [],
    refusal: null,
    attestation: null,
    ...answer,
  });

/**
 * Learns from another node's standing: adopts its certificates where they are higher and their block
 * is at hand, and catches up from it otherwise. Nothing is believed unchecked: answers false for a
 * certificate that does not check.
 */
export async function learn(replica: Replica, from: string, standing: Standing): Promise<boolean> {
  replica.heights.set(from, standing.height);
  if (isBeyond(replica, standing)) await tryFollowStore(replica);
  if (isBeyond(replica, standing)) await catchUp(replica, from, standing.height);
  // The one that was under way may have been answered before there was this news; nobody says it twice.
  if (isBeyond(replica, standing)) await catchUp(replica, from, standing.height);
  const isNew = isNews(replica, standing);
  if (isNew && !(await replica.lock.run(() => adoptStanding(replica, standing)))) return false;
  if (!isUnexplained(replica, standing)) return true;
  // A commit may be under way.
  await replica.lock.run(async () => {});
  if (isUnexplained(replica, standing)) await catchUp(replica, from, standing.height);
  return true;
}

/** Adopts what checks of a standing; answers whether all that was looked at does. Under the lock. */
export async function adoptStanding(replica: Replica, standing: Standing): Promise<boolean> {
  if (standing.epoch !== replica.epoch.set.epoch) return true;
  const { qc, tc } = standing;
  const better = qc.round > replica.record.highQc.round && pointOf(replica, qc.block);
  const checkedQc = better ? checkQc(replica, qc) : undefined;
  const isLater = tc !== null && tc.round > (replica.record.highTc?.round ?? 0);
  const checkedTc = isLater ? checkTc(replica, tc) : undefined;
  await adoptCertificates(replica, checkedQc ?? null, checkedTc ?? null);
  return !(better && !checkedQc) && !(isLater && !checkedTc);
}

/**
 * Whether another node has committed more although its certificates are known here: what made it final
 * was a certificate that a higher one hides.
 */
const isUnexplained = ({ epoch, head, record }: Replica, standing: Standing): boolean =>
  standing.epoch === epoch.set.epoch &&
  standing.height > head.header.height! &&
  standing.qc.round <= record.highQc.round;

/** Whether a standing tells of an epoch or a certified block that is not at hand. */
function isBeyond(replica: Replica, standing: Standing): boolean {
  if (standing.epoch > replica.epoch.set.epoch) return true;
  const { round, block } = standing.qc;
  const higher = isNews(replica, standing) && round > replica.record.highQc.round;
  return higher && !pointOf(replica, block);
}

function isNews(replica: Replica, { epoch, qc, tc }: Standing): boolean {
  const { highQc, highTc } = replica.record;
  if (epoch !== replica.epoch.set.epoch) return false;
  return qc.round > highQc.round || (tc !== null && tc.round > (highTc?.round ?? 0));
}
