/**
 * The state tree against a recursive one of ten lines: whatever the order and the batches of changes,
 * the root is that of the set. Older roots stay readable, forks don't meet, misses come all at once.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Cbor, decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import { sha256, sha256Hex } from '../../shared/bytes/crypto.ts';
import { type Digest, taggedDigest, ZERO_DIGEST } from '../../shared/bytes/digest.ts';
import { fromHex, toHex, utf8 } from '../../shared/bytes/text.ts';
import {
  decodePage,
  EMPTY_TREE,
  encodePage,
  type Page,
  proveKey,
  type TreeRoot,
  updateTree,
  verifyKey,
} from '../../shared/execution/state-tree.ts';

type Changes = ReadonlyMap<string, Uint8Array | null>;

/** The root as docs/protocol.md defines it. */
function dumbRoot(content: Changes): Digest {
  const leaves = [...content]
    .filter(([, value]) => value !== null)
    .map(([key, value]) => [sha256(utf8(key)), sha256(value!)] as const);
  const subtree = (inside: typeof leaves, depth: number): Digest => {
    if (inside.length === 0) return ZERO_DIGEST;
    if (inside.length === 1) return taggedDigest('fuqi/v1/state-leaf', Buffer.concat(inside[0]!));
    const bit = (path: Uint8Array): number => (path[depth >> 3]! >> (7 - (depth & 7))) & 1;
    const [left, right] = [0, 1].map((side) =>
      fromHex(
        subtree(
          inside.filter(([path]) => bit(path) === side),
          depth + 1,
        ),
      ),
    );
    return taggedDigest('fuqi/v1/state-node', Buffer.concat([left!, right!]));
  };
  return subtree(leaves, 0);
}

/** A store of encoded pages with a tree's versions: what a node does, in small. */
class Store {
  readonly items = new Map<string, Uint8Array>();
  root: TreeRoot = EMPTY_TREE;
  version = 0;

  readonly page = (name: string): Page | undefined => {
    const bytes = this.items.get(name);
    return bytes && decodePage(bytes);
  };

  apply(changes: Changes): void {
    this.version++;
    const updated = updateTree(this.root, this.version, changes, this.page);
    assert.ok(!('missing' in updated), 'every page that a tree names is stored');
    for (const [name, page] of updated.pages) {
      assert.ok(name.startsWith(`page/${this.version}/`));
      assert.ok(!this.items.has(name), 'a page is written once');
      this.items.set(name, encodePage(page));
    }
    this.root = updated.root;
  }
}

/** Keys whose paths begin with the same hex digits, so that leaves meet several pages down. */
const NEIGHBOURS = (() => {
  const byPrefix = new Map<string, string[]>();
  for (let n = 0; n < 6000; n++) {
    const prefix = sha256Hex(utf8(`key ${n}`)).slice(0, 3);
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), `key ${n}`]);
  }
  const crowded = [...byPrefix.values()].sort((a, b) => b.length - a.length);
  return crowded.slice(0, 6).flatMap((keys) => keys.slice(0, 6));
})();

const key = fc.oneof(
  fc.constantFrom(...NEIGHBOURS),
  fc.nat(40).map((n) => `invoice/invoice/${n}`),
  fc.string({ unit: 'grapheme', maxLength: 4 }),
);
const value = fc.uint8Array({ maxLength: 3 });
const change = fc.tuple(key, fc.option(value, { freq: 2 }));
const batch = fc.array(change, { maxLength: 40, size: 'max' });
const batches = fc.array(batch, { minLength: 1, maxLength: 6, size: 'max' });

/** What stands after the batches: keys with their last values. */
function contentOf(batchList: readonly (readonly (readonly [string, Uint8Array | null])[])[]) {
  const content = new Map<string, Uint8Array>();
  for (const [name, bytes] of batchList.flat()) {
    if (bytes) content.set(name, bytes);
    else content.delete(name);
  }
  return content;
}

describe('the root of the state tree', () => {
  it('is that of the recursive definition after every batch of changes', () => {
    fc.assert(
      fc.property(batches, (batchList) => {
        const store = new Store();
        for (const [index, batch] of batchList.entries()) {
          store.apply(new Map(batch));
          assert.equal(store.root.hash, dumbRoot(contentOf(batchList.slice(0, index + 1))));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('does not depend on order or on how changes are batched', () => {
    const twoOrders = fc
      .uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength: 60 })
      .chain((entries) =>
        fc.tuple(
          fc.constant(entries),
          fc.shuffledSubarray(entries, { minLength: entries.length }),
          fc.integer({ min: 1, max: 20 }),
        ),
      );
    fc.assert(
      fc.property(twoOrders, ([entries, shuffled, size]) => {
        const [whole, piecewise] = [new Store(), new Store()];
        whole.apply(new Map(entries));
        for (let at = 0; at < shuffled.length; at += size) {
          piecewise.apply(new Map(shuffled.slice(at, at + size)));
        }
        assert.equal(whole.root.hash, piecewise.root.hash);
      }),
      { numRuns: 100 },
    );
  });

  it('returns to that of the empty tree when every key is deleted', () => {
    const store = new Store();
    store.apply(new Map(NEIGHBOURS.map((name) => [name, utf8(name)])));
    assert.notEqual(store.root.hash, ZERO_DIGEST);
    store.apply(new Map(NEIGHBOURS.map((name) => [name, null])));
    assert.deepEqual(store.root, { hash: ZERO_DIGEST, version: null });
  });

  it('is the hash of its leaf where there is one key', () => {
    const store = new Store();
    store.apply(new Map([['k', utf8('v')]]));
    const leaf = Buffer.concat([sha256(utf8('k')), sha256(utf8('v'))]);
    assert.deepEqual(store.root, { hash: taggedDigest('fuqi/v1/state-leaf', leaf), version: 1 });
  });

  it('tells an empty value from an absent one', () => {
    const store = new Store();
    store.apply(new Map([['k', new Uint8Array()]]));
    assert.notEqual(store.root.hash, ZERO_DIGEST);
  });
});

describe('an update', () => {
  const content = new Map(NEIGHBOURS.map((name) => [name, utf8(name)]));

  it('that changes nothing answers the same root and writes no page', () => {
    const store = new Store();
    store.apply(content);
    const same = new Map<string, Uint8Array | null>([
      ...[...content].slice(0, 9),
      ['absent', null],
      ['also absent', null],
    ]);
    const updated = updateTree(store.root, 9, same, store.page);
    assert.deepEqual(updated, { root: store.root, pages: new Map() });
    assert.deepEqual(updateTree(store.root, 9, new Map(), store.page), updated);
    const nothing = new Map([['absent', null]]);
    const none = updateTree(EMPTY_TREE, 1, nothing, store.page);
    assert.deepEqual(none, { root: EMPTY_TREE, pages: new Map() });
  });

  it('writes only the pages on the paths of its changes, and leaves no needless ones', () => {
    const store = new Store();
    store.apply(content);
    const [first, second] = NEIGHBOURS as [string, string];
    const updated = updateTree(store.root, 2, new Map([[first, utf8('other')]]), store.page);
    assert.ok('pages' in updated);
    const path = sha256Hex(utf8(first));
    for (const name of updated.pages.keys()) {
      const prefix = name.replace('page/2/', '');
      assert.ok(path.startsWith(prefix), name);
    }
    // Two leaves that part in their fourth digit need four pages; one of them alone needs one.
    const pair = new Store();
    pair.apply(new Map([first, second].map((name) => [name, utf8('v')])));
    const shared = commonDigits(path, sha256Hex(utf8(second)));
    assert.ok(shared >= 3);
    assert.equal(pair.items.size, shared + 1);
    const alone = updateTree(pair.root, 2, new Map([[second, null]]), pair.page);
    assert.ok('pages' in alone);
    assert.deepEqual([...alone.pages.keys()], ['page/2/']);
  });

  it('never changes a page that it was given', () => {
    const pages = new Map<string, Page>();
    const before = updateTree(EMPTY_TREE, 1, content, () => undefined);
    assert.ok('pages' in before);
    for (const [name, page] of before.pages) {
      pages.set(name, Object.freeze({ ...page }));
    }
    const changes = new Map<string, Uint8Array | null>();
    for (const [index, name] of NEIGHBOURS.entries()) {
      changes.set(name, index % 2 ? null : utf8('new'));
    }
    const after = updateTree(before.root, 2, changes, (name) => pages.get(name));
    assert.ok('pages' in after);
    assert.equal(after.root.hash, dumbRoot(new Map([...content, ...changes])));
  });

  it('names all pages that it lacks at once, one level of pages a time', () => {
    const store = new Store();
    store.apply(content);
    const changes = new Map(NEIGHBOURS.map((name) => [name, utf8('new')]));
    const fetched = new Map<string, Page>();
    let trips = 0;
    for (;;) {
      const updated = updateTree(store.root, 2, changes, (name) => fetched.get(name));
      if (!('missing' in updated)) {
        assert.equal(updated.root.hash, dumbRoot(changes));
        break;
      }
      assert.equal(new Set(updated.missing).size, updated.missing.length);
      for (const name of updated.missing) {
        assert.equal(name.length, 'page/1/'.length + trips, 'a level of pages each trip');
        fetched.set(name, store.page(name)!);
      }
      trips++;
    }
    assert.equal(fetched.size, store.items.size);
  });

  it('stacks on uncommitted updates, and forks from one parent keep apart', () => {
    const store = new Store();
    store.apply(content);
    const fork = (text: string) => {
      let root = store.root;
      const overlay = new Map<string, Page>();
      const expected = new Map<string, Uint8Array | null>(content);
      for (const version of [2, 3, 4]) {
        const changes = new Map<string, Uint8Array | null>([
          [NEIGHBOURS[version]!, utf8(text)],
          [NEIGHBOURS[version + 10]!, null],
          [`${text} ${version}`, utf8(text)],
        ]);
        for (const [name, bytes] of changes) expected.set(name, bytes);
        const look = (name: string) => overlay.get(name) ?? store.page(name);
        const updated = updateTree(root, version, changes, look);
        assert.ok('pages' in updated);
        for (const [name, page] of updated.pages) overlay.set(name, page);
        root = updated.root;
      }
      assert.equal(root.hash, dumbRoot(expected));
      return root.hash;
    };
    assert.notEqual(fork('left'), fork('right'));
    assert.equal(fork('left'), fork('left'));
  });

  it('throws where a page is not the one that the tree names', () => {
    const store = new Store();
    store.apply(content);
    const another = new Store();
    another.apply(new Map([['k', utf8('v')]]));
    const changes = new Map([['k', utf8('w')]]);
    assert.throws(() => updateTree(store.root, 2, changes, another.page), /page\/1\/ has the hash/);
    assert.throws(() => proveKey(store.root, 'k', another.page), /page\/1\/ has the hash/);
  });
});

describe('older versions', () => {
  it('stay readable: each root still proves what it held', () => {
    fc.assert(
      fc.property(batches, key, (batchList, asked) => {
        const store = new Store();
        const roots = batchList.map((batch) => {
          store.apply(new Map(batch));
          return store.root;
        });
        for (const [index, root] of roots.entries()) {
          const held = contentOf(batchList.slice(0, index + 1)).get(asked);
          const proof = proveKey(root, asked, store.page);
          assert.ok(!('missing' in proof));
          assert.equal(proof.present, held !== undefined);
          const valueHash = held ? (sha256Hex(held) as Digest) : null;
          assert.ok(verifyKey({ root: root.hash, key: asked, valueHash, ...proof }));
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('a page', () => {
  const pageOf = (changes: Changes): Page => {
    const updated = updateTree(EMPTY_TREE, 1, changes, () => undefined);
    assert.ok('pages' in updated);
    return updated.pages.get('page/1/')!;
  };

  it('comes back from its encoding, which is deterministic CBOR of its slots', () => {
    const entries = fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(entries, fc.maxSafeInteger().map(Math.abs), (list, version) => {
        const updated = updateTree(EMPTY_TREE, version, new Map(list), () => undefined);
        assert.ok('pages' in updated);
        for (const page of updated.pages.values()) {
          const bytes = encodePage(page);
          assert.deepEqual(decodePage(bytes), page);
          const slots = decodeCbor(bytes) as Cbor[];
          assert.equal(slots.length, 16);
          assert.equal(toHex(encodeCbor(slots)), toHex(bytes));
        }
      }),
      { numRuns: 100 },
    );
  });

  it('encodes versions of every width', () => {
    for (const version of [0, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
      const updated = updateTree(EMPTY_TREE, version, new Map(twoNeighbours()), () => undefined);
      assert.ok('pages' in updated);
      const slots = decodeCbor(encodePage(updated.pages.get(`page/${version}/`)!)) as Cbor[];
      const child = slots.find((slot) => slot !== null) as [Uint8Array, number];
      assert.equal(child[1], version);
    }
  });

  const digest = new Uint8Array(32);
  const slotsWith = (slot: Cbor): Cbor[] => [slot, ...new Array<Cbor>(15).fill(null)];
  const refused: Record<string, Cbor> = {
    'a map': {},
    'a text of 16 characters': 'x'.repeat(16),
    '15 slots': new Array<Cbor>(15).fill(null),
    '17 slots': new Array<Cbor>(17).fill(null),
    'a slot that is a number': slotsWith(1),
    'a slot of one element': slotsWith([digest]),
    'a slot of three elements': slotsWith([digest, 1, 1]),
    'a hash of 31 bytes': slotsWith([digest.subarray(1), 1]),
    'a value hash of 33 bytes': slotsWith(['key', new Uint8Array(33)]),
    'a leaf of a path': slotsWith([digest, digest]),
    'a key with a version': slotsWith(['key', 1]),
    'a negative version': slotsWith([digest, -1]),
  };
  for (const [what, item] of Object.entries(refused)) {
    it(`is not ${what}`, () => assert.throws(() => decodePage(encodeCbor(item)), /not a page/));
  }

  it('has one form: heads are the shortest, keys are UTF-8, numbers can be told apart', () => {
    const around = (slot: Uint8Array): Uint8Array =>
      Buffer.concat([Buffer.of(0x90), slot, Buffer.alloc(15, 0xf6)]);
    const child = (version: number[]): Uint8Array =>
      around(Buffer.concat([Buffer.of(0x82, 0x58, 32), digest, Buffer.from(version)]));
    const leaf = (key: number[]): Uint8Array =>
      around(Buffer.concat([Buffer.of(0x82), Buffer.from(key), Buffer.of(0x58, 32), digest]));
    for (const good of [child([23]), child([0x18, 24]), leaf([0x62, 0xc3, 0xa9])]) {
      assert.deepEqual(Buffer.from(encodePage(decodePage(good))), Buffer.from(good));
    }
    const bad = {
      'a version in more bytes than it needs': child([0x18, 23]),
      'a version in eight bytes that four hold': child([0x1b, 0, 0, 0, 0, 1, 0, 0, 0]),
      'a version beyond what is exact': child([0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0]),
      'a version of no length': child([0x1f]),
      'a key’s length in more bytes than it needs': leaf([0x78, 1, 0x6b]),
      'a key that is half a character': leaf([0x61, 0xc3]),
      'a key that is half a pair of surrogates': leaf([0x63, 0xed, 0xa0, 0x80]),
      'a key that is longer than the page': leaf([0x7b, 0, 0, 0, 1, 0, 0, 0, 0]),
    };
    for (const [what, bytes] of Object.entries(bad)) {
      assert.throws(() => decodePage(bytes), /not a page/, what);
    }
  });

  it('is not a page with a byte too many or too few', () => {
    const bytes = encodePage(pageOf(new Map([['k', utf8('v')]])));
    assert.throws(() => decodePage(Buffer.concat([bytes, Buffer.of(0)])));
    assert.throws(() => decodePage(bytes.subarray(0, -1)));
  });
});

function twoNeighbours(): [string, Uint8Array][] {
  return [
    [NEIGHBOURS[0]!, utf8('v')],
    [NEIGHBOURS[1]!, utf8('v')],
  ];
}

function commonDigits(a: string, b: string): number {
  let count = 0;
  while (a[count] === b[count]) count++;
  return count;
}
