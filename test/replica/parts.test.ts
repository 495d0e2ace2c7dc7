/** What snapshots are sent in: pages, entries, anchors and hand-overs come back as they were, and have one form. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeCbor } from '../../shared/bytes/cbor.ts';
import { sha256Hex } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { toHex, utf8 } from '../../shared/bytes/text.ts';
import {
  decodePage,
  EMPTY_TREE,
  encodePage,
  updateTree,
} from '../../shared/execution/state-tree.ts';
import { decodeEntry } from '../../shared/execution/tree-walk.ts';
import { blockId, encodeHeader } from '../../shared/ledger/block.ts';
import { decodeAnchor, encodeAnchor } from '../../shared/replica/anchor.ts';
import { decodeHandover, encodeHandover } from '../../shared/replica/handover.ts';
import { digest, header, natural, quorumCertificate, record } from '../ledger/arbitraries.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 12 });

/** The pages of trees of some keys. */
const pages = fc
  .dictionary(text, fc.uint8Array({ maxLength: 8 }), { maxKeys: 40, noNullPrototype: true })
  .map((values) => {
    const tree = updateTree(EMPTY_TREE, 3, new Map(Object.entries(values)), () => undefined);
    if ('missing' in tree) throw new Error('an empty tree misses nothing');
    return [...tree.pages.values()];
  });

const finality = header.chain((last) =>
  record({
    header: fc.constant(encodeHeader(last)),
    descendants: fc.array(header.map(encodeHeader), { maxLength: 2 }),
    certificate: quorumCertificate,
  }),
);
const validator = record({ member: text, x: text, y: text });

describe('a part of a snapshot', () => {
  it('that is a page of the state comes back with all its hashes', () => {
    fc.assert(
      fc.property(pages, (list) => {
        for (const page of list) assert.deepEqual(decodePage(encodePage(page)), page);
      }),
    );
  });

  it('that is an entry comes back', () => {
    fc.assert(
      fc.property(text, fc.uint8Array(), (key, value) => {
        assert.deepEqual(decodeEntry(encodeCbor([key, value])), { key, value });
      }),
    );
  });

  it('that is an anchor comes back with its header', () => {
    const peaks = fc.array(digest, { maxLength: 5 });
    fc.assert(
      fc.property(header, finality, quorumCertificate, peaks, (value, proof, qc, list) => {
        const anchor = {
          header: value,
          finality: { ...proof, header: encodeHeader(value) },
          qc,
          peaks: list,
        };
        const decoded = decodeAnchor(encodeAnchor(anchor));
        assert.deepEqual(decoded, anchor);
        assert.equal(blockId(decoded.header), blockId(value));
      }),
    );
  });

  it('that is a hand-over comes back with its validators', () => {
    const validators = fc.array(validator, { maxLength: 4 });
    fc.assert(
      fc.property(
        digest,
        finality,
        natural,
        natural,
        validators,
        (ledger, proof, epoch, n, list) => {
          const set = {
            ledger,
            epoch,
            tenureRounds: n,
            validators: list.map(({ member, x, y }) => ({
              member,
              key: { kty: 'EC', crv: 'P-256', x, y } as const,
            })),
          };
          const handover = { finality: proof, set };
          assert.deepEqual(decodeHandover(encodeHandover(handover), ledger), handover);
        },
      ),
    );
  });

  it('has one form: what decodes with a byte changed encodes to the same bytes', () => {
    const samples = fc.sample(fc.tuple(pages, header, finality, quorumCertificate, digest), {
      numRuns: 12,
      seed: 7,
    });
    let accepted = 0;
    const hasOneForm = (bytes: Uint8Array, again: (bytes: Uint8Array) => Uint8Array): void => {
      for (let at = 0; at < bytes.length; at++) {
        const copy = Uint8Array.from(bytes);
        copy[at]! ^= 1 + (at % 255);
        let encoded: Uint8Array;
        try {
          encoded = again(copy);
        } catch (error) {
          assert.ok(error instanceof Error && !(error instanceof TypeError), String(error));
          continue;
        }
        accepted++;
        assert.equal(toHex(encoded), toHex(copy));
      }
    };
    for (const [list, value, proof, qc, ledger] of samples) {
      for (const page of list.slice(0, 2)) {
        hasOneForm(encodePage(page), (bytes) => encodePage(decodePage(bytes)));
      }
      const anchor = {
        header: value,
        finality: { ...proof, header: encodeHeader(value) },
        qc,
        peaks: [sha256Hex(utf8('peak')) as Digest],
      };
      hasOneForm(encodeAnchor(anchor), (bytes) => encodeAnchor(decodeAnchor(bytes)));
      const set = { ledger, epoch: 2, tenureRounds: 64, validators: [] };
      hasOneForm(encodeHandover({ finality: proof, set }), (bytes) =>
        encodeHandover(decodeHandover(bytes, ledger)),
      );
    }
    assert.ok(accepted > 100, `${accepted}`);
  });
});
