/** What a function is told by its environment: names only, never a secret. */
import { z } from 'zod';
import { MemberIdSchema } from '../shared/ledger/genesis.ts';

const NodeEnvironmentSchema = z.object({
  FUQI_CONSORTIUM: z.string().min(1),
  FUQI_MEMBER: MemberIdSchema,
  /** `peer` answers votes and must not be kept busy; `client` serves clients and drives. */
  FUQI_ENTRY: z.enum(['peer', 'client']),
  /** The node's own table. */
  FUQI_TABLE: z.string().min(1),
  /** The consortium's directory: genesis and where members are. */
  FUQI_DIRECTORY: z.string().min(1),
  /** The KMS key that signs consensus statements. */
  FUQI_SIGNING_KEY: z.string().min(1),
  /** URL of the queue that alarms wait in. */
  FUQI_ALARM_QUEUE: z.url(),
});
export type NodeEnvironment = z.infer<typeof NodeEnvironmentSchema>;

/** Reads a node function's environment; throws an Error that names what is wrong. */
export const nodeEnvironment = (): NodeEnvironment => NodeEnvironmentSchema.parse(process.env);

/** One environment variable that a function can't do without. */
export function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`the environment lacks ${name}`);
  return value;
}
