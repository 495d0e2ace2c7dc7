/**
 * A file of invoices, ready to be read more than once: which reader, which mapping, its digest.
 * Throws an Error with a message for the user where the file or its mapping can't be used.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { readCsv } from './csv.ts';
import { CSV_PRESETS, type CsvMapping, CsvMappingSchema, presetFor } from './csv-mapping.ts';
import { detectFormat, type SourceFormat } from './detect.ts';
import { readJsonLines } from './json-lines.ts';
import type { SourceRecord } from './source-record.ts';
import { readUbl } from './ubl.ts';

export interface InvoiceSource {
  readonly path: string;
  readonly format: SourceFormat;
  readonly bytes: number;
  /** SHA-256 of the file and its mapping, hex: whether progress belongs to it. */
  readonly digest: string;
  /** Reads from the start, in constant memory; `onBytes` hears of each chunk. */
  read(onBytes?: (length: number) => void): AsyncGenerator<SourceRecord>;
}

const HEAD_BYTES = 64 * 1024;

/** Opens a file. `mapping`: a preset's name or the path of a mapping file, for CSV. */
export async function openSource(
  path: string,
  { mapping, format }: { readonly mapping?: string; readonly format?: SourceFormat } = {},
): Promise<InvoiceSource> {
  const head = await firstBytes(path);
  const { size } = await stat(path);
  const found = format ?? detectFormat(path, head);
  const csv = found === 'csv' ? await csvMapping(path, head, mapping) : undefined;
  const hash = createHash('sha256').update(JSON.stringify(csv ?? found));
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return {
    path,
    format: found,
    bytes: size,
    digest: hash.digest('hex'),
    read(onBytes = () => {}) {
      const chunks = counted(path, onBytes);
      if (csv) return readCsv(chunks, csv);
      return found === 'ubl' ? readUbl(chunks) : readJsonLines(chunks);
    },
  };
}

async function* counted(
  path: string,
  onBytes: (length: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(path)) {
    onBytes((chunk as Buffer).length);
    yield chunk as Buffer;
  }
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path} can't be read (${error.code})`);
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    if (bytesRead === 0) throw new Error(`${path} is empty`);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function csvMapping(
  path: string,
  head: Uint8Array,
  mapping: string | undefined,
): Promise<CsvMapping> {
  if (mapping !== undefined) {
    return Object.hasOwn(CSV_PRESETS, mapping) ? CSV_PRESETS[mapping]! : readMapping(mapping);
  }
  const header = headerOf(head);
  const preset = presetFor(header);
  if (preset) return preset;
  throw new Error(
    `no mapping fits the columns of ${path} (${header.join(', ').slice(0, 300)}); ` +
      'write one like examples/mapping.example.json and name it with --mapping',
  );
}

async function readMapping(path: string): Promise<CsvMapping> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const presets = Object.keys(CSV_PRESETS).join(', ');
    throw new Error(`mapping ${path}: no such preset (${presets}) or file (${error.code})`);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error(`mapping ${path} is not JSON`);
  }
  const parsed = CsvMappingSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`mapping ${path} at /${issue?.path.join('/')}: ${issue?.message}`);
}

function headerOf(head: Uint8Array): string[] {
  const [line = ''] = new TextDecoder().decode(head).split(/\r?\n/, 1);
  try {
    const [header = []] = parse(line, { bom: true }) as string[][];
    return header.map((name) => name.trim());
  } catch {
    return [];
  }
}
