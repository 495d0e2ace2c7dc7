/** The file that `fuqi reimburse` reads: whose claims, which keys, which rules, and where its own files are. */
import { z } from 'zod';
import { MemberSchema } from '../../workloads/invoice/records.ts';
import { type Policy, PolicySchema } from '../../workloads/reimbursement/policy.ts';
import { besides, loadJson, readBesides } from '../config.ts';
import type { Target } from '../gateway-call.ts';

const file = z.string().min(1).max(400);

const ConfigSchema = z.strictObject({
  format: z.literal('fuqi-reimburse-1'),
  gateway: z.url(),
  consortium: z.string().min(1).max(63),
  /** The employer. */
  member: MemberSchema,
  /** Files, beside this one unless absolute. This one holds the API key of an identity with `einvoice.finance`, and nothing else. */
  financeKeyFile: file,
  /** Payment orders are appended here, a JSON line each. */
  orders: file,
  /** How far the ledger was read. */
  state: file,
  policy: PolicySchema,
});

export interface Reimbursing {
  readonly member: string;
  readonly finance: Target;
  readonly ordersFile: string;
  readonly stateFile: string;
  readonly policy: Policy;
}

/** Reads the file and the key. Throws a `UserError` that names the one that is wrong. */
export function loadReimburseConfig(name: string): Reimbursing {
  const config = loadJson(name, ConfigSchema, 'configuration');
  const at = (other: string): string => besides(name, other);
  const { gateway: url, consortium, member, policy } = config;
  return {
    ...{ member, policy, ordersFile: at(config.orders), stateFile: at(config.state) },
    finance: { url, consortium, key: readBesides(name, config.financeKeyFile) },
  };
}
