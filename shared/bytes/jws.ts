/**
 * The part of JWS (RFC 7515) that a transaction needs, synchronous and strict: compact and general
 * JSON serialisations are taken apart into the exact texts that were signed, never re-serialised.
 */
import type { Value } from './cbor.ts';
import { type JsonFault, parseStrictJson } from './strict-json.ts';
import { fromBase64Url, fromUtf8, utf8 } from './text.ts';

/** One signature of a JWS: the protected header as signed (base64url text) and the signature bytes. */
export interface JwsSignature {
  readonly protected: string;
  readonly signature: Uint8Array;
}

/** A JWS with its payload as signed (base64url text). */
export interface Jws {
  readonly payload: string;
  readonly signatures: readonly JwsSignature[];
}

/** ASCII(BASE64URL(protected) ‖ '.' ‖ BASE64URL(payload)), RFC 7515 §5.1. */
export const signingInput = (jws: Jws, index: number): Uint8Array =>
  utf8(`${jws.signatures[index]!.protected}.${jws.payload}`);

/** Parses a compact serialisation (RFC 7515 §7.1); undefined where it is none. */
export function parseCompactJws(text: string): Jws | undefined {
  const parts = text.split('.');
  if (parts.length !== 3) return undefined;
  const [header, payload, signatureText] = parts as [string, string, string];
  const signature = fromBase64Url(signatureText);
  if (!signature || !fromBase64Url(header) || !fromBase64Url(payload)) return undefined;
  return { payload, signatures: [{ protected: header, signature }] };
}

/**
 * Parses a general (RFC 7515 §7.2.1) or flattened (§7.2.2) JSON serialisation. Unprotected headers
 * are refused: nothing that matters may stand outside a signature.
 */
export function parseJsonJws(input: unknown): Jws | undefined {
  if (typeof input !== 'object' || input === null) return undefined;
  const { payload, signatures, ...flattened } = input as Record<string, unknown>;
  if (typeof payload !== 'string' || !fromBase64Url(payload)) return undefined;
  // The two forms may not be mixed (§7.2.1): which signature counts would depend on the reader.
  const isMixed = ['protected', 'header', 'signature'].some((name) => name in flattened);
  if (signatures !== undefined && isMixed) return undefined;
  const list: unknown = signatures ?? [flattened];
  if (!Array.isArray(list) || list.length === 0) return undefined;
  const parsed: JwsSignature[] = [];
  for (const entry of list as unknown[]) {
    if (typeof entry !== 'object' || entry === null || 'header' in entry) return undefined;
    const { protected: head, signature: text } = entry as Record<string, unknown>;
    if (typeof head !== 'string' || typeof text !== 'string' || !fromBase64Url(head))
      return undefined;
    const bytes = fromBase64Url(text);
    if (!bytes) return undefined;
    parsed.push({ protected: head, signature: bytes });
  }
  return { payload, signatures: parsed };
}

/** The JSON object behind a base64url text, or why there is none. */
export function readJsonPart(
  text: string,
  depthMax?: number,
):
  | { readonly value: Record<string, Value> }
  | { readonly fault: JsonFault; readonly pointer: string } {
  const bytes = fromBase64Url(text);
  const json = bytes && fromUtf8(bytes);
  if (json === undefined) return NOT_AN_OBJECT;
  const parsed = parseStrictJson(json, depthMax);
  if ('fault' in parsed) return parsed;
  const { value } = parsed;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return NOT_AN_OBJECT;
  return { value: value as Record<string, Value> };
}

const NOT_AN_OBJECT = { fault: 'not-json', pointer: '' } as const;

/** The JSON object behind a base64url text; undefined where it is none that everybody reads in the same way. */
export function parseJsonPart(text: string): Record<string, Value> | undefined {
  const read = readJsonPart(text);
  return 'value' in read ? read.value : undefined;
}
