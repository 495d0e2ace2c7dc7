/**
 * Reading a request's body and query string with limits: what comes out is checked, what doesn't
 * fit is a problem document that names the place.
 */
import { z } from 'zod';
import type { Value } from '../bytes/cbor.ts';
import { fromUtf8 } from '../bytes/text.ts';
import { parseJson } from './json.ts';
import { type FieldError, problem, problemResponse, rejectionDocument } from './problem.ts';

/** The media type of a request, lower case, without parameters; undefined where it has none. */
export const mediaType = (request: Request): string | undefined =>
  request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() || undefined;

/** A refusal unless the media type is one of `accepted`. */
export function refuseMediaType(
  request: Request,
  accepted: readonly string[],
): Response | undefined {
  const got = mediaType(request);
  if (got !== undefined && accepted.includes(got)) return undefined;
  return problem(
    'unsupported-media-type',
    `The body is ${got ?? 'of no stated type'}; this call takes ${accepted.join(' or ')}.`,
    { got: got ?? null, expected: accepted },
    { 'accept-post': accepted.join(', ') },
  );
}

/**
 * A refusal of a body that is compressed: what it unpacks to is known only after it was unpacked
 * (RFC 9110 §15.5.16).
 */
export function refuseEncoded(request: Request): Response | undefined {
  const got = request.headers.get('content-encoding')?.trim().toLowerCase() ?? '';
  if (got === '' || got === 'identity') return undefined;
  return problem(
    'unsupported-media-type',
    `The body is encoded (${got.slice(0, 40)}); send it as it is.`,
    { got, expected: 'identity' },
    { 'accept-encoding': 'identity' },
  );
}

/** The whole body as text, or a refusal where it is larger than `bytesMax` or not UTF-8. */
export async function readText(request: Request, bytesMax: number): Promise<string | Response> {
  const tooLarge = (got: number): Response =>
    problem('payload-too-large', `The body is larger than ${bytesMax} bytes.`, {
      got,
      expected: bytesMax,
    });
  const declared = declaredLength(request);
  if (declared > bytesMax) return tooLarge(declared);
  const bytes = await readUpTo(request, bytesMax);
  if (!bytes) return tooLarge(bytesMax + 1);
  return fromUtf8(bytes) ?? problem('bad-request', 'The body is not valid UTF-8.');
}

const declaredLength = (request: Request): number =>
  Number(request.headers.get('content-length') ?? Number.NaN);

/** The whole body; undefined where it goes on after `bytesMax`. */
export async function readUpTo(
  request: Request,
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  const declared = declaredLength(request);
  if (declared > bytesMax) return undefined;
  if (declared <= bytesMax) {
    // Much cheaper than a stream, where the host has the body at hand.
    const bytes = new Uint8Array(await request.arrayBuffer());
    // Not every host holds a request to the length that it declares.
    return bytes.length > bytesMax ? undefined : bytes;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

/** The body as a JSON object; an empty body is an empty object. */
export async function readJsonObject(
  request: Request,
  bytesMax: number,
): Promise<Record<string, Value> | Response> {
  const text = await readText(request, bytesMax);
  if (text instanceof Response) return text;
  if (text.trim() === '') return {};
  const refused = refuseMediaType(request, ['application/json']);
  if (refused) return refused;
  const parsed = parseJson(text);
  if ('fault' in parsed) {
    const { line, column } = parsed.fault;
    return problem('bad-request', `The body is not JSON: line ${line}, column ${column}.`, {
      errors: [{ detail: `not JSON at line ${line}, column ${column}` }],
    });
  }
  if ('refused' in parsed) return problemResponse(rejectionDocument(parsed.refused));
  const { value } = parsed;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const got = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
    return problem('bad-request', `The body is a JSON ${got}; send an object.`, {
      pointer: '',
      got,
      expected: 'object',
    });
  }
  return value as Record<string, Value>;
}

/** The refusal of a body that its schema does not take: each place, and what is wrong there. */
export function refusedBody({ issues }: z.ZodError): Response {
  const errors = issues.map(({ path, message }) => ({
    pointer: path.map((step) => `/${String(step)}`).join(''),
    detail: message,
  }));
  const [first] = errors;
  return problem('bad-request', `${first!.pointer || 'The body'}: ${first!.detail}.`, { errors });
}

/** The query string by a strict schema of texts; refuses unknown and repeated parameters. */
export function readQuery<S extends z.ZodType>(
  request: Request,
  schema: S,
): z.output<S> | Response {
  const parameters: Record<string, string> = {};
  const errors: FieldError[] = [];
  for (const [name, value] of new URL(request.url).searchParams) {
    if (Object.hasOwn(parameters, name)) errors.push({ parameter: name, detail: 'stands twice' });
    Object.defineProperty(parameters, name, { value, enumerable: true, configurable: true });
  }
  const parsed = schema.safeParse(parameters);
  for (const issue of parsed.error?.issues ?? []) {
    if (issue.code === 'unrecognized_keys') {
      for (const name of issue.keys) errors.push({ parameter: name, detail: 'unknown parameter' });
    } else errors.push({ parameter: issue.path.join('.'), detail: issue.message });
  }
  if (parsed.success && errors.length === 0) return parsed.data;
  const [first] = errors;
  return problem('bad-request', `Parameter "${first?.parameter}": ${first?.detail}.`, { errors });
}

/** A natural number in a query string. */
export const naturalText = (max = Number.MAX_SAFE_INTEGER, min = 0) =>
  z
    .string()
    .regex(/^(0|[1-9][0-9]{0,15})$/, 'expected a natural number in decimal digits')
    .transform(Number)
    .refine(
      (value) => min <= value && value <= max,
      max === Number.MAX_SAFE_INTEGER && min === 0
        ? 'expected a height'
        : `expected ${min} to ${max}`,
    );

/** The query of a call that answers pages of so many at the most; `decode` knows its cursors. */
export const pageQuery = (limitMax: number, decode: (cursor: string) => unknown) =>
  z.strictObject({
    limit: naturalText(limitMax, 1).optional(),
    cursor: z
      .string()
      .refine((text) => decode(text) !== undefined, 'expected the "next" of an earlier page')
      .optional(),
  });
