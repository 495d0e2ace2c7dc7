/**
 * One epoch's validator set: its digest, its quorum, its leaders, and the checks of certificates
 * against it. Certificates that passed carry a brand, so that unchecked ones can't be used.
 */
import { type Cbor, encodeCbor } from '../bytes/cbor.ts';
import { list } from '../bytes/cbor-shape.ts';
import { type PublicJwk, verifyEs256 } from '../bytes/crypto.ts';
import { type Digest, taggedDigest } from '../bytes/digest.ts';
import {
  highestQcRound,
  type IndexedSignature,
  type QuorumCertificate,
  type Statement,
  statementDigest,
  type TimeoutCertificate,
} from '../ledger/certificate.ts';
import { quorumSize } from '../ledger/quorum.ts';

export { faultsTolerated, quorumSize } from '../ledger/quorum.ts';

/** A member's consensus key in one epoch. */
export interface Validator {
  readonly member: string;
  readonly key: PublicJwk;
}

/** The validators of one epoch, in the order of member ids. */
export interface ValidatorSet {
  readonly ledger: Digest;
  readonly epoch: number;
  readonly validators: readonly Validator[];
  /** Rounds that one leader keeps in this epoch. */
  readonly tenureRounds: number;
}

/** The set that these members make: the validators among them, in the order of their ids. */
export const validatorSetOf = (
  ledger: Digest,
  epoch: number,
  tenureRounds: number,
  members: readonly {
    readonly id: string;
    readonly validator: boolean;
    readonly nodeKey: PublicJwk;
  }[],
): ValidatorSet => ({
  ledger,
  epoch,
  tenureRounds,
  validators: members
    .filter((member) => member.validator)
    .map(({ id, nodeKey }) => ({ member: id, key: nodeKey }))
    .sort((a, b) => (a.member < b.member ? -1 : 1)),
});

/** A quorum certificate whose signatures were checked against its epoch's validator set. */
export type VerifiedQc = QuorumCertificate & { readonly __verified: unique symbol };
/** A timeout certificate whose signatures were checked against its epoch's validator set. */
export type VerifiedTc = TimeoutCertificate & { readonly __verified: unique symbol };

/** CBOR form of validators, in the order of their set: [member, x, y] each. */
export const encodeValidators = (validators: readonly Validator[]): Cbor =>
  validators.map(({ member, key }): Cbor => [member, key.x, key.y]);

/** Reverses `encodeValidators`; throws an Error on any other structure. */
export const decodeValidators = (item: Cbor | undefined): Validator[] =>
  list(item).map((entry): Validator => {
    const [member, x, y] = list(entry, 3).map(text) as [string, string, string];
    return { member, key: { kty: 'EC', crv: 'P-256', x, y } };
  });

function text(item: Cbor): string {
  if (typeof item !== 'string') throw new Error('not a text');
  return item;
}

/** CBOR form of a validator set: what its digest covers and what receipts carry. */
export const encodeValidatorSet = (set: ValidatorSet): Uint8Array =>
  encodeCbor([set.epoch, set.tenureRounds, encodeValidators(set.validators)]);

/** The digest of a validator set, as headers carry it. */
export const validatorsHash = (set: ValidatorSet): Digest =>
  taggedDigest('fuqi/v1/validators', encodeValidatorSet(set));

/** The index of a member in the set, or −1. */
export const validatorIndex = (set: ValidatorSet, member: string): number =>
  set.validators.findIndex((validator) => validator.member === member);

/** The last round of the tenure that holds a round: what a timeout is for. */
export const tenureEnd = (set: ValidatorSet, round: number): number =>
  (Math.floor((round - 1) / set.tenureRounds) + 1) * set.tenureRounds;

/** Whether a validator of the set made this signature on this statement. */
export function verifyStatement(
  set: ValidatorSet,
  statement: Statement,
  { validator, signature }: IndexedSignature,
): boolean {
  const entry = set.validators[validator];
  if (!entry || statement.ledger !== set.ledger || statement.epoch !== set.epoch) return false;
  return verifyEs256(entry.key, statementDigest(statement), signature);
}

/** The certificate of round 0: an epoch starts from a block that is known to be final. */
export const startQc = (epoch: number, block: Digest): VerifiedQc =>
  ({ epoch, round: 0, block, signatures: [] as const }) as unknown as VerifiedQc;

/**
 * Checks a quorum certificate: this epoch, a quorum of distinct validators in ascending order, every
 * signature good. Round 0 has no signatures and is not checked here: it is known, not proven. `isKnown` says
 * of a signature that this very one was checked on this statement before: a proposal's, or one's own.
 */
export function verifyQc(
  set: ValidatorSet,
  qc: QuorumCertificate,
  isKnown: (entry: IndexedSignature) => boolean = () => false,
): VerifiedQc | undefined {
  if (qc.epoch !== set.epoch || qc.round < 1) return undefined;
  if (!isQuorum(set, qc.signatures)) return undefined;
  const { ledger, epoch } = set;
  const statement = { kind: 'vote', ledger, epoch, round: qc.round, block: qc.block } as const;
  const isGood = (entry: IndexedSignature): boolean =>
    isKnown(entry) || verifyStatement(set, statement, entry);
  if (!qc.signatures.every(isGood)) return undefined;
  return qc as VerifiedQc;
}

/** Checks a timeout certificate as `verifyQc` does; each signer signed its own highest QC round. */
export function verifyTc(set: ValidatorSet, tc: TimeoutCertificate): VerifiedTc | undefined {
  if (tc.epoch !== set.epoch || tc.round < 1 || highestQcRound(tc) > tc.round) return undefined;
  if (!isQuorum(set, tc.timeouts)) return undefined;
  const { ledger, epoch } = set;
  const good = tc.timeouts.every((entry) => {
    const { highQcRound } = entry;
    const statement = { kind: 'timeout', ledger, epoch, round: tc.round, highQcRound } as const;
    return verifyStatement(set, statement, entry);
  });
  return good ? (tc as VerifiedTc) : undefined;
}

function isQuorum(set: ValidatorSet, entries: readonly IndexedSignature[]): boolean {
  if (entries.length < quorumSize(set.validators.length)) return false;
  return entries.every(
    ({ validator }, index) => index === 0 || entries[index - 1]!.validator < validator,
  );
}
