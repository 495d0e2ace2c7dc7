/** Installs the AWS emulator on first use. */
import path from 'node:path';
import { pythonWith } from '../python-environment.ts';

/** The Python that runs the emulator. Throws a sentence that says what is missing. */
export const installEmulator = (): string =>
  pythonWith('emulator', path.join(import.meta.dirname, 'requirements.txt'), 'The AWS emulator');
