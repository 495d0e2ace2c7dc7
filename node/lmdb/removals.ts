/**
 * What is being removed from a table: it rides along with the next commit, and is not there any more
 * for its readers meanwhile. What is written anew before that stays.
 */
import type { Environment } from './environment.ts';

type Table = ReturnType<Environment['table']>;

export class Removals<Name> {
  readonly #environment: Environment;
  readonly #table: Table;
  readonly #keyOf: (name: Name) => Uint8Array;
  readonly #names = new Set<Name>();

  constructor(environment: Environment, table: Table, keyOf: (name: Name) => Uint8Array) {
    this.#environment = environment;
    this.#table = table;
    this.#keyOf = keyOf;
  }

  has(name: Name): boolean {
    return this.#names.has(name);
  }

  /** Takes a removal back, because the name is written anew; answers whether there was one. */
  cancel(name: Name): boolean {
    return this.#names.delete(name);
  }

  async remove(names: readonly Name[]): Promise<void> {
    if (names.length === 0) return;
    for (const name of names) this.#names.add(name);
    await this.#environment.later({
      bytes: 0,
      write: () =>
        Promise.all(
          names
            .filter((name) => this.#names.has(name))
            .map((name) => this.#table.remove(this.#keyOf(name))),
        ),
      written: () => {
        for (const name of names) this.#names.delete(name);
      },
    });
  }
}
