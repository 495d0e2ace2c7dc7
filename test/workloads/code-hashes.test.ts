import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { contracts } from '../../workloads/catalog.ts';
import {
  CODE_HASHES_FILE,
  codeHash,
  codeHashesText,
  SOURCES,
} from '../../workloads/hash-contracts.ts';

it('keeps code hashes that are those of the sources', () => {
  assert.equal(
    readFileSync(CODE_HASHES_FILE, 'utf8'),
    codeHashesText(),
    'run `npm run contracts:hash`',
  );
});

it('hashes every source of the invoice contract', () => {
  const root = join(import.meta.dirname, '../..');
  const files = readdirSync(join(root, 'workloads/invoice'), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => `workloads/invoice/${name}`);
  assert.deepEqual([...SOURCES.invoice!].sort(), files.sort());
});

it('finds a contract by name, version and the hash of its code, and no other', () => {
  const hash = codeHash(SOURCES.invoice!);
  assert.equal(contracts.find('invoice', 1, hash)?.name, 'invoice');
  assert.equal(contracts.find('invoice', 2, hash), undefined);
  assert.equal(contracts.find('invoice', 1, '0'.repeat(64)), undefined);
});
