/** Invoices and credit notes in UBL 2.1. */

import type { SourceRecord } from '../../../workloads/invoice/import/source-record.ts';
import { readUbl } from '../../../workloads/invoice/import/ubl.ts';
import { checkReader } from '../imported.ts';

/** A file that is refused before its end is refused at what is seen first. */
const shown = (record: SourceRecord): unknown =>
  record.kind === 'refused' && record.reference === undefined ? 'refused' : record;

export const fuzz = (data: Uint8Array): Promise<void> => checkReader(readUbl, data, shown);
