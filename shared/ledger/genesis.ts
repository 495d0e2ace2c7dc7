/**
 * The genesis document: what the members agree on before there is a ledger. Its tagged digest names
 * the ledger, and is the only thing that a verifier of receipts has to trust.
 */
import { z } from 'zod';
import { type Cbor, encodeCbor } from '../bytes/cbor.ts';
import { importPublicKey } from '../bytes/crypto.ts';
import { type Digest, taggedDigest } from '../bytes/digest.ts';
import { LIMITS } from './limits.ts';

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'a P-256 coordinate, base64url');

/** A public P-256 key as a JWK. */
export const PublicJwkSchema = z
  .strictObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: coordinate, y: coordinate })
  .refine((jwk) => importPublicKey(jwk) !== undefined, 'a point on P-256')
  .meta({
    // The public key of RFC 7515, appendix A.3.
    examples: [
      {
        kty: 'EC',
        crv: 'P-256',
        x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
        y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      },
    ],
  });

/** A member's id: a short name, unique in its consortium. */
export const MemberIdSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,30}$/, 'lower case, digits, dashes');

/** A role that a contract declares, such as `invoice.seller`, or `admin`. */
export const RoleSchema = z.string().regex(/^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)?$/);

/** An identity's name within its member. */
export const IdentityNameSchema = z.string().regex(/^[a-z][a-z0-9._-]{0,62}$/);

const milliseconds = z.int().min(1);

export const ConsensusParametersSchema = z.strictObject({
  tenureRounds: z.int().min(1).max(100_000),
  baseTimeoutMs: milliseconds.max(60_000),
  timeoutMsMax: milliseconds.max(60_000),
  blockBytes: z.int().min(LIMITS.transactionBytesMax).max(LIMITS.blockBytesMax),
  blockTransactions: z.int().min(1).max(LIMITS.blockTransactionsMax),
  transactionWindowMs: milliseconds.max(LIMITS.transactionWindowMsMax),
  clockToleranceMs: milliseconds.max(600_000),
});

/** Where a node is reached by the others, which add `/peer`: scheme, host, port and path, no slash at the end. */
export const EndpointSchema = z
  .string()
  .max(300)
  .regex(
    /^https?:\/\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?(?:\/[A-Za-z0-9._~-]+)*$/,
    'http(s)://host[:port][/path], in lower case, without a slash at the end',
  );

export const GenesisMemberSchema = z.strictObject({
  id: MemberIdSchema,
  name: z.string().min(1).max(100),
  hosting: z.enum(['hosted', 'own-account', 'private']),
  /** Where the others reach its node; without one they know by other means. */
  endpoint: EndpointSchema.optional(),
  validator: z.boolean(),
  /** Signs consensus statements, nothing else. */
  nodeKey: PublicJwkSchema,
  /** Signs the tokens of this member's calls to other nodes. */
  peerKey: PublicJwkSchema,
  /** Contract roles that this member may grant to its identities. */
  roles: z.array(RoleSchema),
  /** The first identities, usually one administrator. */
  identities: z.array(
    z.strictObject({ name: IdentityNameSchema, key: PublicJwkSchema, roles: z.array(RoleSchema) }),
  ),
});

export const GenesisSchema = z.strictObject({
  format: z.literal('fuqi-genesis-1'),
  consortium: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
  /** Milliseconds since 1970: the time of block 0. */
  time: z.int().min(0),
  /** Who may read: anyone, members, or one member. */
  visibility: z.enum(['public', 'consortium', 'private']),
  parameters: ConsensusParametersSchema,
  members: z.array(GenesisMemberSchema).min(1).max(LIMITS.validatorsMax),
  /** Contracts active from the start, system contracts included. */
  contracts: z.array(
    z.strictObject({
      name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
      version: z.int().min(1),
      codeHash: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

export type Genesis = z.infer<typeof GenesisSchema>;
export type GenesisMember = z.infer<typeof GenesisMemberSchema>;

/** The ledger id: tagged digest of the document's deterministic CBOR (maps, in any key order). */
export function ledgerId(genesis: Genesis): Digest {
  const known = ledgerIds.get(genesis);
  if (known) return known;
  const id = taggedDigest('fuqi/v1/genesis', encodeCbor(genesis as unknown as Cbor));
  ledgerIds.set(genesis, id);
  return id;
}

// The document is large and never changes; a node asks at every start.
const ledgerIds = new WeakMap<Genesis, Digest>();
