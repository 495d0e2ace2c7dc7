/**
 * The alarm function: takes messages from the one alarm queue and wakes the function that each names.
 * One queue for all nodes, because a queue that idles is polled, and polls are billed. What a node failed
 * to do in all of Lambda's attempts returns to the queue as the record of a failed invocation: an alarm
 * is not lost because a table was out of reach when it rang. Where much fails at once, alarms must not become
 * more and more: those for one function are one wake, and a failed one waits before it is tried again.
 */
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { utf8 } from '../../shared/bytes/text.ts';
import { longerWait } from '../../shared/ports/time.ts';
import { isFor, meter, metered } from '../billing/metered-handler.ts';
import { DEADLINES, givesUpAfter } from '../deadlines.ts';
import { functionLog } from '../log.ts';
import type { AlarmMessage, NodeEvent } from '../node/node-alarm.ts';
import { messageRetries } from '../retries.ts';

interface QueueEvent {
  readonly Records: readonly {
    readonly messageId: string;
    readonly body: string;
    readonly attributes: { readonly ApproximateReceiveCount: string };
  }[];
}

/** What Lambda sends to the destination of failed asynchronous invocations, as far as it is read here. */
interface FailedInvocation {
  readonly requestContext: { readonly functionArn: string };
  readonly requestPayload: NodeEvent;
}

interface Wake {
  readonly name: string;
  readonly event: NodeEvent;
  /** The messages that it answers. */
  readonly ids: readonly string[];
}

const log = functionLog('alarm');
const client = meter.client(
  new LambdaClient({
    requestHandler: givesUpAfter(DEADLINES.wake),
    retryStrategy: messageRetries(),
  }),
);

/** Wakes each node without waiting for it; what could not be woken is delivered again. */
export const handler = metered(log, async ({ Records }: QueueEvent) => {
  isFor('alarm');
  log.info({ messages: Records.length }, 'alarms');
  // Taken from the queue, and removed there, by Lambda's own calls.
  meter.count('sqs.receive', 1);
  meter.count('sqs.delete', 1);
  const later: string[] = [];
  const wakes = new Map<string, Wake>();
  for (const { messageId, body, attributes } of Records) {
    try {
      const message = JSON.parse(body) as AlarmMessage | FailedInvocation;
      // What a node has just failed to do is taken when the queue delivers it again, a minute later.
      if ('requestPayload' in message && attributes.ApproximateReceiveCount === '1') {
        later.push(messageId);
        continue;
      }
      const { function: name, event } = messageOf(message);
      // What is due to webhooks is no news of the ledger, nor the other way round.
      const key = event.kind === 'webhooks' ? `${name} webhooks` : name;
      const wake = wakes.get(key) ?? { name, event, ids: [] };
      wakes.set(key, { ...wake, event: longer(wake.event, event), ids: [...wake.ids, messageId] });
    } catch (error) {
      log.error({ messageId, error: String(error) }, 'a message could not be read');
      later.push(messageId);
    }
  }
  await Promise.all(
    [...wakes.values()].map(async ({ name: FunctionName, event, ids }) => {
      try {
        const Payload = utf8(JSON.stringify(event));
        await client.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload }));
      } catch (error) {
        log.error({ messages: ids, error: String(error) }, 'a node could not be woken');
        later.push(...ids);
      }
    }),
  );
  return { batchItemFailures: later.map((itemIdentifier) => ({ itemIdentifier })) };
});

/** Of two events for a function, the one that says more: an alarm, and of two alarms the longer wait. */
function longer(a: NodeEvent, b: NodeEvent): NodeEvent {
  if (a.kind !== 'alarm' || b.kind !== 'alarm') return a.kind === 'alarm' ? a : b;
  return longerWait(a.waited, b.waited) === a.waited ? a : b;
}

function messageOf(message: AlarmMessage | FailedInvocation): AlarmMessage {
  if (!('requestPayload' in message)) return message;
  const { requestContext, requestPayload } = message;
  // arn:aws:lambda:<region>:<account>:function:<name>, and a qualifier after it.
  const name = requestContext.functionArn.split(':')[6]!;
  log.info({ function: name }, 'a node failed to wake');
  return { function: name, event: requestPayload };
}
