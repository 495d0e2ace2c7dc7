/** What a function writes: one JSON line, with the request it is about and without surprises. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

const ROOT = path.resolve(import.meta.dirname, '../..');

function linesOf(code: string): Record<string, unknown>[] {
  const program = `
    import { functionLog } from './functions/log.ts';
    import { inRequest } from './node/request-context.ts';
    const log = functionLog('client', { member: 'shop' });
    ${code}`;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', program],
    { cwd: ROOT, encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  return `${stdout}${stderr}`
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a line carries its request, its service and its fields', () => {
  const [line, later] = linesOf(`
    await inRequest({ requestId: 'order-4711' }, async () => log.info({ height: 7 }, 'committed'));
    log.warn({}, 'afterwards');`);
  const { level, service, member, message, requestId, height } = line!;
  assert.deepEqual(
    { level, service, member, message, requestId, height },
    {
      level: 'INFO',
      service: 'client',
      member: 'shop',
      message: 'committed',
      requestId: 'order-4711',
      height: 7,
    },
  );
  assert.equal(later!.requestId, undefined);
});

test('a fault is one line with its stack', () => {
  const [line] = linesOf(`log.error({ err: new Error('throttled') }, 'usage-failed');`);
  const { message, stack } = line!.err as { message: string; stack: string };
  assert.equal(message, 'throttled');
  assert.ok(stack.length > 0);
});
