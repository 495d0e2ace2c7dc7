/**
 * From an HTTP request to a contract's input: path parameters, body fields and query texts become
 * one object of JSON values, checked by the contract's own schema before anything is signed.
 */
import { z } from 'zod';
import type { Value } from '../bytes/cbor.ts';
import { confidentialFields } from '../contract/confidential.ts';
import { LIMITS } from '../ledger/limits.ts';
import { readJsonObject } from './body.ts';
import { type FieldError, problem } from './problem.ts';
import type { RouteMatch } from './routes.ts';

/** A JSON Schema (2020-12), as far as this API looks into one. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
}

const schemas = new WeakMap<z.ZodType, JsonSchema>();

/** The JSON Schema of what a zod schema takes; made once. */
export function inputSchema(schema: z.ZodType): JsonSchema {
  let known = schemas.get(schema);
  if (!known) {
    const { $schema: _, ...made } = z.toJSONSchema(schema, {
      io: 'input',
      unrepresentable: 'any',
    }) as JsonSchema;
    known = made;
    schemas.set(schema, known);
  }
  return known;
}

/** The input of a transaction: path parameters and the JSON body. */
export async function transactionInput(
  request: Request,
  { route, parameters }: RouteMatch,
): Promise<Record<string, Value> | Response> {
  const body = await readJsonObject(request, LIMITS.transactionBytesMax);
  if (body instanceof Response) return body;
  const schema = route.definition.input;
  const input = convertTexts(parameters, schema);
  for (const [name, value] of Object.entries(input)) {
    if (Object.hasOwn(body, name) && body[name] !== value) {
      const detail = `The body's "${name}" differs from the one in the path; leave it out.`;
      const at = `/${name}`;
      return problem('bad-request', detail, {
        pointer: at,
        got: body[name] ?? null,
        expected: value,
        errors: [{ pointer: at, detail }],
      });
    }
  }
  return checked({ ...body, ...input }, schema);
}

/** The input of a query: path parameters and the query string, `at` left out. */
export function queryInput(
  request: Request,
  { route, parameters }: RouteMatch,
): Record<string, Value> | Response {
  const texts: Record<string, string | string[]> = { ...parameters };
  for (const [name, value] of new URL(request.url).searchParams) {
    if (name === 'at') continue;
    const earlier = Object.hasOwn(texts, name) ? texts[name] : undefined;
    if (Object.hasOwn(parameters, name)) {
      const detail = 'stands in the path already';
      return problem('bad-request', `Parameter "${name}": ${detail}.`, {
        errors: [{ parameter: name, detail }],
      });
    }
    const all = earlier === undefined ? value : [earlier, value].flat();
    Object.defineProperty(texts, name, { value: all, enumerable: true, configurable: true });
  }
  const schema = route.definition.input;
  return checked(convertTexts(texts, schema), schema);
}

/** Texts become what the schema asks for at their place; what doesn't convert stays a text, to be refused. */
function convertTexts(
  texts: Readonly<Record<string, string | string[]>>,
  schema: z.ZodType,
): Record<string, Value> {
  const properties = inputSchema(schema).properties ?? {};
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [
      name,
      convert(text, Object.hasOwn(properties, name) ? properties[name]! : {}),
    ]),
  );
}

function convert(text: string | string[], schema: JsonSchema): Value {
  const types = typesOf(schema);
  if (types.has('array')) {
    return [text].flat().map((item) => convert(item, itemsOf(schema)));
  }
  if (typeof text !== 'string' || types.has('string')) return text;
  if ((types.has('integer') || types.has('number')) && /^-?(0|[1-9][0-9]{0,15})$/.test(text)) {
    return Number(text);
  }
  if (types.has('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

const typesOf = (schema: JsonSchema): Set<string> =>
  new Set([
    ...[schema.type ?? []].flat(),
    ...[...(schema.anyOf ?? []), ...(schema.allOf ?? [])].flatMap((part) => [...typesOf(part)]),
  ]);

const itemsOf = (schema: JsonSchema): JsonSchema =>
  schema.items ?? schema.anyOf?.find((part) => part.items)?.items ?? {};

function checked(
  input: Record<string, Value>,
  schema: z.ZodType,
): Record<string, Value> | Response {
  const parsed = schema.safeParse(input);
  if (parsed.success) return input;
  const errors = fieldErrors(parsed.error);
  const [first] = errors;
  const path = parsed.error.issues[0]?.path ?? [];
  // Problem documents get around.
  const isHidden = confidentialFields(schema).has(String(path[0]));
  const got = first?.pointer && !isHidden ? valueAt(input, path) : undefined;
  return problem(
    'invalid-arguments',
    first ? `${first.pointer || 'The arguments'}: ${first.detail}` : 'The arguments are not valid.',
    {
      ...(first?.pointer === undefined ? {} : { pointer: first.pointer }),
      ...(got === undefined ? {} : { got }),
      errors,
    },
  );
}

const FIELD_ERRORS_MAX = 50;

function fieldErrors(error: z.ZodError): FieldError[] {
  return error.issues
    .flatMap((issue): FieldError[] =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({
            pointer: pointerOf([...issue.path, key]),
            detail: 'unknown field',
          }))
        : [{ pointer: pointerOf(issue.path), detail: issue.message }],
    )
    .slice(0, FIELD_ERRORS_MAX);
}

/** RFC 6901. */
const pointerOf = (path: readonly PropertyKey[]): string =>
  path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** The value that was refused, where it is short enough to be worth showing. */
function valueAt(input: Value, path: readonly PropertyKey[]): Value | undefined {
  let value: Value | undefined = input;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step))
      return undefined;
    value = (value as Readonly<Record<PropertyKey, Value>>)[step];
  }
  return typeof value === 'object' ? undefined : value;
}
