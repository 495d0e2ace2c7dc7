/** The codec of messages between nodes: what was encoded comes back, and whatever decodes has no other form. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Cbor, decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import { toHex } from '../../shared/bytes/text.ts';
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  type Reply,
  type Request,
  type Standing,
} from '../../shared/consensus/message.ts';
import {
  digest,
  natural,
  quorumCertificate,
  record,
  timeoutCertificate,
} from '../ledger/arbitraries.ts';

const bytes = fc.uint8Array({ maxLength: 40 });
const signature = fc.uint8Array({ minLength: 64, maxLength: 64 });
const index = fc.nat(127);

const standing: fc.Arbitrary<Standing> = record({
  epoch: natural,
  height: natural,
  qc: quorumCertificate,
  tc: fc.option(timeoutCertificate),
  seen: fc.option(record({ round: natural, block: digest, validator: index, signature })),
});
const timeout = record({ validator: index, round: natural, highQcRound: natural, signature });
const place = fc.stringMatching(/^[0-9a-f]{0,64}$/);
const kind = <K extends Request['kind']>(name: K) => fc.constant(name);

const entryName = fc.stringMatching(/^[a-z-]{1,9}\/[0-9a-f]{1,64}$/);

const request: fc.Arbitrary<Request> = fc.oneof(
  record({ kind: kind('proposal'), standing, block: bytes, signature }),
  record({ kind: kind('timeout'), standing, timeout }),
  record({
    kind: kind('tidings'),
    standing,
    transactions: fc.array(bytes, { maxLength: 3 }),
    waiting: fc.boolean(),
  }),
  record({ kind: fc.constantFrom('blocks', 'epochs'), standing, after: natural }),
  record({ kind: kind('attest'), standing, store: fc.string({ unit: 'grapheme', maxLength: 80 }) }),
  record({ kind: kind('anchor'), standing }),
  record({
    kind: kind('state'),
    standing,
    height: natural,
    places: fc.array(place, { maxLength: 3 }),
  }),
  record({ kind: kind('values'), standing, envelope: bytes }),
  record({ kind: kind('read-values'), standing, request: bytes }),
  record({
    kind: kind('endorse'),
    standing,
    transactions: fc.array(digest, { minLength: 1, maxLength: 3 }),
  }),
  record({ kind: kind('fetch-values'), standing, transaction: digest }),
  record({
    kind: fc.constant('attachment'),
    standing,
    transaction: digest,
    sealed: digest,
    part: fc.nat(),
    grant: fc.option(digest),
  }),
  record({
    kind: kind('vault-entries'),
    standing,
    after: fc.option(entryName),
    names: fc.array(entryName, { maxLength: 3 }),
    closing: fc.boolean(),
  }),
  record({
    kind: kind('vault-part'),
    standing,
    name: fc.stringMatching(/^[0-9a-f]{32}$/),
    part: fc.nat(24),
  }),
) as fc.Arbitrary<Request>;

const reply: fc.Arbitrary<Reply> = record({
  standing,
  vote: fc.option(bytes),
  timeout: fc.option(timeout),
  steps: fc.array(fc.oneof(record({ block: bytes }), record({ qc: quorumCertificate })), {
    maxLength: 3,
  }),
  refusal: fc.option(fc.string({ unit: 'grapheme' })),
  attestation: fc.option(
    record({
      epoch: natural,
      votedRound: natural,
      qc: quorumCertificate,
      tc: fc.option(timeoutCertificate),
      signature,
    }),
  ),
  parts: fc.array(bytes, { maxLength: 3 }),
});

/** Bytes of a message with one of them changed. */
const changed = (message: Uint8Array, at: number, byte: number): Uint8Array => {
  const copy = Uint8Array.from(message);
  copy[at % copy.length] = byte;
  return copy;
};

/** What decodes encodes to the same bytes; anything else throws. */
function hasOneForm<T>(
  message: Uint8Array,
  decode: (message: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
): void {
  let value: T;
  try {
    value = decode(message);
  } catch (error) {
    assert.ok(error instanceof Error && !(error instanceof TypeError), String(error));
    return;
  }
  assert.equal(toHex(encode(value)), toHex(message));
}

describe('a request', () => {
  it('comes back from its encoding as it was', () => {
    fc.assert(
      fc.property(request, (value) => {
        assert.deepEqual(decodeRequest(encodeRequest(value)), value);
      }),
      { numRuns: 300 },
    );
  });

  it('has one form', () => {
    fc.assert(
      fc.property(request, fc.nat(), fc.nat(255), (value, at, byte) => {
        hasOneForm(changed(encodeRequest(value), at, byte), decodeRequest, encodeRequest);
      }),
      { numRuns: 1000 },
    );
  });

  it('is refused with anything too many, missing or of another kind', () => {
    const samples = fc.sample(request, { numRuns: 120, seed: 7 });
    assert.ok(
      new Set(samples.map((sample) => sample.kind)).size === 15,
      'every kind is among them',
    );
    for (const sample of samples) {
      const items = decodeCbor(encodeRequest(sample)) as Cbor[];
      for (const more of [null, false, 0, []]) {
        assert.throws(() => decodeRequest(encodeCbor([...items, more])), /not a request/);
      }
      assert.throws(() => decodeRequest(encodeCbor(items.slice(0, -1))), Error);
      for (const other of ['toString', 'vote', '', 1, null]) {
        assert.throws(() => decodeRequest(encodeCbor(items.with(0, other))), /not a request/);
      }
      if (sample.kind !== 'tidings') continue;
      for (const waiting of [null, 1, 'true']) {
        assert.throws(() => decodeRequest(encodeCbor(items.with(3, waiting))), /not a request/);
      }
    }
  });
});

describe('a reply', () => {
  it('comes back from its encoding as it was', () => {
    fc.assert(
      fc.property(reply, (value) => {
        assert.deepEqual(decodeReply(encodeReply(value)), value);
      }),
      { numRuns: 300 },
    );
  });

  it('has one form', () => {
    fc.assert(
      fc.property(reply, fc.nat(), fc.nat(255), (value, at, byte) => {
        hasOneForm(changed(encodeReply(value), at, byte), decodeReply, encodeReply);
      }),
      { numRuns: 1000 },
    );
  });
});
