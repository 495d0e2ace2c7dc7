/**
 * Real data under failure: ten days of a retailer's invoices are imported by the command line while nodes are
 * killed, the importer is killed and interrupted, and the disk of one node after the other is full for a while.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { importUnderFailure } from './retail-failures.ts';
import { RETAIL_FILE } from './retail-file.ts';

describe('ten days of a retailer, imported under failure', () => {
  if (!existsSync(RETAIL_FILE)) {
    it('were not imported: the folder of external data is absent', () => {});
    return;
  }

  it('end on the ledger to the penny, nothing twice, every receipt valid', async (t) => {
    const done = await importUnderFailure({
      ...{ seed: 1, rounds: 1, concurrency: 8, port: 14_200 },
      onFault: (line) => t.diagnostic(JSON.stringify(line)),
    });
    t.diagnostic(JSON.stringify(done));
    const { read, refused, totalMinor, refusedMinor } = done.report;
    assert.deepEqual([read, refused, refusedMinor.GBP], [1179, 125, 0]);
    assert.equal(totalMinor.GBP, done.pence);
    assert.deepEqual([done.invoices, done.reversals, done.creditNotes], [911, 49, 112]);
    assert.ok(done.importer.includes('SIGKILL') && done.importer.includes(130));
    // What this machine can't do is said, and nothing passes for it.
    if (done.disk === 'none')
      t.diagnostic('no disk was full: neither mount(8) nor prlimit(1) may be used here');
  });
});
