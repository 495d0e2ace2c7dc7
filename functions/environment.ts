/** What a function is told by its environment: names only, never a secret. */
import { z } from 'zod';
import {
  DEFAULT_TENANT_LIMITS,
  type TenantLimits,
  TenantLimitsSchema,
} from '../shared/api/tenant-limits.ts';
import { TokenIssuersSchema } from '../shared/api/token-issuer.ts';
import { GenesisMemberSchema, MemberIdSchema } from '../shared/ledger/genesis.ts';

/** A text that is JSON of a schema. */
export const jsonText = <S extends z.ZodType>(schema: S) =>
  z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: 'custom', message: 'not JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema);

const SigningKeysSchema = jsonText(z.array(z.string().min(1)).min(1).max(2));

const NodeEnvironmentSchema = z.object({
  FUQI_CONSORTIUM: z.string().min(1),
  FUQI_MEMBER: MemberIdSchema,
  /** `peer` answers votes and must not be kept busy; `client` serves clients and drives. */
  FUQI_ENTRY: z.enum(['peer', 'client']),
  /** The node's own table. */
  FUQI_TABLE: z.string().min(1),
  /** The node's own bucket, for attachments. */
  FUQI_ATTACHMENTS: z.string().min(1),
  /** The consortium's directory: genesis and where members are. */
  FUQI_DIRECTORY: z.string().min(1),
  /** The KMS keys that sign consensus statements, JSON: one, or that one and its successor. */
  FUQI_SIGNING_KEYS: SigningKeysSchema,
  /** URL of the queue that alarms wait in. */
  FUQI_ALARM_QUEUE: z.url(),
  /** Whose account it runs in: the operator's, or the member's own. */
  FUQI_HOSTING: GenesisMemberSchema.shape.hosting,
  /** The consortium's gateway, where the node has an account of its own: members without an endpoint are behind it. */
  FUQI_GATEWAY: z.url().optional(),
  /** Issuers whose tokens the member accepts, JSON. */
  FUQI_ISSUERS: jsonText(TokenIssuersSchema).default([]),
  /** Ranges of addresses (CIDR) that webhooks may go to though they are not public, JSON. */
  FUQI_WEBHOOK_ADDRESSES: jsonText(z.array(z.union([z.cidrv4(), z.cidrv6()]))).default([]),
  /** What the member may use, JSON. */
  FUQI_LIMITS: jsonText(TenantLimitsSchema.partial())
    .default({})
    .transform((limits) => ({ ...DEFAULT_TENANT_LIMITS, ...limits }) as TenantLimits),
});
export type NodeEnvironment = z.infer<typeof NodeEnvironmentSchema>;

/** Reads a node function's environment; throws an Error that names what is wrong. */
export const nodeEnvironment = (): NodeEnvironment => NodeEnvironmentSchema.parse(process.env);

/** The KMS keys of the environment, the newest one last. */
export const signingKeys = (): string[] =>
  SigningKeysSchema.parse(fromEnvironment('FUQI_SIGNING_KEYS'));

/** One environment variable that a function can't do without. */
export function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`the environment lacks ${name}`);
  return value;
}
