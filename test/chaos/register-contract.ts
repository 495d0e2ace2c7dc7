/**
 * Named registers for the chaos run: reads, writes and compare-and-sets that go through consensus, and
 * the same object as a sequential model. A register counts its writes, so that one applied twice shows.
 */
import { z } from 'zod';
import type { Digest } from '../../shared/bytes/digest.ts';
import { type Catalog, catalog } from '../../shared/contract/catalog.ts';
import { contract } from '../../shared/contract/define.ts';
import { contracts } from '../../workloads/catalog.ts';
import type { Model } from './linearizability.ts';

const key = z.string().regex(/^[a-z0-9-]{1,40}$/);
const value = z.string().max(60);
const Register = z.strictObject({ value, writes: z.int() });

/** A register; before its first write it is empty. */
export type Register = z.infer<typeof Register>;
export const EMPTY: Register = { value: '', writes: 0 };

const register = contract('register', {
  version: 1,
  summary: 'Named registers.',
  roles: { user: 'May use registers.' },
  records: { register: Register },
  events: {
    written: z.strictObject({ key, value, writes: z.int() }),
    replaced: z.strictObject({ key, value }),
  },
  transactions: {
    read: {
      summary: 'Reads a register in the order of all transactions.',
      roles: ['user'],
      input: z.strictObject({ key }),
      output: Register,
      apply: (context, input) => context.get('register', input.key) ?? EMPTY,
    },
    write: {
      summary: 'Writes a register and answers what was there.',
      roles: ['user'],
      input: z.strictObject({ key, value }),
      output: Register,
      apply(context, input) {
        const before = context.get('register', input.key) ?? EMPTY;
        const after = { value: input.value, writes: before.writes + 1 };
        context.put('register', input.key, after);
        context.emit('written', { key: input.key, ...after });
        return before;
      },
    },
    cas: {
      summary: 'Writes a register where it holds what the caller expects.',
      roles: ['user'],
      rejects: ['other-value'],
      input: z.strictObject({ key, expected: value, value }),
      output: Register,
      apply(context, input) {
        const before = context.get('register', input.key) ?? EMPTY;
        if (before.value !== input.expected) {
          const more = { got: before.value, expected: input.expected };
          context.reject('other-value', 'The register holds another value.', more);
        }
        const after = { value: input.value, writes: before.writes + 1 };
        context.put('register', input.key, after);
        context.emit('replaced', { key: input.key, value: before.value });
        context.emit('written', { key: input.key, ...after });
        return before;
      },
    },
  },
  queries: {
    read: {
      summary: 'A register at a height.',
      roles: [],
      http: 'GET /registers/{key}',
      input: z.strictObject({ key }),
      output: Register,
      answer: (context, input) => context.get('register', input.key) ?? EMPTY,
    },
  },
});

const entry = { contract: register, codeHash: '22'.repeat(32) as Digest };

/** The platform's contracts and the register. */
export const chaosCatalog: Catalog = catalog([...contracts.entries, entry]);

/** The register as the genesis document names it. */
export const REGISTER_CODE = {
  name: register.name,
  version: register.version,
  codeHash: entry.codeHash,
};

/** A call of the register contract. */
export type Input = { readonly key: string } & (
  | { readonly method: 'read' }
  | { readonly method: 'write'; readonly value: string }
  | { readonly method: 'cas'; readonly expected: string; readonly value: string }
);

/** What a final transaction answered: the register before it, or the value that a compare-and-set found instead. */
export type Output = { readonly before: Register } | { readonly found: string };

/** What a call must answer where the register is as it is, and the register afterwards. */
export function apply(
  state: Register,
  input: Input,
): { readonly output: Output; readonly after: Register } {
  if (input.method === 'read') return { output: { before: state }, after: state };
  if (input.method === 'cas' && state.value !== input.expected) {
    return { output: { found: state.value }, after: state };
  }
  return { output: { before: state }, after: { value: input.value, writes: state.writes + 1 } };
}

export const sameOutput = (a: Output, b: Output): boolean =>
  'before' in a
    ? 'before' in b && a.before.value === b.before.value && a.before.writes === b.before.writes
    : 'found' in b && a.found === b.found;

/** The sequential register. */
export const REGISTER: Model<Register, Input, Output> = {
  initial: EMPTY,
  step(state, input, output) {
    const { output: due, after } = apply(state, input);
    return output === undefined || sameOutput(output, due) ? after : undefined;
  },
  nameOf: ({ value: text, writes }) => `${writes} ${text}`,
};
