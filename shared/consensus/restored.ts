/**
 * The part of the trusted kernel for stores that were restored from a backup: the record has forgotten
 * what was signed since. It asks the other validators what they signed, and signs nothing at or below
 * the highest round of their answers plus one tenure. Why that is enough stands in `docs/protocol.md` §7.
 */
import { type Cbor, encodeCbor } from '../bytes/cbor.ts';
import { byteString, list, natural } from '../bytes/cbor-shape.ts';
import { verifyEs256 } from '../bytes/crypto.ts';
import { type Digest, taggedDigest } from '../bytes/digest.ts';
import { fromHex } from '../bytes/text.ts';
import {
  decodeQc,
  decodeTc,
  encodeQc,
  encodeTc,
  highestQcRound,
  type QuorumCertificate,
  type TimeoutCertificate,
} from '../ledger/certificate.ts';
import { currentRound, type SafetyRecord, signedUpTo } from './safety.ts';
import {
  quorumSize,
  tenureEnd,
  type ValidatorSet,
  type VerifiedQc,
  type VerifiedTc,
} from './validators.ts';

/** A validator's signed answer from its durable record: no round of the epoch above this was signed for. */
export interface Attestation {
  readonly epoch: number;
  readonly votedRound: number;
  /** The record's highest certificates: they bound what can be claimed. */
  readonly qc: QuorumCertificate;
  readonly tc: TimeoutCertificate | null;
  readonly signature: Uint8Array;
}

/** Who asked: its member, and the identity of its restored store, which no earlier answer was for. */
export interface Asker {
  readonly member: string;
  readonly store: string;
}

/** An attestation that was checked against its epoch's validator set. */
export type VerifiedAttestation = {
  readonly member: string;
  readonly epoch: number;
  readonly votedRound: number;
} & { readonly __verified: unique symbol };

/** The record of a store that was restored: it signs nothing until `liftRestored`. Must be saved first of all. */
export const markRestored = (record: SafetyRecord, store: string): SafetyRecord => ({
  ...record,
  store,
  floor: null,
  statement: null,
  proposed: null,
});

/** The 32 bytes that are signed for an attestation. */
export const attestationDigest = (
  ledger: Digest,
  asker: Asker,
  { epoch, votedRound }: Pick<Attestation, 'epoch' | 'votedRound'>,
): Uint8Array =>
  fromHex(
    taggedDigest(
      'fuqi/v1/attestation',
      encodeCbor([fromHex(ledger), epoch, votedRound, asker.member, asker.store]),
    ),
  );

/** What a record can attest; a record that has forgotten something itself, and is not past it, can't. */
export function decideAttestation(
  record: SafetyRecord,
): Omit<Attestation, 'signature'> | { readonly refuse: string } {
  if (record.floor === null || currentRound(record) <= record.floor) {
    return { refuse: 'this node was restored from a backup itself' };
  }
  const { epoch, highQc: qc, highTc: tc } = record;
  return { epoch, votedRound: signedUpTo(record), qc, tc };
}

/**
 * Checks an attestation whose certificates were checked. A correct validator never signs beyond the
 * tenure that its certificates lead to, so a liar can't push the floor further than that either.
 */
export function verifyAttestation(
  set: ValidatorSet,
  member: string,
  asker: Asker,
  { epoch, votedRound, signature }: Attestation,
  qc: VerifiedQc,
  tc: VerifiedTc | null,
): VerifiedAttestation | undefined {
  const validator = set.validators.find((one) => one.member === member);
  if (!validator || member === asker.member || epoch !== set.epoch) return undefined;
  if (qc.epoch !== epoch || (tc && (tc.epoch !== epoch || highestQcRound(tc) > qc.round))) {
    return undefined;
  }
  const round = Math.max(qc.round, tc?.round ?? 0) + 1;
  if (votedRound > tenureEnd(set, round)) return undefined;
  const digest = attestationDigest(set.ledger, asker, { epoch, votedRound });
  if (!verifyEs256(validator.key, digest, signature)) return undefined;
  return { member, epoch, votedRound } as VerifiedAttestation;
}

/** How many other validators have to answer: a quorum, or all others where they are fewer. */
export const attestationsNeeded = (n: number): number => Math.min(quorumSize(n), n - 1);

/**
 * Ends a restored record's silence once enough other validators of its epoch have answered; undefined
 * while they have not. A sole validator has nobody to ask.
 */
export function liftRestored(
  record: SafetyRecord,
  set: ValidatorSet,
  attestations: Iterable<VerifiedAttestation>,
): SafetyRecord | undefined {
  const n = set.validators.length;
  const rounds = new Map<string, number>();
  for (const { member, epoch, votedRound } of attestations) {
    if (epoch === record.epoch) rounds.set(member, votedRound);
  }
  if (n < 2 || record.epoch !== set.epoch || rounds.size < attestationsNeeded(n)) return undefined;
  const highest = Math.max(record.votedRound, ...rounds.values());
  return { ...record, floor: highest + set.tenureRounds };
}

/**
 * Ends the silence of a sole validator because its operator says so: what was committed since the
 * backup is lost, and what it signs now may contradict it. Changes nothing where there are others.
 */
export const acceptLoss = (record: SafetyRecord, set: ValidatorSet): SafetyRecord =>
  record.floor === null && set.validators.length === 1 ? { ...record, floor: 0 } : record;

/** CBOR form of an attestation, to be embedded. */
export const encodeAttestation = ({ epoch, votedRound, qc, tc, signature }: Attestation): Cbor => [
  epoch,
  votedRound,
  encodeQc(qc),
  tc && encodeTc(tc),
  signature,
];

/** Reverses `encodeAttestation`; throws an Error on any other structure. */
export function decodeAttestation(item: Cbor): Attestation {
  const [epoch, votedRound, qc, tc, signature] = list(item, 5);
  return {
    epoch: natural(epoch),
    votedRound: natural(votedRound),
    qc: decodeQc(qc as Cbor),
    tc: tc === null ? null : decodeTc(tc as Cbor),
    signature: byteString(signature, 64),
  };
}
