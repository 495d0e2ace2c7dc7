/**
 * Hand-overs as bytes: the finality proof of an epoch's last block and the validator set that its
 * header names for the next epoch. A chain of them leads from any known set to the newest, and
 * nobody needs to be trusted for it. Hand-overs by agreement of the members have no such form: what
 * members agree on is believed by a node when its operator says so (`agreement.ts`).
 */
import { type Cbor, decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import { byteString, list, natural } from '../bytes/cbor-shape.ts';
import type { Digest } from '../bytes/digest.ts';
import { toBase64Url } from '../bytes/text.ts';
import {
  decodeValidators,
  encodeValidatorSet,
  type ValidatorSet,
  validatorsHash,
} from '../consensus/validators.ts';
import { decodeQc, encodeQc, type QuorumCertificate } from '../ledger/certificate.ts';
import type {
  CertificateJson,
  EpochHandover,
  FinalityProof,
  ValidatorSetJson,
} from '../ledger/receipt.ts';
import { check } from '../proof/check.ts';
import { verifyFinality } from '../proof/verify.ts';

/** Why a header is final, with encoded headers (`FinalityProof` is its form in JSON). */
export interface Finality {
  readonly header: Uint8Array;
  readonly descendants: readonly Uint8Array[];
  readonly certificate: QuorumCertificate;
}

export interface Handover {
  readonly finality: Finality;
  readonly set: ValidatorSet;
}

/** CBOR form of a finality proof, to be embedded. */
export const encodeFinality = ({ header, descendants, certificate }: Finality): Cbor => [
  header,
  descendants,
  encodeQc(certificate),
];

/** Reverses `encodeFinality`; throws an Error on any other structure. */
export function decodeFinality(item: Cbor | undefined): Finality {
  const [header, descendants, certificate] = list(item, 3);
  return {
    header: byteString(header),
    descendants: list(descendants).map((each) => byteString(each)),
    certificate: decodeQc(certificate as Cbor),
  };
}

/** CBOR of a hand-over. */
export const encodeHandover = ({ finality, set }: Handover): Uint8Array =>
  encodeCbor([encodeFinality(finality), encodeValidatorSet(set)]);

/** Reverses `encodeHandover`; throws an Error on any other structure. Nothing is checked yet. */
export function decodeHandover(bytes: Uint8Array, ledger: Digest): Handover {
  const [finality, encodedSet] = list(decodeCbor(bytes), 2);
  const [epoch, tenureRounds, validators] = list(decodeCbor(byteString(encodedSet)), 3);
  return {
    finality: decodeFinality(finality),
    set: {
      ledger,
      epoch: natural(epoch),
      tenureRounds: natural(tenureRounds),
      validators: decodeValidators(validators),
    },
  };
}

/** Checks a hand-over against the set that it hands over from; throws an Error that says what is wrong. */
export function checkHandover({ finality, set }: Handover, from: ValidatorSet): void {
  const last = verifyFinality(finality, from);
  check(set.epoch === from.epoch + 1, 'a hand-over that skips an epoch');
  check(last.header.nextValidatorsHash === validatorsHash(set), 'another next validator set');
}

/** A hand-over as receipts carry it. */
export const handoverToJson = ({ finality, set }: Handover): EpochHandover => ({
  finality: finalityToJson(finality),
  validators: validatorsToJson(set),
});

/** A finality proof as receipts carry it. */
export const finalityToJson = ({ header, descendants, certificate }: Finality): FinalityProof => ({
  header: toBase64Url(header),
  descendants: descendants.map(toBase64Url),
  certificate: certificateToJson(certificate),
});

/** A certificate as receipts carry it. */
export const certificateToJson = (qc: QuorumCertificate): CertificateJson => ({
  epoch: qc.epoch,
  round: qc.round,
  block: qc.block,
  signatures: qc.signatures.map(({ validator, signature }) => ({
    validator,
    signature: toBase64Url(signature),
  })),
});

/** A validator set as receipts carry it. */
export const validatorsToJson = (set: ValidatorSet): ValidatorSetJson => ({
  epoch: set.epoch,
  tenureRounds: set.tenureRounds,
  validators: set.validators.map(({ member, key }) => ({ member, x: key.x, y: key.y })),
});
