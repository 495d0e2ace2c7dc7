/**
 * Sizes of DynamoDB items, and the units that reads and writes of them are billed. Source: the DynamoDB
 * developer guide, "DynamoDB item sizes and formats" and "DynamoDB read and write operations".
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';

export type Item = Readonly<Record<string, AttributeValue>>;

const WRITE_UNIT_BYTES = 1024;
const READ_UNIT_BYTES = 4096;

const textBytes = (text: string): number => Buffer.byteLength(text);

/** Bytes of an item: names and values. Only the types that this project writes are known. */
export function itemBytes(item: Item): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) bytes += textBytes(name) + valueBytes(value);
  return bytes;
}

function valueBytes({ S, N, B, BOOL }: AttributeValue): number {
  if (S !== undefined) return textBytes(S);
  if (B !== undefined) return B.length;
  // A byte for two significant digits, and one more.
  if (N !== undefined) return Math.ceil(N.replace(/^-?0*|0+$/g, '').length / 2) + 1;
  if (BOOL !== undefined) return 1;
  throw new Error('an attribute of a type whose size is not known');
}

/** Write units of an item; what it replaces may be larger, and is billed then. */
export const writeUnits = (bytes: number): number =>
  Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));

/** Read units of an item, or of all that a query went through; nothing found is billed as the least. */
export const readUnits = (bytes: number, isConsistent: boolean): number =>
  Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES)) * (isConsistent ? 1 : 0.5);
