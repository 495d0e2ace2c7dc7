/**
 * Work that costs less together: what is asked for while so many lots are under way waits, and goes in the next one. So a lone
 * request goes at once, and lots grow with the load.
 */
export interface TogetherOptions<T, A> {
  /** Lots under way at a time. */
  readonly ways: number;
  /** How many of those that wait, one at least, go in the next lot; all unless told. */
  readonly take?: (waiting: readonly T[]) => number;
  /** Does a lot; answers each in its order. Where it throws, each of the lot is answered so. */
  readonly run: (lot: readonly T[]) => Promise<readonly A[]>;
  /** Told where nothing waits any more and no lot is under way. */
  readonly onIdle?: () => void;
}

/** One for each name of each owner, such as what goes to a member from a replica; for as long as it has something to do. */
export function togetherByName<O extends object, T, A>(
  optionsFor: (owner: O, name: string) => Omit<TogetherOptions<T, A>, 'onIdle'>,
): (owner: O, name: string) => Together<T, A> {
  const owners = new WeakMap<O, Map<string, Together<T, A>>>();
  return (owner, name) => {
    const named = owners.get(owner) ?? new Map<string, Together<T, A>>();
    owners.set(owner, named);
    const onIdle = (): void => void named.delete(name);
    const together = named.get(name) ?? new Together({ ...optionsFor(owner, name), onIdle });
    named.set(name, together);
    return together;
  };
}

interface Waiting<T, A> {
  readonly item: T;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

export class Together<T, A> {
  readonly #options: TogetherOptions<T, A>;
  #waiting: Waiting<T, A>[] = [];
  #underWay = 0;

  constructor(options: TogetherOptions<T, A>) {
    this.#options = options;
  }

  /** Has an item done with others; answers what became of it. */
  add(item: T): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#underWay < this.#options.ways) void this.#empty();
    });
  }

  async #empty(): Promise<void> {
    this.#underWay++;
    // What is asked for in one turn of the event loop goes together.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#run(this.#next());
    this.#underWay--;
    if (this.#underWay === 0) this.#options.onIdle?.();
  }

  #next(): Waiting<T, A>[] {
    const { take } = this.#options;
    const count = take ? take(this.#waiting.map(({ item }) => item)) : this.#waiting.length;
    return this.#waiting.splice(0, count);
  }

  async #run(lot: readonly Waiting<T, A>[]): Promise<void> {
    try {
      const answers = await this.#options.run(lot.map(({ item }) => item));
      if (answers.length !== lot.length) throw new Error('a lot that was not answered as a whole');
      for (const [index, { resolve }] of lot.entries()) resolve(answers[index]!);
    } catch (error) {
      for (const { reject } of lot) reject(error);
    }
  }
}
