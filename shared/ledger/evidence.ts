/**
 * Evidence of double signing: two statements of one kind, by one validator's consensus key, for one
 * round of one epoch, that differ. A correct validator signs at most one vote and one timeout a round
 * (`shared/consensus/safety.ts`), so whoever holds both has a proof that needs no witness. Signatures
 * alone prove nothing: ECDSA gives the same statement another signature each time.
 */
import { z } from 'zod';
import { type PublicJwk, verifyEs256 } from '../bytes/crypto.ts';
import type { Digest } from '../bytes/digest.ts';
import { fromBase64Url, toBase64Url } from '../bytes/text.ts';
import { type Statement, statementDigest } from './certificate.ts';
import { type Genesis, MemberIdSchema } from './genesis.ts';
import type { EpochHandover, RecoveryHandover } from './receipt.ts';

/** Offences of one member in one epoch that are kept: the first one is enough to act upon. */
export const OFFENCES_MAX = 16;

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'a digest: 64 lowercase hex digits');
const signature = z
  .string()
  .regex(/^[A-Za-z0-9_-]{86}$/, 'an ES256 signature: 64 bytes, base64url')
  .refine((text) => fromBase64Url(text) !== undefined, 'strict base64url');

/** What was signed beside the round: a block's id (a vote), or the round of the highest QC (a timeout). */
const SignedSchema = z.union([
  z.strictObject({ block: digest, signature }),
  z.strictObject({ highQcRound: z.int().min(0), signature }),
]);

/** Evidence as JSON: in transactions, on the ledger, in files. The ledger is known from around it. */
export const EvidenceSchema = z.strictObject({
  member: MemberIdSchema,
  epoch: z.int().min(1),
  round: z.int().min(1),
  statements: z
    .array(SignedSchema)
    .length(2)
    .meta({
      examples: [
        ['0', '1'].map((digit) => ({ block: digit.repeat(64), signature: 'A'.repeat(86) })),
      ],
    }),
});
export type Evidence = z.infer<typeof EvidenceSchema>;

/** A statement with its signature, 64 bytes r‖s. */
export interface SignedStatement {
  readonly statement: Statement;
  readonly signature: Uint8Array;
}

/** A file that proves the offence to whoever trusts the ledger id: the key's owner is proven as in a receipt. */
export interface EvidenceProof {
  readonly format: 'fuqi-evidence-1';
  readonly ledger: Digest;
  readonly evidence: Evidence;
  readonly genesis: Genesis;
  readonly handovers: readonly (EpochHandover | RecoveryHandover)[];
}

/** Whether two statements contradict each other: one kind, one round, something else said. */
export function contradict(a: Statement, b: Statement): boolean {
  if (a.ledger !== b.ledger || a.epoch !== b.epoch || a.round !== b.round) return false;
  if (a.kind === 'vote') return b.kind === 'vote' && a.block !== b.block;
  return b.kind === 'timeout' && a.highQcRound !== b.highQcRound;
}

/** The evidence that two contradicting statements of a member make; the same in whichever order they came. */
export function evidenceOf(member: string, a: SignedStatement, b: SignedStatement): Evidence {
  const { epoch, round } = a.statement;
  const statements = [a, b].sort((one, other) => (isBefore(one, other) ? -1 : 1)).map(toJson);
  return { member, epoch, round, statements };
}

/** What an offence is about: votes (a leader's proposals among them) or timeouts. */
export const offenceKind = ({ statements }: Evidence): Statement['kind'] =>
  'block' in statements[0]! ? 'vote' : 'timeout';

const DIGITS = 16;
/** The name of an offence, whichever signatures prove it: members, epochs and rounds sort in it. */
export const offenceId = (evidence: Evidence): string => {
  const [epoch, round] = [evidence.epoch, evidence.round].map((n) => `${n}`.padStart(DIGITS, '0'));
  return `${evidence.member}.${epoch}.${round}.${offenceKind(evidence)}`;
};

/**
 * Checks evidence against the consensus key that its member had in its epoch. Undefined: it proves
 * the offence; otherwise a sentence that says why not.
 */
export function flawOf(ledger: Digest, evidence: Evidence, key: PublicJwk): string | undefined {
  const [a, b] = evidence.statements.map((signed) => statementOf(ledger, evidence, signed)) as [
    Statement,
    Statement,
  ];
  if (!contradict(a, b)) return 'The two statements do not contradict each other.';
  for (const [index, statement] of [a, b].entries()) {
    const bytes = fromBase64Url(evidence.statements[index]!.signature);
    if (!bytes || !verifyEs256(key, statementDigest(statement), bytes)) {
      return `The signature of statement ${index} is not by the key that ${evidence.member} had in epoch ${evidence.epoch}.`;
    }
  }
  return undefined;
}

function statementOf(
  ledger: Digest,
  { epoch, round }: Evidence,
  signed: Evidence['statements'][number],
): Statement {
  const place = { ledger, epoch, round };
  return 'block' in signed
    ? { kind: 'vote', ...place, block: signed.block as Digest }
    : { kind: 'timeout', ...place, highQcRound: signed.highQcRound };
}

function toJson({ statement, signature: bytes }: SignedStatement): Evidence['statements'][number] {
  const text = toBase64Url(bytes);
  return statement.kind === 'vote'
    ? { block: statement.block, signature: text }
    : { highQcRound: statement.highQcRound, signature: text };
}

function isBefore({ statement: a }: SignedStatement, { statement: b }: SignedStatement): boolean {
  if (a.kind === 'vote') return b.kind === 'vote' && a.block < b.block;
  return b.kind === 'timeout' && a.highQcRound < b.highQcRound;
}
