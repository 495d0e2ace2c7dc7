/** Shapes of decoded CBOR, checked: each answers the item as what it should be, or throws an Error. */
import type { Cbor } from './cbor.ts';

/** A list, of an exact length where one is given. */
export function list(item: Cbor | undefined, length?: number): readonly Cbor[] {
  if (!Array.isArray(item)) throw new Error('not a list');
  if (length !== undefined && item.length !== length) throw new Error(`not ${length} items`);
  return item;
}

/** An integer from 0. */
export function natural(item: Cbor | undefined): number {
  if (typeof item !== 'number' || item < 0) throw new Error('not a natural number');
  return item;
}

/** Bytes, of an exact length where one is given. */
export function byteString(item: Cbor | undefined, length?: number): Uint8Array {
  if (!(item instanceof Uint8Array)) throw new Error('not bytes');
  if (length !== undefined && item.length !== length) throw new Error(`not ${length} bytes`);
  return item;
}
