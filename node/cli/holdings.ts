/** `fuqi holdings`: which confidential fields the node of each member holds, as far as there are keys to ask with. */
import type { Command } from 'commander';
import type { HeldValues } from '../../shared/api/ledger-service.ts';
import { call, type Target } from '../gateway-call.ts';
import { UserError } from '../user-error.ts';
import { globalOptions, keyRingOf, show, targetOf } from './command-context.ts';

const ADMIN = '/admin';
const LIMIT = 200;

/** What a node holds of one method's transactions. */
interface Holding {
  readonly method: string;
  /** Whether its own member signed them. */
  readonly own: boolean;
  readonly fields: readonly string[];
  readonly transactions: number;
  /** Files that the values name, and those of them that are there; absent where they name none. */
  readonly attachments?: { readonly named: number; readonly here: number };
}

export function registerHoldings(program: Command): void {
  program
    .command('holdings')
    .description('which confidential fields the node of each member holds; never a value')
    .action(async (_: unknown, command: Command) => {
      const options = globalOptions(command);
      const ring = keyRingOf(options);
      if (!ring) throw new UserError('There is no key ring of this consortium here: name --home.');
      const target = targetOf(options);
      const members = Object.keys(ring.keys)
        .filter((name) => name.endsWith(ADMIN))
        .map((name) => name.slice(0, -ADMIN.length))
        .sort();
      const nodes: { member: string; holds: Holding[] }[] = [];
      for (const member of members) {
        const held = await heldBy({ ...target, key: ring.keys[`${member}${ADMIN}`] });
        nodes.push({ member, holds: grouped(held, member) });
      }
      show(options, { nodes }, nodes.map(({ member, holds }) => text(member, holds)).join('\n'));
    });
}

async function heldBy(target: Target): Promise<HeldValues[]> {
  const all: HeldValues[] = [];
  let after = '';
  for (;;) {
    const page = (await call(target, `/vault?limit=${LIMIT}${after}`)) as {
      records: HeldValues[];
      next: string | null;
    };
    all.push(...page.records);
    if (page.next === null) return all;
    after = `&after=${page.next}`;
  }
}

function grouped(held: readonly HeldValues[], member: string): Holding[] {
  const groups = new Map<string, Holding>();
  for (const { contract, method: name, owner, fields, attachments } of held) {
    const method = `${contract}.${name}`;
    const own = owner === member;
    const key = JSON.stringify([method, own, fields]);
    const before = groups.get(key);
    const files = [before?.attachments, attachments].filter((one) => one !== undefined);
    groups.set(key, {
      ...{ method, own, fields, transactions: (before?.transactions ?? 0) + 1 },
      ...(files.length > 0 && {
        attachments: {
          named: files.reduce((sum, { named }) => sum + named, 0),
          here: files.reduce((sum, { here }) => sum + here, 0),
        },
      }),
    });
  }
  return [...groups.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

function text(member: string, holds: readonly Holding[]): string {
  if (holds.length === 0) return `${member}\n  holds no confidential values`;
  const lines = holds.map(
    ({ method, own, fields, transactions, attachments: files }) =>
      `  ${String(transactions).padStart(6)}  ${method}  ${own ? 'its own' : 'of others'}: ${fields.join(', ')}${files ? ` (${files.here} of ${files.named} files)` : ''}`,
  );
  return [member, ...lines].join('\n');
}
