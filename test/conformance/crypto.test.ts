/**
 * Merkle proofs and signatures against vectors that others made: transparency-dev's RFC 6962 cases, a
 * real log with all its checkpoints, and Wycheproof's ECDSA P-256 signatures and AES-GCM texts.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { unsealBytes } from '../../node/aes-gcm.ts';
import { type PublicJwk, verifyEs256 } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import {
  appendLeaf,
  consistencyPath,
  type Frontier,
  frontierRoot,
  inclusionPath,
  leafHash,
  merkleRoot,
  verifyConsistency,
  verifyInclusion,
} from '../../shared/bytes/merkle.ts';
import { fromHex, fromUtf8, toBase64Url, toHex, utf8 } from '../../shared/bytes/text.ts';
import { vectorsFolder } from './vectors.ts';

interface InclusionCase {
  path: string;
  leafIdx: number;
  treeSize: number;
  root: string;
  leafHash: string;
  proof: string[] | null;
  wantErr: boolean;
}

interface ConsistencyCase {
  path: string;
  size1: number;
  size2: number;
  root1: string;
  root2: string;
  proof: string[] | null;
  wantErr: boolean;
}

interface Log {
  checkpoints: Record<string, string>;
  entries: string[];
  tiles_base64: Record<string, string>;
}

interface SignatureGroup {
  publicKey: { wx: string; wy: string };
  tests: { tcId: number; comment: string; msg: string; sig: string; result: string }[];
}

interface SealingGroup {
  keySize: number;
  ivSize: number;
  tagSize: number;
  tests: Record<
    'comment' | 'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag' | 'result' | 'tcId',
    string
  >[];
}

const digest = (base64: string): Digest => Buffer.from(base64, 'base64').toString('hex') as Digest;

describe('Merkle proofs and signatures made by others', () => {
  if (vectorsFolder === undefined) {
    it('were not run: the folder of external data is absent', () => {});
    return;
  }
  const folder = join(vectorsFolder, 'crypto');
  const read = <T>(name: string): T => JSON.parse(readFileSync(join(folder, name), 'utf8')) as T;

  it('agree on all 98 inclusion proofs of transparency-dev', () => {
    const { cases } = read<{ cases: InclusionCase[] }>('merkle-rfc6962/inclusion.json');
    assert.equal(cases.length, 98);
    for (const { path, leafIdx, treeSize, root, leafHash: leaf, proof, wantErr } of cases) {
      const verified = verifyInclusion({
        leaf: digest(leaf),
        index: leafIdx,
        size: treeSize,
        path: (proof ?? []).map(digest),
        root: digest(root),
      });
      assert.equal(verified, !wantErr, path);
    }
  });

  it('agree on all 98 consistency proofs of transparency-dev', () => {
    const { cases } = read<{ cases: ConsistencyCase[] }>('merkle-rfc6962/consistency.json');
    assert.equal(cases.length, 98);
    for (const { path, size1, size2, root1, root2, proof, wantErr } of cases) {
      const verified = verifyConsistency({
        oldSize: size1,
        newSize: size2,
        oldRoot: digest(root1),
        newRoot: digest(root2),
        path: (proof ?? []).map(digest),
      });
      assert.equal(verified, !wantErr, path);
    }
  });

  it('agree on every root of a Tessera log, and on proofs between any two of them', () => {
    const log = read<Log>('tlog/tessera-log.json');
    const leaves = log.entries.map((entry) => leafHash(utf8(entry)));
    const tile = Buffer.from(log.tiles_base64['tile/0/000.p/15']!, 'base64').toString('hex');
    assert.equal(leaves.join(''), tile);

    let frontier: Frontier = { size: 0, peaks: [] };
    const roots: Digest[] = [];
    for (let size = 0; size <= leaves.length; size++) {
      const [, found, root] = log.checkpoints[`checkpoint.${size}`]!.split('\n');
      assert.equal(Number(found), size);
      roots.push(digest(root!));
      assert.equal(merkleRoot(leaves.slice(0, size)), roots[size]);
      assert.equal(frontierRoot(frontier), roots[size]);
      if (size < leaves.length) frontier = appendLeaf(frontier, leaves[size]!).frontier;
    }
    for (let newSize = 1; newSize <= leaves.length; newSize++) {
      const newRoot = roots[newSize]!;
      const first = leaves.slice(0, newSize);
      for (let oldSize = 1; oldSize <= newSize; oldSize++) {
        const path = consistencyPath(first, oldSize);
        const oldRoot = roots[oldSize]!;
        assert.ok(verifyConsistency({ oldSize, newSize, oldRoot, newRoot, path }));
        const [index, leaf] = [oldSize - 1, leaves[oldSize - 1]!];
        const proof = inclusionPath(first, index);
        assert.ok(verifyInclusion({ leaf, index, size: newSize, path: proof, root: newRoot }));
      }
    }
  });

  it('agree on all ECDSA P-256 signatures of Wycheproof', () => {
    // Both (r, s) and (r, n − s) verify, as Wycheproof says: that is why no id covers a signature.
    const name = 'wycheproof/ecdsa_secp256r1_sha256_p1363_test.json';
    const { testGroups } = read<{ testGroups: SignatureGroup[] }>(name);
    let count = 0;
    for (const { publicKey, tests } of testGroups) {
      const jwk: PublicJwk = {
        kty: 'EC',
        crv: 'P-256',
        x: coordinate(publicKey.wx),
        y: coordinate(publicKey.wy),
      };
      for (const { tcId, comment, msg, sig, result } of tests) {
        const verified = verifyEs256(jwk, fromHex(msg), fromHex(sig));
        assert.equal(verified, result === 'valid', `${tcId}: ${comment}`);
        count++;
      }
    }
    assert.equal(count, 262);
  });

  it('agree on all AES-256-GCM texts of Wycheproof that are sealed for a purpose', () => {
    const { testGroups } = read<{ testGroups: SealingGroup[] }>('wycheproof/aes_gcm_test.json');
    let count = 0;
    for (const { keySize, ivSize, tagSize, tests } of testGroups) {
      if (keySize !== 256 || ivSize !== 96 || tagSize !== 128) continue;
      for (const { tcId, comment, key, iv, aad, msg, ct, tag, result } of tests) {
        // A purpose is a text.
        const purpose = fromUtf8(fromHex(aad));
        if (purpose === undefined) continue;
        const open = () => toHex(unsealBytes(fromHex(key), purpose, fromHex(`${iv}${ct}${tag}`)));
        if (result === 'valid') assert.equal(open(), msg, `${tcId}: ${comment}`);
        else assert.throws(open, `${tcId}: ${comment}`);
        count++;
      }
    }
    assert.equal(count, 48);
  });
});

/** Wycheproof writes a coordinate as an integer: with a sign byte, or without leading zeros. */
const coordinate = (hex: string): string =>
  toBase64Url(fromHex(hex.replace(/^00(?=.{64}$)/, '').padStart(64, '0')));
