/**
 * Which members did not answer lately, as an execution environment saw it: nobody waits long for them. An
 * invocation answers when its messages are through; without this a member whose functions hang would
 * slow down every client of the others.
 */
import { DEADLINES } from '../deadlines.ts';

/** Time for one message: a drive that it waits for is within it. */
const ANSWER_MS = DEADLINES.peer;
/** Time for a message to who was silent. One that comes back is warm by the second or third. */
const SILENT_MS = 1000;
const REMEMBERED_MS = 60_000;

export class SilentMembers {
  readonly #until = new Map<string, number>();

  /** Sends a message within the time that the member gets; remembers whether it answered. */
  async within<T>(member: string, send: (ms: number) => Promise<T>): Promise<T> {
    const isSilent = (this.#until.get(member) ?? 0) > Date.now();
    try {
      const answer = await send(isSilent ? SILENT_MS : ANSWER_MS);
      this.#until.delete(member);
      return answer;
    } catch (error) {
      this.#until.set(member, Date.now() + REMEMBERED_MS);
      throw error;
    }
  }
}
