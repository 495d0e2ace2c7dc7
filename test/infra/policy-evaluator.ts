/**
 * Decides what AWS IAM would (IAM User Guide, "Policy evaluation logic", within one account): a denial
 * in any policy wins; else the identity's policies, within their boundary, or the resource's own must
 * allow. A KMS key is reached only as its key policy says. What it does not know is an error, not a guess.
 */

export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** Of resources' policies: ARNs, names of services, or `*`. */
  readonly principals: readonly string[];
  /** Operator, condition key, values. */
  readonly condition: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

export interface Request {
  readonly action: string;
  readonly resource: string;
  /** What AWS knows of the call, by condition key. */
  readonly context: Readonly<Record<string, readonly string[]>>;
}

/** Everything that has a say in a request. */
export interface Policies {
  /** The role that asks. */
  readonly principal: string;
  readonly identity: readonly Statement[];
  readonly boundary?: readonly Statement[] | undefined;
  /** The resource's own policy. */
  readonly resource: readonly Statement[];
}

/** Whether the request is allowed. */
export function isAllowed(request: Request, policies: Policies): boolean {
  const context = { 'aws:PrincipalArn': [policies.principal], ...request.context };
  const asked = { ...request, context };
  const { identity, boundary, principal } = policies;
  const own = policies.resource.filter(({ principals }) => concerns(principals, principal));
  const says = (statements: readonly Statement[], effect: Statement['effect']): boolean =>
    statements.some((statement) => statement.effect === effect && applies(statement, asked));
  if (says([...identity, ...(boundary ?? []), ...own], 'Deny')) return false;
  const byIdentity = says(identity, 'Allow') && (!boundary || says(boundary, 'Allow'));
  const named = own.filter(({ principals }) => principals.includes(principal));
  if (says(named, 'Allow')) return true;
  // The account as principal says that its identities' policies decide.
  if (request.action.startsWith('kms:')) return byIdentity && says(own, 'Allow');
  return byIdentity;
}

const concerns = (principals: readonly string[], role: string): boolean => {
  const root = `${role.split(':').slice(0, 5).join(':')}:root`;
  return principals.some((one) => one === '*' || one === role || one === root);
};

function applies(statement: Statement, { action, resource, context }: Request): boolean {
  return (
    statement.actions.some((pattern) => fits(pattern.toLowerCase(), action.toLowerCase())) &&
    statement.resources.some((pattern) => fits(pattern, resource)) &&
    Object.entries(statement.condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, values]) => holds(operator, values, context[key])),
    )
  );
}

/** Patterns of policies: `*` for any characters, `?` for one. */
export function fits(pattern: string, text: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(text);
}

const equal = (value: string, wanted: string): boolean => value === wanted;
/** Each operator: how one value compares, and whether a match is what is refused. */
const OPERATORS: Readonly<
  Record<string, { readonly matches: typeof equal; readonly negated: boolean }>
> = {
  StringEquals: { matches: equal, negated: false },
  StringNotEquals: { matches: equal, negated: true },
  StringLike: { matches: (value, pattern) => fits(pattern, value), negated: false },
  ArnEquals: { matches: (value, pattern) => fits(pattern, value), negated: false },
  ArnLike: { matches: (value, pattern) => fits(pattern, value), negated: false },
  ArnNotEquals: { matches: (value, pattern) => fits(pattern, value), negated: true },
  ArnNotLike: { matches: (value, pattern) => fits(pattern, value), negated: true },
  Bool: { matches: equal, negated: false },
};

function holds(
  operator: string,
  wanted: readonly string[],
  values: readonly string[] | undefined,
): boolean {
  const [, set, name, ifExists] = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(
    operator,
  )!;
  const known = OPERATORS[name!];
  if (!known) throw new Error(`the evaluator knows no operator ${operator}`);
  const { matches, negated } = known;
  const one = (value: string): boolean =>
    wanted.some((pattern) => matches(value, pattern)) !== negated;
  // "ForAllValues" is true of a key that the call does not have; so are negated operators.
  if (!values || values.length === 0) return set === 'ForAllValues' || negated || Boolean(ifExists);
  if (set === 'ForAllValues') return values.every(one);
  if (set === 'ForAnyValue') return values.some(one);
  if (values.length > 1) throw new Error(`${operator} compares one value`);
  return one(values[0]!);
}
