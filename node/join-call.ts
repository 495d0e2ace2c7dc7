/** What whoever joins asks of the gateway, with the invitation instead of an API key. */
import { invitationToken, type Join, JoinSchema } from '../shared/api/join.ts';
import { type Genesis, GenesisSchema, ledgerId } from '../shared/ledger/genesis.ts';
import { call } from './gateway-call.ts';
import type { InvitationLink } from './invitation-link.ts';
import { UserError } from './user-error.ts';

/** Asks how far it has come, sends what is to be added, takes a next step, or withdraws. */
export async function join(
  link: InvitationLink,
  step: { readonly body?: object; readonly method?: 'DELETE' } = {},
): Promise<Join> {
  const { gateway: url, consortium } = link;
  const answer = await call({ url, consortium, key: invitationToken(link) }, '/join', {
    ...(step.body && { body: JSON.stringify(step.body) }),
    ...(step.method && { method: step.method }),
  });
  return JoinSchema.parse(answer);
}

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
