/** Files of invoices as JSON lines. */
import { readJsonLines } from '../../../workloads/invoice/import/json-lines.ts';
import { checkReader } from '../imported.ts';

export const fuzz = (data: Uint8Array): Promise<void> => checkReader(readJsonLines, data);
