/** What whoever joins asks of the gateway, with the invitation instead of an API key. */
import { z } from 'zod';
import { invitationToken, type Join, JoinSchema } from '../shared/api/join.ts';
import { type Genesis, GenesisSchema, ledgerId } from '../shared/ledger/genesis.ts';
import { call } from './gateway-call.ts';
import type { InvitationLink } from './invitation-link.ts';
import { UserError } from './user-error.ts';

interface Step {
  readonly body?: object;
  readonly method?: 'DELETE';
}

/** Asks how far it has come, sends what is to be added, takes a next step, or withdraws. */
export const join = async (link: InvitationLink, step: Step = {}): Promise<Join> =>
  JoinSchema.parse(await ask(link, '/join', step));

const HostedSchema = z.object({
  onboarding: z.object({
    member: z.string(),
    phase: z.enum(['replacing', 'creating', 'voting', 'following', 'done', 'undoing', 'undone']),
    reason: z.string().nullable(),
  }),
  join: JoinSchema,
  /** By identity, until they are said to be kept. */
  firstKeys: z.record(z.string(), z.string()).optional(),
});

/** The same for a member whose node is made for it. */
export async function joinHosted(link: InvitationLink, step: Step) {
  const answer = HostedSchema.parse(await ask(link, '/join/hosted', step));
  return { ...answer, invitation: answer.join.invitation };
}

const ask = (link: InvitationLink, path: string, { body, method }: Step): Promise<unknown> =>
  call({ url: link.gateway, consortium: link.consortium, key: invitationToken(link) }, path, {
    ...(body && { body: JSON.stringify(body) }),
    ...(method && { method }),
  });

/** The genesis document, which has to be that of the ledger that the link names. */
export function genesisOf({ genesis }: Join, link: InvitationLink): Genesis {
  const parsed = GenesisSchema.safeParse(genesis);
  if (!parsed.success || ledgerId(parsed.data) !== link.ledger) {
    throw new UserError(
      `The gateway ${link.gateway} gave the genesis document of another ledger than the invitation names: do not join by it.`,
    );
  }
  return parsed.data;
}
