/**
 * How long a node waits for the others' answers: a host that ends with its input ends with them, and a
 * member that is silent must not slow everybody else's clients down.
 */
import { quorumSize, validatorIndex } from '../consensus/validators.ts';
import { ownIndex, type Replica } from './replica.ts';

/** What all others get when a quorum has answered: this part of the base timeout. */
const GRACE_PART = 1 / 4;

/**
 * Resolves when every member's call has ended; or when a quorum of validators (this one counts) has
 * answered, and every validator that leads in turn as well, or a moment has passed. Whom the chain passes
 * over, and who follows without a vote, gets that moment only. What ends later goes on by itself. A call
 * answers whether the member did; it rejects only for a fault of this node's own, which rejects this.
 */
export function enough(
  replica: Replica,
  calls: ReadonlyMap<string, Promise<boolean>>,
): Promise<void> {
  const { set, parameters } = replica.epoch;
  const { time } = replica.ports;
  const expected = new Set([...calls.keys()].filter((member) => isExpected(replica, member)));
  const wanted = quorumSize(set.validators.length) - (ownIndex(replica) < 0 ? 0 : 1);
  let open = calls.size;
  let answered = 0;
  return new Promise((resolve, reject) => {
    let cancel: (() => void) | undefined;
    const end = (): void => {
      cancel?.();
      resolve();
    };
    const look = (): void => {
      if (open === 0 || (answered >= wanted && expected.size === 0)) end();
      else if (answered >= wanted) {
        cancel ??= time.after(parameters.baseTimeoutMs * GRACE_PART, resolve);
      }
    };
    for (const [member, call] of calls) {
      call.then((isAnswer) => {
        open--;
        expected.delete(member);
        if (isAnswer && validatorIndex(set, member) >= 0) answered++;
        look();
      }, reject);
    }
    look();
  });
}

/** Whether a validator leads in its turn, as far as this replica knows the chain. */
function isExpected({ pending, record, head, epoch }: Replica, member: string): boolean {
  const index = validatorIndex(epoch.set, member);
  if (index < 0) return false;
  const { leaders } = pending.get(record.highQc.block) ?? head;
  if (leaders.epoch !== epoch.set.epoch) return true;
  return leaders.passedOver.every(({ validator }) => validator !== index);
}
