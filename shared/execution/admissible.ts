/**
 * Whether a transaction may stand in a block at all. A block with one that may not is invalid; so a
 * forged copy of somebody's transaction can never use up its id.
 */
import { type PublicJwk, verifyEs256 } from '../bytes/crypto.ts';
import type { Digest } from '../bytes/digest.ts';
import { signingInput } from '../bytes/jws.ts';
import { BATCH_ALGORITHM, verifyBatchSignature } from '../ledger/batch-signature.ts';
import { type Rejected, rejected } from '../ledger/rejection.ts';
import type { Transaction } from '../ledger/transaction.ts';

/** Checks ledger and validity window against a block time; undefined: fine. */
export function checkWindow(
  transaction: Transaction,
  ledger: Digest,
  time: number,
  windowMs: number,
): Rejected | undefined {
  const { body } = transaction;
  if (body.ledger !== ledger) {
    return rejected('wrong-ledger', 'The transaction names another ledger.', {
      pointer: '/payload/ledger',
      got: body.ledger,
      expected: ledger,
    });
  }
  if (body.notAfter < time) {
    return rejected('expired', 'Sign it again with a later notAfter.', {
      pointer: '/payload/notAfter',
      got: body.notAfter,
      expected: time,
    });
  }
  if (body.notAfter > time + windowMs) {
    return rejected('not-after-too-far', 'Sign it again with an earlier notAfter.', {
      pointer: '/payload/notAfter',
      got: body.notAfter,
      expected: time + windowMs,
    });
  }
  return undefined;
}

/**
 * Checks the signature at an index against a key. It is checked at admission and again in execution; the
 * second time it is looked up.
 */
export function checkSignature(
  transaction: Transaction,
  index: number,
  jwk: PublicJwk,
): Rejected | undefined {
  const { memo } = transaction;
  const key = memo.checkedWith?.[index];
  if (key && key.x === jwk.x && key.y === jwk.y) return undefined;
  const { signature } = transaction.signatures[index]!;
  const isBatch = transaction.algorithms[index] === BATCH_ALGORITHM;
  const verify = isBatch ? verifyBatchSignature : verifyEs256;
  if (!verify(jwk, signingInput(transaction, index), signature)) {
    return rejected('bad-signature', 'The signature does not fit the key that it names.', {
      pointer: `/signatures/${index}/signature`,
    });
  }
  memo.checkedWith ??= [];
  memo.checkedWith[index] = jwk;
  return undefined;
}

/** The refusal of a signature by a key that no member registered. */
export const unknownKey = (index: number, keyId: string): Rejected =>
  rejected('unknown-key', 'Register the key with the identity contract, or sign with another.', {
    pointer: `/signatures/${index}/protected/kid`,
    got: keyId,
  });
