import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { inputSchema } from '../../shared/api/arguments.ts';
import { patternExample } from '../../shared/api/pattern-example.ts';
import { exampleOf } from '../../shared/api/schema-example.ts';

test('an example matches the pattern that it is made from', () => {
  const patterns = [
    '^\\d{20}$',
    '^[a-z][a-z0-9-]{0,30}$',
    '^\\d{4}-(0[1-9]|1[0-2])$',
    '^(?:abc|def)+x?$',
    '^-?\\d{1,15}(\\.\\d{1,16})?$',
    '^[!-~]{1,64}$',
    '^[A-Za-z0-9_-]{43}$',
  ];
  for (const pattern of patterns) {
    const text = patternExample(pattern);
    assert.ok(text !== undefined && new RegExp(pattern).test(text), `${pattern}: ${text}`);
  }
});

test('a pattern that uses more than this reads gives nothing rather than a wrong text', () => {
  for (const pattern of ['^(?=a)b$', '^[^a]$', '(', '^\\p{L}$']) {
    assert.equal(patternExample(pattern), undefined, pattern);
  }
});

test('an example fits its schema and names texts after their fields', () => {
  const schema = z.strictObject({
    merchant: z.string().regex(/^[a-z]+$/),
    number: z.string().regex(/^\d{20}$/),
    amount: z.int().min(5),
    above: z.int().gt(7),
    kind: z.enum(['a', 'b']),
    day: z.iso.date(),
    tags: z.array(z.string()).min(1),
    either: z.union([z.strictObject({ left: z.boolean() }), z.null()]),
    note: z.string().optional(),
  });
  const example = exampleOf(inputSchema(schema)) as Record<string, unknown>;
  assert.ok(schema.safeParse(example).success, JSON.stringify(example));
  assert.equal(example.merchant, 'merchant');
  assert.ok(!('note' in example));
});

test('a schema’s own example wins', () => {
  const schema = z.strictObject({ a: z.int() }).meta({ examples: [{ a: 42 }] });
  assert.deepEqual(exampleOf(inputSchema(schema)), { a: 42 });
});
