/**
 * What a node's stack takes its code from: each bundle as a zip file whose bytes depend on its content only, so
 * that its SHA-256 can stand in a template, and whoever builds the same sources finds the same.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { zipSync } from 'fflate';
import { BUNDLES, type FunctionBundle } from './build.ts';

export interface ReleasedFile<B extends FunctionBundle = FunctionBundle> {
  readonly bundle: B;
  /** `<bundle>.zip` */
  readonly name: string;
  readonly path: string;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** The oldest time that a zip file knows; it has no time zone. */
const NEVER = new Date(1980, 0, 1);

/** Zips a bundle that was built. */
export function releasedFile<B extends FunctionBundle>(bundle: B): ReleasedFile<B> {
  const code = readFileSync(path.join(BUNDLES, bundle, 'index.mjs'));
  const bytes = zipSync({ 'index.mjs': [code, { mtime: NEVER }] }, { level: 9 });
  const name = `${bundle}.zip`;
  const file = path.join(BUNDLES, name);
  writeFileSync(file, bytes);
  return { bundle, name, path: file, sha256: createHash('sha256').update(bytes).digest('hex') };
}
