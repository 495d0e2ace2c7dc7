/**
 * Which reader a file needs: by its ending, or where that says nothing by how it begins.
 */

export type SourceFormat = 'csv' | 'json-lines' | 'ubl';

const ENDINGS: Readonly<Record<string, SourceFormat>> = {
  csv: 'csv',
  tsv: 'csv',
  jsonl: 'json-lines',
  ndjson: 'json-lines',
  xml: 'ubl',
};

/** The format of a file with this name and these first bytes. */
export function detectFormat(name: string, head: Uint8Array): SourceFormat {
  const ending = /\.([A-Za-z]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  if (Object.hasOwn(ENDINGS, ending)) return ENDINGS[ending]!;
  // Not fatal: the bytes may end within a character.
  const [first] = new TextDecoder().decode(head).trimStart();
  if (first === '<') return 'ubl';
  return first === '{' ? 'json-lines' : 'csv';
}
