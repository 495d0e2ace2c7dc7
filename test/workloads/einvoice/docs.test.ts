/** docs/einvoice.md says of each call what the contract has: its route, its fields, and every reason. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import type { z } from 'zod';
import { confidentialFields } from '../../../shared/contract/confidential.ts';
import { einvoiceContract } from '../../../workloads/einvoice/contract.ts';
import { NUMBER_REJECTS } from '../../../workloads/invoice/numbers.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../../docs/einvoice.md'), 'utf8');
const named = (cell: string) => [...cell.matchAll(/`([a-z-]+)`/g)].map((match) => match[1]!).sort();

it('documents every transaction with its route, its fields and its reasons', () => {
  for (const [name, definition] of Object.entries(einvoiceContract.transactions)) {
    const { http, input, rejects = [], endorsement } = definition;
    const row = page.split('\n').find((line) => line.startsWith(`| \`${http}\` | \`${name}\``));
    assert.ok(row, `no row for ${name} at ${http}`);
    const [, , call, rejected, refused] = row.split('|') as [
      string,
      string,
      string,
      string,
      string,
    ];
    const numbers = rejected.includes('those of numbers') ? NUMBER_REJECTS : [];
    assert.deepEqual([...named(rejected), ...numbers].sort(), [...rejects].sort(), name);
    assert.deepEqual(named(refused), [...(endorsement?.refuses ?? [])].sort(), name);
    const hidden = confidentialFields(input);
    for (const field of Object.keys((input as z.ZodObject).shape)) {
      if (http!.includes(`{${field}}`)) continue;
      assert.equal(call.includes(`*${field}*`), hidden.has(field), `${name} ${field}`);
      assert.ok(call.includes(field), `${name} ${field}`);
    }
  }
});

it('documents every query with its route', () => {
  for (const [name, { http }] of Object.entries(einvoiceContract.queries)) {
    assert.ok(page.includes(`| \`${http}`), `no row for ${name} at ${http}`);
  }
});
