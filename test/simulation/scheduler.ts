/**
 * Virtual time: events run in the order of (time, order of asking), and between two of them everything
 * that is only waiting for promises runs to its end. A run is a function of its seed.
 */
import { Random } from '../support/random.ts';

interface Event {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

export class Scheduler extends Random {
  now: number;
  /** A binary heap: the earliest event first. */
  readonly #heap: Event[] = [];
  #waiting = 0;
  #stopped = false;
  #order = 0;

  constructor(seed: number, start: number) {
    super(seed);
    this.now = start;
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

  /** Nothing runs any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Runs events until a time, until there are none, or until it is stopped. */
  async runUntil(time: number): Promise<void> {
    await settled();
    while (!this.#stopped && this.#heap.length > 0 && this.#heap[0]!.at <= time) {
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
