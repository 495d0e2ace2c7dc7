import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { decodeCbor } from '../../shared/bytes/cbor.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { inclusionPath, leafHash } from '../../shared/bytes/merkle.ts';
import { fromHex } from '../../shared/bytes/text.ts';
import type { Receipt, StateProof } from '../../shared/ledger/receipt.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { verifyReceipt } from '../../shared/proof/verify.ts';
import { verifyStateProof } from '../../shared/proof/verify-state.ts';
import { certificateToJson } from '../../shared/replica/handover.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
let network: LocalNetwork;
let ledger: Digest;
let receipt: Receipt;
const proofs: StateProof[] = [];

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value));

before(async () => {
  network = await LocalNetwork.open({ members: MEMBERS, catalog: counterCatalog });
  ledger = network.ledger;
  const service = network.service('alpha');
  // Several transactions in one block, so that there are paths to break.
  const statuses = await Promise.all(
    Array.from({ length: 9 }, async (_, index) => {
      const jws = network.signed('alpha/admin', 'counter', 'raise', { name: `n${index}`, by: 1 });
      const transaction = parseTransaction(jws);
      assert.ok(!(transaction instanceof Rejected));
      return service.submit(transaction, 10_000);
    }),
  );
  const last = statuses.at(-1)!;
  assert.ok(!(last instanceof Rejected) && last.status === 'committed');
  receipt = copy((await service.receipt(last.id))!);
  for (const key of ['counter/counter/n3', 'counter/counter/absent']) {
    const state = await service.state(key, last.height, true);
    assert.ok(!(state instanceof Rejected) && state.proof);
    proofs.push(copy(state.proof));
  }
});
after(() => network.close());

/** Every way to change one leaf of a JSON value by one bit (texts, numbers) or by its absence. */
function* mutations(value: Json): Generator<Json> {
  if (typeof value === 'string') {
    for (let index = 0; index < value.length; index++) {
      const changed = String.fromCharCode(value.charCodeAt(index) ^ 1);
      yield value.slice(0, index) + changed + value.slice(index + 1);
    }
  } else if (typeof value === 'number') yield value ^ 1;
  else if (typeof value === 'boolean') yield !value;
  else if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      yield value.toSpliced(index, 1);
      for (const changed of mutations(value[index]!)) yield value.with(index, changed);
    }
  } else if (value !== null) {
    for (const key of Object.keys(value)) {
      const { [key]: child, ...rest } = value;
      yield rest;
      for (const changed of mutations(child!)) yield { ...value, [key]: changed };
    }
  }
}

describe('a receipt', () => {
  it('verifies with nothing but the ledger id', () => {
    const verdict = verifyReceipt(receipt, ledger);
    assert.equal(verdict.verdict, 'VALID', JSON.stringify(verdict));
    if (verdict.verdict !== 'VALID') return;
    assert.equal(verdict.result.status, 'committed');
    assert.deepEqual(verdict.transaction.body.args, { name: 'n8', by: 1 });
    assert.equal(verdict.block.signers.length, 3);
  });

  it('fails under any other ledger id', () => {
    const other = `${ledger.slice(0, -1)}${ledger.endsWith('0') ? '1' : '0'}` as Digest;
    assert.equal(verifyReceipt(receipt, other).verdict, 'INVALID');
  });

  it('fails when any one character, number or part of it is changed', () => {
    let tried = 0;
    for (const changed of mutations(receipt as unknown as Json)) {
      tried++;
      const { verdict } = verifyReceipt(changed, ledger);
      if (verdict === 'VALID') assert.fail(`still VALID: ${JSON.stringify(changed).slice(0, 400)}`);
    }
    assert.ok(tried > 3000, `${tried}`);
  });

  it('is not valid by a header’s own certificate alone', async () => {
    // The child of the block carries the block's own certificate.
    const { replica } = network.node('alpha');
    const header = Buffer.from(receipt.anchor.finality.header, 'base64url');
    const child = Buffer.from(receipt.anchor.finality.descendants[0]!, 'base64url');
    const parent = (decodeCbor(child) as { parent: Uint8Array }).parent;
    const tip = await replica.ports.blocks.get(receipt.anchor.finality.certificate.block);
    const [, , qc] = decodeCbor(tip!) as [
      Uint8Array,
      unknown,
      [number, number, Uint8Array, [number, Uint8Array][]],
    ];
    const own = certificateToJson({
      epoch: qc[0],
      round: qc[1],
      block: Buffer.from(qc[2]).toString('hex') as Digest,
      signatures: qc[3].map(([validator, signature]) => ({ validator, signature })),
    });
    assert.equal(own.block, Buffer.from(parent).toString('hex'));
    const finality = { header: header.toString('base64url'), descendants: [], certificate: own };
    const forged = { ...receipt, anchor: { ...receipt.anchor, finality } };
    assert.notEqual(verifyReceipt(forged, ledger).verdict, 'VALID');
    const twice = { ...finality, descendants: [finality.header] };
    const forgedAgain = { ...receipt, anchor: { ...receipt.anchor, finality: twice } };
    assert.notEqual(verifyReceipt(forgedAgain, ledger).verdict, 'VALID');
  });
});

describe('a receipt under a later header', () => {
  it('proves the older block through the history of the final one', async () => {
    const service = network.service('alpha');
    const jws = network.signed('alpha/admin', 'counter', 'raise', { name: 'later', by: 1 });
    const transaction = parseTransaction(jws);
    assert.ok(!(transaction instanceof Rejected));
    const later = await service.submit(transaction, 10_000);
    assert.ok(!(later instanceof Rejected) && later.status === 'committed');
    const { anchor } = copy((await service.receipt(later.id))!);
    const size = later.height;
    const leaves = await Promise.all(
      Array.from({ length: size }, async (_, height) => {
        const block = await service.block(height);
        return leafHash(fromHex(block!.id));
      }),
    );
    const original = await service.transaction(receipt.transaction.id);
    assert.ok(original?.status === 'committed');
    const { header } = receipt.anchor.finality;
    const inclusion = {
      index: original.height,
      size,
      path: inclusionPath(leaves, original.height),
    };
    const under = { ...receipt, anchor: { ...anchor, earlier: { header, inclusion } } };
    const verdict = verifyReceipt(under, ledger);
    assert.equal(verdict.verdict, 'VALID', JSON.stringify(verdict));
    const moved = { ...inclusion, index: inclusion.index - 1 };
    const broken = { ...under, anchor: { ...under.anchor, earlier: { header, inclusion: moved } } };
    assert.equal(verifyReceipt(broken, ledger).verdict, 'INVALID');
  });
});

describe('a state proof', () => {
  it('proves presence and absence, and fails when any part of it is changed', () => {
    for (const proof of proofs) {
      assert.equal(verifyStateProof(proof, ledger).verdict, 'VALID');
      const { anchor: _anchor, ...own } = proof;
      for (const changed of mutations(own as unknown as Json)) {
        const tampered = { ...(changed as object), anchor: proof.anchor };
        const verdict = verifyStateProof(tampered, ledger);
        if (verdict.verdict === 'VALID') assert.fail(JSON.stringify(changed));
      }
    }
  });
});
