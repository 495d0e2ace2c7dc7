/**
 * The alarm function: takes messages from the one alarm queue and wakes the function that each names.
 * One queue for all nodes, because a queue that idles is polled, and polls are billed.
 */
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { utf8 } from '../../shared/bytes/text.ts';
import { functionLog } from '../log.ts';
import type { AlarmMessage } from '../node/node-alarm.ts';

interface QueueEvent {
  readonly Records: readonly { readonly messageId: string; readonly body: string }[];
}

const log = functionLog('alarm');
const client = new LambdaClient({ requestHandler: { requestTimeout: 3000 } });

/** Wakes each node without waiting for it; what could not be woken is delivered again. */
export async function handler({ Records }: QueueEvent) {
  log.info({ messages: Records.length }, 'alarms');
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
}
