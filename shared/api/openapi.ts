/**
 * The OpenAPI 3.1 document of one consortium: the fixed routes, and those generated from the active
 * contracts' own schemas, so that what is documented is what is checked.
 */
import { z } from 'zod';
import type { Contract } from '../contract/define.ts';
import type { Genesis } from '../ledger/genesis.ts';
import { inputSchema, type JsonSchema } from './arguments.ts';
import { consortiumPath } from './node-api.ts';
import { FIXED_PATHS, HEALTH } from './openapi-fixed.ts';
import {
  at,
  KEY_NEEDED,
  type Operation,
  ok,
  type Parameter,
  type PathItem,
  PENDING,
  prefer,
} from './openapi-parts.ts';
import {
  committed,
  object,
  problemResponses,
  RESPONSES,
  reference,
  SCHEMAS,
} from './openapi-schemas.ts';
import { type ContractCall, contractCalls, pathParameters, routeOf } from './routes.ts';
import { exampleOf } from './schema-example.ts';

/** The document, as far as this API uses it. */
export interface OpenapiDocument {
  readonly openapi: '3.1.1';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly jsonSchemaDialect: string;
  readonly servers: readonly { readonly url: string }[];
  readonly security: readonly object[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly responses: Readonly<Record<string, object>>;
    readonly securitySchemes: Readonly<Record<string, object>>;
  };
}

/** Builds the document. */
export function openapiDocument(
  { consortium, visibility }: Pick<Genesis, 'consortium' | 'visibility'>,
  contracts: readonly Contract[],
): OpenapiDocument {
  const base = consortiumPath(consortium);
  const paths: Record<string, PathItem> = { '/healthz': HEALTH };
  const schemas: Record<string, JsonSchema> = { ...SCHEMAS };
  for (const [path, item] of Object.entries(FIXED_PATHS)) paths[base + path] = item;
  for (const call of contractCalls(contracts)) {
    const { verb, path } = routeOf(call);
    const operation = operationOf(call, path, schemas);
    const under = base + path;
    // A path that is there already wins, as it does in the app.
    paths[under] = { [verb === 'GET' ? 'get' : 'post']: operation, ...paths[under] };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: `Fuqi: ${consortium}`,
      version: '1',
      description:
        'One ledger that many parties keep. 200 means final; 202 means durably held; refusals are problem documents (RFC 9457).',
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    servers: [{ url: '/' }],
    security: visibility === 'public' ? [{}, ...KEY_NEEDED] : KEY_NEEDED,
    tags: [
      { name: 'ledger', description: 'The ledger, its members, blocks and state.' },
      { name: 'transactions', description: 'Transactions that callers sign themselves.' },
      { name: 'events', description: 'What happened, in order.' },
      { name: 'account', description: 'What concerns one member: its issuers, what it used.' },
      ...contracts.map(({ name, summary }) => ({ name, description: summary })),
    ],
    paths,
    components: {
      schemas,
      responses: RESPONSES,
      securitySchemes: {
        apiKey: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'fuqi_<member>_<id>_<secret>',
          description: 'A member issues it: `fuqi keys create`. It names an identity with roles.',
        },
        token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'Of an issuer that the member accepts (`…/issuers`): its claims lead to an identity. The header `Fuqi-Member` names the member where the gateway can’t tell.',
        },
      },
    },
  };
}

/** One operation; its body and its output become components named `<contract>.<method>.<part>`. */
function operationOf(
  call: ContractCall,
  path: string,
  schemas: Record<string, JsonSchema>,
): Operation {
  const { contract, method, definition } = call;
  const name = `${contract.name}.${method}`;
  const input = inputSchema(definition.input);
  const inPath = pathParameters(path);
  const output = outputSchema(definition.output);
  schemas[`${name}.output`] = selfContained(`${name}.output`, output);
  const common = {
    operationId: name,
    tags: [contract.name],
    summary: definition.summary,
    description: describe(call),
  };
  if (call.kind === 'query') {
    const answer = object({
      height: { type: 'integer', minimum: 0 },
      output: reference(`${name}.output`),
    });
    const rest = Object.keys(input.properties ?? {}).filter((field) => !inPath.includes(field));
    return {
      ...common,
      parameters: [
        ...inPath.map((field) => parameterOf(field, 'path', input)),
        ...rest.map((field) => parameterOf(field, 'query', input)),
        at,
      ],
      ...(definition.roles.length > 0 ? { security: KEY_NEEDED } : {}),
      responses: {
        200: ok('The answer.', answer),
        ...problemResponses(400, 401, 403, 404, 410, 422, 429),
      },
    };
  }
  schemas[`${name}.input`] = selfContained(`${name}.input`, without(input, inPath));
  return {
    ...common,
    parameters: [
      ...inPath.map((field) => parameterOf(field, 'path', input)),
      IDEMPOTENCY_KEY,
      prefer('up to 25 seconds'),
    ],
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: reference(`${name}.input`),
          example: exampleOf(without(input, inPath)),
        },
      },
    },
    security: KEY_NEEDED,
    responses: {
      200: ok('Committed: final.', committed(reference(`${name}.output`))),
      202: PENDING,
      ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
    },
  };
}

const IDEMPOTENCY_KEY: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  description:
    'The same call with the same key counts once, for at least 30 minutes by default: 1 to 255 visible ASCII characters.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
  example: 'order-4711',
};

function describe({ contract, kind, definition }: ContractCall): string {
  const roles = definition.roles.map((role) =>
    role === 'admin' ? '`admin`' : `\`${contract.name}.${role}\``,
  );
  const who =
    roles.length > 0
      ? `For identities with the role ${roles.join(' or ')}.`
      : kind === 'query'
        ? 'For whoever may read the ledger.'
        : 'For every identity.';
  const rejects = 'rejects' in definition ? (definition.rejects ?? []) : [];
  const reasons = rejects.map((reason) => `\`${reason}\``).join(', ');
  return reasons === '' ? who : `${who} The contract may refuse: ${reasons}.`;
}

function parameterOf(name: string, place: 'path' | 'query', input: JsonSchema): Parameter {
  const schema = input.properties?.[name] ?? { type: 'string' };
  const required = place === 'path' || input.required?.includes(name) === true;
  return {
    name,
    in: place,
    ...(required ? { required, example: exampleOf(schema, name) } : {}),
    ...(typeof schema.description === 'string' ? { description: schema.description } : {}),
    schema,
  };
}

/** The schema of the body: the input less what stands in the path. */
function without(input: JsonSchema, names: readonly string[]): JsonSchema {
  if (names.length === 0 || !input.properties) return input;
  return {
    ...input,
    properties: Object.fromEntries(
      Object.entries(input.properties).filter(([name]) => !names.includes(name)),
    ),
    required: (input.required ?? []).filter((name) => !names.includes(name)),
  };
}

function outputSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...made } = z.toJSONSchema(schema, {
    io: 'output',
    unrepresentable: 'any',
  }) as JsonSchema;
  return made;
}

/** A schema with definitions of its own gets an id, so that its references resolve within it. */
const selfContained = (name: string, schema: JsonSchema): JsonSchema =>
  '$defs' in schema ? { $id: `urn:fuqi:schema:${name}`, ...schema } : schema;
