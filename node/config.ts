/**
 * Configuration files of a node and of a gateway: schemas, and loading with one clear sentence for
 * whatever is wrong. Paths in a file are relative to the file's folder.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { TenantLimitsSchema } from '../shared/api/tenant-limits.ts';
import { TokenIssuersSchema } from '../shared/api/token-issuer.ts';
import { BACKUP_DAYS_MAX } from '../shared/contract/confidential-records.ts';
import { MemberIdSchema } from '../shared/ledger/genesis.ts';
import { LIMITS } from '../shared/ledger/limits.ts';
import { ConnectionLimitsSchema } from './connections.ts';
import { UserError } from './user-error.ts';

const port = z.int().min(0).max(65_535);
const ListenSchema = z.strictObject({
  host: z.string().min(1),
  port,
  connections: ConnectionLimitsSchema.optional(),
});
const endpoint = z.url({ protocol: /^https?$/ });

/** One member's node. */
export const NodeConfigSchema = z.strictObject({
  format: z.literal('fuqi-node-1'),
  member: MemberIdSchema,
  /** The genesis document. */
  genesis: z.string(),
  /** Folder of the store. */
  data: z.string(),
  /** File with the store's identity, outside the data folder: a restored backup shows by it. */
  storeIdentity: z.string(),
  listen: ListenSchema,
  /** Where the other members' nodes are. */
  peers: z.record(MemberIdSchema, endpoint),
  /** The consortium's gateway: members whose endpoint is not known are behind it. */
  gateway: endpoint.optional(),
  /** The relay's WebSocket, for a node that the others can't reach: it connects out. */
  relay: z.url({ protocol: /^wss?$/ }).optional(),
  keys: z.strictObject({
    /** Signs consensus statements. */
    node: z.string(),
    /** Signs the tokens of calls to other nodes. */
    peer: z.string(),
    /** The successors, while the members vote on them and until their epoch has started. */
    nextNode: z.string().optional(),
    nextPeer: z.string().optional(),
    /** The vault's: others encrypt confidential values to it, and it wraps the keys of what the vault keeps. */
    vault: z.string().optional(),
    /** Its successor, until all that the vault keeps is wrapped by it and the old one is dropped. */
    nextVault: z.string().optional(),
    /** Custodial keys by the identity's name. */
    identities: z.record(z.string(), z.string()),
  }),
  /** First line: the passphrase of the key files. Without it the environment's FUQI_PASSPHRASE. */
  passphraseFile: z.string().optional(),
  /** Hashed API keys of this member. */
  apiKeys: z.string(),
  /** Issuers whose tokens stand for identities of this member, beside API keys. */
  issuers: TokenIssuersSchema.optional(),
  /** How many days backups of this node are kept at the most; the node says so on the ledger. */
  backupDays: z.int().min(0).max(BACKUP_DAYS_MAX).optional(),
  /** Ranges of addresses (CIDR) to which webhooks may go though they are not public; none unless told. */
  webhookAddresses: z.array(z.union([z.cidrv4(), z.cidrv6()])).optional(),
  /** What each tenant may use of this node; those that are left out don't bind. */
  limits: TenantLimitsSchema.partial().optional(),
  /** How long bodies of blocks are kept; for good unless told. Within either bound they stay. */
  retain: z
    .strictObject({
      blocks: z.int().min(LIMITS.retainBlocksMin),
      days: z.number().positive().optional(),
    })
    .optional(),
});
export type NodeConfig = z.infer<typeof NodeConfigSchema>;

/** A gateway. */
export const GatewayConfigSchema = z.strictObject({
  format: z.literal('fuqi-gateway-1'),
  consortium: z.string().min(1),
  listen: ListenSchema,
  members: z.array(z.strictObject({ id: MemberIdSchema, endpoint })).min(1),
  /** The members' hashed API keys. */
  apiKeys: z.array(z.string()),
  /** To which member tokens of an issuer go. */
  tokenRoutes: z
    .array(z.strictObject({ issuer: z.string(), audience: z.string(), member: MemberIdSchema }))
    .optional(),
  /** Requests that each tenant may send through; without it the nodes alone hold limits. */
  limits: TenantLimitsSchema.pick({ requestsPerSecond: true, burst: true }).optional(),
});
export type GatewayConfig = z.infer<typeof GatewayConfigSchema>;

/** Reads a JSON file of a schema; throws a `UserError` that names file, field, found and expected. */
export function loadJson<S extends z.ZodType>(file: string, schema: S, what: string): z.output<S> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`The ${what} ${file} can't be read: ${(error as Error).message}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UserError(`The ${what} ${file} is not JSON: ${(error as Error).message}`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  // An unknown key is reported of its object.
  const at = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : issue.path;
  const found = at.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    json,
  );
  throw new UserError(
    `The ${what} ${file} is wrong at /${at.map(String).join('/')}: ${issue.message}` +
      `${found === undefined ? '' : ` (found ${JSON.stringify(found)?.slice(0, 80)})`}.`,
  );
}

/** A path of a configuration file, relative to that file's folder. */
export const besides = (configFile: string, relative: string): string =>
  path.resolve(path.dirname(configFile), relative);

/** What a file that a configuration names holds, without the white space around it; throws a `UserError`. */
export function readBesides(configFile: string, relative: string): string {
  const file = besides(configFile, relative);
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new UserError(`${file} can't be read.`);
  }
}
