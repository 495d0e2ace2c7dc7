/**
 * Bytes of any length under one partition key, compressed: chunks below DynamoDB's item limit. The first chunk
 * says how many there are and is written last, so that a value is whole or absent.
 */
import { compact, expand } from './compact.ts';
import { deleteAll, getAll, type Item, type Key, keyItem, putAll, type Table } from './table.ts';

const CHUNK_BYTES = 350 * 1024;

const keyOfChunk = (p: string, index: number): Key => ({ p, s: String(index).padStart(3, '0') });

/** Writes values by partition key, whatever stood there: names never repeat with other content. */
export async function putValues(
  table: Table,
  values: readonly (readonly [p: string, bytes: Uint8Array])[],
): Promise<void> {
  const rest: Item[] = [];
  const first: Item[] = [];
  const stored = await Promise.all(values.map(([, bytes]) => compact(bytes)));
  for (const [number, [p]] of values.entries()) {
    const bytes = stored[number]!;
    const count = Math.max(1, Math.ceil(bytes.length / CHUNK_BYTES));
    for (let index = 0; index < count; index++) {
      const chunk = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
      const item = { ...keyItem(keyOfChunk(p, index)), b: { B: chunk } };
      if (index > 0) rest.push(item);
      else first.push(count === 1 ? item : { ...item, n: { N: String(count) } });
    }
  }
  await putAll(table, rest);
  await putAll(table, first);
}

/** The values of partition keys; undefined where there is none. */
export async function getValues(
  table: Table,
  names: readonly string[],
): Promise<(Uint8Array | undefined)[]> {
  const firsts = await getAll(
    table,
    names.map((p) => keyOfChunk(p, 0)),
  );
  return Promise.all(
    firsts.map(async (first, index) => {
      if (!first) return undefined;
      if (!first.n) return expand(first.b!.B!);
      const rest = await getAll(table, restOf(names[index]!, first));
      const chunks = [first, ...rest];
      if (chunks.some((chunk) => chunk === undefined)) {
        throw new Error(`the table lacks a part of ${names[index]}`);
      }
      return expand(Buffer.concat(chunks.map((chunk) => chunk!.b!.B!)));
    }),
  );
}

/** Removes values; an absent one is no fault. */
export async function removeValues(table: Table, names: readonly string[]): Promise<void> {
  const firsts = await getAll(
    table,
    names.map((p) => keyOfChunk(p, 0)),
  );
  const rest = firsts.flatMap((first, index) => (first ? restOf(names[index]!, first) : []));
  await deleteAll(
    table,
    [...new Set(names)].map((p) => keyOfChunk(p, 0)),
  );
  await deleteAll(table, rest);
}

const restOf = (p: string, { n }: Item): Key[] =>
  Array.from({ length: Number(n?.N ?? 1) - 1 }, (_, index) => keyOfChunk(p, index + 1));
