/**
 * Whose tokens the relay takes: those of the members' nodes. It asks one of the hosted nodes, by their
 * functions, and so works for ledgers that not everybody may read.
 */
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { z } from 'zod';
import { peerTokenVerifier } from '../../node/peer-token.ts';
import { utf8 } from '../../shared/bytes/text.ts';
import { ledgerId, MemberIdSchema, PublicJwkSchema } from '../../shared/ledger/genesis.ts';
import { type Directory, readGenesis } from '../directory.ts';
import { functionName } from '../function-name.ts';
import type { NodeEvent } from '../node/node-alarm.ts';

/** What a node answers to the event `members`. */
export const MemberKeysSchema = z.array(
  z.object({ id: MemberIdSchema, peerKeys: z.array(PublicJwkSchema) }),
);

const FRESH_MS = 30_000;
/** Whose token is no good may have joined since, or have another key. */
const STALE_MS = 2000;

/** Finds the member whose node made a token for an audience, by the members as of a moment ago. */
export function relayMembers({
  consortium,
  directory,
  lambda,
}: {
  readonly consortium: string;
  readonly directory: Directory;
  readonly lambda: LambdaClient;
}) {
  let known: { readonly at: number; readonly members: Promise<Known> } | undefined;
  const load = async (): Promise<Known> => {
    const genesis = await readGenesis(directory);
    if (!genesis) throw new Error(`the directory of ${consortium} has no genesis document`);
    const event: NodeEvent = { kind: 'members' };
    // The first members of a consortium are hosted.
    for (const { id } of genesis.members) {
      const { Payload, FunctionError } = await lambda.send(
        new InvokeCommand({
          FunctionName: functionName(consortium, id, 'client'),
          Payload: utf8(JSON.stringify(event)),
        }),
      );
      if (FunctionError) continue;
      const members = MemberKeysSchema.parse(JSON.parse(Buffer.from(Payload!).toString('utf8')));
      const keys = new Map(members.map(({ id: member, peerKeys }) => [member, peerKeys]));
      return { ledger: ledgerId(genesis), keysOf: (member) => keys.get(member) ?? [] };
    }
    throw new Error('no node says who the members are');
  };
  const membersNow = (freshMs: number): Promise<Known> => {
    if (!known || Date.now() - known.at > freshMs) {
      known = { at: Date.now(), members: load() };
      known.members.catch(() => {
        known = undefined;
      });
    }
    return known.members;
  };
  return async (token: string, audience: string): Promise<string | undefined> => {
    for (const freshMs of [FRESH_MS, STALE_MS]) {
      const { ledger, keysOf } = await membersNow(freshMs);
      const member = peerTokenVerifier({ ledger, audience, now: Date.now, keysOf })(token);
      if (member !== undefined) return member;
    }
    return undefined;
  };
}

type Known = Pick<Parameters<typeof peerTokenVerifier>[0], 'ledger' | 'keysOf'>;
