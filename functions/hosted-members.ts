/**
 * Who the members are, as one of the hosted nodes has it: asked by their functions, and so for ledgers, too, that
 * not everybody may read.
 */
import {
  InvokeCommand,
  type LambdaClient,
  ResourceNotFoundException,
} from '@aws-sdk/client-lambda';
import { z } from 'zod';
import type { PublicJwk } from '../shared/bytes/crypto.ts';
import { utf8 } from '../shared/bytes/text.ts';
import { type Genesis, MemberIdSchema, PublicJwkSchema } from '../shared/ledger/genesis.ts';
import { type Directory, readGenesis } from './directory.ts';
import { functionName } from './function-name.ts';
import type { NodeEvent } from './node/node-alarm.ts';

/** What a node answers to the event `members`: null where it is not its member's any more. */
export const MemberKeysSchema = z
  .array(z.object({ id: MemberIdSchema, peerKeys: z.array(PublicJwkSchema) }))
  .nullable();

export interface HostedMembersOptions {
  readonly consortium: string;
  readonly directory: Directory;
  readonly lambda: LambdaClient;
}

export interface HostedMembers {
  readonly genesis: Genesis;
  /** The peer keys of an active member; none of anybody else. */
  readonly keysOf: (member: string) => readonly PublicJwk[];
}

/** Asks the consortium's first members, which are hosted, in turn. Throws where none says it. */
export async function askHostedMembers({
  consortium,
  directory,
  lambda,
}: HostedMembersOptions): Promise<HostedMembers> {
  const genesis = await readGenesis(directory);
  if (!genesis) throw new Error(`the directory of ${consortium} has no genesis document`);
  const event: NodeEvent = { kind: 'members' };
  for (const { id } of genesis.members) {
    const FunctionName = functionName(consortium, id, 'client');
    const answered = await lambda
      .send(new InvokeCommand({ FunctionName, Payload: utf8(JSON.stringify(event)) }))
      .catch((error: unknown) => {
        // It has moved away, and its functions are gone.
        if (error instanceof ResourceNotFoundException) return undefined;
        throw error;
      });
    if (!answered || answered.FunctionError) continue;
    const text = Buffer.from(answered.Payload!).toString('utf8');
    const members = MemberKeysSchema.parse(JSON.parse(text));
    if (!members) continue;
    const keys = new Map(members.map(({ id: member, peerKeys }) => [member, peerKeys]));
    return { genesis, keysOf: (member) => keys.get(member) ?? [] };
  }
  throw new Error('no node says who the members are');
}
