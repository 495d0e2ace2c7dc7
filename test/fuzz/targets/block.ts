/** Headers, blocks with their certificates, and results, as they are stored and sent. */
import assert from 'node:assert/strict';
import { decodeCbor, encodeCbor } from '../../../shared/bytes/cbor.ts';
import { taggedDigest } from '../../../shared/bytes/digest.ts';
import {
  blockId,
  decodeBlock,
  decodeHeader,
  encodeBlock,
  encodeHeader,
} from '../../../shared/ledger/block.ts';
import { decodeQc, decodeTc, encodeQc, encodeTc } from '../../../shared/ledger/certificate.ts';
import { decodeResult, encodeResult } from '../../../shared/ledger/result.ts';
import { accepted, sameBytes } from '../invariant.ts';

export function fuzz(data: Uint8Array): void {
  const header = accepted(() => decodeHeader(data));
  if (header) {
    // The decoded header remembers its encoding; a copy does not.
    sameBytes(encodeHeader({ ...header }), data, 'the header encoded again');
    assert.equal(blockId(header), taggedDigest('fuqi/v1/header', data));
  }
  const block = accepted(() => decodeBlock(data));
  if (block) {
    sameBytes(
      encodeBlock({ ...block, header: { ...block.header } }),
      data,
      'the block encoded again',
    );
    assert.equal(block.id, blockId({ ...block.header }));
  }
  const result = accepted(() => decodeResult(data));
  if (result) sameBytes(encodeResult(result), data, 'the result encoded again');
  const item = accepted(() => decodeCbor(data));
  if (item === undefined) return;
  const qc = accepted(() => decodeQc(item));
  if (qc) sameBytes(encodeCbor(encodeQc(qc)), data, 'the certificate encoded again');
  const tc = accepted(() => decodeTc(item));
  if (tc) sameBytes(encodeCbor(encodeTc(tc)), data, 'the timeout certificate encoded again');
}
