/** Reads of the state at one final height: plain values, and contracts' queries. */
import { decodeCbor, toValue, type Value } from '../bytes/cbor.ts';
import { invalidArguments } from '../contract/argument-issues.ts';
import { bindQueryContext, ContractRejection, freezeDeep } from '../contract/bind.ts';
import type { Caller, StateAccess } from '../contract/context.ts';
import type { Contract, QueryDefinition } from '../contract/define.ts';
import { guarded } from '../execution/guards.ts';
import { mayCall } from '../execution/run-transaction.ts';
import type { TreeRoot } from '../execution/state-tree.ts';
import { type Base, Misses, rangeName, View } from '../execution/view.ts';
import { LIMITS } from '../ledger/limits.ts';
import { type Rejected, rejected } from '../ledger/rejection.ts';
import type { ScanRange, StateEntry } from '../ports/state-store.ts';
import { treeAt } from './history.ts';
import { proveValue } from './proven.ts';
import type { Replica } from './replica.ts';

/** The state at a final height as a base that fetches; it holds what it fetched for one use. */
export class Snapshot {
  readonly #replica: Replica;
  readonly #height: number;
  readonly #tree: TreeRoot | undefined;
  readonly #values = new Map<string, Uint8Array | null>();
  readonly #ranges = new Map<string, readonly StateEntry[]>();

  /** `tree` is that of the state at the height, where the store does not say so yet. */
  constructor(replica: Replica, height: number, tree?: TreeRoot) {
    this.#replica = replica;
    this.#height = height;
    this.#tree = tree;
  }

  /** Runs synchronous reads, again and again with what they lacked fetched, until they have all. */
  async read<T>(run: (view: View) => T): Promise<T> {
    for (let pass = 0; pass <= LIMITS.getsMax + LIMITS.scansMax; pass++) {
      const misses = new Misses();
      try {
        const result = run(new View([], this.#base, misses));
        if (misses.empty) return result;
      } catch (error) {
        if (misses.empty) throw error;
      }
      await this.#fetch(misses);
    }
    throw new Error('a read needed more passes than it may make reads');
  }

  get #base(): Base {
    return {
      value: (key) => this.#values.get(key),
      range: (range) => this.#ranges.get(rangeName(range)),
      known: () => undefined,
      page: () => undefined,
    };
  }

  /** A key's encoded value, undefined where it has none; proven. */
  async value(key: string): Promise<Uint8Array | undefined> {
    const [value] = await this.#replica.ports.state.get([key], this.#height);
    await this.#prove([[key, value]]);
    return value;
  }

  /** Live entries in the order of their keys. Each is proven; that none is left out is not. */
  async range(range: ScanRange): Promise<readonly StateEntry[]> {
    const entries = await this.#replica.ports.state.scan(range, this.#height);
    await this.#prove(entries.map(({ key, value }) => [key, value]));
    return entries;
  }

  async #fetch(misses: Misses): Promise<void> {
    const keys = [...misses.keys];
    const values = await this.#replica.ports.state.get(keys, this.#height);
    await this.#prove(keys.map((key, index) => [key, values[index]]));
    for (const [index, key] of keys.entries()) this.#values.set(key, values[index] ?? null);
    for (const [name, range] of misses.ranges) this.#ranges.set(name, await this.range(range));
  }

  async #prove(entries: readonly (readonly [string, Uint8Array | undefined])[]): Promise<void> {
    const replica = this.#replica;
    // The genesis document says what the state of block 0 is, and has no tree among the items.
    if (!replica.ports.state.now || this.#height === 0 || entries.length === 0) return;
    const tree = this.#tree ?? (await treeAt(replica, this.#height));
    for (const [key, value] of entries) proveValue(replica, tree, key, value);
  }
}

/** Answers a contract's query at a final height. */
export async function answerQuery(
  replica: Replica,
  at: { readonly height: number; readonly time: number },
  contract: Contract,
  definition: QueryDefinition,
  input: Value,
  caller: Caller | undefined,
): Promise<Value | Rejected> {
  const { roles } = definition;
  if (roles.length > 0 && !(caller && mayCall(contract.name, roles, caller))) {
    return rejected('forbidden', 'The caller has none of the roles that may ask this.', {
      got: caller?.roles ?? [],
      expected: roles,
    });
  }
  const parsed = definition.input.safeParse(input);
  if (!parsed.success) {
    return invalidArguments(parsed.error, 'query');
  }
  const frozen = freezeDeep(parsed.data);
  try {
    const answer = await new Snapshot(replica, at.height).read((view) => {
      const context = bindQueryContext(contract, readOnly(view), { caller, ...at });
      return guarded(() => definition.answer(context, frozen));
    });
    return toValue(answer ?? null);
  } catch (error) {
    if (!(error instanceof ContractRejection)) throw error;
    const { reason, message, more } = error;
    return rejected('contract-rejected', message, { reason, ...more });
  }
}

/** State access of a query: bounded reads, no writes. */
export function readOnly(view: View): StateAccess {
  let reads = 0;
  const count = (): void => {
    if (++reads > LIMITS.getsMax) throw new Error(`a query with more than ${LIMITS.getsMax} reads`);
  };
  const refuse = (): never => {
    throw new Error('a query changes nothing');
  };
  return {
    get(key) {
      count();
      const bytes = view.get(key);
      return bytes === null ? undefined : (decodeCbor(bytes) as Value);
    },
    scan(from, to, limit) {
      count();
      const bounded = Math.min(limit, LIMITS.scanItemsMax);
      return view.scan({ from, to, limit: bounded }).map(({ key, value }) => ({
        key,
        value: decodeCbor(value) as Value,
      }));
    },
    put: refuse,
    delete: refuse,
  };
}
