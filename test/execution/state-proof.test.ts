/** Proofs of presence and absence hold for what the tree holds, and for nothing else. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sha256Hex } from '../../shared/bytes/crypto.ts';
import { type Digest, ZERO_DIGEST } from '../../shared/bytes/digest.ts';
import { utf8 } from '../../shared/bytes/text.ts';
import {
  EMPTY_TREE,
  type KeyProof,
  type Page,
  proveKey,
  type StateClaim,
  type TreeRoot,
  updateTree,
  verifyKey,
} from '../../shared/execution/state-tree.ts';

const hashOf = (value: string): Digest => sha256Hex(utf8(value)) as Digest;

/** A tree of the keys `key 0` to `key n−1`, each with its own name as value. */
function treeOf(n: number): { root: TreeRoot; page: (name: string) => Page | undefined } {
  const names = Array.from({ length: n }, (_, index) => `key ${index}`);
  const content = new Map(names.map((name) => [name, utf8(name)]));
  const updated = updateTree(EMPTY_TREE, 1, content, () => undefined);
  assert.ok('pages' in updated);
  return { root: updated.root, page: (name) => updated.pages.get(name) };
}

const TREES = [0, 1, 2, 3, 17, 300].map((size) => ({ size, ...treeOf(size) }));
const tree = fc.constantFrom(...TREES);

function proofOf({ root, page }: (typeof TREES)[number], key: string): KeyProof {
  const proof = proveKey(root, key, page);
  assert.ok(!('missing' in proof));
  return proof;
}

/** The claim that a proof is for. */
function claimOf(asked: (typeof TREES)[number], key: string): StateClaim {
  const { siblings, other, present } = proofOf(asked, key);
  const valueHash = present ? hashOf(key) : null;
  return { root: asked.root.hash, key, valueHash, siblings, other };
}

function flipped(digest: Digest, bit: number): Digest {
  const bytes = Buffer.from(digest, 'hex');
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  return bytes.toString('hex') as Digest;
}

describe('a state proof', () => {
  it('verifies for present and for absent keys, in trees of every kind', () => {
    for (const asked of TREES) {
      for (let n = 0; n < asked.size + 20; n++) {
        const claim = claimOf(asked, `key ${n}`);
        assert.equal(claim.valueHash !== null, n < asked.size);
        assert.ok(verifyKey(claim), `key ${n} of ${asked.size}`);
      }
    }
  });

  it('comes in all its kinds: beside another leaf, and in an empty place', () => {
    const absent = Array.from({ length: 40 }, (_, n) => proofOf(TREES[4]!, `absent ${n}`));
    assert.ok(absent.some(({ other }) => other === null));
    assert.ok(absent.some(({ other }) => other !== null));
    assert.ok(absent.some(({ siblings }) => siblings.includes(ZERO_DIGEST)));
  });

  it('fails when any bit of it is changed', () => {
    const bits = { bit: fc.nat(255), element: fc.nat(), n: fc.nat(400) };
    fc.assert(
      fc.property(tree, fc.record(bits), (asked, { bit, element, n }) => {
        const claim = claimOf(asked, `key ${n}`);
        const { root, siblings, other, valueHash } = claim;
        const bad: StateClaim[] = [
          { ...claim, root: flipped(root, bit) },
          { ...claim, siblings: [...siblings, ZERO_DIGEST] },
          { ...claim, siblings: [...siblings, root] },
          { ...claim, siblings: [ZERO_DIGEST, ...siblings] },
        ];
        if (siblings.length > 0) {
          const at = element % siblings.length;
          bad.push({ ...claim, siblings: siblings.with(at, flipped(siblings[at]!, bit)) });
          bad.push({ ...claim, siblings: siblings.toSpliced(at, 1) });
        }
        if (valueHash) bad.push({ ...claim, valueHash: flipped(valueHash, bit) });
        if (other) {
          bad.push({ ...claim, other: { ...other, path: flipped(other.path, bit) } });
          bad.push({ ...claim, other: { ...other, valueHash: flipped(other.valueHash, bit) } });
          bad.push({ ...claim, other: null });
        }
        for (const changed of bad) assert.equal(verifyKey(changed), false);
      }),
      { numRuns: 300 },
    );
  });

  it('of presence is none of absence, nor the other way round', () => {
    fc.assert(
      fc.property(tree, fc.nat(400), (asked, n) => {
        const claim = claimOf(asked, `key ${n}`);
        const path = hashOf(claim.key);
        if (claim.valueHash) {
          const { valueHash } = claim;
          assert.ok(!verifyKey({ ...claim, valueHash: null }));
          // The key's own leaf may not pass for another one.
          assert.ok(!verifyKey({ ...claim, valueHash: null, other: { path, valueHash } }));
        } else {
          assert.ok(!verifyKey({ ...claim, valueHash: hashOf('any') }));
          const { other } = claim;
          if (other) assert.ok(!verifyKey({ ...claim, other: null, valueHash: other.valueHash }));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('proves one key only: presence never another one, absence none that is there', () => {
    const present = TREES[5]!;
    fc.assert(
      fc.property(fc.nat(299), fc.nat(299), fc.nat(1000), (a, b, c) => {
        const claim = claimOf(present, `key ${a}`);
        if (a !== b) assert.ok(!verifyKey({ ...claim, key: `key ${b}` }));
        const absence = claimOf(present, `absent ${c}`);
        assert.ok(verifyKey(absence));
        assert.ok(!verifyKey({ ...absence, key: `key ${b}` }));
      }),
      { numRuns: 300 },
    );
  });

  it('is refused, not thrown at, when it is malformed', () => {
    const claim = claimOf(TREES[4]!, 'key 3');
    const absence = Array.from({ length: 40 }, (_, n) => claimOf(TREES[4]!, `absent ${n}`)).find(
      ({ other }) => other,
    )!;
    const upperCase = claim.siblings.map((digest) => digest.toUpperCase() as Digest);
    const { other } = absence;
    for (const bad of [
      { ...claim, siblings: upperCase },
      { ...claim, siblings: ['' as Digest, ...claim.siblings] },
      { ...claim, siblings: new Array<Digest>(257).fill(ZERO_DIGEST) },
      { ...claim, valueHash: 'ab' as Digest },
      { ...claim, other },
      { ...absence, other: { ...other!, path: 'ab' as Digest } },
      { ...absence, other: { ...other!, valueHash: 'ab' as Digest } },
      { ...absence, other: { ...other!, path: other!.path.toUpperCase() as Digest } },
    ]) {
      assert.equal(verifyKey(bad), false);
    }
  });

  it('names the page that it lacks', () => {
    const { root, page } = TREES[5]!;
    assert.deepEqual(
      proveKey(root, 'key 0', () => undefined),
      { missing: ['page/1/'] },
    );
    const onlyRoot = (name: string) => (name === 'page/1/' ? page(name) : undefined);
    const digit = hashOf('key 0')[0];
    assert.deepEqual(proveKey(root, 'key 0', onlyRoot), { missing: [`page/1/${digit}`] });
  });
});
