/**
 * The roles, resources and policies of synthesised templates, with names that stay: every reference is
 * resolved to an ARN that carries the construct's name instead of what AWS would choose.
 */
import type { Template } from 'aws-cdk-lib/assertions';
import { isAllowed, type Request, type Statement } from './policy-evaluator.ts';

export interface Role {
  readonly arn: string;
  readonly identity: readonly Statement[];
  readonly boundary: readonly Statement[] | undefined;
  /** Who may take it. */
  readonly trusted: readonly string[];
}

export interface PolicyModel {
  /** By construct name. */
  readonly roles: ReadonlyMap<string, Role>;
  /** ARNs of all that can be asked for, with the resource's own policy. */
  readonly resources: ReadonlyMap<string, readonly Statement[]>;
}

interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}
type Json = { readonly Resources: Record<string, Resource>; readonly Outputs?: object };
/** A policy document's statement once its references are resolved. */
type Raw = Readonly<Record<string, never>> & { readonly Effect: 'Allow' | 'Deny' };

const ACCOUNT = '111122223333';
const REGION = 'ap-east-1';
const PSEUDO: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::Region': REGION,
  'AWS::AccountId': ACCOUNT,
  'AWS::URLSuffix': 'amazonaws.com',
};
const PLACES: Readonly<Record<string, (name: string) => string>> = {
  'AWS::Lambda::Function': (name) => arnOf('lambda', `function:${name}`),
  'AWS::DynamoDB::GlobalTable': (name) => arnOf('dynamodb', `table/${name}`),
  'AWS::KMS::Key': (name) => arnOf('kms', `key/${name}`),
  'AWS::SQS::Queue': (name) => arnOf('sqs', name),
  'AWS::SNS::Topic': (name) => arnOf('sns', name),
  'AWS::Logs::LogGroup': (name) => arnOf('logs', `log-group:${name}:*`),
  // A bucket's name is all accounts' and regions'.
  'AWS::S3::Bucket': (name) => `arn:aws:s3:::${name}`,
  'AWS::IAM::Role': (name) => `arn:aws:iam::${ACCOUNT}:role/${name}`,
};

/** An ARN of this account and region. */
export const arnOf = (service: string, place: string): string =>
  `arn:aws:${service}:${REGION}:${ACCOUNT}:${place}`;

/** What is tried of a role. */
export interface Trial {
  readonly places: readonly string[];
  /** Actions that no policy may name. */
  readonly dangerous: readonly string[];
  /** The ways to make a call that its policies may tell apart, by what a test calls them. */
  readonly waysOf: (action: string) => [text: string, context: Request['context']][];
}

/** All that a role may do there, of what any role's policies name and what is dangerous: `<action> <ARN> <way>`. */
export function allowedTo(
  { roles, resources }: PolicyModel,
  role: string,
  { places, dangerous, waysOf }: Trial,
): string[] {
  const named = [...roles.values()].flatMap(({ identity }) => identity.flatMap((s) => s.actions));
  const { arn: principal, identity, boundary } = roles.get(role)!;
  return [...new Set([...named, ...dangerous])].flatMap((action) =>
    places.flatMap((place) =>
      waysOf(action)
        .filter(([, context]) =>
          isAllowed(
            { action, resource: place, context },
            { principal, identity, boundary, resource: resources.get(place) ?? [] },
          ),
        )
        .map(([way]) => `${action} ${place} ${way}`.trim()),
    ),
  );
}

/** What stands behind a logical id: the CDK ends each with a hash. */
const nameOf = (logicalId: string): string => logicalId.replace(/[0-9A-F]{8}$/, '');
const list = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : ([value].flat() as T[]);

/** Reads the templates. Throws where there is anything that it would have to guess. */
export function policyModel(templates: readonly Template[]): PolicyModel {
  const stacks = templates.map((template) => template.toJSON() as Json);
  const exported = new Map<string, string>();
  const all = stacks.flatMap((stack) => {
    const resolve = resolver(stack.Resources, exported);
    for (const { Value, Export } of Object.values(stack.Outputs ?? {})) {
      if (Export) exported.set(Export.Name, resolve(Value) as string);
    }
    return Object.entries(stack.Resources).map(([id, { Type, Properties = {} }]) => {
      const properties = (ROLE_PARTS.has(Type) ? resolve(Properties) : {}) as Record<string, never>;
      return { type: Type, arn: arnOfResource(id, { Type, Properties }), id, properties };
    });
  });
  const strange = all.find(({ type }) => /^AWS::IAM::(User|Group|UserToGroupAddition)$/.test(type));
  if (strange) throw new Error(`the evaluator knows no ${strange.type}`);
  const documents = (type: string, of: string, arn: string): Statement[] =>
    all
      .filter((one) => one.type === type && list<string>(one.properties[of]).includes(arn))
      .flatMap(({ properties }) => statements(properties.PolicyDocument));

  const roles = new Map<string, Role>();
  const resources = new Map<string, Statement[]>();
  for (const { type, arn, id, properties } of all) {
    if (!arn) continue;
    const own = statements(properties.KeyPolicy);
    const queue = documents('AWS::SQS::QueuePolicy', 'Queues', arn);
    const topic = documents('AWS::SNS::TopicPolicy', 'Topics', arn);
    const bucket = documents('AWS::S3::BucketPolicy', 'Bucket', arn);
    resources.set(arn, [...own, ...queue, ...topic, ...bucket]);
    if (type !== 'AWS::IAM::Role') continue;
    const managed = list<string>(properties.ManagedPolicyArns);
    if (managed.length > 0) throw new Error(`${id} has policies of AWS: ${managed.join()}`);
    const inline = list<{ readonly PolicyDocument: never }>(properties.Policies);
    const bound = properties.PermissionsBoundary as string | undefined;
    const boundary = all.find((one) => bound && one.id === bound.split('/').at(-1));
    if (bound && !boundary) throw new Error(`${id} has a boundary that no template holds`);
    roles.set(nameOf(id), {
      arn,
      identity: [
        ...documents('AWS::IAM::Policy', 'Roles', nameOf(id)),
        ...documents('AWS::IAM::ManagedPolicy', 'Roles', nameOf(id)),
        ...inline.flatMap(({ PolicyDocument }) => statements(PolicyDocument)),
      ],
      boundary: boundary && statements(boundary.properties.PolicyDocument),
      trusted: statements(properties.AssumeRolePolicyDocument).flatMap((one) => one.principals),
    });
  }
  return { roles, resources };
}

/** What is resolved: the rest of the templates has references that are nobody's permission. */
const ROLE_PARTS = new Set([
  'AWS::IAM::Role',
  'AWS::IAM::Policy',
  'AWS::IAM::ManagedPolicy',
  'AWS::KMS::Key',
  'AWS::SQS::QueuePolicy',
  'AWS::SNS::TopicPolicy',
  'AWS::S3::BucketPolicy',
]);

function arnOfResource(id: string, { Type, Properties = {} }: Resource): string | undefined {
  const name = Properties.FunctionName;
  return PLACES[Type]?.(typeof name === 'string' ? name : nameOf(id));
}

/** Replaces references by what they stand for. */
function resolver(resources: Json['Resources'], exported: ReadonlyMap<string, string>) {
  const referTo = (id: string): string => {
    const resource = resources[id];
    const arn = PSEUDO[id] ?? (resource && arnOfResource(id, resource));
    return arn ?? id;
  };
  // A role is referred to by its name.
  const refer = (id: string): string =>
    resources[id]?.Type === 'AWS::IAM::Role' ? nameOf(id) : referTo(id);
  const resolve = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(resolve);
    if (typeof value !== 'object' || value === null) return value;
    const [key = '', argument] = Object.entries(value)[0] ?? [];
    if (key === 'Ref') return refer(argument as string);
    if (key === 'Fn::GetAtt') return referTo((argument as [string, string])[0]);
    if (key === 'Fn::Join') {
      const [by, parts] = argument as [string, unknown[]];
      return parts.map(resolve).join(by);
    }
    if (key === 'Fn::Sub' && typeof argument === 'string') {
      return argument.replaceAll(/\$\{([\w:]+)\}/g, (_, id: string) => refer(id));
    }
    if (key === 'Fn::ImportValue') {
      const found = exported.get(argument as string);
      if (!found) throw new Error(`nothing exports ${String(argument)}`);
      return found;
    }
    if (key.startsWith('Fn::')) throw new Error(`the evaluator knows no ${key}`);
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, resolve(part)]));
  };
  return resolve;
}

function statements(document: { readonly Statement: Raw | readonly Raw[] } | undefined) {
  return list(document?.Statement).map((raw): Statement => {
    for (const key of ['NotAction', 'NotResource', 'NotPrincipal']) {
      if (raw[key]) throw new Error(`a policy allows all but some: ${key}`);
    }
    const principals = raw.Principal as string | Record<string, string | string[]> | undefined;
    return {
      effect: raw.Effect,
      actions: list<string>(raw.Action),
      resources: list<string>(raw.Resource),
      principals:
        typeof principals === 'object' ? Object.values(principals).flat() : list(principals),
      condition: Object.fromEntries(
        Object.entries((raw.Condition ?? {}) as Record<string, Record<string, string>>).map(
          ([operator, keys]) => [
            operator,
            Object.fromEntries(Object.entries(keys).map(([key, value]) => [key, list(value)])),
          ],
        ),
      ),
    };
  });
}
