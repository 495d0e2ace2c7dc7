/** A small contract for tests of the platform: named counters that members raise. */
import { z } from 'zod';
import type { Digest } from '../../shared/bytes/digest.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { contract } from '../../shared/contract/define.ts';

const name = z.string().regex(/^[a-z0-9-]{1,40}$/);

export const counter = contract('counter', {
  version: 1,
  summary: 'Named counters.',
  roles: { user: 'May raise counters.' },
  records: { counter: z.strictObject({ value: z.int(), by: z.string(), at: z.int() }) },
  events: { raised: z.strictObject({ name, value: z.int() }) },
  transactions: {
    raise: {
      summary: 'Raises a counter.',
      roles: ['user', 'admin'],
      http: 'POST /counters/{name}',
      rejects: ['too-high'],
      input: z.strictObject({ name, by: z.int().min(1), max: z.int().optional() }),
      output: z.strictObject({ value: z.int() }),
      apply(context, input) {
        const before = context.get('counter', input.name);
        const value = (before?.value ?? 0) + input.by;
        if (input.max !== undefined && value > input.max) {
          context.reject('too-high', 'The counter would be too high.', {
            got: value,
            expected: input.max,
          });
        }
        context.put('counter', input.name, {
          value,
          by: context.caller.member,
          at: context.time,
        });
        context.emit('raised', { name: input.name, value });
        return { value };
      },
    },
    forget: {
      summary: 'Deletes a counter.',
      roles: ['user', 'admin'],
      input: z.strictObject({ name }),
      output: z.null(),
      apply(context, input) {
        context.delete('counter', input.name);
        return null;
      },
    },
    misbehave: {
      summary: 'Does what contract code may not do.',
      roles: ['user', 'admin'],
      input: z.strictObject({ how: z.enum(['clock', 'random', 'throw', 'float', 'swallow']) }),
      output: z.any(),
      apply(context, { how }) {
        context.put('counter', 'misbehaved', { value: 1, by: 'x', at: 0 });
        if (how === 'clock') return Date.now();
        if (how === 'random') return Math.floor(Math.random() * 10);
        if (how === 'float') return 0.5;
        if (how === 'swallow') {
          try {
            return context.get('counter', `missing-${context.transactionId}`) ?? 'absent';
          } catch {
            return 'swallowed';
          }
        }
        throw new Error(`at ${context.time}`);
      },
    },
  },
  queries: {
    read: {
      summary: 'A counter.',
      roles: [],
      http: 'GET /counters/{name}',
      input: z.strictObject({ name }),
      output: z.strictObject({ value: z.int() }),
      answer: (context, input) => ({ value: context.get('counter', input.name)?.value ?? 0 }),
    },
  },
});

export const counterCatalog = catalog([{ contract: counter, codeHash: '11'.repeat(32) as Digest }]);
