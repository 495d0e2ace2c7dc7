/**
 * Codecs of headers, certificates and blocks: what was encoded comes back, what decodes encodes to
 * the same bytes, and everything else throws.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Cbor, decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import { type Digest, taggedDigest } from '../../shared/bytes/digest.ts';
import { toHex } from '../../shared/bytes/text.ts';
import {
  blockId,
  decodeBlock,
  decodeHeader,
  encodeBlock,
  encodeHeader,
  type Header,
} from '../../shared/ledger/block.ts';
import { decodeQc, decodeTc, encodeQc, encodeTc } from '../../shared/ledger/certificate.ts';
import { digest, header, quorumCertificate, record, timeoutCertificate } from './arbitraries.ts';

const sample = <T>(arbitrary: fc.Arbitrary<T>): T =>
  fc.sample(arbitrary, { numRuns: 1, seed: 7 })[0]!;

const block = record({
  header,
  transactions: fc.array(fc.uint8Array(), { maxLength: 4 }),
  qc: quorumCertificate,
  tc: fc.option(timeoutCertificate),
});

/** CBOR maps and lists that are nearly what they should be: one place holds something else. */
const wrong: readonly Cbor[] = [null, true, 'x', -1, [], {}, new Uint8Array(31)];

describe('a header', () => {
  it('comes back from its encoding as it was', () => {
    fc.assert(
      fc.property(header, (value) => {
        assert.deepEqual(decodeHeader(encodeHeader(value)), value);
      }),
    );
  });

  it('has the tagged digest of its encoding for an id, which every field enters', () => {
    fc.assert(
      fc.property(header, header, (value, other) => {
        const id = blockId(value);
        assert.equal(id, taggedDigest('fuqi/v1/header', encodeHeader(value)));
        for (const field of Object.keys(value) as (keyof Header)[]) {
          if (value[field] === other[field]) continue;
          assert.notEqual(blockId({ ...value, [field]: other[field] }), id, field);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('has an id that does not depend on the order of its fields', () => {
    const value = sample(header);
    const reversed = Object.fromEntries(Object.entries(value).reverse()) as unknown as Header;
    assert.equal(blockId(reversed), blockId(value));
  });

  const map = decodeCbor(encodeHeader(sample(header))) as Record<string, Cbor>;
  for (const field of Object.keys(map)) {
    it(`is refused without, or with a wrong, ${field}`, () => {
      const { [field]: _, ...without } = map;
      assert.throws(() => decodeHeader(encodeCbor(without)), /not a header/);
      assert.throws(() => decodeHeader(encodeCbor({ ...without, extra: 1 })), Error);
      for (const value of wrong) {
        const isNullable = field === 'height' || field === 'nextValidatorsHash';
        if (field === 'author' && typeof value === 'string') continue;
        if (isNullable && value === null) continue;
        const changed = encodeCbor({ ...map, [field]: value });
        assert.throws(() => decodeHeader(changed), new RegExp(`header\\.${field}`));
      }
    });
  }

  it('is refused with a field too many', () => {
    assert.throws(() => decodeHeader(encodeCbor({ ...map, extra: 1 })), /not a header/);
  });
});

describe('certificates', () => {
  it('come back from their encodings as they were', () => {
    fc.assert(
      fc.property(quorumCertificate, timeoutCertificate, (qc, tc) => {
        assert.deepEqual(decodeQc(decodeCbor(encodeCbor(encodeQc(qc)))), qc);
        assert.deepEqual(decodeTc(decodeCbor(encodeCbor(encodeTc(tc)))), tc);
      }),
    );
  });

  it('are refused with any part wrong, missing or too many', () => {
    const signature = new Uint8Array(64);
    const qc: Cbor[] = [1, 2, new Uint8Array(32), [[0, signature]]];
    const tc: Cbor[] = [1, 2, [[0, 1, signature]]];
    assert.ok(decodeQc(qc) && decodeTc(tc));
    for (const value of [...wrong, 'y']) {
      for (const index of qc.keys()) {
        if (Array.isArray(value) && index === 3) continue;
        assert.throws(() => decodeQc(qc.with(index, value)), Error);
      }
      for (const index of tc.keys()) {
        if (Array.isArray(value) && index === 2) continue;
        assert.throws(() => decodeTc(tc.with(index, value)), Error);
      }
      assert.throws(() => decodeQc(value));
      assert.throws(() => decodeTc(value));
      assert.throws(() => decodeQc(qc.with(3, [value])));
      assert.throws(() => decodeQc(qc.with(3, [[0, value]])));
      assert.throws(() => decodeQc(qc.with(3, [[value, signature]])));
      assert.throws(() => decodeTc(tc.with(2, [[0, value, signature]])));
      assert.throws(() => decodeTc(tc.with(2, [[0, 1, value]])));
    }
    assert.throws(() => decodeQc([...qc, 1]));
    assert.throws(() => decodeQc(qc.slice(0, 3)));
    assert.throws(() => decodeTc([...tc, 1]));
    assert.throws(() => decodeTc(tc.slice(0, 2)));
  });
});

describe('a block', () => {
  it('comes back from its encoding, with the id of its header', () => {
    fc.assert(
      fc.property(block, (parts) => {
        const value = { id: blockId(parts.header), ...parts };
        assert.deepEqual(decodeBlock(encodeBlock(value)), value);
      }),
    );
  });

  it('is identified by its header alone: signatures enter no id', () => {
    const parts = sample(block);
    const other = { ...parts, qc: sample(quorumCertificate), tc: null, transactions: [] };
    const idOf = (value: typeof parts): Digest =>
      decodeBlock(encodeBlock({ id: sample(digest), ...value })).id;
    assert.equal(idOf(parts), idOf(other));
  });

  it('is refused with any part wrong, missing or too many', () => {
    const parts = sample(block);
    const items = decodeCbor(encodeBlock({ id: sample(digest), ...parts })) as Cbor[];
    for (const value of [...wrong, Uint8Array.of(0xa0)]) {
      for (const index of items.keys()) {
        const isEmptyList = Array.isArray(value) && index === 1;
        if (isEmptyList || (value === null && index === 3)) continue;
        assert.throws(() => decodeBlock(encodeCbor(items.with(index, value))), Error);
      }
      assert.throws(() => decodeBlock(encodeCbor(value)), Error);
      if (value instanceof Uint8Array) continue;
      assert.throws(() => decodeBlock(encodeCbor(items.with(1, [value]))), /block\.transactions/);
    }
    for (const item of [7, 'block', null, {}]) {
      assert.throws(() => decodeBlock(encodeCbor(item)), /not a block/);
    }
    assert.throws(() => decodeBlock(encodeCbor([...items, null])), /not a block/);
    assert.throws(() => decodeBlock(encodeCbor(items.slice(0, 3))), Error);
  });

  it('is refused, or has the same encoding again, whatever the bytes', () => {
    const bytes = encodeBlock({ id: sample(digest), ...sample(block) });
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const changed = Uint8Array.from(bytes);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        let decoded: ReturnType<typeof decodeBlock>;
        try {
          decoded = decodeBlock(changed);
        } catch (error) {
          assert.ok(error instanceof Error);
          return;
        }
        assert.equal(toHex(encodeBlock(decoded)), toHex(changed));
      }),
      { numRuns: 300 },
    );
    fc.assert(fc.property(fc.uint8Array(), (garbage) => assert.throws(() => decodeBlock(garbage))));
  });
});
