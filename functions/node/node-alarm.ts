/**
 * The alarm of a hosted node: one for all its invocations, in the queue. A record says when it rings next,
 * so that many invocations that wait at once set it once. It rings in an invocation of its own.
 */
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { currentRequest } from '../../node/request-context.ts';
import type { RequestAbout } from '../../shared/api/request-id.ts';
import { decodeLoosely, encodeCbor } from '../../shared/bytes/cbor.ts';
import type { Waited } from '../../shared/ports/time.ts';
import { dynamoHeadStore } from '../dynamodb/head-store.ts';
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

const DELAY_S_MAX = 900;
/** The queue counts in seconds: one that rings this much later is the same. */
const SAME_MS = 1000;

/** The record of the node's alarm as this execution environment knows it: when it rings, and its version. */
let known = { due: 0, version: 0 };

/** Sets the node's alarm, unless it rings by then already. */
export async function setAlarm(
  { environment, table, queue }: HostedNode,
  { at, waited }: { readonly at: number; readonly waited: Waited },
): Promise<void> {
  const { FUQI_CONSORTIUM, FUQI_MEMBER, FUQI_ALARM_QUEUE } = environment;
  const heads = dynamoHeadStore(table);
  const now = Date.now();
  const rings = (): boolean => known.due > now && known.due <= at + SAME_MS;
  const seconds = Math.min(DELAY_S_MAX, Math.max(0, Math.ceil((at - now) / 1000)));
  const due = now + seconds * 1000;
  const take = async (): Promise<boolean> => {
    const version = known.version + 1;
    const record = { version, bytes: encodeCbor(due) };
    if (!(await heads.swap('alarm', known.version, record))) return false;
    known = { due, version };
    return true;
  };
  if (rings()) return;
  if (!(await take())) {
    const stored = await heads.read('alarm');
    if (stored) known = { due: decodeLoosely(stored.bytes) as number, version: stored.version };
    // Lost to another invocation, which sets it now.
    if (rings() || !(await take())) return;
  }
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
