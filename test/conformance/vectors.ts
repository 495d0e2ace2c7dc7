/**
 * Where the conformance tier finds external data: the folder that `FUQI_VECTORS` names, by default
 * `../shared/standards` from the project's root. Nothing of it is ever copied into the project.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const folder = resolve(root, process.env.FUQI_VECTORS || join('..', 'shared', 'standards'));

/** The folder, or undefined where it is absent: then the conformance tier is not run. */
export const vectorsFolder: string | undefined = existsSync(folder) ? folder : undefined;
