import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import type { Value } from '../../shared/bytes/cbor.ts';
import {
  confidential,
  confidentialFields,
  signedInput,
  splitArguments,
} from '../../shared/contract/confidential.ts';
import { contract, type TransactionDefinition } from '../../shared/contract/define.ts';
import { type Arguments, digestsIn, revealed } from '../../shared/ledger/disclosure.ts';
import { deal } from '../support/deal-contract.ts';

const { input } = deal.transactions.make as TransactionDefinition;
const salt = (): Uint8Array => randomBytes(16);

const deals = fc.record(
  {
    deal: fc.stringMatching(/^[a-z0-9-]{1,40}$/),
    note: fc.string({ maxLength: 100 }),
    buyer: fc.string({ minLength: 1, maxLength: 60 }),
    price: fc.integer({ min: 1, max: 1_000_000 }),
    remark: fc.string({ maxLength: 200 }),
  },
  { requiredKeys: ['deal', 'buyer', 'price'] },
);

describe('confidential fields', () => {
  it('are split from what is signed: digests in their place, as many whether they are there or not', () => {
    fc.assert(
      fc.property(deals, (call) => {
        const args = call as Arguments;
        const split = splitArguments(input, args, salt);
        const { _sd, ...open } = split.args;
        const shown = Object.fromEntries(
          Object.entries(args).filter(([name]) => name === 'deal' || name === 'note'),
        );
        assert.deepEqual(open, shown);
        assert.equal((_sd as string[]).length, 3);
        assert.deepEqual([...(_sd as string[])].sort(), _sd);
        const parsed = signedInput(input).safeParse(split.args);
        assert.deepEqual(parsed.data, shown);
      }),
    );
  });

  it('are all that was called, together with what is signed', () => {
    fc.assert(
      fc.property(deals, (call) => {
        const { args, disclosures } = splitArguments(input, call as Arguments, salt);
        const fields = revealed(
          args,
          disclosures.map(({ text }) => text),
        );
        const { _sd: _, ...open } = args;
        const all = { ...open, ...Object.fromEntries([...fields].map(([n, d]) => [n, d.value])) };
        assert.deepEqual(all, { ...call });
      }),
    );
  });

  it('have other digests each time: the same value twice can’t be recognised', () => {
    const call = { deal: 'd', buyer: 'beta', price: 7 };
    const [once, again] = [0, 1].map(() => digestsIn(splitArguments(input, call, salt).args));
    assert.equal(new Set([...once!, ...again!]).size, 6);
  });

  it('come with the fields’ readers', () => {
    const fields = confidentialFields(input);
    assert.deepEqual([...fields.keys()], ['buyer', 'price', 'remark']);
    assert.deepEqual(fields.get('price'), { parties: ['buyer'], roles: ['auditor'] });
    assert.equal(confidentialFields(z.strictObject({ open: z.string() })).size, 0);
  });

  const digest = (letter: string): string => letter.repeat(43);
  const signed = { deal: 'd', _sd: ['A', 'B', 'C'].map(digest) };
  const refused: readonly (readonly [string, Record<string, Value>])[] = [
    ['a confidential field in clear', { ...signed, price: 7 }],
    ['no digests', { deal: 'd' }],
    ['a digest too few', { ...signed, _sd: ['A', 'B'].map(digest) }],
    ['a digest too many', { ...signed, _sd: ['A', 'B', 'C', 'D'].map(digest) }],
    ['a digest twice', { ...signed, _sd: ['A', 'B', 'B'].map(digest) }],
    ['digests in another order', { ...signed, _sd: ['B', 'A', 'C'].map(digest) }],
    ['a digest of another length', { ...signed, _sd: [...['A', 'B'].map(digest), 'C'] }],
    ['a text for the digests', { ...signed, _sd: digest('A') }],
    ['a public field that does not fit', { ...signed, deal: '' }],
  ];
  it('are what the signed arguments have, and nothing else', () => {
    assert.ok(signedInput(input).safeParse(signed).success);
  });
  for (const [what, args] of refused) {
    it(`refuse signed arguments with ${what}`, () => {
      assert.equal(signedInput(input).safeParse(args).success, false);
    });
  }

  const define = (
    at: {
      input?: z.ZodType;
      record?: z.ZodType;
      output?: z.ZodType;
      query?: z.ZodType;
      more?: Pick<
        TransactionDefinition,
        'deliverWithinMs' | 'retainForMs' | 'endorsement' | 'mayRead'
      >;
    } = {},
  ) =>
    contract('probe', {
      version: 1,
      summary: 'A probe.',
      roles: { auditor: 'Sees all.' },
      records: { kept: at.record ?? z.string() },
      events: {},
      transactions: {
        call: {
          ...{ summary: 'Calls.', roles: [], apply: () => null },
          ...{ input: at.input ?? z.strictObject({}), output: at.output ?? z.null() },
          ...at.more,
        },
      },
      queries: {
        ask: {
          ...{ summary: 'Asks.', roles: [], answer: () => null },
          ...{ input: at.query ?? z.strictObject({}), output: z.null() },
        },
      },
    });
  const marked = confidential(z.string(), {});
  const lazy: z.ZodType = z.lazy(() => z.array(z.union([lazy, marked])));
  const nonsense: readonly (readonly [string, () => unknown])[] = [
    [
      'in an object of the input',
      () => define({ input: z.strictObject({ a: z.strictObject({ marked }) }) }),
    ],
    ['in a list of the input', () => define({ input: z.strictObject({ a: z.array(marked) }) })],
    [
      'in one of several forms',
      () => define({ input: z.union([z.strictObject({ marked }), z.null()]) }),
    ],
    ['in what a record points to', () => define({ record: z.record(z.string(), lazy) })],
    ['in an output', () => define({ output: z.strictObject({ marked }) })],
    ['in a query', () => define({ query: z.strictObject({ marked }) })],
    ['in an object that takes more', () => define({ input: z.looseObject({ marked }) })],
    [
      'under a rule over the whole input',
      () => define({ input: z.strictObject({ marked }).refine(() => true) }),
    ],
    [
      'for a party that is no field',
      () => define({ input: z.strictObject({ a: confidential(z.string(), { parties: ['b'] }) }) }),
    ],
    [
      'for a role that is not declared',
      () => define({ input: z.strictObject({ a: confidential(z.string(), { roles: ['b'] }) }) }),
    ],
  ];
  const seen = z.strictObject({ a: confidential(z.string(), { roles: ['auditor'] }) });
  const unseen = z.strictObject({ a: confidential(z.string(), {}) });
  const rule = (roles: string[]) => ({ endorsement: { roles, refuses: [], check: () => {} } });
  const contradictions: readonly (readonly [string, () => unknown])[] = [
    ['a time to keep values of which there are none', () => define({ more: { retainForMs: 1 } })],
    ['a word on who may read nothing', () => define({ more: { mayRead: () => true } })],
    ['a time to bring none', () => define({ more: { deliverWithinMs: 1 } })],
    ['no time at all', () => define({ input: seen, more: { retainForMs: 0 } })],
    ['half a millisecond', () => define({ input: seen, more: { retainForMs: 0.5 } })],
    ['an endorsement of nothing hidden', () => define({ more: rule(['auditor']) })],
    ['one by nobody', () => define({ input: seen, more: rule([]) })],
    ['one by a role that reads nothing', () => define({ input: unseen, more: rule(['auditor']) })],
    [
      'one of values that may come later',
      () => define({ input: seen, more: { ...rule(['auditor']), deliverWithinMs: 1 } }),
    ],
  ];
  for (const [what, defining] of contradictions) {
    it(`don’t load with ${what}`, () => {
      assert.throws(defining, /probe/);
    });
  }
  it('load with an endorsement by who reads them, and a time to be kept', () => {
    define({ input: seen, more: { ...rule(['auditor']), retainForMs: 1 } });
  });

  it('can be optional, and beside one that refers to itself', () => {
    const tree: z.ZodType = z.lazy(() => z.array(tree));
    define({ input: z.strictObject({ marked: marked.optional(), tree }), record: tree });
  });
  for (const [where, defining] of nonsense) {
    it(`can’t be declared ${where}`, () => {
      assert.throws(defining, /probe/);
    });
  }
});
