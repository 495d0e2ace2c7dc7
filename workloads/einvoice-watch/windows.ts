/** How often something happened within windows of time that end now, by key. Times are told in order. */

/** So many forgotten times are kept before they are let go, at the least. */
const FORGOTTEN_MAX = 64;

export class Windows {
  readonly #times = new Map<string, { times: number[]; first: number }>();

  add(key: string, at: number): void {
    const own = this.#times.get(key);
    if (own) own.times.push(at);
    else this.#times.set(key, { times: [at], first: 0 });
  }

  /** How many there were after `since`; earlier ones are forgotten. */
  count(key: string, since: number): number {
    const own = this.#times.get(key);
    if (!own) return 0;
    while (own.first < own.times.length && own.times[own.first]! <= since) own.first++;
    if (own.first > FORGOTTEN_MAX && own.first > own.times.length / 2) {
      own.times = own.times.slice(own.first);
      own.first = 0;
    }
    return own.times.length - own.first;
  }
}
