/** Usage as CloudWatch reads it from the log: embedded metric format, with few dimensions. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

const ROOT = path.resolve(import.meta.dirname, '../..');

test('an invocation’s usage is one line; one that used nothing says nothing', () => {
  const program = `
    import { usageMetrics } from './functions/usage-metrics.ts';
    const metrics = usageMetrics('demo', 'shop');
    metrics.flush();
    const numbers = { requests: 3, reads: 2, transactions: 1, bytesIn: 500 };
    const usage = { ...numbers, day: '2026-01-01', storedBytes: 9000 };
    metrics.hear.onUsage('shop', numbers, usage);
    metrics.hear.onUsage('-', { ...numbers, transactions: 0, bytesIn: 0 }, usage);
    metrics.hear.onRefused('shop', {});
    metrics.flush();
    metrics.flush();`;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', program],
    { cwd: ROOT, encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  const lines = stdout.trim().split('\n');
  assert.equal(lines.length, 1, stdout);
  const line = JSON.parse(lines[0]!);
  const sum = (value: number | number[]) => [value].flat().reduce((all, one) => all + one, 0);
  assert.deepEqual(
    [line.Transactions, line.Reads, line.BytesIn, line.StoredBytes, line.Refused].map(sum),
    [1, 4, 500, 9000, 1],
  );
  const [directive] = line._aws.CloudWatchMetrics;
  assert.equal(directive.Namespace, 'Fuqi');
  assert.deepEqual(directive.Dimensions.flat().sort(), ['Consortium', 'Member', 'service'].sort());
  assert.equal(directive.Metrics.length, 5);
});
