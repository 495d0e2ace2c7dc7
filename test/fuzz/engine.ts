/**
 * Runs libFuzzer (by Jazzer.js) on a target. Its instrumentation does not read TypeScript, so a target is bundled into
 * one CommonJS file first; packages stay outside, but for the two that parse import files.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { corpusOf, readInputs, writeInputs } from './kept.ts';
import { TARGETS, type TargetName } from './targets.ts';

export const ROOT = path.resolve(import.meta.dirname, '../..');
/** Bundles and seeds, which can be made again. */
const CACHE = path.join(ROOT, 'node_modules/.cache/fuzz');
/** What was found on this machine. */
const FOUND = path.join(ROOT, '.fuqi/fuzz');

const foundOf = (target: TargetName): string => path.join(FOUND, target, 'corpus');
const crashesOf = (target: TargetName): string => path.join(FOUND, target, 'crashes');
const seedsOf = (target: TargetName): string => path.join(CACHE, 'seeds', target);

const INSTRUMENTED_PACKAGES = new Set(['saxes', 'csv-parse']);
const INPUT_MS_MAX = 10_000;
const MEMORY_MIB_MAX = 3072;
/** Of a target in the kept corpus. */
const KEPT_BYTES_MAX = 96 * 1024;

/** Makes all that a run needs of a target but the fuzzer itself. */
export async function prepare(target: TargetName, seeds: Iterable<Uint8Array>): Promise<string> {
  rmSync(seedsOf(target), { recursive: true, force: true });
  writeInputs(seedsOf(target), seeds);
  for (const folder of [corpusOf, foundOf, crashesOf])
    mkdirSync(folder(target), { recursive: true });
  const outfile = path.join(CACHE, 'bundles', `${target}.cjs`);
  await build({
    entryPoints: [path.join(import.meta.dirname, 'targets', `${target}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    // Classes keep their private fields, and errors their names.
    target: 'node24',
    define: { 'import.meta.dirname': '__dirname', 'import.meta.url': '__filename' },
    logLevel: 'error',
    plugins: [
      {
        name: 'packages-stay-outside',
        setup({ onResolve }) {
          onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) => {
            if (kind === 'entry-point' || INSTRUMENTED_PACKAGES.has(name)) return undefined;
            return { path: name, external: true };
          });
        },
      },
    ],
  });
  return outfile;
}

export interface Run {
  readonly executions: number;
  /** Counters of instrumented places that were reached. */
  readonly coverage: number;
  /** The same by how often each was reached in one execution. */
  readonly features: number;
  /** Inputs that each reach something of their own. */
  readonly corpus: number;
  /** The input that something did not hold for, and what was said of it. */
  readonly crash?: { readonly file: string; readonly error: string };
}

/** Fuzzes a target for some seconds, or until something does not hold. */
export async function fuzz(target: TargetName, bundle: string, seconds: number): Promise<Run> {
  const folders = [foundOf(target), corpusOf(target), seedsOf(target)];
  const { code, text } = await jazzer(target, bundle, folders, [
    `-max_total_time=${Math.max(1, Math.round(seconds))}`,
    `-artifact_prefix=${crashesOf(target)}${path.sep}`,
    '-print_final_stats=1',
    '-reload=0',
  ]);
  const run = runOf(text);
  const isStranded = code !== 0 && !run.crash;
  if (isStranded || run.executions === 0) {
    throw new Error(`the fuzzer ended with ${code}:\n${text.slice(-4000)}`);
  }
  return run;
}

/** Keeps of all inputs those that together reach what all reach, the shortest first, as far as there is room. */
export async function merge(target: TargetName, bundle: string): Promise<void> {
  const kept = path.join(CACHE, 'merged', target);
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(kept, { recursive: true });
  const { code, text } = await jazzer(
    target,
    bundle,
    [kept, corpusOf(target), seedsOf(target), foundOf(target)],
    // By what is reached, not how often: a few inputs each, that is.
    ['-merge=1', '-use_counters=0'],
  );
  const inputs = readInputs(kept)
    .map(({ bytes }) => bytes)
    .sort((a, b) => a.length - b.length);
  if (code !== 0 || inputs.length === 0) throw new Error(`merging ${target} failed:\n${text}`);
  let room = KEPT_BYTES_MAX;
  rmSync(corpusOf(target), { recursive: true });
  writeInputs(
    corpusOf(target),
    inputs.filter(({ length }) => {
      room -= length;
      return room >= 0;
    }),
  );
}

async function jazzer(
  target: TargetName,
  bundle: string,
  folders: readonly string[],
  flags: readonly string[],
): Promise<{ readonly code: number | null; readonly text: string }> {
  const options = TARGETS[target];
  const isAsync = 'isAsync' in options;
  const program = path.join(ROOT, 'node_modules/@jazzer.js/core/dist/cli.js');
  // A file: what libFuzzer itself writes into a pipe that Node has opened gets lost.
  const log = path.join(CACHE, `${target}.log`);
  const output = openSync(log, 'w');
  const child = spawn(
    process.execPath,
    [
      program,
      bundle,
      ...folders,
      ...(isAsync ? [] : ['--sync']),
      '--timeout',
      `${INPUT_MS_MAX}`,
      '--includes',
      path.dirname(bundle) + path.sep,
      '--',
      `-max_len=${options.bytesMax}`,
      `-rss_limit_mb=${MEMORY_MIB_MAX}`,
      ...flags,
    ],
    {
      cwd: ROOT,
      stdio: ['ignore', output, output],
      // Merging starts the fuzzer again, by another process.
      env: {
        ...process.env,
        NODE_OPTIONS: `--import=${path.join(import.meta.dirname, 'native-addon.ts')}`,
      },
    },
  );
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  closeSync(output);
  return { code, text: readFileSync(log, 'utf8') };
}

/** What libFuzzer and Jazzer.js say at the end of a run; all zero where an input of the corpus failed. */
function runOf(text: string): Run {
  const status = [...text.matchAll(/^#\d+\t.*?cov: (\d+) ft: (\d+) corp: (\d+)/gm)].at(-1) ?? [];
  const [coverage = 0, features = 0, corpus = 0] = status.slice(1).map(Number);
  const executions = Number(/stat::number_of_executed_units: (\d+)/.exec(text)?.[1] ?? 0);
  const run = { executions, coverage, features, corpus };
  const [, file] = /Test unit written to (\S+)/.exec(text) ?? [];
  if (file === undefined) return run;
  const [, error = 'no error was shown'] =
    /^==\d+== ((?:Uncaught Exception|[^\n]*(?:ERROR|Finding)).*?)(?:\nMS: |\nSUMMARY|$)/ms.exec(
      text,
    ) ?? [];
  return { ...run, crash: { file, error: error.trim() } };
}
