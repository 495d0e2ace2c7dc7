/** Seeded choices (Mulberry32): the same seed gives the same ones. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  chance(probability: number): boolean {
    // No draw where nothing can happen: a quiet fault does not move the others of a seed.
    return probability > 0 && this.next() < probability;
  }

  /** An integer of low to high, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)]!;
  }

  /** A source of its own, so that one user's choices don't depend on how often another chooses. */
  fork(): Random {
    return new Random(Math.floor(this.next() * 2 ** 32));
  }
}
