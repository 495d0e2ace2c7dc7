/**
 * Merkle trees against the recursive definitions of RFC 9162 §2.1, word for word, and proofs against
 * everything that could be changed in one.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sha256Hex } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import {
  appendLeaf,
  consistencyPath,
  consistencyPlan,
  type Frontier,
  frontierRoot,
  inclusionPath,
  inclusionPlan,
  leafHash,
  merkleRoot,
  type NodePlace,
  nodeHash,
  pathFromNodes,
  verifyConsistency,
  verifyInclusion,
} from '../../shared/bytes/merkle.ts';
import { utf8 } from '../../shared/bytes/text.ts';

const sha256 = (...parts: Uint8Array[]): Digest => sha256Hex(Buffer.concat(parts)) as Digest;
const bytesOf = (digest: Digest): Uint8Array => Buffer.from(digest, 'hex');

/** MTH(D_n) on leaf hashes. */
function mth(leaves: readonly Digest[]): Digest {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  const k = largestPowerBelow(leaves.length);
  return sha256(Buffer.of(1), bytesOf(mth(leaves.slice(0, k))), bytesOf(mth(leaves.slice(k))));
}

/** PATH(m, D_n). */
function pathTo(m: number, leaves: readonly Digest[]): Digest[] {
  if (leaves.length === 1) return [];
  const k = largestPowerBelow(leaves.length);
  if (m < k) return [...pathTo(m, leaves.slice(0, k)), mth(leaves.slice(k))];
  return [...pathTo(m - k, leaves.slice(k)), mth(leaves.slice(0, k))];
}

/** SUBPROOF(m, D_n, b). */
function subproof(m: number, leaves: readonly Digest[], b: boolean): Digest[] {
  const n = leaves.length;
  if (m === n) return b ? [] : [mth(leaves)];
  const k = largestPowerBelow(n);
  if (m <= k) return [...subproof(m, leaves.slice(0, k), b), mth(leaves.slice(k))];
  return [...subproof(m - k, leaves.slice(k), false), mth(leaves.slice(0, k))];
}

const largestPowerBelow = (n: number): number => 2 ** (n - 1).toString(2).length / 2;

const leafList = (size: number): Digest[] =>
  Array.from({ length: size }, (_, index) => leafHash(utf8(`leaf ${index}`)));

const LEAVES = leafList(70);

/** A log that stores every node that appending completes. */
function storedLog(leaves: readonly Digest[]) {
  const nodes = new Map<string, Digest>();
  const frontiers: Frontier[] = [{ size: 0, peaks: [] }];
  for (const leaf of leaves) {
    const appended = appendLeaf(frontiers.at(-1)!, leaf);
    for (const { level, index, hash } of appended.nodes) {
      assert.ok(!nodes.has(`${level}/${index}`), 'a node is completed once');
      nodes.set(`${level}/${index}`, hash);
    }
    frontiers.push(appended.frontier);
  }
  const get = ({ level, index }: NodePlace): Digest => {
    const hash = nodes.get(`${level}/${index}`);
    assert.ok(hash, `node ${level}/${index} is stored`);
    return hash;
  };
  return { nodes, frontiers, get };
}

/** A digest with one bit flipped. */
function flipped(digest: Digest, bit: number): Digest {
  const bytes = Buffer.from(digest, 'hex');
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  return bytes.toString('hex') as Digest;
}

describe('Merkle tree hashes', () => {
  it('hash nothing, a leaf and a node as RFC 9162 says', () => {
    assert.equal(
      merkleRoot([]),
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    const [a, b] = [leafHash(utf8('a')), leafHash(utf8('b'))];
    assert.equal(a, sha256(Buffer.of(0), utf8('a')));
    assert.equal(nodeHash(a, b), sha256(Buffer.of(1), bytesOf(a), bytesOf(b)));
  });

  it('equal the recursive definition for every size', () => {
    for (let size = 0; size <= LEAVES.length; size++) {
      assert.equal(merkleRoot(LEAVES.slice(0, size)), mth(LEAVES.slice(0, size)), `${size} leaves`);
    }
  });
});

describe('inclusion proofs', () => {
  it('equal the recursive definition and verify, for every leaf of every size', () => {
    for (let size = 1; size <= 35; size++) {
      const leaves = LEAVES.slice(0, size);
      const root = mth(leaves);
      for (const [index, leaf] of leaves.entries()) {
        const path = inclusionPath(leaves, index);
        assert.deepEqual(path, pathTo(index, leaves));
        assert.ok(verifyInclusion({ leaf, index, size, path, root }), `${index} of ${size}`);
      }
    }
  });

  it('fail when anything in them is changed', () => {
    const arbitrary = fc.integer({ min: 1, max: 70 }).chain((size) =>
      fc.record({
        size: fc.constant(size),
        index: fc.nat(size - 1),
        bit: fc.nat(255),
        element: fc.nat(),
        otherIndex: fc.nat(140),
      }),
    );
    fc.assert(
      fc.property(arbitrary, ({ size, index, bit, element, otherIndex }) => {
        const leaves = LEAVES.slice(0, size);
        const path = inclusionPath(leaves, index);
        const good = { leaf: leaves[index]!, index, size, path, root: merkleRoot(leaves) };
        assert.ok(verifyInclusion(good));
        assert.ok(!verifyInclusion({ ...good, leaf: flipped(good.leaf, bit) }));
        assert.ok(!verifyInclusion({ ...good, root: flipped(good.root, bit) }));
        assert.ok(!verifyInclusion({ ...good, path: [...path, good.root] }));
        if (otherIndex !== index) assert.ok(!verifyInclusion({ ...good, index: otherIndex }));
        if (path.length === 0) return;
        const at = element % path.length;
        assert.ok(!verifyInclusion({ ...good, path: path.with(at, flipped(path[at]!, bit)) }));
        assert.ok(!verifyInclusion({ ...good, path: path.toSpliced(at, 1) }));
      }),
      { numRuns: 300 },
    );
  });

  it('are refused, not thrown at, when they are malformed', () => {
    const leaves = LEAVES.slice(0, 2);
    const path = inclusionPath(leaves, 0);
    const good = { leaf: leaves[0]!, index: 0, size: 2, path, root: merkleRoot(leaves) };
    const upperCase = path.map((digest) => digest.toUpperCase() as Digest);
    for (const bad of [
      { index: -1 },
      { index: 0.5 },
      { index: Number.NaN },
      { size: 0 },
      { size: 2 ** 53 },
      { size: Number.POSITIVE_INFINITY },
      { leaf: 'ab' as Digest },
      { path: ['' as Digest] },
      { path: upperCase },
    ]) {
      assert.equal(verifyInclusion({ ...good, ...bad }), false, JSON.stringify(bad));
    }
  });

  it('throw for a leaf that is not there', () => {
    assert.throws(() => inclusionPath(LEAVES, 70), /no leaf 70 among 70/);
    assert.throws(() => inclusionPlan(-1, 70), /no leaf -1 among 70/);
  });
});

describe('consistency proofs', () => {
  it('equal the recursive definition and verify, for every pair of sizes', () => {
    for (let newSize = 1; newSize <= 35; newSize++) {
      const leaves = LEAVES.slice(0, newSize);
      const newRoot = mth(leaves);
      for (let oldSize = 1; oldSize <= newSize; oldSize++) {
        const path = consistencyPath(leaves, oldSize);
        assert.deepEqual(path, subproof(oldSize, leaves, true));
        const oldRoot = mth(leaves.slice(0, oldSize));
        assert.ok(verifyConsistency({ oldSize, newSize, oldRoot, newRoot, path }));
      }
    }
  });

  it('fail when anything in them is changed', () => {
    const arbitrary = fc.integer({ min: 2, max: 70 }).chain((newSize) =>
      fc.record({
        newSize: fc.constant(newSize),
        oldSize: fc.integer({ min: 1, max: newSize - 1 }),
        bit: fc.nat(255),
        element: fc.nat(),
      }),
    );
    fc.assert(
      fc.property(arbitrary, ({ newSize, oldSize, bit, element }) => {
        const leaves = LEAVES.slice(0, newSize);
        const path = consistencyPath(leaves, oldSize);
        const oldRoot = merkleRoot(leaves.slice(0, oldSize));
        const good = { oldSize, newSize, oldRoot, newRoot: merkleRoot(leaves), path };
        assert.ok(verifyConsistency(good));
        assert.ok(!verifyConsistency({ ...good, oldRoot: flipped(oldRoot, bit) }));
        assert.ok(!verifyConsistency({ ...good, newRoot: flipped(good.newRoot, bit) }));
        assert.ok(!verifyConsistency({ ...good, path: [...path, oldRoot] }));
        const at = element % path.length;
        assert.ok(!verifyConsistency({ ...good, path: path.with(at, flipped(path[at]!, bit)) }));
        assert.ok(!verifyConsistency({ ...good, path: path.toSpliced(at, 1) }));
      }),
      { numRuns: 300 },
    );
  });

  it('do not exist from the empty tree or to a smaller one', () => {
    const root = merkleRoot(LEAVES);
    const empty = merkleRoot([]);
    const claim = { newSize: 70, newRoot: root, path: [] };
    assert.equal(verifyConsistency({ ...claim, oldSize: 0, oldRoot: empty }), false);
    assert.equal(verifyConsistency({ ...claim, oldSize: 71, oldRoot: root }), false);
    assert.throws(() => consistencyPath(LEAVES, 0), RangeError);
    assert.throws(() => consistencyPlan(71, 70), RangeError);
  });
});

describe('an append-only log', () => {
  const log = storedLog(LEAVES);

  it('has the root of its leaves after each one', () => {
    for (const [size, frontier] of log.frontiers.entries()) {
      assert.equal(frontier.size, size);
      assert.equal(frontierRoot(frontier), mth(LEAVES.slice(0, size)));
    }
  });

  it('completes each perfect subtree once, with the hash of its leaves', () => {
    for (const [name, hash] of log.nodes) {
      const [level, index] = name.split('/').map(Number) as [number, number];
      const start = index * 2 ** level;
      assert.equal(hash, mth(LEAVES.slice(start, start + 2 ** level)));
    }
    // 70 leaves, 35 pairs, 17, 8, 4, 2, 1.
    assert.equal(log.nodes.size, 70 + 35 + 17 + 8 + 4 + 2 + 1);
  });

  it('makes the same proofs from stored nodes as from its leaves', () => {
    for (let size = 1; size <= 35; size++) {
      const leaves = LEAVES.slice(0, size);
      for (let index = 0; index < size; index++) {
        const path = pathFromNodes(inclusionPlan(index, size), log.get);
        assert.deepEqual(path, inclusionPath(leaves, index));
        const proof = pathFromNodes(consistencyPlan(index + 1, size), log.get);
        assert.deepEqual(proof, consistencyPath(leaves, index + 1));
      }
    }
  });

  it('plans proofs for sizes that do not fit 32 bits', () => {
    const size = 2 ** 40 + 3;
    assert.deepEqual(inclusionPlan(2 ** 40 + 2, size), [
      [{ level: 1, index: 2 ** 39 }],
      [{ level: 40, index: 0 }],
    ]);
    assert.equal(inclusionPlan(1, size).length, 41);
    assert.deepEqual(consistencyPlan(2 ** 40, size), [
      [
        { level: 1, index: 2 ** 39 },
        { level: 0, index: 2 ** 40 + 2 },
      ],
    ]);
  });
});
