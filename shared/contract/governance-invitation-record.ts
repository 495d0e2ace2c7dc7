/**
 * Invitations as they stand on the ledger: an administrator says whom the consortium may be asked to add.
 * The secret that accepts one never stands there before it is spent, only its digest.
 */
import { z } from 'zod';
import {
  GenesisMemberSchema,
  IdentityNameSchema,
  MemberIdSchema,
  RoleSchema,
} from '../ledger/genesis.ts';

export const IdSchema = z.string().regex(/^[0-9a-f]{16}$/, 'a proposal id: 16 hex digits');
export const DigestSchema = z.string().regex(/^[0-9a-f]{64}$/, 'a digest: 64 hex digits');

/** What an administrator says of the member to be, or of its own member, whose node is to move. */
export const InviteSchema = z.strictObject({
  /** Tagged digest `fuqi/v1/invitation` of the 32 bytes of the secret. */
  id: DigestSchema,
  member: MemberIdSchema,
  /** Whether its node is to vote. */
  validator: z.boolean().default(true),
  /** Contract roles that it may hold. */
  roles: z.array(RoleSchema).max(64).default([]),
  /** Block time after which nobody can accept; seven days unless told. */
  notAfter: z.int().optional(),
});

/** `governance/invitation/<id>`. */
export const InvitationSchema = z.strictObject({
  id: DigestSchema,
  member: MemberIdSchema,
  /** Of the own member: its node moves to another host, and the members vote on its new keys. */
  moves: z.boolean(),
  validator: z.boolean(),
  roles: z.array(RoleSchema).max(64),
  inviter: z.strictObject({ member: MemberIdSchema, identity: IdentityNameSchema }),
  invitedAt: z.int(),
  notAfter: z.int(),
  status: z.enum(['open', 'accepted', 'revoked']),
  /** The proposal to add the member, once it was accepted. */
  proposal: IdSchema.nullable(),
});
export type Invitation = z.infer<typeof InvitationSchema>;

/** What an invited member sends; `member` is what the members then vote on. */
export const AcceptanceSchema = z.strictObject({
  id: DigestSchema,
  /** 32 bytes, base64url. */
  secret: z.string().regex(/^[A-Za-z0-9_-]{43}$/, '32 bytes, base64url'),
  member: GenesisMemberSchema,
});

/** How far an invited member has come, or the new node of one that moves. */
export const ProgressSchema = InvitationSchema.extend({
  /** Thumbprint (RFC 7638) of the node key that was brought: whoever accepted sees that it was them. */
  nodeKeyId: z.string().nullable(),
  /** What the members say of it. */
  votes: z
    .strictObject({
      status: z.string(),
      approvals: z.array(MemberIdSchema),
      refusals: z.array(MemberIdSchema),
      needed: z.int().min(1),
    })
    .nullable(),
  /** It belongs to the consortium; of a move: the members have approved. */
  joined: z.boolean(),
  /** Its first identities may act; of a move: those of the new node. */
  enrolled: z.boolean(),
  /** Its node votes from the next epoch on, or does; of a move: the new one. */
  votesItself: z.boolean(),
});
