/**
 * JSON as it comes from strangers: parsed by the platform, and where that fails, the line and column
 * of the first fault. Promises never to echo the text: it may hold what must not stand in an answer.
 */

import type { Value } from '../bytes/cbor.ts';
import { parseStrictJson } from '../bytes/strict-json.ts';
import type { Rejection } from '../ledger/rejection.ts';
import { JSON_FAULTS } from '../ledger/strict-body.ts';

/** Where a text stops being JSON; both count from 1. */
export interface JsonFault {
  readonly line: number;
  readonly column: number;
}

/** Parses a JSON text (RFC 8259) that everybody reads in the same way; the refusal of one that is JSON all the same. */
export function parseJson(
  text: string,
): { readonly value: Value } | { readonly fault: JsonFault } | { readonly refused: Rejection } {
  const parsed = parseStrictJson(text);
  if ('value' in parsed) return parsed;
  const { fault, pointer } = parsed;
  if (fault !== 'not-json') return { refused: { ...JSON_FAULTS[fault], pointer } };
  const before = text.slice(0, faultOffset(text)).split('\n');
  return { fault: { line: before.length, column: before.at(-1)!.length + 1 } };
}

const SPACE = /[ \t\n\r]*/y;
// The characters of a string with its quotes; of a number; of a literal. Each is linear in the text.
const SCALAR =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a JSON string holds none, so they end one.
  /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;

/** Offset of the first character that can't stand where it does; the length where the text just ends. */
function faultOffset(text: string): number {
  const open: ('{' | '[')[] = [];
  let expects: 'value' | 'value-or-end' | 'name' | 'name-or-end' | 'comma-or-end' = 'value';
  let at = 0;
  const match = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  while (at < text.length) {
    match(SPACE);
    const character = text[at];
    if (character === undefined) return at;
    if (expects === 'comma-or-end') {
      const innermost = open.at(-1);
      if (innermost === undefined) return at;
      if (character === ',') expects = innermost === '{' ? 'name' : 'value';
      else if (character === (innermost === '{' ? '}' : ']')) open.pop();
      else return at;
      at++;
    } else if (expects === 'name' || expects === 'name-or-end') {
      if (character === '}' && expects === 'name-or-end') {
        open.pop();
        expects = 'comma-or-end';
        at++;
        continue;
      }
      if (character !== '"' || !match(SCALAR)) return at;
      match(SPACE);
      if (text[at] !== ':') return at;
      expects = 'value';
      at++;
    } else if (character === ']' && expects === 'value-or-end') {
      open.pop();
      expects = 'comma-or-end';
      at++;
    } else if (character === '{' || character === '[') {
      open.push(character);
      expects = character === '{' ? 'name-or-end' : 'value-or-end';
      at++;
    } else {
      if (!match(SCALAR)) return at;
      expects = 'comma-or-end';
    }
  }
  return at;
}
