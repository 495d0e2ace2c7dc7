/** The frozen bytes of format 1: what was hashed and signed once is hashed and verified the same now. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { decodeCbor, encodeCbor, type Value } from '../../shared/bytes/cbor.ts';
import { type Digest, taggedDigest, ZERO_DIGEST } from '../../shared/bytes/digest.ts';
import { inclusionPath, leafHash, merkleRoot } from '../../shared/bytes/merkle.ts';
import { fromHex, toHex, utf8 } from '../../shared/bytes/text.ts';
import { encodeValidatorSet, validatorSetOf, validatorsHash } from '../../shared/consensus/validators.ts';
import { genesisBlock } from '../../shared/execution/genesis-block.ts';
import { updateTree } from '../../shared/execution/state-tree.ts';
import { blockId, decodeHeader, encodeHeader } from '../../shared/ledger/block.ts';
import { statementDigest } from '../../shared/ledger/certificate.ts';
import { ledgerId } from '../../shared/ledger/genesis.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { decodeResult, encodeResult } from '../../shared/ledger/result.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { verifyReceipt } from '../../shared/proof/verify.ts';
import { verifyStateProof } from '../../shared/proof/verify-state.ts';

const vectors = JSON.parse(readFileSync(new URL('./protocol.json', import.meta.url), 'utf8'));
const ledger: Digest = vectors.genesis.ledger;

describe('the vectors of format 1', () => {
  it('encode CBOR to the same bytes, and back', () => {
    for (const { value, hex } of vectors.cbor as { value: Value; hex: string }[]) {
      assert.equal(toHex(encodeCbor(value)), hex);
      assert.deepEqual(decodeCbor(fromHex(hex)), value);
    }
  });

  it('have the same tagged digests and Merkle trees', () => {
    const { tag, data, digest } = vectors.taggedDigest;
    assert.equal(taggedDigest(tag, fromHex(data)), digest);
    const leaves = vectors.merkle.leaves.map((leaf: string) => leafHash(utf8(leaf)));
    const roots = Array.from({ length: 8 }, (_, size) => merkleRoot(leaves.slice(0, size)));
    assert.deepEqual(roots, vectors.merkle.roots);
    assert.deepEqual(inclusionPath(leaves, 5), vectors.merkle.pathOfLeaf5);
  });

  it('start the same ledger from the genesis document', () => {
    const { document, stateRoot, block0 } = vectors.genesis;
    assert.equal(ledgerId(document), ledger);
    const { point } = genesisBlock(document);
    assert.equal(point.header.stateRoot, stateRoot);
    assert.equal(point.id, block0);
    const set = validatorSetOf(ledger, 1, document.parameters.tenureRounds, document.members);
    assert.equal(toHex(encodeValidatorSet(set)), vectors.validators.cbor);
    assert.equal(validatorsHash(set), vectors.validators.hash);
  });

  it('give transactions, results, headers and statements the same bytes', () => {
    const transaction = parseTransaction(vectors.transaction.compact);
    assert.ok(!(transaction instanceof Rejected));
    assert.equal(transaction.id, vectors.transaction.id);
    assert.equal(toHex(transaction.bytes), vectors.transaction.encoded);
    for (const { result, encoded } of vectors.results) {
      assert.equal(toHex(encodeResult(result)), encoded);
      assert.deepEqual(decodeResult(fromHex(encoded)), result);
    }
    const { fields, cbor, id } = vectors.header;
    assert.equal(toHex(encodeHeader(fields)), cbor);
    assert.deepEqual(decodeHeader(fromHex(cbor)), fields);
    assert.equal(blockId(fields), id);
    for (const { statement, digest } of vectors.statements) {
      assert.equal(toHex(statementDigest(statement)), digest);
    }
  });

  it('give a state the same root', () => {
    const values = Object.entries(vectors.state.values as Record<string, Value>);
    const changes = new Map(values.map(([key, value]) => [key, encodeCbor(value)]));
    const tree = updateTree({ hash: ZERO_DIGEST, version: null }, 1, changes, () => undefined);
    assert.ok(!('missing' in tree));
    assert.equal(tree.root.hash, vectors.state.root);
  });

  it('verify receipts and state proofs that were made long ago', () => {
    for (const [name, receipt] of Object.entries(vectors.receipts)) {
      const verdict = verifyReceipt(receipt, ledger);
      assert.equal(verdict.verdict, 'VALID', `${name}: ${JSON.stringify(verdict)}`);
    }
    assert.equal(vectors.receipts.afterHandover.anchor.handovers.length, 1);
    for (const proof of Object.values(vectors.stateProofs)) {
      assert.equal(verifyStateProof(proof, ledger).verdict, 'VALID');
    }
  });
});
