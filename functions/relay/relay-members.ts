/** Whose tokens the relay takes: those of the members' nodes. */
import { peerTokenVerifier } from '../../node/peer-token.ts';
import { ledgerId } from '../../shared/ledger/genesis.ts';
import {
  askHostedMembers,
  type HostedMembers,
  type HostedMembersOptions,
} from '../hosted-members.ts';

const FRESH_MS = 30_000;
/** Whose token is no good may have joined since, or have another key. */
const STALE_MS = 2000;

/** Finds the member whose node made a token for an audience, by the members as of a moment ago. */
export function relayMembers(options: HostedMembersOptions) {
  let known: { readonly at: number; readonly members: Promise<HostedMembers> } | undefined;
  const membersNow = (freshMs: number): Promise<HostedMembers> => {
    if (!known || Date.now() - known.at > freshMs) {
      known = { at: Date.now(), members: askHostedMembers(options) };
      known.members.catch(() => {
        known = undefined;
      });
    }
    return known.members;
  };
  return async (token: string, audience: string): Promise<string | undefined> => {
    for (const freshMs of [FRESH_MS, STALE_MS]) {
      const { genesis, keysOf } = await membersNow(freshMs);
      const check = { ledger: ledgerId(genesis), audience, now: Date.now, keysOf };
      const member = peerTokenVerifier(check)(token);
      if (member !== undefined) return member;
    }
    return undefined;
  };
}
