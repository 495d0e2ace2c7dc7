/** Calls of a hosted member's functions that more than one part makes. */
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { utf8 } from '../shared/bytes/text.ts';
import { functionName } from './function-name.ts';
import type { NodeEvent } from './node/node-alarm.ts';

/** Lets a node look at what is durable, and at what it missed; does not wait for it. */
export async function wakeNode(
  client: LambdaClient,
  consortium: string,
  member: string,
  event: Extract<NodeEvent, { readonly kind: 'wake' }> = { kind: 'wake' },
): Promise<void> {
  await client.send(
    new InvokeCommand({
      FunctionName: functionName(consortium, member, 'client'),
      InvocationType: 'Event',
      Payload: utf8(JSON.stringify(event)),
    }),
  );
}

/**
 * The first API keys of a member by identity, from its setup; none where they were taken. `take`: they are
 * handed out no more. Throws where the setup can't.
 */
export async function firstKeysOf(
  client: LambdaClient,
  consortium: string,
  member: string,
  kind: 'read-first-keys' | 'take-first-keys',
): Promise<Record<string, string>> {
  const { Payload, FunctionError } = await client.send(
    new InvokeCommand({
      FunctionName: functionName(consortium, member, 'setup'),
      Payload: utf8(JSON.stringify({ kind })),
    }),
  );
  if (FunctionError) throw new Error(`the setup of ${member} can't hand its first keys out`);
  return JSON.parse(Buffer.from(Payload!).toString('utf8')) as Record<string, string>;
}
