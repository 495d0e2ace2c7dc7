/** Inputs in files that are named for what is in them. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TargetName } from './targets.ts';

/** The folder of a target's kept inputs. */
export const corpusOf = (target: TargetName): string =>
  path.join(import.meta.dirname, 'corpus', target);

export function writeInputs(folder: string, inputs: Iterable<Uint8Array>): void {
  mkdirSync(folder, { recursive: true });
  for (const input of inputs) {
    const name = createHash('sha1').update(input).digest('hex');
    writeFileSync(path.join(folder, name), input);
  }
}

export function readInputs(
  folder: string,
): { readonly file: string; readonly bytes: Uint8Array }[] {
  return readdirSync(folder)
    .sort()
    .map((name) => path.join(folder, name))
    .map((file) => ({ file, bytes: readFileSync(file) }));
}
