/**
 * What targets hold decoders to. A decoder may refuse with an error of its own making; an error that the engine
 * makes (a property of undefined, a stack or a length out of range) means that it looked at something unchecked.
 */
import assert from 'node:assert/strict';

/** An error that no code of the product throws on purpose: the engine's own, or an assertion of a target. */
export function isAccident(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof assert.AssertionError) return true;
  if (error instanceof TypeError) return !/^cannot encode /.test(error.message);
  return (
    error instanceof RangeError || error instanceof ReferenceError || error instanceof SyntaxError
  );
}

/** What a decoder answers; undefined where it refuses. An accident in it is thrown on. */
export function accepted<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (isAccident(error)) throw error;
    return undefined;
  }
}

/** The same for a promise. */
export async function acceptedLater<T>(decode: () => Promise<T>): Promise<T | undefined> {
  try {
    return await decode();
  } catch (error) {
    if (isAccident(error)) throw error;
    return undefined;
  }
}

/** Fails unless the bytes are equal. */
export function sameBytes(got: Uint8Array, expected: Uint8Array, what: string): void {
  if (got.length === expected.length && Buffer.compare(got, expected) === 0) return;
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  assert.fail(`${what}: ${hex(got)}, expected ${hex(expected)}`);
}

/** The bytes as text, as a host reads them; broken UTF-8 is replaced, so that mutations seldom end here. */
export const textOf = (data: Uint8Array): string => Buffer.from(data).toString('utf8');

/** Cuts bytes at line feeds. */
export function linesOf(data: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let from = 0;
  for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, from)) {
    lines.push(data.subarray(from, end));
    from = end + 1;
  }
  lines.push(data.subarray(from));
  return lines;
}

/** The bytes as JSON; undefined, which no JSON is, where they are none. */
export function jsonOf(data: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(data));
  } catch {
    return undefined;
  }
}
