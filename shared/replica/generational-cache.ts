/**
 * A bounded cache that forgets what was not used lately: two generations, the older one dropped
 * when the younger is full. Used entries move to the younger one.
 */
export class GenerationalCache<K, V> {
  readonly #generationMax: number;
  readonly #weigh: (value: V) => number;
  #weight = 0;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  /** Holds at most `sizeMax` entries, or so much of what `weigh` says of each. */
  constructor(sizeMax: number, weigh: (value: V) => number = () => 1) {
    this.#generationMax = Math.ceil(sizeMax / 2);
    this.#weigh = weigh;
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: K, value: V): void {
    const before = this.#young.get(key);
    this.#young.set(key, value);
    this.#weight += this.#weigh(value) - (before === undefined ? 0 : this.#weigh(before));
    if (this.#weight < this.#generationMax) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#weight = 0;
  }
}
