/**
 * Bundles each function into one file with all that it uses, the SDK included, and holds the sizes in a
 * budget: what is not loaded need not be paid at a cold start. `node infra/build.ts` prints a line each.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { NODE_BUNDLE, NODE_MODULE_BUNDLE } from './bundling.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
/** A folder of this process: two deployments at once must not build into each other's. */
export const BUNDLES = mkdtempSync(path.join(tmpdir(), 'fuqi-functions-'));
process.once('exit', () => rmSync(BUNDLES, { recursive: true, force: true }));

/** Each function's bundle, and how large it may be (bytes, without white space). */
export const FUNCTIONS = {
  node: 3_050_000,
  gateway: 1_400_000,
  alarm: 700_000,
  setup: 1_300_000,
  genesis: 1_400_000,
  onboarding: 1_600_000,
  relay: 1_600_000,
  joining: 1_500_000,
  /** Stands in a template, which has a megabyte at the most. */
  code: 60_000,
} as const;
export type FunctionBundle = keyof typeof FUNCTIONS;

/** The file of a bundle: what stands in a template is a module of the older form, as Lambda takes it there. */
export const bundleFile = (name: FunctionBundle): string =>
  path.join(BUNDLES, name, name === 'code' ? 'index.js' : 'index.mjs');

export interface Built {
  readonly name: FunctionBundle;
  readonly bytes: number;
}

/** Builds all bundles. Throws where one is over its budget. */
export async function buildFunctions(): Promise<Built[]> {
  const names = Object.keys(FUNCTIONS) as FunctionBundle[];
  const built = await Promise.all(names.map(buildOne));
  const over = built.filter(({ name, bytes }) => bytes > FUNCTIONS[name]);
  if (over.length > 0) throw new Error(`over their budget: ${JSON.stringify(over)}`);
  return built;
}

async function buildOne(name: FunctionBundle): Promise<Built> {
  const file = bundleFile(name);
  const isInline = path.extname(file) === '.js';
  const { metafile } = await build({
    entryPoints: [path.join(ROOT, `functions/${name}/handler.ts`)],
    outfile: file,
    ...(isInline ? { ...NODE_BUNDLE, format: 'cjs' } : NODE_MODULE_BUNDLE),
    // Identifiers stay: names stand in errors and logs, and keeping them otherwise costs each closure that is made.
    minifyWhitespace: true,
    minifySyntax: true,
    // A release of its own differs from another one with the same sources.
    footer: { js: `// release ${process.env.FUQI_RELEASE ?? 'local'}` },
    metafile: true,
  });
  const [output] = Object.values(metafile.outputs);
  return { name, bytes: output!.bytes };
}

if (import.meta.main) {
  for (const line of await buildFunctions()) process.stdout.write(`${JSON.stringify(line)}\n`);
}
