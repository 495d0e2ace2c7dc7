/** Checks a state proof: this key has this value, or none, in the state after a final block. */
import { z } from 'zod';
import { decodeCbor, type Value } from '../bytes/cbor.ts';
import { sha256Hex } from '../bytes/crypto.ts';
import { type Digest, isDigest } from '../bytes/digest.ts';
import { fromBase64Url } from '../bytes/text.ts';
import { verifyKey } from '../execution/state-tree.ts';
import { check } from './check.ts';
import { AnchorSchema, type ProvenBlock, type Verdict, verdictOf, verifyAnchor } from './verify.ts';

const digest = z.string().refine(isDigest, 'a digest: 64 lowercase hex digits');

const StateProofSchema = z.strictObject({
  format: z.literal('fuqi-state-1'),
  ledger: digest,
  key: z.string(),
  value: z.string().nullable(),
  siblings: z.array(digest).max(256),
  other: z.strictObject({ path: digest, valueHash: digest }).nullable(),
  anchor: AnchorSchema,
});

/** What a valid state proof proves; `value` undefined: the key is absent. */
export interface ProvenState {
  readonly key: string;
  readonly value: Value | undefined;
  readonly block: ProvenBlock;
}

/** Checks a state proof (parsed JSON) against the ledger id that the verifier trusts. */
export function verifyStateProof(proof: unknown, trusted: Digest): Verdict<ProvenState> {
  return verdictOf(StateProofSchema, proof, (parsed) => {
    check(parsed.ledger === trusted, `the proof is of ledger ${parsed.ledger}, not ${trusted}`);
    const encoded = parsed.value === null ? null : fromBase64Url(parsed.value);
    check(encoded !== undefined, 'the value is not strict base64url');
    const block = verifyAnchor(parsed.anchor, trusted);
    const { key, siblings, other } = parsed;
    const valueHash = encoded && (sha256Hex(encoded) as Digest);
    const root = block.header.stateRoot;
    check(
      verifyKey({ root, key, valueHash, siblings, other }),
      'the path does not lead to the root',
    );
    return { key, value: encoded ? (decodeCbor(encoded) as Value) : undefined, block };
  });
}
