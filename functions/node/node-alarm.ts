/**
 * The alarm of a hosted node: one for all its invocations, in the queue. A record says when it rings next,
 * so that many invocations that wait at once set it once. It rings in an invocation of its own.
 *
 *   claim ─ a crash here: nothing is in the queue, and the claim says so: it counts for a moment only.
 *   send  ─ a crash here: it rings, and the next invocation that waits sends another.
 *   tell  ─ the record says what is known to be in the queue.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { currentRequest } from '../../node/request-context.ts';
import type { RequestAbout } from '../../shared/api/request-id.ts';
import { decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import { longerWait, type Waited } from '../../shared/ports/time.ts';
import { dynamoHeadStore } from '../dynamodb/head-store.ts';
import type { Table } from '../dynamodb/table.ts';
import { functionName } from '../function-name.ts';
import type { HostedNode } from './cold-start.ts';

/** What a node function is sent besides requests. */
export type NodeEvent =
  /** The alarm rings. */
  | ({ readonly kind: 'alarm'; readonly waited: Waited } & About)
  /** Another invocation left work behind: a drive, or the way to the others' height. */
  | ({ readonly kind: 'wake' } & About)
  /** Something may be due to webhooks. */
  | ({ readonly kind: 'webhooks' } & About)
  /** Who the members are, with their peer keys; it is answered. */
  | ({ readonly kind: 'members' } & About);

/** The request that led to it. */
interface About {
  readonly request?: RequestAbout;
}

/** What an event says of the request that is served here. */
export function about(): About {
  const request = currentRequest();
  return request ? { request } : {};
}

/** What waits in the queue: the event for a function, by its name. */
export interface AlarmMessage {
  readonly function: string;
  readonly event: NodeEvent;
}

/**
 * When the alarm rings, and the longest wait of all invocations that set it: whose message is in the queue
 * is chance. With `claimedAt` an invocation was about to send it then.
 */
interface AlarmRecord {
  readonly due: number;
  readonly waited: Waited;
  readonly claimedAt: number | null;
}
const NEVER: AlarmRecord = {
  due: 0,
  waited: { rings: 0, height: 0, round: 0 },
  claimedAt: null,
};

/** What SQS holds a message back at the most. */
export const DELAY_S_MAX = 900;
/** It rings no sooner than this after it rang: invocations that wait side by side become due one by one. */
const GAP_MS = 2000;
/** One that rings this much later is the same; the queue counts in seconds. */
const SAME_MS = GAP_MS + 1000;
/** Whoever claimed it has sent it by then, or has died. */
const CLAIM_MS = 1000;
const LOOK_MS = 100;

/** The alarm of each table as this execution environment knows it, which saves the read. */
const known = new WeakMap<Table, AlarmRecord & { readonly version: number }>();

/** Sets the node's alarm, unless it rings by then already; then it rings for the longer wait. */
export async function setAlarm(
  node: Pick<HostedNode, 'environment' | 'table' | 'queue'>,
  { at, waited: own }: { readonly at: number; readonly waited: Waited },
): Promise<void> {
  const heads = dynamoHeadStore(node.table);
  const write = async (version: number, record: AlarmRecord): Promise<boolean> => {
    known.delete(node.table);
    const isWritten = await heads.swap('alarm', version - 1, { version, bytes: encoded(record) });
    if (isWritten) known.set(node.table, { ...record, version });
    return isWritten;
  };
  for (;;) {
    const { version, ...stored } = known.get(node.table) ?? (await readAlarm(node));
    const { due, claimedAt } = stored;
    const now = Date.now();
    const isInTime = due > now && due <= at + SAME_MS;
    const waited = longerWait(stored.waited, own);
    if (isInTime && claimedAt === null) {
      if (waited === stored.waited || (await write(version + 1, { ...stored, waited }))) return;
      continue;
    }
    if (isInTime && claimedAt! <= now && now < claimedAt! + CLAIM_MS) {
      known.delete(node.table);
      await delay(LOOK_MS);
      continue;
    }
    const from = due > now ? at : Math.max(at, due + GAP_MS);
    const seconds = Math.min(DELAY_S_MAX, Math.max(0, Math.ceil((from - now) / 1000)));
    const ownDue = now + seconds * 1000;
    // Lost to another invocation, which sends one now.
    if (!(await write(version + 1, { due: ownDue, waited, claimedAt: now }))) continue;
    known.delete(node.table);
    await sendEvent(node, { kind: 'alarm', waited }, seconds);
    // Where this is lost, one that rings earlier took its place.
    await write(version + 2, { due: ownDue, waited, claimedAt: null });
    return;
  }
}

/** The longest wait of all of the node's invocations that set the alarm. */
export const storedWait = async (node: Pick<HostedNode, 'table'>): Promise<Waited> =>
  (await readAlarm(node)).waited;

async function readAlarm({
  table,
}: Pick<HostedNode, 'table'>): Promise<AlarmRecord & { readonly version: number }> {
  const stored = await dynamoHeadStore(table).read('alarm');
  if (!stored) return { ...NEVER, version: 0 };
  const [due, claimedAt, [height, round, rings]] = decodeCbor(stored.bytes) as Encoded;
  return { due, claimedAt, waited: { height, round, rings }, version: stored.version };
}

type Encoded = [due: number, claimedAt: number | null, waited: [number, number, number]];

const encoded = ({ due, claimedAt, waited: { height, round, rings } }: AlarmRecord): Uint8Array =>
  encodeCbor([due, claimedAt, [height, round, rings]] satisfies Encoded);

/** Has this node's client function invoked with an event after so many seconds, 900 at the most. */
export async function sendEvent(
  { environment, queue }: Pick<HostedNode, 'environment' | 'queue'>,
  event: NodeEvent,
  seconds: number,
): Promise<void> {
  const { FUQI_CONSORTIUM, FUQI_MEMBER, FUQI_ALARM_QUEUE } = environment;
  const message: AlarmMessage = {
    function: functionName(FUQI_CONSORTIUM, FUQI_MEMBER, 'client'),
    event: { ...event, ...about() },
  };
  await queue.send(
    new SendMessageCommand({
      QueueUrl: FUQI_ALARM_QUEUE,
      MessageBody: JSON.stringify(message),
      DelaySeconds: seconds,
    }),
  );
}
