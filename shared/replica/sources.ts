/**
 * The members that a node behind asks: one after the other, each until it fails. A member that lies,
 * stalls or vanishes is left for the next; it costs its own answer and nothing else.
 */
import { decodeReply, encodeRequest, type Reply, type Request } from '../consensus/message.ts';
import { LIMITS } from '../ledger/limits.ts';
import { otherMembers, type Replica } from './replica.ts';
import { type Saying, standingOf } from './tell.ts';

export class Sources {
  readonly #replica: Replica;
  #current: string;

  /** Begins with the member `first`. */
  constructor(replica: Replica, first: string) {
    this.#replica = replica;
    this.#current = first;
  }

  /** The member that is asked now. */
  get current(): string {
    return this.#current;
  }

  /** All that may be asked, the current one first. */
  get all(): string[] {
    // The members may be others since the last epoch.
    const members = otherMembers(this.#replica);
    const at = members.indexOf(this.#current);
    return at < 0 ? members : [...members.slice(at), ...members.slice(0, at)];
  }

  /** Leaves the current member for the next. */
  leave(): void {
    this.#current = this.all[1] ?? this.#current;
  }

  /**
   * Asks from the current member on until one's reply is good: `read` answers what it is good for,
   * undefined where the member has not got it, and throws an Error for a lie. Undefined where nobody's is.
   */
  async ask<T>(
    saying: Saying,
    read: (reply: Reply, from: string) => T | undefined,
  ): Promise<T | undefined> {
    for (const member of this.all) {
      if (this.#replica.stopped) return undefined;
      const answer = await askSource(this.#replica, member, saying, read);
      if (answer === undefined) continue;
      this.#current = member;
      return answer;
    }
    return undefined;
  }
}

/** Asks one member; undefined where it failed, lied, or has not got it. Waits a bounded time. */
export async function askSource<T>(
  replica: Replica,
  member: string,
  saying: Saying,
  read: (reply: Reply, from: string) => T | undefined,
): Promise<T | undefined> {
  const request = { ...saying, standing: standingOf(replica) } as Request;
  try {
    const reply = await inTime(
      replica,
      replica.ports.peers.request(member, encodeRequest(request)),
    );
    return read(decodeReply(reply), member);
  } catch (error) {
    replica.log('catch-up-source-left', { member, kind: saying.kind, error: String(error) });
    return undefined;
  }
}

function inTime<T>(replica: Replica, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const waitMs = replica.catchUp?.waitMs ?? LIMITS.catchUpWaitMs;
    const cancel = replica.ports.time.after(waitMs, () =>
      reject(new Error(`no answer within ${waitMs} ms`)),
    );
    promise.then(resolve, reject).finally(cancel);
  });
}
