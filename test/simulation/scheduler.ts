/**
 * Virtual time: events run in the order of (time, order of asking), and between two of them everything
 * that is only waiting for promises runs to its end. A run is a function of its seed.
 */
export class Scheduler {
  now: number;
  readonly #events: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  #random: number;

  constructor(seed: number, start: number) {
    this.#random = seed >>> 0;
    this.now = start;
  }

  /** Mulberry32: a number in [0, 1). */
  random(): number {
    this.#random = (this.#random + 0x6d2b79f5) >>> 0;
    let t = this.#random;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  between(low: number, high: number): number {
    return low + Math.floor(this.random() * (high - low + 1));
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!;
  }

  /** Runs something after a delay; answers how to cancel it. */
  after(delayMs: number, run: () => void): () => void {
    const event = { at: this.now + delayMs, order: this.#order++, run };
    // Kept sorted; queues here are short.
    let index = this.#events.length;
    while (index > 0 && this.#events[index - 1]!.at > event.at) index--;
    this.#events.splice(index, 0, event);
    return () => {
      const at = this.#events.indexOf(event);
      if (at >= 0) this.#events.splice(at, 1);
    };
  }

  get idle(): boolean {
    return this.#events.length === 0;
  }

  /** Runs events until a time, or until there are none. */
  async runUntil(time: number): Promise<void> {
    await settled();
    while (this.#events.length > 0 && this.#events[0]!.at <= time) {
      const event = this.#events.shift()!;
      this.now = Math.max(this.now, event.at);
      event.run();
      await settled();
    }
    this.now = Math.max(this.now, time);
  }
}

/** Lets all promise continuations run: nothing in a simulated node waits for anything else. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
