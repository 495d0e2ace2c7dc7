/** How far a member to be has come, in words, asked as often as it takes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Join } from '../../shared/api/join.ts';
import { CallRefused } from '../gateway-call.ts';
import { UserError } from '../user-error.ts';

export const POLL_MS = 1000;
const PAUSE_MAX_MS = 10_000;
/** About two minutes: a node that has just moved here starts anew and fetches the ledger first. */
const ATTEMPTS_MAX = 16;

/** Steps may be taken again: a gateway or node that is slow or away is asked again for a while. */
export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      const passes = error instanceof CallRefused && [429, 502, 503, 504].includes(error.status);
      if (!passes || attempt === ATTEMPTS_MAX) throw error;
      await delay(Math.min(PAUSE_MAX_MS, POLL_MS * attempt));
    }
  }
}

/**
 * How far it has come, in a sentence; throws where there is no way on. `own` is the thumbprint of the node key
 * that was brought, where it is known here.
 */
export function stateOf(
  { status, votes, joined, enrolled, member, moves, nodeKeyId }: Join['invitation'],
  own: string | undefined,
): { readonly text: string; readonly isOver: boolean } {
  if (status === 'revoked') throw new UserError('The invitation was taken back.');
  if (nodeKeyId === null) return { text: 'The invitation is being accepted.', isOver: false };
  if (own !== undefined && nodeKeyId !== own) {
    throw new UserError(
      'Somebody else has accepted this invitation, with other keys: tell the member that invited you at once.',
    );
  }
  if (joined) {
    const text = moves
      ? `The members have approved that ${member} moves: to the new node, when it has fetched the ledger.`
      : `${member} is a member; its identities may act.`;
    return { text, isOver: enrolled };
  }
  const { approvals = [], needed, status: outcome } = votes ?? {};
  if (outcome !== 'open')
    throw new UserError(`The proposal to ${moves ? 'move' : 'add'} ${member} is ${outcome}.`);
  const text = `The members vote: ${approvals.length} of ${needed} have approved (${approvals.join(', ')}).`;
  return { text, isOver: false };
}
