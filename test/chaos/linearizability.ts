/**
 * Decides whether a history of operations is linearizable (Herlihy & Wing 1990). A depth-first search for an
 * order of the operations, as by Wing & Gong ("Testing and verifying concurrent objects", JPDC 1993), in
 * which an operation is placed only when a return demands it, and a configuration is never looked at
 * twice: Lowe's just-in-time linearization and memoisation ("Testing for linearizability", CCPE 2017).
 */

/** One operation of one client. Times are of one clock; what returned at the time of a call may overlap it. */
export interface Operation<I, O> {
  readonly input: I;
  readonly calledAt: number;
  /** Undefined where the client never learned what became of it: it may take effect at any later time, or never. */
  readonly returned?: { readonly at: number; readonly output: O };
}

/** A sequential object. */
export interface Model<S, I, O> {
  readonly initial: S;
  /** The state after an operation; undefined where it can't answer `output` there. Without `output` any answer will do. */
  step(state: S, input: I, output: O | undefined): S | undefined;
  /** Equal for equal states only. */
  nameOf(state: S): string;
}

/** The operations of each key: an object of many independent parts is linearizable iff each part is. */
export function byKey<I extends { readonly key: string }, O>(
  history: readonly Operation<I, O>[],
): Map<string, Operation<I, O>[]> {
  const parts = new Map<string, Operation<I, O>[]>();
  for (const operation of history) {
    const { key } = operation.input;
    const part = parts.get(key);
    if (part) part.push(operation);
    else parts.set(key, [operation]);
  }
  return parts;
}

/** A place in the search: before the `at`-th return, with some of the operations that are open there placed already. */
interface Configuration<S> {
  readonly at: number;
  readonly placed: ReadonlySet<number>;
  readonly state: S;
}

/** Whether the operations on one object can have happened one after the other, each between its call and its return. */
export function isLinearizable<S, I, O>(
  history: readonly Operation<I, O>[],
  model: Model<S, I, O>,
): boolean {
  const returns = returnsOf(history);
  const seen = new Set<string>();
  const toVisit: Configuration<S>[] = [{ at: 0, placed: new Set(), state: model.initial }];
  for (let here = toVisit.pop(); here; here = toVisit.pop()) {
    const { at, placed } = pastPlaced(here, returns);
    if (at === returns.length) return true;
    const { operation: due, open } = returns[at]!;
    // The one that is due comes last, so that it is tried first: most orders are those of the returns.
    for (const index of [...open, due]) {
      if (placed.has(index)) continue;
      const { input, returned } = history[index]!;
      const state = model.step(here.state, input, returned?.output);
      if (state === undefined) continue;
      const next: Configuration<S> =
        index === due
          ? { at: at + 1, placed, state }
          : { at, placed: new Set([...placed, index]), state };
      const name = nameOf(next, model);
      if (seen.has(name)) continue;
      seen.add(name);
      toVisit.push(next);
    }
  }
  return false;
}

interface Return {
  readonly operation: number;
  /** The other operations that were called before it and had not returned. */
  readonly open: readonly number[];
}

/** The returns in order of time. */
function returnsOf<I, O>(history: readonly Operation<I, O>[]): Return[] {
  const endOf = (index: number): number => history[index]!.returned?.at ?? Number.POSITIVE_INFINITY;
  const indexes = [...history.keys()];
  const calls = indexes.toSorted((a, b) => history[a]!.calledAt - history[b]!.calledAt);
  const ends = indexes
    .filter((index) => history[index]!.returned)
    .sort((a, b) => endOf(a) - endOf(b) || a - b);
  const open = new Set<number>();
  let called = 0;
  return ends.map((operation) => {
    for (; called < calls.length; called++) {
      if (history[calls[called]!]!.calledAt > endOf(operation)) break;
      open.add(calls[called]!);
    }
    open.delete(operation);
    return { operation, open: [...open] };
  });
}

/** Goes past returns whose operation is placed already. */
function pastPlaced<S>(
  { at, placed }: Configuration<S>,
  returns: readonly Return[],
): { readonly at: number; readonly placed: ReadonlySet<number> } {
  const left = new Set(placed);
  let next = at;
  while (next < returns.length && left.delete(returns[next]!.operation)) next++;
  return { at: next, placed: left };
}

const nameOf = <S>(
  { at, placed, state }: Configuration<S>,
  model: Model<S, never, never>,
): string => `${at} ${[...placed].sort((a, b) => a - b).join()} ${model.nameOf(state)}`;
