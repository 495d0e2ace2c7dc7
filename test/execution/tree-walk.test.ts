/** The walk over a certified tree, against stores that lose what was not durable and members that lie. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeCbor } from '../../shared/bytes/cbor.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { toHex, utf8 } from '../../shared/bytes/text.ts';
import {
  decodePage,
  EMPTY_TREE,
  encodeNodes,
  encodePage,
  findLeaf,
  nodeAt,
  nodesOf,
  type Page,
  pageName,
  pageOfLeaf,
  pathOf,
  type TreeRoot,
  updateTree,
} from '../../shared/execution/state-tree.ts';
import { TreeWalk } from '../../shared/execution/tree-walk.ts';

type Values = ReadonlyMap<string, Uint8Array>;

/** A tree as an honest member has it: pages by name, and the entries that it can give. */
class Served {
  readonly pages = new Map<string, Page>();
  readonly root: TreeRoot;
  readonly #keys: ReadonlyMap<Digest, string>;
  readonly #values: Values;

  constructor(values: Values, version: number) {
    const updated = updateTree(EMPTY_TREE, version, values, () => undefined);
    if ('missing' in updated) throw new Error('an empty tree misses nothing');
    this.root = updated.root;
    this.pages = updated.pages;
    this.#keys = new Map([...values.keys()].map((key) => [pathOf(key), key]));
    this.#values = values;
  }

  part(place: string): Uint8Array {
    if (place.length === 64) {
      const key = this.#keys.get(place as Digest)!;
      return encodeCbor([key, this.#values.get(key)!]);
    }
    const page = this.pages.get(pageName(this.root.version!, place));
    if (page) return encodePage(page);
    const above = this.pages.get(pageName(this.root.version!, place.slice(0, -1)))!;
    const slot = nodeAt(above, 16 + Number.parseInt(place.at(-1)!, 16));
    assert.ok(slot?.kind === 'leaf', `nobody has a page at "${place}"`);
    return encodePage(pageOfLeaf(slot, place.length));
  }
}

/** What a joiner has durable, and what is lost when it crashes. */
class Kept {
  readonly pages = new Map<string, Uint8Array>();
  readonly values = new Map<string, Uint8Array>();

  page = (name: string): Page | undefined => {
    const bytes = this.pages.get(name);
    return bytes && decodePage(bytes);
  };
}

/** Walks until done, or for so many steps; answers the root once the tree is whole. */
function walkOn(
  served: Served,
  kept: Kept,
  old: TreeRoot,
  options: {
    readonly versions: readonly number[];
    readonly perReply: number;
    readonly steps?: number;
    readonly lie?: (place: string, part: Uint8Array) => Uint8Array;
  },
): { root: TreeRoot | undefined; asked: number } {
  const walk = new TreeWalk(served.root.hash, options.versions[0]!, old);
  let asked = 0;
  let lie = options.lie;
  for (let step = 0; step < (options.steps ?? 10_000); step++) {
    while (walk.takeStored(options.versions, 64, (name) => kept.pages.get(name)));
    const batch = walk.batch();
    if (batch) {
      for (const [key, value] of batch.values) kept.values.set(key, value);
      for (const [name, page] of batch.pages) {
        assert.ok(!kept.pages.has(name), `${name} is written twice`);
        kept.pages.set(name, page);
      }
      walk.stored();
      continue;
    }
    if (walk.root) return { root: walk.root, asked };
    const places = walk.wanted(options.perReply);
    assert.ok(places.length > 0 && places.length <= options.perReply);
    asked += places.length;
    const parts = places.map((place) => served.part(place));
    if (lie) {
      const lies = parts.map((part, index) => lie!(places[index]!, part));
      try {
        walk.take(lies, kept.page);
      } catch {
        lie = undefined;
      }
    } else walk.take(parts, kept.page);
  }
  return { root: walk.root, asked };
}

const hex = (bytes: Uint8Array | undefined): string | undefined => bytes && toHex(bytes);

function assertWhole(kept: Kept, root: TreeRoot, values: Values): void {
  for (const [key, value] of values) {
    assert.equal(hex(kept.values.get(key)), hex(value), key);
    const leaf = findLeaf(root, key, kept.page);
    assert.ok('valueHash' in leaf && leaf.valueHash !== null, `${key} is not in the tree`);
  }
  const absent = findLeaf(root, 'nobody', kept.page);
  assert.deepEqual(absent, { valueHash: null });
}

const valuesOf = (numbers: readonly number[], salt: string): Map<string, Uint8Array> =>
  new Map(numbers.map((number) => [`k/${number}`, utf8(`${salt} ${number}`)]));
const someNumbers = fc.uniqueArray(fc.nat(100_000), { minLength: 1, maxLength: 300 });

describe('a walk over a certified tree', () => {
  it('rebuilds any tree from parts of any number a reply', () => {
    fc.assert(
      fc.property(someNumbers, fc.integer({ min: 1, max: 64 }), (numbers, perReply) => {
        const values = valuesOf(numbers, 'a');
        const served = new Served(values, 7);
        const kept = new Kept();
        const { root } = walkOn(served, kept, EMPTY_TREE, { versions: [7], perReply });
        assert.deepEqual(root, { hash: served.root.hash, version: 7 });
        assertWhole(kept, root, values);
      }),
      { numRuns: 60 },
    );
  });

  it('goes on after a crash at any step, and with a newer tree, without asking again for what it has', () => {
    fc.assert(
      fc.property(
        someNumbers,
        fc.nat(40),
        fc.nat(40),
        fc.integer({ min: 1, max: 20 }),
        (numbers, first, second, perReply) => {
          const older = valuesOf(numbers, 'a');
          const newer = new Map([
            ...older,
            ...valuesOf(numbers.slice(0, numbers.length >> 3), 'b'),
            ...valuesOf([200_000, 200_001], 'b'),
          ]);
          const kept = new Kept();
          const before = new Served(older, 7);
          walkOn(before, kept, EMPTY_TREE, { versions: [7], perReply, steps: first });
          const again = walkOn(before, kept, EMPTY_TREE, {
            versions: [7],
            perReply,
            steps: second,
          });
          const had = kept.pages.size;
          const served = new Served(newer, 9);
          const done = walkOn(served, kept, EMPTY_TREE, { versions: [9, 7], perReply });
          assert.deepEqual(done.root?.hash, served.root.hash);
          assertWhole(kept, done.root!, newer);
          if (again.root && newer.size === older.size) assert.equal(had, kept.pages.size);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('asks only for what differs from a tree at hand', () => {
    const older = valuesOf(
      Array.from({ length: 3000 }, (_, index) => index),
      'a',
    );
    const at = new Served(older, 5);
    const kept = new Kept();
    for (const [name, page] of at.pages) kept.pages.set(name, encodePage(page));
    for (const [key, value] of older) kept.values.set(key, value);
    const newer = new Map([...older, ...valuesOf([1, 2, 5000], 'b')]);
    const served = new Served(newer, 9);
    const { root, asked } = walkOn(served, kept, at.root, { versions: [9], perReply: 50 });
    assertWhole(kept, root!, newer);
    assert.ok(asked < 20, `${asked} parts`);
  });

  it('finds its way where a leaf was given the form of a page', () => {
    const numbers = Array.from({ length: 400 }, (_, index) => index);
    const values = valuesOf(numbers, 'a');
    const served = new Served(values, 7);
    const kept = new Kept();
    let lies = 0;
    // Two subtrees side by side hash to the same whether a slot says "leaf" or "page below".
    const disguise = (_: string, part: Uint8Array): Uint8Array => {
      if (part[0] !== 0x90) return part;
      const nodes = nodesOf(decodePage(part));
      for (let slot = 16; slot < 32; slot += 2) {
        const [left, right] = [nodes[slot]!, nodes[slot + 1]!];
        if (left?.kind !== 'leaf' || right === null) continue;
        nodes[slot] = { kind: 'child', hash: left.hash, version: 1 };
        lies++;
      }
      return encodeNodes(nodes);
    };
    const { root } = walkOn(served, kept, EMPTY_TREE, {
      versions: [7],
      perReply: 30,
      lie: disguise,
    });
    assert.ok(lies > 10);
    assertWhole(kept, root!, values);
    for (const [name, page] of served.pages)
      assert.equal(hex(kept.pages.get(name)), hex(encodePage(page)));
  });

  it('takes nothing that the tree does not have in that place', () => {
    const values = valuesOf([1, 2, 3, 4, 5, 6, 7, 8, 9], 'a');
    const served = new Served(values, 7);
    const other = new Served(valuesOf([1, 2, 3], 'b'), 7);
    const begun = (): TreeWalk => {
      const walk = new TreeWalk(served.root.hash, 7, EMPTY_TREE);
      assert.deepEqual(walk.wanted(10), ['']);
      walk.take([served.part('')], () => undefined);
      return walk;
    };
    const take = (parts: Uint8Array[]) => {
      const walk = begun();
      walk.wanted(10);
      walk.take(parts, () => undefined);
    };
    const right = served.part(begun().wanted(10)[0]!);
    assert.doesNotThrow(() => take([right]));
    assert.throws(() => take([encodeCbor(['k/1', utf8('b 1')])]), /another|entry/);
    assert.throws(() => take([other.part('')]));
    assert.throws(() => take([right.subarray(0, 3)]));
    assert.throws(() => take(Array(20).fill(right)), /more parts/);
    const root = new TreeWalk(served.root.hash, 7, EMPTY_TREE);
    root.wanted(10);
    assert.throws(() => root.take([other.part('')], () => undefined), /another page/);
    assert.throws(() => root.take([served.part('')], () => undefined), /more parts/);
  });
});
