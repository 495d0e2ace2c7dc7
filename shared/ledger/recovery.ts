/**
 * The agreement by which members restart a ledger that lost more validators than a quorum can spare: a
 * general JWS (RFC 7515 §7.2.1) over the document below, signed by administrators of more than two
 * thirds of the active members. It names the last final block, so that nothing final is dropped, and
 * the validators that go on from it.
 */
import { z } from 'zod';
import { type PublicJwk, verifyEs256 } from '../bytes/crypto.ts';
import { isDigest } from '../bytes/digest.ts';
import { type Jws, parseJsonJws, parseJsonPart, signingInput } from '../bytes/jws.ts';
import { toBase64Url, utf8 } from '../bytes/text.ts';
import { MemberIdSchema, PublicJwkSchema } from './genesis.ts';
import { LIMITS } from './limits.ts';

const digest = z.string().refine(isDigest, 'a digest: 64 lowercase hex digits');

export const AgreementSchema = z.strictObject({
  format: z.literal('fuqi-recovery-1'),
  ledger: digest,
  /** The epoch that starts: one above the one that the ledger was in. */
  epoch: z.int().min(2),
  /** The last final block, and its id. */
  height: z.int().min(1),
  block: digest,
  /** Who validates from now on, with the keys of their nodes: the old ones or new ones. */
  validators: z
    .array(
      z.strictObject({
        member: MemberIdSchema,
        nodeKey: PublicJwkSchema,
        peerKey: PublicJwkSchema,
      }),
    )
    .min(1)
    .max(LIMITS.validatorsMax),
  /** Members that leave. Others that are not named above stay without a vote. */
  removed: z.array(MemberIdSchema),
  reason: z.string().min(1).max(1000),
});
export type Agreement = z.infer<typeof AgreementSchema>;

/** An agreement as it was signed. */
export interface SignedAgreement {
  readonly agreement: Agreement;
  readonly jws: Jws;
}

const TYPE = 'fuqi-recovery+jws';

/** The identity behind a key, as the ledger's state at the agreed block has it. */
export interface AgreementKey {
  readonly member: string;
  readonly jwk: PublicJwk;
  readonly roles: readonly string[];
  readonly active: boolean;
}

/** How many of the active members have to sign: more than two thirds, whatever else they voted. */
export const signersNeeded = (members: number): number => Math.floor((2 * members) / 3) + 1;

/** The payload of an agreement, base64url: what every signature covers. */
export const agreementPayload = (agreement: Agreement): string =>
  toBase64Url(utf8(JSON.stringify(agreement)));

/** The protected header of a signature, base64url. */
export const agreementHeader = (keyId: string): string =>
  toBase64Url(utf8(JSON.stringify({ alg: 'ES256', typ: TYPE, kid: keyId })));

/** The key id that signature `index` names; undefined where its header has another form. */
export function agreementKeyId({ signatures }: Jws, index: number): string | undefined {
  const head = signatures[index]!.protected;
  const kid = parseJsonPart(head)?.kid;
  // One form of header only: nothing to choose, nothing to misread.
  return typeof kid === 'string' && agreementHeader(kid) === head ? kid : undefined;
}

/** Parses a general JWS of an agreement (as JSON); answers a sentence where it is none. */
export function parseAgreement(input: unknown): SignedAgreement | string {
  const jws = parseJsonJws(input);
  if (!jws) return 'The agreement is no JWS in the JSON serialisation.';
  const parsed = AgreementSchema.safeParse(parseJsonPart(jws.payload));
  if (parsed.success) return { agreement: parsed.data, jws };
  const issue = parsed.error.issues[0]!;
  return `The agreement is wrong at /${issue.path.map(String).join('/')}: ${issue.message}.`;
}

/**
 * The members whose administrators signed, if they are enough; a sentence that says what is wrong
 * otherwise. Every signature has to be good, and by an administrator of an active member.
 */
export function agreementSigners(
  { jws }: SignedAgreement,
  members: readonly string[],
  keyOf: (keyId: string) => AgreementKey | undefined,
): string[] | string {
  const signers = new Set<string>();
  for (const [index, { signature }] of jws.signatures.entries()) {
    const keyId = agreementKeyId(jws, index);
    const key = keyId === undefined ? undefined : keyOf(keyId);
    if (!key) return `Signature ${index} is by no key on the ledger.`;
    const isAdmin = key.active && key.roles.includes('admin') && members.includes(key.member);
    if (!isAdmin) return `Signature ${index} is not by an administrator of an active member.`;
    if (!verifyEs256(key.jwk, signingInput(jws, index), signature)) {
      return `Signature ${index}, of ${key.member}, does not fit the agreement.`;
    }
    signers.add(key.member);
  }
  const needed = signersNeeded(members.length);
  if (signers.size >= needed) return [...signers].sort();
  return `${signers.size} of ${members.length} members signed; ${needed} have to.`;
}
