/**
 * What this node gives to those who take a snapshot. Every answer is bounded in items and bytes, so
 * nobody makes it work much for one message; all that it reads is immutable.
 */
import { encodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import {
  decodePage,
  encodePage,
  nodeAt,
  pageName,
  pageOfLeaf,
  type StateNode,
} from '../execution/state-tree.ts';
import { LIMITS } from '../ledger/limits.ts';
import { encodeAnchor, newestAnchor } from './anchor.ts';
import { treeAt } from './history.ts';
import { itemName } from './items.ts';
import type { Replica } from './replica.ts';

/** Room for parts in one reply. */
class Parts {
  readonly list: Uint8Array[] = [];
  #bytes = 0;

  /** Takes a part where it fits; answers whether it did. */
  add(part: Uint8Array): boolean {
    this.#bytes += part.length;
    if (this.list.length > 0 && this.#bytes > LIMITS.catchUpBytesMax) return false;
    this.list.push(part);
    return true;
  }
}

/** Hand-overs read at once. */
const EPOCHS = 16;

/** The hand-overs to the epochs after one, in order, up to one that members agreed on. */
export async function handoversAfter(replica: Replica, after: number): Promise<Uint8Array[]> {
  const parts = new Parts();
  const last = replica.epoch.set.epoch;
  for (let epoch = after + 1; epoch <= last; epoch += EPOCHS) {
    const count = Math.min(EPOCHS, last - epoch + 1);
    const names = Array.from({ length: count }, (_, index) => itemName.handover(epoch + index));
    for (const item of await replica.ports.state.items(names)) {
      if (!item || !parts.add(item)) return parts.list;
    }
  }
  return parts.list;
}

/** The newest block whose state this node can give. */
export async function anchorParts(replica: Replica): Promise<Uint8Array[]> {
  const anchor = await newestAnchor(replica);
  return anchor ? [encodeAnchor(anchor)] : [];
}

/** A leaf's path has this many hex digits; a page's place has fewer. */
const PATH_DIGITS = 64;
/** Entries read at once: a reply holds ten of the largest. */
const ENTRIES = 64;

/** Pages and entries of the state after a final block, in the order asked for, up to the first that is not there. */
export async function stateParts(
  replica: Replica,
  height: number,
  places: readonly string[],
): Promise<Uint8Array[]> {
  const parts = new Parts();
  if (height > replica.head.header.height! || height < Math.max(1, replica.retained.state))
    return [];
  const isEntry = (place: string): boolean => place.length === PATH_DIGITS;
  for (let from = 0; from < places.length; ) {
    const entries = isEntry(places[from]!);
    let to = from;
    while (to < places.length && to - from < ENTRIES && isEntry(places[to]!) === entries) to++;
    const some = places.slice(from, to);
    const found = entries
      ? await readEntries(replica, height, some as Digest[])
      : await readPages(replica, height, some);
    for (const part of found) if (!part || !parts.add(part)) return parts.list;
    from = to;
  }
  return parts.list;
}

async function readEntries(
  replica: Replica,
  height: number,
  paths: readonly Digest[],
): Promise<(Uint8Array | undefined)[]> {
  const { nodes } = await descend(replica, height, paths);
  const keys = paths.map((path) => {
    // A leaf stands as high as no other one shares its way.
    for (let depth = 0; depth <= path.length; depth++) {
      const node = nodes.get(path.slice(0, depth));
      if (node?.kind === 'leaf') return node.path === path ? node.key : undefined;
    }
    return undefined;
  });
  const values = await replica.ports.state.get(
    keys.map((key) => key ?? ''),
    height,
  );
  return values.map((value, index) => {
    const key = keys[index];
    return key === undefined || !value ? undefined : encodeCbor([key, value]);
  });
}

async function readPages(
  replica: Replica,
  height: number,
  places: readonly string[],
): Promise<(Uint8Array | undefined)[]> {
  const { nodes, pages } = await descend(replica, height, places);
  return places.map((place) => {
    const node = nodes.get(place);
    // Somebody told the asker that there is a page where a leaf stands.
    return node?.kind === 'leaf' ? encodePage(pageOfLeaf(node, place.length)) : pages.get(place);
  });
}

/**
 * Goes down from the root for all places at once, a level at a time: the nodes on the way to them, by
 * prefix, and the pages at them.
 */
async function descend(
  replica: Replica,
  height: number,
  places: readonly string[],
): Promise<{ nodes: Map<string, StateNode>; pages: Map<string, Uint8Array> }> {
  const { hash, version } = await treeAt(replica, height);
  const nodes = new Map<string, StateNode>();
  const pages = new Map<string, Uint8Array>();
  if (version === null) return { nodes, pages };
  nodes.set('', { kind: 'child', hash, version });
  const asked = new Set(places);
  const deepest = Math.max(...places.map(({ length }) => length));
  for (let depth = 0; depth <= deepest; depth++) {
    const prefixes = new Set(
      places.filter(({ length }) => length >= depth).map((place) => place.slice(0, depth)),
    );
    const here = [...prefixes].flatMap((prefix) => {
      const node = nodes.get(prefix);
      return node?.kind === 'child' ? [{ prefix, name: pageName(node.version, prefix) }] : [];
    });
    if (here.length === 0) break;
    const items = await replica.ports.state.items(here.map(({ name }) => name));
    for (const [index, { prefix, name }] of here.entries()) {
      const bytes = items[index];
      if (!bytes) throw new Error(`the state store lacks ${name}`);
      if (asked.has(prefix)) pages.set(prefix, bytes);
      if (depth === deepest) continue;
      const page = decodePage(bytes);
      for (let digit = 0; digit < 16; digit++) {
        nodes.set(prefix + digit.toString(16), nodeAt(page, 16 + digit));
      }
    }
  }
  return { nodes, pages };
}
