/**
 * What a node's stack takes its code from: each bundle as a zip file whose bytes depend on its content only, so
 * that its SHA-256 can stand in a template, and whoever builds the same sources finds the same.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { zipSync } from 'fflate';
import { sha256Hex } from '../shared/bytes/crypto.ts';
import { BUNDLES, buildFunctions, bundleFile, type FunctionBundle } from './build.ts';

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
function releasedFile<B extends FunctionBundle>(bundle: B): ReleasedFile<B> {
  const code = readFileSync(bundleFile(bundle));
  const bytes = zipSync({ 'index.mjs': [code, { mtime: NEVER }] }, { level: 9 });
  const name = `${bundle}.zip`;
  const file = path.join(BUNDLES, name);
  writeFileSync(file, bytes);
  return { bundle, name, path: file, sha256: sha256Hex(bytes) };
}

/** The bundles that a node in an account of its own runs. */
const OWN_BUNDLES = ['node', 'setup', 'alarm', 'joining'] as const;

export type OwnBundle = (typeof OWN_BUNDLES)[number];

/** Their files, from what was built. */
export const ownFiles = (): ReleasedFile<OwnBundle>[] =>
  OWN_BUNDLES.map((bundle) => releasedFile<OwnBundle>(bundle));

// What is in a template can be compared with what these sources make.
if (import.meta.main) {
  await buildFunctions();
  for (const { name, sha256 } of ownFiles())
    process.stdout.write(`${JSON.stringify({ name, sha256 })}\n`);
}
