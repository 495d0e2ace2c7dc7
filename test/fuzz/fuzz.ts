/**
 * `npm run fuzz -- --seconds N [--target NAME]…`: fuzzes every target in turn, N seconds in all, and prints a line of JSON
 * for each. `--keep` also merges what was found into the kept corpus; `--replay FILE` runs one input of a target.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fuzz, merge, prepare, ROOT, type Run } from './engine.ts';
import { makeSeeds } from './seeds.ts';
import { loadTarget, TARGET_NAMES, type TargetName } from './targets.ts';

/** A target whose inputs keep failing is left. */
const CRASHES_MAX = 5;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '180' },
    target: { type: 'string', multiple: true, default: [] },
    keep: { type: 'boolean', default: false },
    replay: { type: 'string' },
  },
});
const unknown = values.target.find((name) => !TARGET_NAMES.includes(name as TargetName));
if (unknown !== undefined) {
  console.error(`no target "${unknown}"; there are ${TARGET_NAMES.join(', ')}`);
  process.exit(2);
}
const targets = values.target.length > 0 ? (values.target as TargetName[]) : TARGET_NAMES;

if (values.replay !== undefined) {
  for (const target of targets) await (await loadTarget(target))(readFileSync(values.replay));
  console.log('holds');
} else {
  const seconds = Number(values.seconds);
  const seeds = await makeSeeds();
  let crashes = 0;
  for (const target of targets) {
    const bundle = await prepare(target, seeds[target]);
    const line = await fuzzFor(target, bundle, seconds / targets.length);
    if (values.keep) await merge(target, bundle);
    crashes += line.newCrashes.length;
    console.log(JSON.stringify(line));
  }
  process.exitCode = crashes === 0 ? 0 : 1;
}

/** Fuzzes a target again and again until its time is over: the fuzzer ends at each crash. */
async function fuzzFor(target: TargetName, bundle: string, seconds: number) {
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 1000;
  const crashes = new Map<string, { error: string; replay: string }>();
  const runs: Run[] = [];
  do {
    const run = await fuzz(target, bundle, seconds - elapsed());
    runs.push(run);
    if (!run.crash) break;
    const { file, error } = run.crash;
    const said = error.split('\n').slice(0, 2).join(' ').slice(0, 300);
    const replay = `npm run fuzz -- --target ${target} --replay ${path.relative(ROOT, file)}`;
    if (!crashes.has(said)) crashes.set(said, { error: said, replay });
  } while (runs.length < CRASHES_MAX && elapsed() < seconds - 1);
  const most = (of: 'coverage' | 'features' | 'corpus'): number =>
    Math.max(...runs.map((run) => run[of]));
  return {
    target,
    seconds: Math.round(elapsed()),
    executions: runs.reduce((sum, run) => sum + run.executions, 0),
    coverage: most('coverage'),
    features: most('features'),
    corpus: most('corpus'),
    newCrashes: [...crashes.values()],
  };
}
