/**
 * Bounds what the node of a member that sends garbage costs the others: it is heard ten times a second, and
 * logged once a minute. Correct nodes never send any, so they are never held back.
 */
import { problem } from '../shared/api/problem.ts';
import { tokenBuckets } from '../shared/api/token-bucket.ts';
import { Lock } from '../shared/replica/lock.ts';
import type { StructuredLog } from './replica-log.ts';
import { sparingly } from './sparing-log.ts';

const REFUSED_PER_SECOND = 10;
const REFUSED_BURST = 50;

/** Messages of a member that wait for their turn, where it sent garbage a moment ago. */
const WAITING_MAX = 16;
const REMEMBERED_MS = 60_000;

export interface PeerGuard {
  /**
   * Handles a member's message, or refuses it while too many of its messages were refused. Of a member that sent
   * garbage lately one message is handled at a time: it must not be ahead of the count.
   */
  handle(member: string, work: () => Promise<Response>): Promise<Response>;
  /** Whether nothing that a member sent was refused lately. */
  trusts(member: string): boolean;
  /** Counts a message that was refused, and says so in the log: of what kind, and why. */
  refused(member: string, kind: string, reason: string): void;
  /** Logs that this node failed on a member's message, which is not the member's fault. */
  failed(member: string, error: unknown): void;
}

/** A member whose message was refused. */
interface Suspect {
  readonly turns: Lock;
  waiting: number;
  /** When it was refused last, and from when it is heard again. */
  lately: number;
  heardAgain: number;
}

const newSuspect = (): Suspect => ({ turns: new Lock(), waiting: 0, lately: 0, heardAgain: 0 });

const tooOften = (member: string): Response =>
  problem(
    'rate-limited',
    `The node of ${member} sent too many messages that no correct node sends.`,
    { got: member },
    { 'retry-after': '1', connection: 'close' },
  );

export function peerGuard({
  log,
  now = Date.now,
}: {
  readonly log?: Pick<StructuredLog, 'warn' | 'error'>;
  readonly now?: () => number;
} = {}): PeerGuard {
  const buckets = tokenBuckets(REFUSED_PER_SECOND, REFUSED_BURST);
  const suspects = new Map<string, Suspect>();
  const warn = sparingly((fields, message) => log?.warn(fields, message), { now });
  const fail = sparingly((fields, message) => log?.error(fields, message), { now });
  function suspectNow(member: string): Suspect | undefined {
    const suspect = suspects.get(member);
    return suspect && now() - suspect.lately <= REMEMBERED_MS ? suspect : undefined;
  }
  return {
    trusts: (member) => suspectNow(member) === undefined,
    async handle(member, work) {
      const suspect = suspectNow(member);
      if (!suspect) return work();
      if (suspect.waiting >= WAITING_MAX) return tooOften(member);
      suspect.waiting++;
      try {
        return await suspect.turns.run(async () =>
          now() < suspect.heardAgain ? tooOften(member) : work(),
        );
      } finally {
        suspect.waiting--;
      }
    },
    refused(member, kind, reason) {
      const at = now();
      const suspect = suspects.get(member) ?? newSuspect();
      suspects.set(member, suspect);
      suspect.lately = at;
      suspect.heardAgain = buckets.take(member, at) ?? at;
      warn(`${member} ${kind}`, { member, kind, reason }, 'peer-message-refused');
    },
    failed(member, error) {
      fail(`${member} ${String(error)}`, { member, err: error }, 'peer-request-failed');
    },
  };
}
