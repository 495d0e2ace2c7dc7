/**
 * The routes that the active contracts declare: found by the request's method and path at request
 * time, because contracts are activated while a node runs. Pure: no Hono, no service.
 */
import type { Contract, QueryDefinition, TransactionDefinition } from '../contract/define.ts';

/** One transaction or query of an active contract and where it is called. */
export type ContractCall = {
  readonly contract: Contract;
  readonly method: string;
} & (
  | { readonly kind: 'transaction'; readonly definition: TransactionDefinition }
  | { readonly kind: 'query'; readonly definition: QueryDefinition }
);

export type ContractRoute = ContractCall & {
  readonly verb: 'GET' | 'POST';
  /** Under the consortium, such as `/invoices/{number}/claim`. */
  readonly path: string;
};

/** Every call of the contracts, in order. */
export function contractCalls(contracts: readonly Contract[]): ContractCall[] {
  return contracts.flatMap((contract): ContractCall[] => [
    ...Object.entries(contract.transactions).map(
      ([method, definition]): ContractCall => ({
        contract,
        method,
        kind: 'transaction',
        definition,
      }),
    ),
    ...Object.entries(contract.queries).map(
      ([method, definition]): ContractCall => ({ contract, method, kind: 'query', definition }),
    ),
  ]);
}

/** Where a call is made: its own route, or the generic one. */
export function routeOf(call: ContractCall): ContractRoute {
  const verb = call.kind === 'transaction' ? 'POST' : 'GET';
  const declared = call.definition.http?.slice(verb.length).trim();
  return { ...call, verb, path: declared ?? genericPath(call) };
}

/** The route that every call has, declared or not. */
export const genericPath = ({ contract, method, kind }: ContractCall): string =>
  kind === 'transaction'
    ? `/contracts/${contract.name}/${method}`
    : `/contracts/${contract.name}/queries/${method}`;

/** A route that fits a path, with the path's parameters decoded. */
export interface RouteMatch {
  readonly route: ContractRoute;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Compiled routes. `match` answers all that fit the path, whatever the verb: none means 404. */
export interface RouteTable {
  match(path: string): readonly RouteMatch[];
}

/**
 * Compiles the routes of the contracts. Where two fit a path, literal segments win over parameters,
 * then the contract that stands first.
 */
export function routeTable(contracts: readonly Contract[]): RouteTable {
  const bySegments = new Map<number, { segments: string[]; route: ContractRoute }[]>();
  for (const call of contractCalls(contracts)) {
    const route = routeOf(call);
    for (const path of new Set([route.path, genericPath(call)])) {
      const segments = path.split('/').slice(1);
      const list = bySegments.get(segments.length) ?? [];
      list.push({ segments, route: { ...route, path } });
      bySegments.set(segments.length, list);
    }
  }
  for (const list of bySegments.values()) {
    list.sort((a, b) => parametersIn(a.segments) - parametersIn(b.segments));
  }
  return {
    match(path) {
      const given = path.split('/').slice(1);
      return (bySegments.get(given.length) ?? []).flatMap(({ segments, route }) => {
        const parameters = fit(segments, given);
        return parameters ? [{ route, parameters }] : [];
      });
    },
  };
}

const parameterName = (segment: string): string | undefined =>
  /^\{([A-Za-z][A-Za-z0-9]*)\}$/.exec(segment)?.[1];

/** The names of a path's parameters, in order. */
export const pathParameters = (path: string): string[] =>
  path.split('/').flatMap((segment) => parameterName(segment) ?? []);

const parametersIn = (segments: readonly string[]): number =>
  segments.filter((segment) => parameterName(segment) !== undefined).length;

function fit(
  segments: readonly string[],
  given: readonly string[],
): Record<string, string> | undefined {
  const parameters: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const name = parameterName(segment);
    let value: string;
    try {
      value = decodeURIComponent(given[index]!);
    } catch {
      return undefined;
    }
    if (name === undefined ? value !== segment : value === '') return undefined;
    if (name !== undefined) parameters[name] = value;
  }
  return parameters;
}
