/**
 * An invitation as it is handed out: one link. The secret stands in the fragment, which no browser
 * sends; the ledger's id stands beside it, so that whoever joins need not trust the gateway for it.
 */

import { type InvitationToken, invitationToken, parseInvitationToken } from '../shared/api/join.ts';
import { consortiumPath } from '../shared/api/node-api.ts';
import { type Digest, isDigest } from '../shared/bytes/digest.ts';
import { UserError } from './user-error.ts';

export interface InvitationLink extends InvitationToken {
  /** The consortium's gateway. */
  readonly gateway: string;
  readonly consortium: string;
  readonly ledger: Digest;
}

/** The text of a link. */
export const invitationLink = ({ gateway, consortium, ledger, ...token }: InvitationLink): string =>
  `${gateway}${consortiumPath(consortium)}/join?ledger=${ledger}#${invitationToken(token)}`;

/** Reads a link; throws a `UserError` where it is none. It never repeats the secret. */
export function parseInvitationLink(text: string): InvitationLink {
  const parsed = URL.parse(text);
  // Other schemes have no origin.
  const url = parsed && /^https?:$/.test(parsed.protocol) ? parsed : undefined;
  const [, base, consortium] =
    /^(.*)\/v1\/consortia\/([a-z][a-z0-9-]{0,62})\/join$/.exec(url?.pathname ?? '') ?? [];
  const ledger = url?.searchParams.get('ledger') ?? '';
  const token = parseInvitationToken(url?.hash.slice(1) ?? '');
  if (!url || base === undefined || consortium === undefined || !isDigest(ledger) || !token) {
    throw new UserError(
      'This is no invitation: one looks like https://…/v1/consortia/<name>/join?ledger=<id>#fuqi-invitation_…',
    );
  }
  return { gateway: `${url.origin}${base}`, consortium, ledger, ...token };
}
