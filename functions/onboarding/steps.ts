/**
 * The steps from an accepted invitation to a hosted node that votes. Each looks at what there is (the
 * stack, the ledger) and takes the next step; taken twice, or begun again after a crash, it changes nothing.
 */
import type { Join } from '../../shared/api/join.ts';
import type { GenesisMember } from '../directory.ts';
import type { MemberStacks } from './member-stack.ts';
import type { Onboarding } from './record.ts';

export interface OnboardingServices {
  readonly stacks: Pick<MemberStacks, 'state' | 'create' | 'keep' | 'remove'>;
  /** The member's public half, as its own setup wrote it. */
  memberOf(member: string): Promise<GenesisMember | undefined>;
  /** Asks the inviting member's node, or lets it take its next step. */
  join(token: string, step?: { readonly member?: GenesisMember }): Promise<Join>;
  /** Lets the node look what it missed. */
  wake(member: string): Promise<void>;
  now(): number;
}

/**
 * Takes the next step, if it is time for one; answers the record as it is then, to be written. A reminder
 * comes by itself, again and again; other steps are taken because somebody looks.
 */
export async function advance(
  services: OnboardingServices,
  record: Onboarding,
  token: string,
  isReminder: boolean,
): Promise<Onboarding> {
  const { member, phase } = record;
  if (phase === 'done' || phase === 'undone') return record;
  const stack = await services.stacks.state(member);
  if (phase === 'undoing') {
    if (stack.is === 'absent') return { ...record, phase: 'undone' };
    if (stack.is !== 'going') await services.stacks.remove(member);
    return record;
  }
  if (phase === 'replacing') {
    if (stack.is === 'absent') return { ...record, phase: 'creating' };
    if (stack.is !== 'going') await services.stacks.remove(member);
    return record;
  }
  const { invitation } = await services.join(token);
  const end = endOf(invitation, services.now());
  if (end) return undo(services, record, end);
  if (invitation.status === 'open') {
    if (stack.is === 'failed') {
      return undo(services, record, `Its node could not be made: ${stack.reason}.`);
    }
    if (stack.is === 'absent') await services.stacks.create(member, record.description);
    if (stack.is !== 'ready') return record;
    const described = await services.memberOf(member);
    if (!described) throw new Error(`the setup of ${member} left nothing in the directory`);
    await services.join(token, { member: described });
    return { ...record, phase: 'voting' };
  }
  if (!invitation.joined) return { ...record, phase: 'voting' };
  if (!invitation.enrolled) await services.join(token, {});
  const isThere = invitation.votesItself || !invitation.validator;
  // A member that moves has another node until this one follows.
  const isMembers = invitation.moves ? isThere : phase !== 'following';
  if (isMembers) await services.stacks.keep(member);
  if (isThere) return { ...record, phase: 'done' };
  // Whoever looks how far it is must not keep it busy.
  if (isReminder || phase !== 'following') await services.wake(member);
  return { ...record, phase: 'following' };
}

/** Takes back what was made: nothing is left of a candidate but the members' votes. */
export async function undo(
  { stacks }: Pick<OnboardingServices, 'stacks'>,
  record: Onboarding,
  reason: string,
): Promise<Onboarding> {
  const isGoing = await stacks.remove(record.member);
  return { ...record, phase: isGoing ? 'undoing' : 'undone', reason };
}

/** Why there is no way on, as a sentence; undefined where there is. */
function endOf(
  { status, votes, joined, notAfter, member }: Join['invitation'],
  now: number,
): string | undefined {
  if (status === 'revoked') return 'The invitation was taken back.';
  if (status === 'open') return now > notAfter ? 'The invitation has ended.' : undefined;
  if (joined || !votes || votes.status === 'open' || votes.status === 'approved') return undefined;
  return `The proposal to add ${member} is ${votes.status}.`;
}

const SOON_MS = 10_000;
const LATE_MS = 900_000;

/** When to look again, counted from now: votes may take days, and the longer it took, the longer it may take. */
export function pauseMs({ phase, startedAt }: Onboarding, now: number): number {
  if (phase !== 'voting') return SOON_MS;
  return Math.min(LATE_MS, Math.max(SOON_MS, (now - startedAt) / 10));
}
