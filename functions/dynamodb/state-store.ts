/**
 * The state store in DynamoDB. The current item of a key holds its two newest versions, so that one
 * batch read serves a block: who reads at the head while the next block is written needs the older.
 * Versions before those stand in the past, one item each. Keys are spread over partitions by their hash.
 */
import { createHash } from 'node:crypto';
import {
  ConditionalCheckFailedException,
  PutItemCommand,
  paginateQuery,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { utf8 } from '../../shared/bytes/text.ts';
import type { ScanRange, StateEntry, StateStore } from '../../shared/ports/state-store.ts';
import { getItems, putItems, removeItems } from './packed-items.ts';
import { getAll, type Item, type Key, keyItem, putAll, type Table } from './table.ts';

const PARTITIONS = 8;
/** Two versions share an item up to this many bytes; the older goes to the past at once above it. */
const SHARED_BYTES_MAX = 300 * 1024;
/** Current items that are remembered for the write that may follow their read. */
const SEEN_MAX = 4096;
const SEEN_BYTES_MAX = 8 * 1024;
/** Items are written side by side, so many at a time. */
const PARALLEL = 40;

interface Version {
  readonly height: number;
  /** Undefined where that height deleted it. */
  readonly value: Uint8Array | undefined;
}

/** What the current item of a key says. */
interface Current {
  readonly newest: Version;
  readonly previous: Version | undefined;
  /** Older versions than these stand in the past. */
  readonly hasPast: boolean;
}

/** The ledger's own keys: every block scans some of them, and writes few. */
const LEDGER = 'ledger/';

const partitionOf = (key: string): number | 'ledger' =>
  key.startsWith(LEDGER) ? 'ledger' : createHash('sha256').update(key).digest()[0]! % PARTITIONS;

/** The partitions that may hold a key of a range. */
function partitionsOf({ from, to }: ScanRange): (number | 'ledger')[] {
  const spread = Array.from({ length: PARTITIONS }, (_, number) => number);
  const isLedgers = from.startsWith(LEDGER) && to.startsWith(LEDGER);
  return isLedgers ? ['ledger'] : ['ledger', ...spread];
}
const currentKey = (key: string): Key => ({ p: `state#${partitionOf(key)}`, s: key });

/** Versions of a key stand from the newest to the oldest; no state key holds a NUL. */
const pastPlace = (key: string, height: number): string =>
  `${key}\0${String(Number.MAX_SAFE_INTEGER - height).padStart(16, '0')}`;

export function dynamoStateStore(table: Table): StateStore {
  /** Current items as they were read last; null for a key that had none. */
  const seen = new Map<string, Current | null>();
  const remember = (key: string, current: Current | null): void => {
    if (seen.size >= SEEN_MAX) seen.clear();
    const { newest, previous } = current ?? {};
    const bytes = (newest ? sizeOf(newest) : 0) + (previous ? sizeOf(previous) : 0);
    if (bytes <= SEEN_BYTES_MAX) seen.set(key, current);
  };
  return {
    async write({ height, values, items }) {
      const keys = values.map(([key]) => key);
      const replace = async (): Promise<void> => {
        // Most were read a moment ago, and what another invocation wrote since is found by the condition.
        const unknown = keys.filter((key) => !seen.has(key));
        const found = await getAll(table, unknown.map(currentKey));
        for (const [index, key] of unknown.entries()) seen.set(key, currentOf(found[index]));
        await inParallel(values, async ([key, value]) => {
          const before = seen.get(key) ?? undefined;
          seen.delete(key);
          const after = await putVersion(table, key, { height, value: value ?? undefined }, before);
          remember(key, after);
        });
      };
      await Promise.all([replace(), putItems(table, items)]);
    },
    async get(keys, at) {
      // There is no value under the empty key, and DynamoDB would refuse it.
      const distinct = [...new Set(keys)].filter((key) => key !== '');
      const items = await getAll(table, distinct.map(currentKey));
      for (const [index, key] of distinct.entries()) remember(key, currentOf(items[index]));
      const values = await Promise.all(
        items.map((item, index) => valueAt(table, distinct[index]!, item, at)),
      );
      const known = new Map(values.map((value, index) => [distinct[index]!, value]));
      return keys.map((key) => known.get(key));
    },
    async scan(range, at) {
      const isEmpty = Buffer.compare(utf8(range.from), utf8(range.to)) >= 0;
      if (range.limit === 0 || isEmpty) return [];
      const parts = await Promise.all(
        partitionsOf(range).map((partition) => scanPart(table, partition, range, at)),
      );
      return parts
        .flat()
        .map((entry) => ({ ...entry, bytes: utf8(entry.key) }))
        .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
        .slice(0, range.limit)
        .map(({ key, value }) => ({ key, value }));
    },
    items: (names) => getItems(table, names),
    removeItems: (names) => removeItems(table, names),
  };
}

/** Adds a version to its key, unless it is there; answers the current item as it is then. */
async function putVersion(
  table: Table,
  key: string,
  version: Version,
  known: Current | undefined,
): Promise<Current> {
  let current = known;
  for (;;) {
    const { newest, previous } = current ?? {};
    if (newest?.height === version.height || previous?.height === version.height) return current!;
    const next = await nextOf(table, key, version, current);
    // It stands below both, as others do.
    if (current?.hasPast && next.newest === newest && next.previous === previous) return current;
    const replaced = await swapCurrent(table, key, next, current);
    if (replaced === true) return next;
    // Another invocation of this node wrote the same blocks, and may be further.
    current = replaced;
  }
}

/**
 * The current item with one version more, mostly the newest; what has no room in it is written to the past
 * first. It is an older one where a state sync left newer ones and was given up.
 */
async function nextOf(
  table: Table,
  key: string,
  version: Version,
  current: Current | undefined,
): Promise<Current> {
  const { newest: first, previous: second, hasPast = false } = current ?? {};
  const versions = [version, ...(first ? [first] : []), ...(second ? [second] : [])];
  versions.sort((a, b) => b.height - a.height);
  const [newest, next, ...older] = versions as [Version, Version?, ...Version[]];
  const isTooLarge = next !== undefined && sizeOf(newest) + sizeOf(next) > SHARED_BYTES_MAX;
  // Next to the newest stands none that the past may hold a newer one of.
  const isPast = isTooLarge || (next === version && !second && hasPast);
  const past = isPast ? [...older, next!] : older;
  await putAll(
    table,
    past.map(({ height, value }) => ({
      ...keyItem({ p: `past#${partitionOf(key)}`, s: pastPlace(key, height) }),
      ...(value && { b: { B: value } }),
    })),
  );
  return { newest, previous: isPast ? undefined : next, hasPast: hasPast || past.length > 0 };
}

const sizeOf = ({ value }: Version): number => value?.length ?? 0;

/** Answers true, or the current item that was there instead. */
async function swapCurrent(
  { client, name: TableName }: Table,
  key: string,
  { newest, previous, hasPast }: Current,
  replaced: Current | undefined,
): Promise<true | Current> {
  const Item: Item = {
    ...keyItem(currentKey(key)),
    h: { N: String(newest.height) },
    ...(newest.value && { b: { B: newest.value } }),
    ...(previous && { ph: { N: String(previous.height) } }),
    ...(previous?.value && { pb: { B: previous.value } }),
    ...(hasPast && { o: { BOOL: true } }),
  };
  const expected = replaced && {
    ':h': { N: `${replaced.newest.height}` },
    ...(replaced.previous && { ':ph': { N: `${replaced.previous.height}` } }),
  };
  const isSame = `h = :h AND ${replaced?.previous ? 'ph = :ph' : 'attribute_not_exists(ph)'}`;
  try {
    await client.send(
      new PutItemCommand({
        TableName,
        Item,
        ConditionExpression: expected ? isSame : 'attribute_not_exists(p)',
        ...(expected && { ExpressionAttributeValues: expected }),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    );
    return true;
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException) || !error.Item) throw error;
    return currentOf(error.Item);
  }
}

function currentOf(item: Item): Current;
function currentOf(item: Item | undefined): Current | null;
function currentOf(item: Item | undefined): Current | null {
  if (!item) return null;
  const { h, b, ph, pb, o } = item;
  return {
    newest: { height: Number(h!.N), value: b?.B },
    previous: ph && { height: Number(ph.N), value: pb?.B },
    hasPast: o?.BOOL === true,
  };
}

/** The value of a key at a height, from its current item or from the past. */
async function valueAt(
  { client, name: TableName }: Table,
  key: string,
  item: Item | undefined,
  at: number,
): Promise<Uint8Array | undefined> {
  if (!item) return undefined;
  const { newest, previous, hasPast } = currentOf(item);
  if (newest.height <= at) return newest.value;
  if (previous && previous.height <= at) return previous.value;
  if (!hasPast) return undefined;
  const { Items = [] } = await client.send(
    new QueryCommand({
      TableName,
      ConsistentRead: true,
      Limit: 1,
      KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
      ExpressionAttributeValues: {
        ':p': { S: `past#${partitionOf(key)}` },
        ':from': { S: pastPlace(key, at) },
        ':to': { S: pastPlace(key, 0) },
      },
    }),
  );
  return Items[0]?.b?.B;
}

/** The live entries of one partition, as far as the limit could need them. */
async function scanPart(
  table: Table,
  partition: number | 'ledger',
  { from, to, limit }: ScanRange,
  at: number,
): Promise<StateEntry[]> {
  const { client, name: TableName } = table;
  const found: StateEntry[] = [];
  const query = {
    TableName,
    ConsistentRead: true,
    Limit: limit,
    KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
    ExpressionAttributeValues: {
      ':p': { S: `state#${partition}` },
      // DynamoDB takes no empty text; this one stands before every key.
      ':from': { S: from === '' ? '\0' : from },
      ':to': { S: to },
    },
  };
  for await (const { Items = [] } of paginateQuery({ client }, query)) {
    const keys = Items.map((item) => item.s!.S!);
    const values = await Promise.all(
      Items.map((item, index) => valueAt(table, keys[index]!, item, at)),
    );
    for (const [index, key] of keys.entries()) {
      const value = values[index];
      // The range ends before `to`, a BETWEEN with it.
      if (value && key !== to && found.length < limit) found.push({ key, value });
    }
    if (found.length >= limit) break;
  }
  return found;
}

async function inParallel<T>(all: readonly T[], each: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const worker = async (): Promise<void> => {
    for (let one = left.pop(); one !== undefined; one = left.pop()) await each(one);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, all.length) }, worker));
}
