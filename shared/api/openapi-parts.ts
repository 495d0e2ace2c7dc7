/** What the OpenAPI document is put together from: the shapes of its operations, and parameters and answers that recur. */
import type { JsonSchema } from './arguments.ts';
import { digest, reference } from './openapi-schemas.ts';

/** A parameter of an operation (OpenAPI 3.1 §4.8.12). */
export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
  readonly example?: unknown;
}

/** An operation, as far as this API uses one (OpenAPI 3.1 §4.8.10). */
export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Readonly<Record<string, { schema: JsonSchema; example?: unknown }>>;
  };
  readonly responses: Readonly<Record<string, object>>;
  readonly security?: readonly object[];
}

export type PathItem = Readonly<Partial<Record<'get' | 'post' | 'put' | 'delete', Operation>>>;

/** Calls for which somebody has to be known. */
export const KEY_NEEDED = [{ apiKey: [] }, { token: [] }];

export const natural: JsonSchema = { type: 'integer', minimum: 0 };

export const query = (name: string, description: string, schema: JsonSchema): Parameter => ({
  name,
  in: 'query',
  description,
  schema,
});

export const path = (
  name: string,
  schema: JsonSchema,
  example: unknown,
  description = '',
): Parameter => ({
  name,
  in: 'path',
  required: true,
  ...(description === '' ? {} : { description }),
  schema,
  example,
});

/** `Prefer: wait=N`; the default differs between calls. */
export const prefer = (fallback: string): Parameter => ({
  name: 'Prefer',
  in: 'header',
  description: `RFC 7240: \`wait=N\` waits up to N seconds (at most 25) for the commit, \`respond-async\` not at all. Without it: ${fallback}.`,
  schema: { type: 'string' },
  example: 'wait=10',
});

export const at: Parameter = query('at', 'a final height; without it the head', natural);

/** A JSON answer. */
export const ok = (description: string, schema: JsonSchema, type = 'application/json'): object => ({
  description,
  content: { [type]: { schema } },
});

export const PENDING: object = {
  description: 'Held durably until it is committed, rejected or expired.',
  headers: { Location: { schema: { type: 'string' }, description: 'its status' } },
  content: { 'application/json': { schema: reference('Pending') } },
};

/** A transaction’s id in the path. */
export const ID: Parameter = path('id', digest, 'a'.repeat(64));
