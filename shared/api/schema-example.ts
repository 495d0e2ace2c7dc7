/**
 * Example values from JSON Schemas, for the OpenAPI page and its curl lines. A schema's own
 * `examples` win; otherwise the smallest value that fits, with texts that say what they stand for.
 */
import type { Value } from '../bytes/cbor.ts';
import type { JsonSchema } from './arguments.ts';
import { patternExample } from './pattern-example.ts';

/** A value that the schema takes, as far as its keywords tell. `name` is the field's. */
export function exampleOf(schema: JsonSchema, name = 'text'): Value {
  const [given] = (schema.examples as readonly Value[] | undefined) ?? [];
  const fixed =
    given ?? schema.default ?? schema.const ?? (schema.enum as Value[] | undefined)?.[0];
  if (fixed !== undefined) return fixed as Value;
  const [alternative] = schema.anyOf ?? (schema.oneOf as readonly JsonSchema[] | undefined) ?? [];
  if (alternative) return exampleOf(alternative, name);
  const [type] = [schema.type ?? []].flat();
  switch (type) {
    case 'object':
      return objectExample(schema);
    case 'array':
      return schema.items ? [exampleOf(schema.items, name.replace(/s$/, ''))] : [];
    case 'string':
      return textExample(schema, name);
    case 'integer':
    case 'number':
      return Math.max(1, Number(schema.minimum ?? 1), Number(schema.exclusiveMinimum ?? 0) + 1);
    case 'boolean':
      return true;
    default:
      return type === 'null' ? null : {};
  }
}

/** What must be there, and no more. */
function objectExample(schema: JsonSchema): Value {
  const required = schema.required ?? [];
  return Object.fromEntries(
    Object.entries(schema.properties ?? {})
      .filter(([name]) => required.includes(name))
      .map(([name, property]) => [name, exampleOf(property, name)]),
  );
}

const FORMATS: Readonly<Record<string, string>> = {
  date: '2026-03-31',
  'date-time': '2026-03-31T08:00:00.000Z',
  uri: 'https://example.org/',
  email: 'someone@example.org',
  uuid: '0191d5a8-5c1e-7000-8000-000000000000',
};

function textExample(schema: JsonSchema, name: string): string {
  const format = FORMATS[String(schema.format)];
  if (format !== undefined) return format;
  const allOf = (schema.allOf ?? []).map(({ pattern }) => pattern);
  const patterns = [schema.pattern, ...allOf].filter((one) => typeof one === 'string');
  const fits = (text: string): boolean => patterns.every((one) => new RegExp(one, 'u').test(text));
  const short = name.slice(0, Number(schema.maxLength ?? name.length));
  const padded = short.padEnd(Number(schema.minLength ?? 0), '0');
  if (fits(padded)) return padded;
  const made = patterns.map(patternExample).find((text) => text !== undefined && fits(text));
  return made ?? padded;
}
