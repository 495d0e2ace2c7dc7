/**
 * Checks receipts and state proofs offline: pure, and with nothing trusted but the ledger id.
 * The verdict is VALID with what was proven, INVALID with the first check that failed, or ERROR where
 * the input has no such form; "could not check" is never mistaken for "false".
 */
import { z } from 'zod';
import { encodeCbor } from '../bytes/cbor.ts';
import { type Digest, isDigest } from '../bytes/digest.ts';
import { leafHash, verifyInclusion } from '../bytes/merkle.ts';
import { fromBase64Url, fromHex } from '../bytes/text.ts';
import {
  type ValidatorSet,
  validatorSetOf,
  validatorsHash,
  verifyQc,
} from '../consensus/validators.ts';
import { blockId, decodeHeader, type Header } from '../ledger/block.ts';
import type { QuorumCertificate } from '../ledger/certificate.ts';
import { GenesisSchema, ledgerId } from '../ledger/genesis.ts';
import { Rejected } from '../ledger/rejection.ts';
import { decodeResult, type TransactionResult } from '../ledger/result.ts';
import { decodeTransaction, type Transaction } from '../ledger/transaction.ts';
import { check, Invalid } from './check.ts';
import { RecoverySchema, verifyRecovery } from './verify-recovery.ts';

const digest = z.string().refine(isDigest, 'a digest: 64 lowercase hex digits');
const bytes = z.string().transform((text, context) => {
  const decoded = fromBase64Url(text);
  if (decoded) return decoded;
  context.addIssue({ code: 'custom', message: 'strict base64url without padding' });
  return z.NEVER;
});
const natural = z.int().min(0);
const InclusionSchema = z.strictObject({ index: natural, size: natural, path: z.array(digest) });
const CertificateSchema = z.strictObject({
  epoch: natural,
  round: natural,
  block: digest,
  signatures: z.array(z.strictObject({ validator: natural, signature: bytes })),
});
const FinalitySchema = z.strictObject({
  header: bytes,
  descendants: z.array(bytes).min(1),
  certificate: CertificateSchema,
});
const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const ValidatorSetSchema = z.strictObject({
  epoch: natural,
  tenureRounds: z.int().min(1),
  validators: z.array(z.strictObject({ member: z.string(), x: coordinate, y: coordinate })).min(1),
});

/** The schema of an anchor, shared by receipts and state proofs. */
export const AnchorSchema = z.strictObject({
  finality: FinalitySchema,
  earlier: z.strictObject({ header: bytes, inclusion: InclusionSchema }).optional(),
  genesis: GenesisSchema,
  handovers: z.array(
    z.union([
      z.strictObject({ finality: FinalitySchema, validators: ValidatorSetSchema }),
      RecoverySchema.extend({ finality: FinalitySchema.optional() }),
    ]),
  ),
});

const ReceiptSchema = z.strictObject({
  format: z.literal('fuqi-receipt-1'),
  ledger: digest,
  transaction: z.strictObject({
    id: digest,
    jws: z.strictObject({
      payload: z.string(),
      signatures: z.array(z.strictObject({ protected: z.string(), signature: bytes })),
    }),
    inclusion: InclusionSchema,
  }),
  result: z.strictObject({ encoded: bytes, inclusion: InclusionSchema }),
  anchor: AnchorSchema,
});

/** An epoch on the way that no quorum handed over to: members agreed to recover the ledger. */
export interface ProvenRecovery {
  readonly epoch: number;
  /** The last final block before it. */
  readonly height: number;
  /** Members whose administrators signed. */
  readonly members: readonly string[];
  readonly reason: string;
}

/** A block that an anchor proved final. */
export interface ProvenBlock {
  readonly id: Digest;
  readonly header: Header;
  /** Members whose signatures made the certificate. */
  readonly signers: readonly string[];
  /** Agreements that the proof rests on besides certificates; mostly none. */
  readonly recoveries: readonly ProvenRecovery[];
}

export type Verdict<T> =
  | ({ readonly verdict: 'VALID' } & T)
  | { readonly verdict: 'INVALID'; readonly reason: string }
  | { readonly verdict: 'ERROR'; readonly reason: string };

/** What a valid receipt proves: this transaction has this result in this final block. */
export interface ProvenReceipt {
  readonly transaction: Transaction;
  readonly result: TransactionResult;
  readonly index: number;
  readonly block: ProvenBlock;
}

/** Checks a receipt (parsed JSON) against the ledger id that the verifier trusts. */
export function verifyReceipt(receipt: unknown, trusted: Digest): Verdict<ProvenReceipt> {
  return verdictOf(ReceiptSchema, receipt, (parsed) => {
    check(parsed.ledger === trusted, `the receipt is of ledger ${parsed.ledger}, not ${trusted}`);
    const { jws, inclusion } = parsed.transaction;
    const encoded = encodeCbor([
      jws.payload,
      jws.signatures.map((entry) => [entry.protected, entry.signature]),
    ]);
    const transaction = decodeTransaction(encoded);
    check(!(transaction instanceof Rejected), 'the transaction is malformed');
    check(transaction.id === parsed.transaction.id, 'the transaction has another id');
    check(transaction.body.ledger === trusted, 'the transaction names another ledger');
    const block = verifyAnchor(parsed.anchor, trusted);
    const { transactionsRoot, resultsRoot } = block.header;
    check(
      verifyInclusion({ leaf: leafHash(encoded), ...inclusion, root: transactionsRoot }),
      'the transaction is not in the block',
    );
    const at = parsed.result.inclusion;
    check(
      verifyInclusion({ leaf: leafHash(parsed.result.encoded), ...at, root: resultsRoot }),
      'the result is not in the block',
    );
    check(
      at.index === inclusion.index && at.size === inclusion.size,
      'another transaction’s result',
    );
    const result = decodeResult(parsed.result.encoded);
    check(result.transaction === transaction.id, 'the result is of another transaction');
    return { transaction, result, index: inclusion.index, block };
  });
}

/** Runs checks over an input of a schema and turns what they throw into a verdict. */
export function verdictOf<S extends z.ZodType, T extends object>(
  schema: S,
  input: unknown,
  checks: (parsed: z.output<S>) => T,
): Verdict<T> {
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    return { verdict: 'ERROR', reason: `/${issue.path.join('/')}: ${issue.message}` };
  }
  try {
    return { verdict: 'VALID', ...checks(parsed.data) };
  } catch (error) {
    if (error instanceof Invalid) return { verdict: 'INVALID', reason: error.message };
    return { verdict: 'INVALID', reason: `malformed bytes: ${(error as Error).message}` };
  }
}

type AnchorJson = z.output<typeof AnchorSchema>;
/** A header that was proven final. */
export type FinalHeader = Omit<ProvenBlock, 'recoveries'>;

/**
 * The validators that hand-overs lead to, and the agreements on the way. Those of epoch 1 come from the
 * genesis document, whose digest is the trusted ledger id; each hand-over proves the next epoch's.
 */
export function validatorsAfter(
  genesis: AnchorJson['genesis'],
  handovers: AnchorJson['handovers'],
  trusted: Digest,
): { readonly set: ValidatorSet; readonly recoveries: readonly ProvenRecovery[] } {
  check(ledgerId(genesis) === trusted, 'the genesis document has another digest');
  const { parameters, members } = genesis;
  let set = validatorSetOf(trusted, 1, parameters.tenureRounds, members);
  const recoveries: ProvenRecovery[] = [];
  let last: FinalHeader | undefined;
  for (const handover of handovers) {
    if (handover.finality) last = verifyFinality(handover.finality, set);
    check(last, 'an agreement on no final block');
    if ('agreement' in handover) {
      const genesisMembers = members.map(({ id }) => id);
      const { next: after, ...recovery } = verifyRecovery(handover, last, set, genesisMembers);
      recoveries.push(recovery);
      set = after;
      continue;
    }
    const next = readValidatorSet(handover.validators, trusted);
    check(next.epoch === set.epoch + 1, 'a hand-over that skips an epoch');
    check(last.header.nextValidatorsHash === validatorsHash(next), 'another next validator set');
    set = next;
  }
  return { set, recoveries };
}

/** The block that an anchor proves final. */
export function verifyAnchor(anchor: AnchorJson, trusted: Digest): ProvenBlock {
  const { set, recoveries } = validatorsAfter(anchor.genesis, anchor.handovers, trusted);
  const final = { ...verifyFinality(anchor.finality, set), recoveries };
  if (!anchor.earlier) return final;
  const header = decodeHeader(anchor.earlier.header);
  const id = blockId(header);
  const { inclusion } = anchor.earlier;
  const root = final.header.historyRoot;
  check(header.ledger === trusted, 'the earlier block is of another ledger');
  check(header.height !== null && header.height === inclusion.index, 'another height in history');
  check(inclusion.size === final.header.height, 'a history of another length');
  check(
    verifyInclusion({ leaf: leafHash(fromHex(id)), ...inclusion, root }),
    'the earlier block is not in the history of the final one',
  );
  return { ...final, id, header };
}

function readValidatorSet(json: z.output<typeof ValidatorSetSchema>, ledger: Digest): ValidatorSet {
  return {
    ledger,
    epoch: json.epoch,
    tenureRounds: json.tenureRounds,
    validators: json.validators.map(({ member, x, y }) => ({
      member,
      key: { kty: 'EC', crv: 'P-256', x, y },
    })),
  };
}

/**
 * Commit rule: the last two headers of the chain in consecutive rounds, the last one certified by the
 * set. Throws `Invalid` where a check fails, an Error where bytes are no header.
 */
export function verifyFinality(
  proof: {
    readonly header: Uint8Array;
    readonly descendants: readonly Uint8Array[];
    readonly certificate: QuorumCertificate;
  },
  set: ValidatorSet,
): FinalHeader {
  check(proof.descendants.length > 0, 'a header with only its own certificate');
  const headers = [proof.header, ...proof.descendants].map(decodeHeader);
  const hash = validatorsHash(set);
  let parent: Digest | undefined;
  for (const header of headers) {
    check(header.ledger === set.ledger, 'a header of another ledger');
    check(header.epoch === set.epoch, `a header of epoch ${header.epoch}, expected ${set.epoch}`);
    check(header.validatorsHash === hash, 'a header that names other validators');
    check(
      parent === undefined || header.parent === parent,
      'a header that is not the next one’s parent',
    );
    parent = blockId(header);
  }
  const [last, before] = [headers.at(-1)!, headers.at(-2)!];
  check(last.round === before.round + 1, 'the certified rounds are not consecutive');
  check(last.parentRound === before.round, 'a certified parent of another round');
  const { certificate } = proof;
  check(certificate.block === parent, 'the certificate is for another block');
  check(certificate.round === last.round, 'the certificate is for another round');
  check(verifyQc(set, certificate), 'the certificate lacks a quorum of good signatures');
  const header = headers[0]!;
  check(header.height !== null, 'a block without a height is never final');
  const signers = certificate.signatures.map(({ validator }) => set.validators[validator]!.member);
  return { id: blockId(header), header, signers };
}
