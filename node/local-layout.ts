/** A consortium on one machine: what its description says, and where its files are under `.fuqi/`. */
import path from 'node:path';
import { z } from 'zod';
import { TenantLimitsSchema } from '../shared/api/tenant-limits.ts';
import {
  ConsensusParametersSchema,
  IdentityNameSchema,
  MemberIdSchema,
  RoleSchema,
} from '../shared/ledger/genesis.ts';

/** The description of a consortium on one machine, as in `examples/consortia/demo.json`. */
export const LocalConsortiumSchema = z.strictObject({
  format: z.literal('fuqi-local-1'),
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
  parameters: ConsensusParametersSchema.partial().optional(),
  /** What each tenant may use of its node; nothing binds unless told. */
  limits: TenantLimitsSchema.partial().optional(),
  members: z
    .array(
      z.strictObject({
        id: MemberIdSchema,
        name: z.string().min(1).max(100),
        identities: z.record(IdentityNameSchema, z.array(RoleSchema)),
      }),
    )
    .min(1),
  /** Where given, number ranges and credit limits are set up on the first start. */
  invoicing: z
    .strictObject({
      /** `member/identity` of the tax bureau. */
      bureau: z.string(),
      merchant: MemberIdSchema,
      currencies: z.array(z.string().regex(/^[A-Z]{3}$/)),
    })
    .optional(),
});
export type LocalConsortium = z.infer<typeof LocalConsortiumSchema>;

/** Ports on loopback: the gateway's, then one a member. */
export const DEFAULT_PORT = 8080;

/** Plain API keys for the person at this machine, by `member/identity`. */
export const KeyRingSchema = z.strictObject({
  note: z.string(),
  url: z.string(),
  consortium: z.string(),
  keys: z.record(z.string(), z.string()),
});
export type KeyRing = z.infer<typeof KeyRingSchema>;

/** The files of a consortium. */
export function localLayout(root: string, consortium: string) {
  const folder = path.join(root, consortium);
  const at = (...parts: string[]): string => path.join(folder, ...parts);
  return {
    folder,
    description: at('consortium.json'),
    genesis: at('genesis.json'),
    passphrase: at('passphrase'),
    keyRing: at('api-keys.json'),
    receipts: at('receipts'),
    processes: at('processes.json'),
    gateway: { config: at('gateway', 'config.json'), log: at('gateway', 'gateway.log') },
    member: (id: string) => ({
      config: at(id, 'config.json'),
      log: at(id, 'node.log'),
      data: at(id, 'data'),
      storeIdentity: at(id, 'store-identity'),
      nodeKey: at(id, 'keys', 'node.pem'),
      peerKey: at(id, 'keys', 'peer.pem'),
      vaultKey: at(id, 'keys', 'vault.pem'),
      identityKey: (name: string) => at(id, 'keys', `${name}.pem`),
      apiKeys: at(id, 'api-keys.json'),
    }),
  };
}
export type LocalLayout = ReturnType<typeof localLayout>;
