/**
 * Good proofs with a few edits that keep their form: parts of one in another, bytes changed below the base64url, fields
 * of headers. The first byte names the proof, then come an edit each: what, where, and with what.
 */
import assert from 'node:assert/strict';
import { type Cbor, decodeCbor, encodeCbor } from '../../../shared/bytes/cbor.ts';
import { fromBase64Url, toBase64Url } from '../../../shared/bytes/text.ts';
import { checkProof, PROOFS } from '../proofs.ts';

const EDITS_MAX = 6;

type Container = Record<string, unknown> | unknown[];
interface Place {
  readonly parent: Container;
  readonly key: string;
}

function placesOf(value: unknown, found: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return found;
  for (const key of Object.keys(value)) {
    found.push({ parent: value as Container, key });
    placesOf((value as Record<string, unknown>)[key], found);
  }
  return found;
}

const at = ({ parent, key }: Place): unknown => (parent as Record<string, unknown>)[key];
function put({ parent, key }: Place, value: unknown): void {
  (parent as Record<string, unknown>)[key] = value;
}

/** Takes bytes for choices; zero once there are none. */
class Choices {
  readonly #data: Uint8Array;
  #at = 0;
  constructor(data: Uint8Array) {
    this.#data = data;
  }
  get isAtEnd(): boolean {
    return this.#at >= this.#data.length;
  }
  byte(): number {
    return this.#data[this.#at++] ?? 0;
  }
  /** One of a list. */
  of<T>(list: readonly T[]): T {
    return list[((this.byte() << 8) | this.byte()) % list.length]!;
  }
}

export function fuzz(data: Uint8Array): void {
  const choices = new Choices(data);
  const original = PROOFS[choices.byte() % PROOFS.length]!;
  const proof = structuredClone(original);
  for (let edit = 0; edit < EDITS_MAX && !choices.isAtEnd; edit++) editOnce(proof, choices);
  const isSame = JSON.stringify(proof) === JSON.stringify(original);
  const valid = checkProof(proof);
  if (isSame) assert.equal(valid, 1);
}

function editOnce(proof: unknown, choices: Choices): void {
  const kind = choices.byte() % 8;
  const places = placesOf(proof);
  if (places.length === 0) return;
  const place = choices.of(places);
  const value = at(place);
  switch (kind) {
    case 0:
      put(place, structuredClone(at(choices.of(places))));
      break;
    case 1: {
      const other = PROOFS[choices.byte() % PROOFS.length]!;
      put(place, structuredClone(at(choices.of(placesOf(other)))));
      break;
    }
    case 2:
      if (Array.isArray(place.parent)) place.parent.splice(Number(place.key), 1);
      else delete place.parent[place.key];
      break;
    case 3:
      if (Array.isArray(place.parent)) place.parent.push(structuredClone(choices.of(place.parent)));
      break;
    case 4:
      if (typeof value === 'number') put(place, value + choices.byte() - 128);
      else if (typeof value === 'boolean') put(place, !value);
      else if (typeof value === 'string') put(place, changedText(value, choices));
      break;
    case 5:
      if (typeof value === 'string') put(place, changedBytes(value, choices));
      break;
    case 6:
      if (typeof value === 'string') put(place, changedCbor(value, choices));
      break;
    default:
      if (Array.isArray(value)) value.reverse();
      else put(place, choices.of([null, 0, -1, '', [], {}, 2 ** 53 - 1, 0.5, true]));
  }
}

function changedText(text: string, choices: Choices): string {
  const index = choices.byte() % (text.length + 1);
  return text.slice(0, index) + String.fromCharCode(choices.byte()) + text.slice(index + 1);
}

function changedBytes(text: string, choices: Choices): string {
  const bytes = fromBase64Url(text);
  if (!bytes || bytes.length === 0) return text;
  const changed = Uint8Array.from(bytes);
  changed[((choices.byte() << 8) | choices.byte()) % changed.length]! ^= choices.byte();
  return toBase64Url(changed);
}

/** Changes one field of what is encoded, and encodes it again. */
function changedCbor(text: string, choices: Choices): string {
  const bytes = fromBase64Url(text);
  if (!bytes) return text;
  let item: Cbor;
  try {
    item = decodeCbor(bytes);
  } catch {
    return text;
  }
  const places = placesOf(item);
  if (places.length === 0) return text;
  const place = choices.of(places);
  const value = at(place);
  put(
    place,
    typeof value === 'number' ? Math.abs(value + choices.byte() - 128) : at(choices.of(places)),
  );
  try {
    return toBase64Url(encodeCbor(item));
  } catch {
    return text;
  }
}
