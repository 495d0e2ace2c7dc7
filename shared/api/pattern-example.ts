/**
 * A short text that a simple regular expression matches: literals, classes, groups, alternatives and
 * quantifiers, which is what the patterns of contracts' fields are made of.
 */

/** A matching text, or undefined where the pattern uses more than this reads. */
export function patternExample(pattern: string): string | undefined {
  const state = { rest: pattern };
  const text = alternatives(state);
  return text !== undefined && state.rest === '' && new RegExp(pattern, 'u').test(text)
    ? text
    : undefined;
}

interface Reader {
  rest: string;
}

/** The first alternative that can be read; the others are skipped over. */
function alternatives(reader: Reader): string | undefined {
  let first: string | undefined;
  do {
    const text = sequence(reader);
    first ??= text;
  } while (take(reader, /^\|/));
  return first;
}

function sequence(reader: Reader): string | undefined {
  let text = '';
  while (reader.rest !== '' && !/^[|)]/.test(reader.rest)) {
    if (take(reader, /^[\^$]/)) continue;
    const atom = readAtom(reader);
    if (atom === undefined) return undefined;
    text += atom.repeat(quantifier(reader));
  }
  return text;
}

function readAtom(reader: Reader): string | undefined {
  if (take(reader, /^\((?:\?:)?/)) {
    const inner = alternatives(reader);
    return take(reader, /^\)/) ? inner : undefined;
  }
  const list = take(reader, /^\[(?!\^)((?:\\.|[^\]\\])+)\]/u);
  if (list) return list[1]!.startsWith('\\') ? escaped(list[1]![1]!) : [...list[1]!][0];
  const escapedLetter = take(reader, /^\\(.)/u);
  if (escapedLetter) return escaped(escapedLetter[1]!);
  return take(reader, /^[^()[\]{}*+?\\]/u)?.[0].replace('.', 'x');
}

function escaped(letter: string): string | undefined {
  if (letter === 'd') return '0';
  if (letter === 'w') return 'a';
  return /[a-zA-Z0-9]/.test(letter) ? undefined : letter;
}

function quantifier(reader: Reader): number {
  if (take(reader, /^[*?]/)) return 0;
  if (take(reader, /^\+/)) return 1;
  const counted = take(reader, /^\{(\d+)(?:,\d*)?\}/);
  return counted ? Number(counted[1]) : 1;
}

function take(reader: Reader, pattern: RegExp): RegExpExecArray | null {
  const match = pattern.exec(reader.rest);
  if (match) reader.rest = reader.rest.slice(match[0].length);
  return match;
}
