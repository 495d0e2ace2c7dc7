/** What the makers' own rules say of UBL files: UBL 2.1's schemas and EN 16931's Schematron (`check.py`). */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pythonWith } from '../../../infra/python-environment.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const at = (name: string): string => path.join(import.meta.dirname, name);

export interface Checked {
  /** `fatal [RULE]-…`, `warning [RULE]-…` or `XSD …`, of each that it breaks. */
  readonly found: readonly string[];
  /** How many rules' contexts are in it. */
  readonly rules: number;
}

/** Checks documents, in their order. */
export function checkUbl(documents: readonly string[]): Checked[] {
  const python = pythonWith('en16931', at('requirements.txt'), 'The check by EN 16931’s rules');
  const folder = temporaryFolder();
  const files = documents.map((xml, index) => {
    const file = path.join(folder, `${index}.xml`);
    writeFileSync(file, xml);
    return file;
  });
  const input = `${files.join('\n')}\n`;
  const { status, stdout, stderr } = spawnSync(python, [at('check.py')], {
    ...{ input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  });
  if (status !== 0) throw new Error(stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Checked);
}
