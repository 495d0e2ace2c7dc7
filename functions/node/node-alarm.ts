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
import { decodeLoosely, encodeCbor } from '../../shared/bytes/cbor.ts';
import type { Waited } from '../../shared/ports/time.ts';
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

/** When the alarm rings; with `claimedAt` an invocation was about to send it then. */
type AlarmRecord = { readonly due: number; readonly claimedAt?: number };

const DELAY_S_MAX = 900;
/** It rings no sooner than this after it rang: invocations that wait side by side become due one by one. */
const GAP_MS = 2000;
/** One that rings this much later is the same; the queue counts in seconds. */
const SAME_MS = GAP_MS + 1000;
/** Whoever claimed it has sent it by then, or has died. */
const CLAIM_MS = 1000;
const LOOK_MS = 100;

/** The alarm of each table as this execution environment knows it, which saves the read. */
const known = new WeakMap<Table, { readonly due: number; readonly version: number }>();

/** Sets the node's alarm, unless it rings by then already. */
export async function setAlarm(
  node: Pick<HostedNode, 'environment' | 'table' | 'queue'>,
  { at, waited }: { readonly at: number; readonly waited: Waited },
): Promise<void> {
  const heads = dynamoHeadStore(node.table);
  for (;;) {
    const remembered = known.get(node.table);
    const stored = remembered ? undefined : await heads.read('alarm');
    const now = Date.now();
    const { due, claimedAt }: AlarmRecord =
      remembered ?? (stored ? recordOf(stored.bytes) : { due: 0 });
    const isInTime = due > now && due <= at + SAME_MS;
    if (isInTime && claimedAt === undefined) return;
    if (isInTime && claimedAt! <= now && now < claimedAt! + CLAIM_MS) {
      await delay(LOOK_MS);
      continue;
    }
    const from = due > now ? at : Math.max(at, due + GAP_MS);
    const seconds = Math.min(DELAY_S_MAX, Math.max(0, Math.ceil((from - now) / 1000)));
    const version = (remembered ?? stored)?.version ?? 0;
    const ownDue = now + seconds * 1000;
    const claim = { version: version + 1, bytes: encodeCbor([ownDue, now]) };
    known.delete(node.table);
    // Lost to another invocation, which sends one now.
    if (!(await heads.swap('alarm', version, claim))) continue;
    await send(node, seconds, waited);
    // Where this is lost, one that rings earlier took its place.
    const sent = { version: version + 2, bytes: encodeCbor(ownDue) };
    if (await heads.swap('alarm', version + 1, sent)) {
      known.set(node.table, { due: ownDue, version: sent.version });
    }
    return;
  }
}

function recordOf(bytes: Uint8Array): AlarmRecord {
  const value = decodeLoosely(bytes) as number | readonly [number, number];
  return typeof value === 'number' ? { due: value } : { due: value[0], claimedAt: value[1] };
}

async function send(
  { environment, queue }: Pick<HostedNode, 'environment' | 'queue'>,
  seconds: number,
  waited: Waited,
): Promise<void> {
  const { FUQI_CONSORTIUM, FUQI_MEMBER, FUQI_ALARM_QUEUE } = environment;
  const message: AlarmMessage = {
    function: functionName(FUQI_CONSORTIUM, FUQI_MEMBER, 'client'),
    event: { kind: 'alarm', waited, ...about() },
  };
  await queue.send(
    new SendMessageCommand({
      QueueUrl: FUQI_ALARM_QUEUE,
      MessageBody: JSON.stringify(message),
      DelaySeconds: seconds,
    }),
  );
}
