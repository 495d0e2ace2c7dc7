/**
 * Quorum and timeout certificates and the statements under them. A statement's tagged digest
 * (32 bytes) is the message that a node's key signs with ES256.
 */
import { type Cbor, encodeCbor } from '../bytes/cbor.ts';
import { byteString, list, natural } from '../bytes/cbor-shape.ts';
import { type Digest, taggedDigest } from '../bytes/digest.ts';
import { fromHex, toHex } from '../bytes/text.ts';

/** A vote: this block is valid and extends a certified one. */
export interface Vote {
  readonly kind: 'vote';
  readonly ledger: Digest;
  readonly epoch: number;
  readonly round: number;
  readonly block: Digest;
}

/** A timeout: I vote for nothing in rounds up to this one; my highest certificate is of that round. */
export interface Timeout {
  readonly kind: 'timeout';
  readonly ledger: Digest;
  readonly epoch: number;
  readonly round: number;
  readonly highQcRound: number;
}

/** What certificates are made of. A node's consensus key signs these, and attestations (`consensus/restored.ts`). */
export type Statement = Vote | Timeout;

/** The 32 bytes that are signed for a statement. */
export function statementDigest(statement: Statement): Uint8Array {
  const { ledger, epoch, round } = statement;
  switch (statement.kind) {
    case 'vote':
      return fromHex(
        taggedDigest(
          'fuqi/v1/vote',
          encodeCbor([fromHex(ledger), epoch, round, fromHex(statement.block)]),
        ),
      );
    case 'timeout':
      return fromHex(
        taggedDigest(
          'fuqi/v1/timeout',
          encodeCbor([fromHex(ledger), epoch, round, statement.highQcRound]),
        ),
      );
  }
}

/** One validator's signature: its index in the epoch's validator set, 64 bytes r‖s. */
export interface IndexedSignature {
  readonly validator: number;
  readonly signature: Uint8Array;
}

/** A quorum of votes for one block. Round 0 (an epoch's start) carries no signatures. */
export interface QuorumCertificate {
  readonly epoch: number;
  readonly round: number;
  readonly block: Digest;
  /** Ascending by validator index. */
  readonly signatures: readonly IndexedSignature[];
}

/** A quorum of timeouts for one round; valid only together with a QC of the largest round in it. */
export interface TimeoutCertificate {
  readonly epoch: number;
  readonly round: number;
  /** Ascending by validator index; each signer's highest QC round is part of what it signed. */
  readonly timeouts: readonly (IndexedSignature & { readonly highQcRound: number })[];
}

/** The largest QC round that a signer of the certificate reported. */
export const highestQcRound = (tc: TimeoutCertificate): number =>
  tc.timeouts.reduce((highest, entry) => Math.max(highest, entry.highQcRound), 0);

/** CBOR form of a quorum certificate, to be embedded. */
export const encodeQc = (qc: QuorumCertificate): Cbor => [
  qc.epoch,
  qc.round,
  fromHex(qc.block),
  qc.signatures.map((entry) => [entry.validator, entry.signature]),
];

/** CBOR form of a timeout certificate, to be embedded. */
export const encodeTc = (tc: TimeoutCertificate): Cbor => [
  tc.epoch,
  tc.round,
  tc.timeouts.map((entry) => [entry.validator, entry.highQcRound, entry.signature]),
];

/** Reverses `encodeQc`; throws an Error on any other structure. */
export function decodeQc(item: Cbor): QuorumCertificate {
  const [epoch, round, block, entries] = list(item, 4);
  return {
    epoch: natural(epoch),
    round: natural(round),
    block: toHex(byteString(block, 32)) as Digest,
    signatures: list(entries).map((entry) => {
      const [validator, signature] = list(entry, 2);
      return { validator: natural(validator), signature: byteString(signature, 64) };
    }),
  };
}

/** Reverses `encodeTc`; throws an Error on any other structure. */
export function decodeTc(item: Cbor): TimeoutCertificate {
  const [epoch, round, entries] = list(item, 3);
  return {
    epoch: natural(epoch),
    round: natural(round),
    timeouts: list(entries).map((entry) => {
      const [validator, highQcRound, signature] = list(entry, 3);
      return {
        validator: natural(validator),
        highQcRound: natural(highQcRound),
        signature: byteString(signature, 64),
      };
    }),
  };
}
