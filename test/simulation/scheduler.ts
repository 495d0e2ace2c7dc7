/**
 * Virtual time: events run in the order of (time, order of asking), and between two of them everything
 * that is only waiting for promises runs to its end. A run is a function of its seed.
 */
interface Event {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

export class Scheduler {
  now: number;
  /** A binary heap: the earliest event first. */
  readonly #heap: Event[] = [];
  #waiting = 0;
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
    // No draw where nothing can happen: a quiet fault does not move the others of a seed.
    return probability > 0 && this.random() < probability;
  }

  between(low: number, high: number): number {
    return low + Math.floor(this.random() * (high - low + 1));
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!;
  }

  /** Runs something after a delay; answers how to cancel it. */
  after(delayMs: number, run: () => void): () => void {
    const event: Event = { at: this.now + delayMs, order: this.#order++, run };
    this.#waiting++;
    this.#push(event);
    return () => {
      if (event.run) this.#waiting--;
      event.run = null;
    };
  }

  get idle(): boolean {
    return this.#waiting === 0;
  }

  /** Runs events until a time, or until there are none. */
  async runUntil(time: number): Promise<void> {
    await settled();
    while (this.#heap.length > 0 && this.#heap[0]!.at <= time) {
      const { at, run } = this.#pop();
      if (!run) continue;
      this.#waiting--;
      this.now = Math.max(this.now, at);
      run();
      await settled();
    }
    this.now = Math.max(this.now, time);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent]!, event)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): Event {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return { ...first, run: take(first) };
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return { ...first, run: take(first) };
  }
}

/** Cancelling an event that has run is harmless. */
function take(event: Event): (() => void) | null {
  const { run } = event;
  event.run = null;
  return run;
}

const isBefore = (a: Event, b: Event): boolean => (a.at !== b.at ? a.at < b.at : a.order < b.order);

/** Lets all promise continuations run: nothing in a simulated node waits for anything else. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
