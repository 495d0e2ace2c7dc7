/**
 * The clock and the alarm of one invocation. Where its alarm is due while it runs, or is still set when it
 * ends, it becomes the node's alarm: many invocations that wait for the same must not all ring.
 */
import type { Time, Waited } from '../../shared/ports/time.ts';

export class InvocationTime implements Time {
  /** The alarm that is set. */
  wanted: { readonly at: number; readonly waited: Waited } | null = null;
  readonly #due: (waited: Waited) => void;
  readonly #isSet: ((wanted: { readonly at: number; readonly waited: Waited }) => void) | undefined;
  readonly #timers = new Set<NodeJS.Timeout>();
  #alarm: NodeJS.Timeout | undefined;

  /** `isSet` hears of an alarm at once, where one that is set is most likely still set at the end. */
  constructor(
    due: (waited: Waited) => void,
    isSet?: (wanted: { readonly at: number; readonly waited: Waited }) => void,
  ) {
    this.#due = due;
    this.#isSet = isSet;
  }

  now(): number {
    return Date.now();
  }

  alarm(at: number | null, waited: Waited): void {
    clearTimeout(this.#alarm);
    this.wanted = at === null ? null : { at, waited };
    if (at === null) return;
    this.#isSet?.({ at, waited });
    this.#alarm = setTimeout(
      () => {
        this.wanted = null;
        this.#due(waited);
      },
      Math.max(0, at - Date.now()),
    );
  }

  after(ms: number, call: () => void): () => void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      call();
    }, ms);
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  /** Nothing may run in an environment that is frozen, or serves the next input. */
  stop(): void {
    clearTimeout(this.#alarm);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
