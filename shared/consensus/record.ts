/** The safety record as bytes, for the head store. */
import { type Cbor, decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { fromHex, toHex } from '../bytes/text.ts';
import { decodeQc, decodeTc, encodeQc, encodeTc, type Statement } from '../ledger/certificate.ts';
import type { SafetyRecord } from './safety.ts';
import type { VerifiedQc, VerifiedTc } from './validators.ts';

/** Deterministic CBOR of a record. */
export function encodeRecord(record: SafetyRecord): Uint8Array {
  const { statement, proposed } = record;
  return encodeCbor([
    record.version,
    record.store,
    record.epoch,
    record.votedRound,
    statement && encodeStatement(statement),
    proposed && [proposed.round, fromHex(proposed.block)],
    encodeQc(record.highQc),
    record.highTc && encodeTc(record.highTc),
    record.floor,
  ]);
}

/** Reverses `encodeRecord`. Certificates in one's own record were checked before they were saved. */
export function decodeRecord(bytes: Uint8Array): SafetyRecord {
  const [version, store, epoch, votedRound, statement, proposed, highQc, highTc, floor] =
    decodeCbor(bytes) as Cbor[];
  const pair = proposed as [number, Uint8Array] | null;
  return {
    version: version as number,
    store: store as string,
    epoch: epoch as number,
    votedRound: votedRound as number,
    // Records of before there were floors end with the certificates.
    floor: floor === undefined ? 0 : (floor as number | null),
    statement: statement === null ? null : decodeStatement(statement as Cbor[]),
    proposed: pair && { round: pair[0], block: toHex(pair[1]) as Digest },
    highQc: decodeQc(highQc as Cbor) as VerifiedQc,
    highTc: highTc === null ? null : (decodeTc(highTc as Cbor) as VerifiedTc),
  };
}

function encodeStatement(statement: Statement): Cbor {
  const { kind, ledger, epoch, round } = statement;
  const last = kind === 'vote' ? fromHex(statement.block) : statement.highQcRound;
  return [kind, fromHex(ledger), epoch, round, last];
}

function decodeStatement([kind, ledgerBytes, epoch, round, last]: Cbor[]): Statement {
  const common = {
    ledger: toHex(ledgerBytes as Uint8Array) as Digest,
    epoch: epoch as number,
    round: round as number,
  };
  return kind === 'vote'
    ? { kind: 'vote', ...common, block: toHex(last as Uint8Array) as Digest }
    : { kind: 'timeout', ...common, highQcRound: last as number };
}
