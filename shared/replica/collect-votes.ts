/** A leader's proposal goes to all, and a quorum of votes makes its certificate. */
import { currentRound } from '../consensus/safety.ts';
import { VoteTally } from '../consensus/tally.ts';
import type { VerifiedQc } from '../consensus/validators.ts';
import { type Block, encodeBlock } from '../ledger/block.ts';
import type { IndexedSignature } from '../ledger/certificate.ts';
import { otherValidators, ownIndex, type Replica } from './replica.ts';
import { ask } from './tell.ts';

/** A peer that is slow to answer gets no more than this many proposals at once; it catches up later. */
const PROPOSALS_UNDER_WAY_MAX = 4;

export type Proposal = { readonly block: Block; readonly signature: Uint8Array };

/** Sends a proposal to all and waits for a quorum; undefined where the round passed without one. */
export async function collectVotes(
  replica: Replica,
  { block, signature }: Proposal,
): Promise<VerifiedQc | undefined> {
  const { set } = replica.epoch;
  const { round } = block.header;
  const tally = new VoteTally(set, round, block.id);
  count(replica, tally, block, { validator: ownIndex(replica), signature });
  const alone = tally.certificate();
  if (alone) return alone;
  const saying = { kind: 'proposal', block: encodeBlock(block), signature } as const;
  return new Promise((resolve) => {
    const passed = (): void => {
      if (currentRound(replica.record) > round || replica.stopped) finish(undefined);
    };
    const finish = (qc: VerifiedQc | undefined): void => {
      replica.advanceListeners.delete(passed);
      resolve(qc);
    };
    replica.advanceListeners.add(passed);
    const asked = otherValidators(replica).map(async (member) => {
      const vote = await askForVote(replica, member, saying);
      const validator = set.validators.findIndex((entry) => entry.member === member);
      if (!vote || !count(replica, tally, block, { validator, signature: vote })) return;
      const qc = tally.certificate();
      if (qc) finish(qc);
    });
    void Promise.all(asked).then(() => finish(tally.certificate()));
  });
}

/** Counts a vote, and writes a good one down: the signer may have voted for another block too. */
function count(
  replica: Replica,
  tally: VoteTally,
  { id, header }: Block,
  entry: IndexedSignature,
): boolean {
  if (!tally.add(entry)) return false;
  if (header.epoch === replica.epoch.set.epoch) {
    replica.book.sawVote(header.round, id, entry, { checked: true });
  }
  return true;
}

async function askForVote(
  replica: Replica,
  member: string,
  saying: { readonly kind: 'proposal'; readonly block: Uint8Array; readonly signature: Uint8Array },
): Promise<Uint8Array | undefined> {
  const underWay = replica.proposalsUnderWay.get(member) ?? 0;
  if (underWay >= PROPOSALS_UNDER_WAY_MAX) return undefined;
  replica.proposalsUnderWay.set(member, underWay + 1);
  try {
    const reply = await ask(replica, member, saying);
    if (reply?.refusal) replica.log('vote-refused', { member, reason: reply.refusal });
    return reply?.vote ?? undefined;
  } finally {
    replica.proposalsUnderWay.set(member, replica.proposalsUnderWay.get(member)! - 1);
  }
}
