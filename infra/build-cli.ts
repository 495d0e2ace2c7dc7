/**
 * Bundles the command line into `dist/fuqi.js`, which `npx fuqi` runs: a third of the time to start, and nodes
 * without the memory of what strips types. LMDB's package has a native part, and what prints is loaded by
 * who prints: they stay outside.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { NODE_MODULE_BUNDLE } from './bundling.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const FILE = path.join(ROOT, 'dist/fuqi.js');

/** Builds it; answers its file, which is whole at any time: processes may be starting from it. */
export async function buildCli(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path.join(ROOT, 'node/cli.ts')],
    outfile: FILE,
    write: false,
    external: ['lmdb', 'pdfkit', '@embedpdf/fonts-sc'],
    ...NODE_MODULE_BUNDLE,
  });
  const draft = `${FILE}.${process.pid}`;
  mkdirSync(path.dirname(FILE), { recursive: true });
  writeFileSync(draft, outputFiles[0]!.contents, { mode: 0o755 });
  renameSync(draft, FILE);
  return FILE;
}

if (import.meta.main) await buildCli();
