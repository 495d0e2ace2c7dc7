/**
 * The alarm function: takes messages from the one alarm queue and wakes the function that each names.
 * One queue for all nodes, because a queue that idles is polled, and polls are billed.
 */
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { utf8 } from '../../shared/bytes/text.ts';
import { isFor, meter, metered, meteredLog } from '../billing/metered-handler.ts';
import { DEADLINES, givesUpAfter } from '../deadlines.ts';
import type { AlarmMessage } from '../node/node-alarm.ts';

interface QueueEvent {
  readonly Records: readonly { readonly messageId: string; readonly body: string }[];
}

const log = meteredLog({ name: 'alarm', level: process.env.FUQI_LOG_LEVEL ?? 'info' });
const client = meter.client(new LambdaClient({ requestHandler: givesUpAfter(DEADLINES.wake) }));

/** Wakes each node without waiting for it; what could not be woken is delivered again. */
export const handler = metered(log, async ({ Records }: QueueEvent) => {
  isFor('alarm');
  log.info({ messages: Records.length }, 'alarms');
  // Taken from the queue, and removed there, by Lambda's own calls.
  meter.count('sqs.receive', 1);
  meter.count('sqs.delete', 1);
  const failures = await Promise.all(
    Records.map(async ({ messageId, body }) => {
      try {
        const { function: FunctionName, event } = JSON.parse(body) as AlarmMessage;
        const Payload = utf8(JSON.stringify(event));
        await client.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload }));
        return [];
      } catch (error) {
        log.error({ messageId, error: String(error) }, 'a node could not be woken');
        return [{ itemIdentifier: messageId }];
      }
    }),
  );
  return { batchItemFailures: failures.flat() };
});
