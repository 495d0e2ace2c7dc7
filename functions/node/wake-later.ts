/** Has a hosted node look later for what is due: a message in the alarm queue, which wakes it then. */
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { functionName } from '../function-name.ts';
import type { HostedNode } from './cold-start.ts';
import { type AlarmMessage, about } from './node-alarm.ts';

const DELAY_S_MAX = 900;

export async function wakeLater(
  { environment, queue }: Pick<HostedNode, 'environment' | 'queue'>,
  ms: number,
): Promise<void> {
  const { FUQI_CONSORTIUM, FUQI_MEMBER, FUQI_ALARM_QUEUE } = environment;
  const message: AlarmMessage = {
    function: functionName(FUQI_CONSORTIUM, FUQI_MEMBER, 'client'),
    event: { kind: 'wake', ...about() },
  };
  await queue.send(
    new SendMessageCommand({
      QueueUrl: FUQI_ALARM_QUEUE,
      MessageBody: JSON.stringify(message),
      DelaySeconds: Math.min(DELAY_S_MAX, Math.ceil(ms / 1000)),
    }),
  );
}
