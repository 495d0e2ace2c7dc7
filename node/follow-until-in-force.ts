/**
 * A node whose key the ledger does not name yet, of a member that joins or moves: nobody tells it anything, so it
 * asks what it missed, again and again, until it speaks for its member.
 */
import { inBackground, type Replica } from '../shared/replica/replica.ts';
import { tellStanding } from '../shared/replica/tell.ts';
import type { MemberDirectory } from './ledger-members.ts';

const ASK_MS = 1000;
const ASK_MS_MAX = 15_000;

/** Asks until then; answers what stops it. */
export function followUntilInForce(replica: Replica, members: MemberDirectory): () => void {
  const { member, ports } = replica;
  let timer: NodeJS.Timeout | undefined;
  let wait = ASK_MS;
  let height = replica.head.header.height!;
  const isInForce = (): boolean => {
    const record = members(member);
    return record !== undefined && ports.signer.holds(record.nodeKey);
  };
  const ask = async (): Promise<void> => {
    await tellStanding(replica);
    const found = replica.head.header.height!;
    wait = found > height ? ASK_MS : Math.min(ASK_MS_MAX, wait * 1.5);
    height = found;
    again();
  };
  const again = (): void => {
    if (replica.stopped || isInForce()) return;
    timer = setTimeout(() => inBackground(replica, ask()), wait);
  };
  again();
  return () => clearTimeout(timer);
}
