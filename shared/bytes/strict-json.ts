/**
 * JSON that every reader understands in the same way (I-JSON, RFC 7493 §2): no name twice in an object, no half
 * of a surrogate pair, no number that loses digits, no nesting without end. The platform parses; what it would
 * pass over in silence is looked for here, and costs next to nothing where the text is as it would be written.
 */
import type { Value } from './cbor.ts';

/** Why a text is refused. */
export type JsonFault =
  | 'not-json'
  | 'duplicate-name'
  | 'lone-surrogate'
  | 'inexact-number'
  | 'nested-too-deep';

/** A parsed value, or the fault with the place of the first one (RFC 6901). */
export type StrictJson =
  | { readonly value: Value }
  | { readonly fault: JsonFault; readonly pointer: string };

/** Containers in containers, unless told. */
const DEPTH_MAX = 128;
/** No number that is meant to be exact is longer. */
const NUMBER_CHARACTERS_MAX = 64;

/** Parses a text, which must come from valid UTF-8. */
export function parseStrictJson(text: string, depthMax = DEPTH_MAX): StrictJson {
  let value: Value;
  try {
    value = JSON.parse(text) as Value;
  } catch {
    return { fault: 'not-json', pointer: '' };
  }
  // Before anything else goes down into it. What writing gives back holds no name twice, and each number as read.
  const isPlain =
    !nestsDeeper(value, depthMax) && !text.includes('\\u') && JSON.stringify(value) === text;
  if (isPlain) return { value };
  return new Scan(text, depthMax).fault() ?? { value };
}

function nestsDeeper(value: Value, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  for (const item of Object.values(value)) if (nestsDeeper(item, levels - 1)) return true;
  return false;
}

/** Where the scan is in a container: the names so far of an object, or the index in a list. */
interface Place {
  readonly names: Set<string> | null;
  at: string | number;
}

/** Looks through a text that is JSON. */
class Scan {
  readonly #text: string;
  readonly #depthMax: number;
  readonly #places: Place[] = [];
  #at = 0;

  constructor(text: string, depthMax: number) {
    this.#text = text;
    this.#depthMax = depthMax;
  }

  /** The first fault; undefined where there is none. */
  fault(): { readonly fault: JsonFault; readonly pointer: string } | undefined {
    let isName = false;
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at]!;
      const place = this.#places.at(-1);
      if (character === '"') {
        const content = JSON.parse(this.#stringToken()) as string;
        if (isName) {
          place!.at = content;
          if (place!.names!.has(content)) return this.#found('duplicate-name');
          place!.names!.add(content);
        }
        if (!content.isWellFormed()) return this.#found('lone-surrogate');
        isName = false;
        continue;
      }
      if (character === '{' || character === '[') {
        if (this.#places.length === this.#depthMax) return this.#found('nested-too-deep');
        isName = character === '{';
        this.#places.push(isName ? { names: new Set(), at: '' } : { names: null, at: 0 });
      } else if (character === '}' || character === ']') {
        this.#places.pop();
        isName = false;
      } else if (character === ',') {
        isName = place!.names !== null;
        if (typeof place!.at === 'number') place!.at++;
      } else if (character === '-' || (character >= '0' && character <= '9')) {
        if (!isExact(this.#numberToken())) return this.#found('inexact-number');
        continue;
      }
      this.#at++;
    }
    return undefined;
  }

  #stringToken(): string {
    const start = this.#at;
    let end = start;
    do {
      end = this.#text.indexOf('"', end + 1);
    } while (this.#isEscaped(end));
    this.#at = end + 1;
    return this.#text.slice(start, end + 1);
  }

  /** Whether an odd number of backslashes stands before a place. */
  #isEscaped(at: number): boolean {
    let count = 0;
    while (this.#text[at - 1 - count] === '\\') count++;
    return count % 2 === 1;
  }

  #numberToken(): string {
    const start = this.#at;
    while (/[-+.eE0-9]/.test(this.#text[this.#at] ?? '')) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  #found(fault: JsonFault) {
    const steps = this.#places.map(({ at }) =>
      String(at).replaceAll('~', '~0').replaceAll('/', '~1').toWellFormed(),
    );
    return { fault, pointer: steps.map((step) => `/${step}`).join('') };
  }
}

/** Whether a number is read as exactly what stands there. */
function isExact(token: string): boolean {
  if (token.length > NUMBER_CHARACTERS_MAX) return false;
  const value = Number(token);
  return Number.isFinite(value) && decimalOf(token) === decimalOf(String(value));
}

/** A decimal number in one form: its digits without zeros at either end, and the power of ten behind them. */
function decimalOf(token: string): string {
  const [, minus, whole, fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(token)!;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${minus}${significant}e${power}`;
}
