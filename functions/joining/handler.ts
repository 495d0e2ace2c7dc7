/**
 * Joins a consortium from a member's own account: when the node's stack was made, it brings the keys before the
 * members, and looks after the node until it votes. It holds the invitation, sealed, and nothing of the keys.
 */
import { z } from 'zod';
import { GenesisSchema, ledgerId } from '../../shared/ledger/genesis.ts';
import { type CustomResourceEvent, respond } from '../custom-resource.ts';
import { writeGenesis } from '../directory.ts';
import { functionLog } from '../log.ts';
import { JoinRefused } from '../onboarding/ask-to-join.ts';
import { newOnboarding, type Onboarding, readOnboarding } from '../onboarding/record.ts';
import { type AdvanceEvent, isOver, stepByReminder, takeStep } from '../onboarding/take-step.ts';
import { openJoining } from './services.ts';

const log = functionLog('joining');
const { member, ledger, directory, services, remind, seal, unseal } = openJoining();
const stepping = { services, directory, remind, log };

export async function handler(event: CustomResourceEvent | AdvanceEvent): Promise<void> {
  if ('kind' in event) {
    log.info({ member }, 'advance');
    return stepByReminder(stepping, member, unseal);
  }
  log.info({ member, request: event.RequestType }, 'joining');
  await respond(event, `joining-${member}`, log, async () => {
    if (event.RequestType === 'Delete') return;
    await join(String(event.ResourceProperties.Invitation));
  });
}

/** Accepts the invitation, or goes on where it was; throws what the consortium says against it. */
async function join(token: string): Promise<void> {
  try {
    const { invitation, genesis: given } = await services.join(token);
    const genesis = GenesisSchema.parse(given);
    if (ledgerId(genesis) !== ledger) {
      throw new Error(
        'the gateway gave the genesis document of another ledger than the invitation',
      );
    }
    if (invitation.member !== member) {
      throw new Error(`the invitation is for the member ${invitation.member}`);
    }
    await writeGenesis(directory, genesis);
    const before = await readOnboarding(directory, member);
    if (before && before.invitation === invitation.id && isOver(before)) return;
    const isBegun = before?.invitation === invitation.id;
    await takeStep(stepping, isBegun ? before : await begin(invitation.id, token, before), token);
  } catch (error) {
    if (!(error instanceof JoinRefused)) throw error;
    const { detail } = z.object({ detail: z.string() }).parse(await error.response.json());
    throw new Error(detail);
  }
}

/** The stack describes the node, and its member keeps the keys of its first identities itself. */
async function begin(
  invitation: string,
  token: string,
  before: Onboarding | undefined,
): Promise<Onboarding> {
  const sealed = await seal(member, token);
  const node = { description: '', phase: 'creating', keysTaken: true } as const;
  return newOnboarding({ member, invitation, token: sealed, ...node }, before);
}
