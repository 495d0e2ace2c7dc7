/** Where this program lies: its sources as they are, or what `npm run build` made of them. */
import path from 'node:path';

const IS_BUILT = import.meta.filename.endsWith('.js');

/** The package's folder: of the sources' folder as of `dist`. */
export const PACKAGE: string = path.resolve(import.meta.dirname, '..');

/** The command line's file, as processes are started with it. */
export const PROGRAM: string = path.join(PACKAGE, IS_BUILT ? 'dist/fuqi.js' : 'node/cli.ts');
