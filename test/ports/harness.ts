/** How a suite gets the stores under test: each adapter gives a harness, all run the same suites. */
import { after } from 'node:test';
import type { NodeStores } from '../../node/node-stores.ts';
import { sha256Hex } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { utf8 } from '../../shared/bytes/text.ts';

export interface Harness {
  /** The adapter's name, for the titles. */
  readonly adapter: string;
  /** Empty stores. */
  open(): Promise<NodeStores>;
  /** Closes stores and opens what they left behind; absent where nothing is left. */
  reopen?(stores: NodeStores): Promise<NodeStores>;
}

/** Opens empty stores that are closed when the tests of the file are over. */
export async function opened(harness: Harness): Promise<NodeStores> {
  const stores = await harness.open();
  after(() => stores.close());
  return stores;
}

/** A digest for a number or a text. */
export const digestOf = (name: number | string): Digest => sha256Hex(utf8(`${name}`)) as Digest;

/** `length` bytes that depend on a seed. */
export function bytesOf(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (seed * 31 + index * 7) & 0xff;
  return bytes;
}

/** Plain bytes, so that a comparison doesn't see whether they are a Buffer. */
export const plain = (bytes: Uint8Array | undefined): Uint8Array | undefined =>
  bytes && Uint8Array.from(bytes);
