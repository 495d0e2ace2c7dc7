/**
 * The system contract by which members name the people and machines that may act for them.
 * A member's administrators register, change and revoke the keys of their own member only, and
 * grant no role that their member doesn't hold. A member keeps an administrator at all times.
 */
import { z } from 'zod';
import { jwkThumbprint, type PublicJwk } from '../bytes/crypto.ts';
import {
  type GenesisMember,
  IdentityNameSchema,
  MemberIdSchema,
  PublicJwkSchema,
  RoleSchema,
} from '../ledger/genesis.ts';
import type { Context } from './context.ts';
import { contract } from './define.ts';
import {
  KeyRecordSchema,
  type MemberRecord,
  NODE_IDENTITY,
  type RosterRecord,
  RosterRecordSchema,
} from './system-records.ts';

/** Active identities of one member. */
const IDENTITIES_MAX = 500;

const KeyIdSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'a JWK thumbprint (RFC 7638)');
const RolesSchema = z.array(RoleSchema).max(64);
const KeyOutputSchema = z.strictObject({ keyId: KeyIdSchema });
const ListedKeySchema = KeyRecordSchema.extend({ keyId: KeyIdSchema });

const records = { key: KeyRecordSchema, roster: RosterRecordSchema };
const events = {
  registered: KeyRecordSchema.omit({ jwk: true, active: true }).extend({ keyId: KeyIdSchema }),
  'roles-set': z.strictObject({ keyId: KeyIdSchema, roles: RolesSchema }),
  revoked: z.strictObject({ keyId: KeyIdSchema }),
};
type IdentityContext = Context<typeof records, typeof events>;
type Key = z.infer<typeof KeyRecordSchema>;

export const identity = contract('identity', {
  version: 1,
  summary: 'Members register keys for their people and machines and grant them roles.',
  roles: {},
  records,
  events,
  transactions: {
    register: {
      summary: 'Registers a key for one’s own member.',
      roles: ['admin'],
      http: 'POST /identities',
      rejects: ['role-not-held', 'name-in-use', 'key-in-use', 'too-many'],
      input: z.strictObject({ name: IdentityNameSchema, jwk: PublicJwkSchema, roles: RolesSchema }),
      output: KeyOutputSchema,
      apply(context, { name, jwk, roles }) {
        const { member } = context.caller;
        requireRoles(context, roles);
        return { keyId: addKey(context, member, { name, jwk, roles }) };
      },
    },
    setRoles: {
      summary: 'Replaces the roles of a key of one’s own member.',
      roles: ['admin'],
      http: 'POST /identities/{keyId}/roles',
      rejects: ['role-not-held', 'unknown-key', 'last-admin'],
      input: z.strictObject({ keyId: KeyIdSchema, roles: RolesSchema }),
      output: KeyOutputSchema,
      apply(context, { keyId, roles }) {
        const key = ownKey(context, keyId);
        requireRoles(context, roles);
        const granted = sorted(roles);
        setRoster(context, key.member, {
          [key.name]: { keyId, admin: granted.includes('admin') },
        });
        context.put('key', keyId, { ...key, roles: granted });
        context.emit('roles-set', { keyId, roles: granted });
        return { keyId };
      },
    },
    revoke: {
      summary: 'Revokes a key of one’s own member, for good.',
      roles: ['admin'],
      http: 'POST /identities/{keyId}/revoke',
      rejects: ['unknown-key', 'last-admin'],
      input: z.strictObject({ keyId: KeyIdSchema }),
      output: KeyOutputSchema,
      apply(context, { keyId }) {
        const key = ownKey(context, keyId);
        setRoster(context, key.member, { [key.name]: undefined });
        revokeKey(context, keyId, key);
        return { keyId };
      },
    },
    rotate: {
      summary: 'Replaces a key by a new one that takes its name and roles; the old one is revoked.',
      roles: ['admin'],
      http: 'POST /identities/{keyId}/rotate',
      rejects: ['unknown-key', 'key-in-use'],
      input: z.strictObject({ keyId: KeyIdSchema, jwk: PublicJwkSchema }),
      output: KeyOutputSchema,
      apply(context, { keyId, jwk }) {
        const { name, roles, member, ...key } = ownKey(context, keyId);
        const successor = newKeyId(context, jwk);
        revokeKey(context, keyId, { name, roles, member, ...key });
        putKey(context, successor, { member, name, roles, jwk, active: true });
        setRoster(context, member, {
          [name]: { keyId: successor, admin: roles.includes('admin') },
        });
        return { keyId: successor };
      },
    },
    enrol: {
      summary: 'Registers the first identities of a member that the consortium voted in.',
      roles: ['admin'],
      http: 'POST /members/{member}/enrol',
      rejects: ['not-admitted', 'enrolled-already', 'key-in-use'],
      input: z.strictObject({ member: MemberIdSchema }),
      output: z.strictObject({ keyIds: z.array(KeyIdSchema) }),
      apply(context, { member }) {
        const admission = context.lookup('governance', 'admission', member);
        const record = context.lookup('governance', 'member', member) as MemberRecord | undefined;
        if (!admission || !record?.active) {
          return context.reject('not-admitted', `No vote has admitted a member ${member}.`);
        }
        if (context.get('roster', member)) {
          context.reject('enrolled-already', `The member ${member} has its first identities.`);
        }
        const { identities } = admission as unknown as Pick<GenesisMember, 'identities'>;
        const keyIds = identities.map(({ name, key, roles }) =>
          addKey(context, member, { name, jwk: key, roles }),
        );
        addNode(context, record);
        return { keyIds };
      },
    },
  },
  queries: {
    key: {
      summary: 'An identity by the thumbprint of its key; revoked ones too.',
      roles: [],
      http: 'GET /identities/{keyId}',
      input: z.strictObject({ keyId: KeyIdSchema }),
      output: ListedKeySchema,
      answer(context, { keyId }) {
        const key = context.get('key', keyId);
        return key ? { keyId, ...key } : context.reject('not-found', `There is no key ${keyId}.`);
      },
    },
    keys: {
      summary: 'The active identities of a member, in the order of their names.',
      roles: [],
      http: 'GET /members/{member}/identities',
      input: z.strictObject({
        member: MemberIdSchema,
        after: IdentityNameSchema.optional(),
        limit: z.coerce.number().int().min(1).max(100).default(50),
      }),
      output: z.strictObject({
        identities: z.array(ListedKeySchema),
        next: IdentityNameSchema.nullable(),
      }),
      answer(context, { member, after = '', limit }) {
        const names = Object.entries(context.get('roster', member)?.identities ?? {})
          .filter(([name]) => name > after)
          .sort(([a], [b]) => (a < b ? -1 : 1));
        const identities = names
          .slice(0, limit)
          .map(([, { keyId }]) => ({ keyId, ...context.get('key', keyId)! }));
        return { identities, next: names.length > limit ? identities.at(-1)!.name : null };
      },
    },
  },
});

/** An active key of the caller's own member. Others are as unknown as none at all. */
function ownKey(context: IdentityContext, keyId: string): Key {
  const key = context.get('key', keyId);
  if (!key?.active || key.member !== context.caller.member) {
    return context.reject(
      'unknown-key',
      `The member ${context.caller.member} has no active key ${keyId}.`,
    );
  }
  return key;
}

function requireRoles(context: IdentityContext, roles: readonly string[]): void {
  const { member } = context.caller;
  const record = context.lookup('governance', 'member', member) as MemberRecord | undefined;
  for (const role of roles) {
    if (role !== 'admin' && !record?.roles.includes(role)) {
      context.reject('role-not-held', `The member ${member} does not hold the role ${role}.`, {
        got: role,
        expected: [...(record?.roles ?? []), 'admin'],
      });
    }
  }
}

/** The thumbprint of a key that was never registered, by any member. */
function newKeyId(context: IdentityContext, jwk: PublicJwk): string {
  const keyId = jwkThumbprint(jwk);
  if (context.get('key', keyId)) {
    context.reject('key-in-use', `The key ${keyId} is registered, or was; make a new one.`);
  }
  return keyId;
}

function addKey(
  context: IdentityContext,
  member: string,
  { name, jwk, roles }: Pick<Key, 'name' | 'jwk' | 'roles'>,
): string {
  const names = context.get('roster', member)?.identities ?? {};
  if (Object.hasOwn(names, name)) {
    context.reject('name-in-use', `The member ${member} has an identity ${name}.`, { got: name });
  }
  if (Object.keys(names).length >= IDENTITIES_MAX) {
    context.reject('too-many', `A member has ${IDENTITIES_MAX} active identities at the most.`);
  }
  const keyId = newKeyId(context, jwk);
  const granted = sorted(roles);
  putKey(context, keyId, { member, name, roles: granted, jwk, active: true });
  setRoster(context, member, { [name]: { keyId, admin: granted.includes('admin') } });
  return keyId;
}

/** A ledger that keeps evidence lets the member's node report with its peer key, where nothing stands against it. */
function addNode(context: IdentityContext, { id, peerKey }: MemberRecord): void {
  if (!context.lookup('governance', 'contract', 'evidence')) return;
  const names = context.get('roster', id)?.identities ?? {};
  if (Object.hasOwn(names, NODE_IDENTITY) || context.get('key', jwkThumbprint(peerKey))) return;
  addKey(context, id, { name: NODE_IDENTITY, jwk: peerKey, roles: [] });
}

function putKey(context: IdentityContext, keyId: string, key: Key): void {
  context.put('key', keyId, key);
  const { member, name, roles } = key;
  context.emit('registered', { keyId, member, name, roles });
}

function revokeKey(context: IdentityContext, keyId: string, key: Key): void {
  context.put('key', keyId, { ...key, active: false });
  context.emit('revoked', { keyId });
}

/** Changes entries of a member's roster (undefined removes one); refuses to leave it without an administrator. */
function setRoster(
  context: IdentityContext,
  member: string,
  changes: { readonly [name: string]: RosterRecord['identities'][string] | undefined },
): void {
  const before = context.get('roster', member)?.identities ?? {};
  const entries = Object.entries({ ...before, ...changes }).filter((entry) => entry[1]);
  const identities = Object.fromEntries(entries) as RosterRecord['identities'];
  const hasAdmin = (names: RosterRecord['identities']) =>
    Object.values(names).some(({ admin }) => admin);
  if (hasAdmin(before) && !hasAdmin(identities)) {
    context.reject('last-admin', `The member ${member} would be left without an administrator.`);
  }
  context.put('roster', member, { identities });
}

const sorted = (roles: readonly string[]): string[] => [...new Set(roles)].sort();
