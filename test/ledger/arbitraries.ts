/** Headers, certificates and blocks at random, for properties of their codecs. */
import fc from 'fast-check';
import type { Digest } from '../../shared/bytes/digest.ts';
import { toHex } from '../../shared/bytes/text.ts';
import type { Header } from '../../shared/ledger/block.ts';
import type { QuorumCertificate, TimeoutCertificate } from '../../shared/ledger/certificate.ts';

// Decoders make plain objects; fast-check mixes in some without a prototype.
export const record = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>;

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

export const digest = bytesOf(32).map((bytes) => toHex(bytes) as Digest);
export const natural = fc.oneof(fc.nat(300), fc.maxSafeNat());

export const header: fc.Arbitrary<Header> = record({
  ledger: digest,
  epoch: natural,
  round: natural,
  height: fc.option(natural),
  parent: digest,
  parentRound: natural,
  author: fc.string({ unit: 'grapheme' }),
  time: natural,
  transactionsRoot: digest,
  resultsRoot: digest,
  stateRoot: digest,
  historyRoot: digest,
  validatorsHash: digest,
  nextValidatorsHash: fc.option(digest),
});

const signed = { validator: fc.nat(127), signature: bytesOf(64) };

export const quorumCertificate: fc.Arbitrary<QuorumCertificate> = record({
  epoch: natural,
  round: natural,
  block: digest,
  signatures: fc.array(record(signed), { maxLength: 5 }),
});

export const timeoutCertificate: fc.Arbitrary<TimeoutCertificate> = record({
  epoch: natural,
  round: natural,
  timeouts: fc.array(record({ ...signed, highQcRound: natural }), { maxLength: 5 }),
});
