/**
 * JSON Schemas as rows for people: each field by its path, its type with bounds, and what it means.
 */
import type { JsonSchema } from './arguments.ts';

export interface FieldRow {
  /** Such as `document.lines[].net`. */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
}

const DEPTH_MAX = 6;

/** The fields of a schema, nested ones after their parent. References go to `components`. */
export function fieldsOf(
  schema: JsonSchema,
  components: Readonly<Record<string, JsonSchema>>,
): FieldRow[] {
  const rows: FieldRow[] = [];
  const visit = (given: JsonSchema, path: string, depth: number): void => {
    const resolved = resolve(given, components);
    if (depth > DEPTH_MAX) return;
    if (resolved.items) visit(resolved.items, `${path}[]`, depth + 1);
    for (const option of alternatives(resolved)) visit(option, path, depth + 1);
    for (const [name, property] of Object.entries(resolved.properties ?? {})) {
      const at = path === '' ? name : `${path}.${name}`;
      const field = resolve(property, components);
      // A field that several alternatives share stands once.
      if (!rows.some((row) => row.path === at)) {
        const required = resolved.required?.includes(name) === true;
        const { description } = field;
        rows.push({
          path: at,
          type: typeText(field),
          required,
          description: typeof description === 'string' ? description : '',
        });
      }
      visit(field, at, depth + 1);
    }
  };
  visit(schema, '', 0);
  return rows;
}

function resolve(schema: JsonSchema, components: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const name = /^#\/components\/schemas\/(.+)$/.exec(String(schema.$ref ?? ''))?.[1];
  return (name === undefined ? undefined : components[name]) ?? schema;
}

const alternatives = (schema: JsonSchema): readonly JsonSchema[] => [
  ...(schema.anyOf ?? []),
  ...((schema.oneOf as readonly JsonSchema[] | undefined) ?? []),
];

/** A type in a few words: `integer 1 to 100`, `text ^\d{20}$`, `one of a, b`. */
export function typeText(schema: JsonSchema): string {
  if ('const' in schema) return JSON.stringify(schema.const);
  if (Array.isArray(schema.enum)) return `one of ${schema.enum.join(', ')}`;
  const options = alternatives(schema);
  if (options.length > 0) return [...new Set(options.map(typeText))].join(' or ');
  const names = [schema.type ?? []].flat().map((name) => (name === 'string' ? 'text' : name));
  if (names[0] === 'array') return `list of ${typeText(schema.items ?? {})}`;
  const [name = 'any'] = names;
  const type = names.length > 1 ? names.join(' or ') : name;
  // A format says what its pattern says, and better.
  const form = schema.format ?? schema.pattern;
  return [type, boundsText(schema), form].filter(Boolean).join(' ');
}

/** The bounds of what is a safe integer anyway are not worth saying. */
function boundsText({ minimum, maximum, minLength, maxLength }: JsonSchema): string {
  const low = Number(minimum ?? Number.MIN_SAFE_INTEGER);
  const high = Number(maximum ?? Number.MAX_SAFE_INTEGER);
  const hasLow = low > Number.MIN_SAFE_INTEGER;
  const hasHigh = high < Number.MAX_SAFE_INTEGER;
  if (hasLow && hasHigh) return `${low} to ${high}`;
  if (hasLow) return `from ${low}`;
  if (hasHigh) return `to ${high}`;
  if (maxLength !== undefined) return `(${Number(minLength ?? 0)} to ${maxLength} characters)`;
  return '';
}
