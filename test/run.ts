/**
 * `npm test`'s runner: node:test in two phases. What runs whole consortia on the AWS emulator has the machine
 * to itself, one file after the other; everything else shares it. Ends with one line that sums both up.
 */
import { globSync } from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const ROOT = path.resolve(import.meta.dirname, '..');
const FILE_MS = 900_000;

const all = globSync('test/**/*.test.ts', { cwd: ROOT }).sort();
const isCloud = (file: string): boolean => file.startsWith(path.join('test', 'cloud'));
/** Its files take minutes each: last, they would leave half the machine idle. */
const isLong = (file: string): boolean => file.startsWith(path.join('test', 'simulation'));
const shared = all.filter((file) => !isCloud(file));
const phases = [
  { files: [...shared.filter(isLong), ...shared.filter((file) => !isLong(file))], concurrency: 2 },
  { files: all.filter(isCloud), concurrency: 1 },
];

let passed = 0;
let failed = 0;
for (const { files, concurrency } of phases) {
  const stream = run({
    files: files.map((file) => path.join(ROOT, file)),
    concurrency,
    timeout: FILE_MS,
  });
  stream.on('test:summary', ({ file, counts }) => {
    // Those with a file are parts of the one without.
    if (file !== undefined) return;
    passed += counts.passed;
    failed += counts.tests - counts.passed - counts.skipped - counts.todo;
  });
  const report = stream.compose(spec());
  for await (const chunk of report) process.stdout.write(chunk as string);
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
