/**
 * `npm test`'s runner: node:test in three groups. What runs whole consortia on the AWS emulator comes one file after the
 * other, after all that has real clocks and processes, too. What has a clock of its own can be as slow as it likes: beside
 * both it takes what they leave of the cores, and is told at the end. The last line sums all up.
 */
import { globSync } from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const ROOT = path.resolve(import.meta.dirname, '..');

interface Group {
  readonly files: readonly string[];
  readonly concurrency: number;
  /** How long a file may take. */
  readonly fileMs: number;
  readonly execArgv?: string[];
}

const all = globSync('test/**/*.test.ts', { cwd: ROOT }).sort();
const isCloud = (file: string): boolean => file.startsWith(path.join('test', 'cloud'));
/** Networks under a scheduler with virtual time. */
const isSimulation = (file: string): boolean =>
  file.startsWith(path.join('test', 'simulation')) ||
  file === path.join('test', 'conformance', 'twins.test.ts');

const simulations: Group = {
  files: all.filter(isSimulation),
  concurrency: 2,
  fileMs: 2_700_000,
  execArgv: ['--import', path.join(import.meta.dirname, 'support/lowest-priority.ts')],
};
const others: Group = {
  files: all.filter((file) => !isCloud(file) && !isSimulation(file)),
  concurrency: 2,
  fileMs: 900_000,
};
const cloud: Group = { files: all.filter(isCloud), concurrency: 1, fileMs: 900_000 };

let passed = 0;
let failed = 0;

/** Runs a group's files, and says how each test ends. */
async function test(
  { files, concurrency, fileMs, execArgv = [] }: Group,
  say: (text: string) => void,
): Promise<void> {
  const stream = run({
    files: files.map((file) => path.join(ROOT, file)),
    ...{ concurrency, timeout: fileMs, execArgv },
  });
  stream.on('test:summary', ({ file, counts }) => {
    // Those with a file are parts of the one without.
    if (file !== undefined) return;
    passed += counts.passed;
    failed += counts.tests - counts.passed - counts.skipped - counts.todo;
  });
  for await (const chunk of stream.compose(spec())) say(chunk as string);
}

const say = (text: string): void => void process.stdout.write(text);
let simulated = '';
const beside = test(simulations, (text) => {
  simulated += text;
});
await test(others, say);
await test(cloud, say);
await beside;
say(simulated);
say(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
