/**
 * Named items in DynamoDB. The small ones that a block leaves under its height stand together in one item,
 * an attribute each, because every item written is billed a whole unit. All others have one of their own.
 */
import { type AttributeValue, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { getValues, putValues, removeValues } from './chunks.ts';
import { compact, expand } from './compact.ts';
import { getAll, type Item, type Key, keyItem, type Table } from './table.ts';

/** A larger one has items of its own, also where its height has room. */
const PACKED_BYTES_MAX = 16 * 1024;
/** Stands in the place of such a one, so that nobody has to look for it where it is not. */
const ELSEWHERE: AttributeValue = { BOOL: true };

const nameOf = (name: string): string => `item#${name}`;
const packKey = (height: number): Key => ({ p: `height#${height}`, s: '-' });

/** The height under which a name stands: that of the block that leaves it; undefined for any other name. */
function heightOf(name: string): number | undefined {
  const [kind, first, second] = name.split('/') as [string, string?, string?];
  if (kind === 'history') return (Number(second) + 1) * 2 ** Number(first);
  return ['block', 'tree', 'final', 'results'].includes(kind) ? Number(first) : undefined;
}

/** Writes items by name; a name never repeats with other content. */
export async function putItems(
  table: Table,
  items: readonly (readonly [name: string, bytes: Uint8Array])[],
): Promise<void> {
  const packs = new Map<number, [name: string, value: AttributeValue][]>();
  const own: [string, Uint8Array][] = [];
  const large: [string, Uint8Array][] = [];
  for (const [name, bytes] of items) {
    const height = heightOf(name);
    const isLarge = bytes.length > PACKED_BYTES_MAX;
    if (height === undefined) own.push([nameOf(name), bytes]);
    else {
      if (isLarge) large.push([nameOf(name), bytes]);
      const pack = packs.get(height) ?? [];
      packs.set(height, pack);
      pack.push([name, isLarge ? ELSEWHERE : { B: await compact(bytes) }]);
    }
  }
  const packed = async (): Promise<void> => {
    // What a pack points to is there before.
    await putValues(table, large);
    await Promise.all([...packs].map(([height, pack]) => update(table, height, 'SET', pack)));
  };
  await Promise.all([putValues(table, own), packed()]);
}

/** The items with these names; undefined where there is none. */
export async function getItems(
  table: Table,
  names: readonly string[],
): Promise<(Uint8Array | undefined)[]> {
  const heights = [...new Set(names.flatMap((name) => heightOf(name) ?? []))];
  const apart = names.filter((name) => heightOf(name) === undefined);
  const [items, values] = await Promise.all([
    getAll(table, heights.map(packKey)),
    getValues(table, apart.map(nameOf)),
  ]);
  const packs = new Map(heights.map((height, index) => [height, items[index]]));
  const own = new Map(apart.map((name, index) => [name, values[index]]));
  return Promise.all(
    names.map(async (name) => {
      const height = heightOf(name);
      if (height === undefined) return own.get(name);
      const value = packs.get(height)?.[name];
      if (!value?.BOOL) return value?.B && expand(value.B);
      const [bytes] = await getValues(table, [nameOf(name)]);
      if (!bytes) throw new Error(`the table lacks ${name}`);
      return bytes;
    }),
  );
}

/** Removes items; an absent one is no fault. */
export async function removeItems(table: Table, names: readonly string[]): Promise<void> {
  const heights = [...new Set(names.flatMap((name) => heightOf(name) ?? []))];
  const items = await getAll(table, heights.map(packKey));
  const elsewhere: string[] = [];
  const removals = heights.map((height, index) => {
    const item = items[index];
    const inside = names.filter((name) => heightOf(name) === height && item?.[name]);
    elsewhere.push(...inside.filter((name) => item?.[name]?.BOOL));
    return { height, inside: inside.map((name) => [name, ELSEWHERE] as [string, AttributeValue]) };
  });
  const filled = removals.filter(({ inside }) => inside.length > 0);
  await Promise.all(filled.map(({ height, inside }) => update(table, height, 'REMOVE', inside)));
  const apart = names.filter((name) => heightOf(name) === undefined);
  await removeValues(table, [...apart, ...elsewhere].map(nameOf));
}

/** Sets or removes attributes of a height's item, and leaves the others. */
async function update(
  { client, name: TableName }: Table,
  height: number,
  verb: 'SET' | 'REMOVE',
  pack: readonly (readonly [name: string, value: AttributeValue])[],
): Promise<void> {
  const names = Object.fromEntries(pack.map(([name], index) => [`#${index}`, name]));
  const values: Item = Object.fromEntries(pack.map(([, value], index) => [`:${index}`, value]));
  const parts = pack.map((_, index) => (verb === 'SET' ? `#${index} = :${index}` : `#${index}`));
  await client.send(
    new UpdateItemCommand({
      TableName,
      Key: keyItem(packKey(height)),
      UpdateExpression: `${verb} ${parts.join(', ')}`,
      ExpressionAttributeNames: names,
      ...(verb === 'SET' && { ExpressionAttributeValues: values }),
    }),
  );
}
