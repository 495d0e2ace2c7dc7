import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { invoiceContract } from '../../../workloads/invoice/contract.ts';
import { NUMBER_REJECTS } from '../../../workloads/invoice/numbers.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/invoice.md'), 'utf8');

it('documents every transaction with its route and its reasons, and no others', () => {
  for (const [name, { http, rejects = [] }] of Object.entries(invoiceContract.transactions)) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${http}\` | \`${name}\``));
    assert.ok(row, `docs/invoice.md has no row for ${name} at ${http}`);
    const said = [...row.split(' | ')[2]!.matchAll(/`([a-z-]+)`/g)].map((match) => match[1]!);
    if (row.includes('and those of numbers')) said.push(...NUMBER_REJECTS);
    assert.deepEqual(said.sort(), [...rejects].sort(), name);
  }
});

it('documents every query with its route', () => {
  for (const [name, { http }] of Object.entries(invoiceContract.queries)) {
    assert.ok(page.includes(`| \`${http}`), `docs/invoice.md has no row for ${name} at ${http}`);
  }
});
