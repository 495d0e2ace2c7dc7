/** Confidential invoices and notes over the API, as far as the key's identity is shown them. */
import type { Invoice } from '../../workloads/einvoice/records.ts';
import {
  creditVoucher,
  type HiddenValues,
  invoiceVoucher,
  type Known,
  noteVoucher,
  type Voucher,
} from '../../workloads/einvoice-vouchers/voucher.ts';
import { invoiceRecord, invoiceValues, partValues } from '../einvoice-records.ts';
import { CallRefused, type Target } from '../gateway-call.ts';
import { eventsFrom } from '../ledger-events.ts';
import { valuesOf } from '../transaction-values.ts';

/** The numbers that events are about, in their order, and the cursor of the last event. */
export async function numbersSince(
  target: Target,
  from: Readonly<Record<string, string>>,
): Promise<{ readonly numbers: readonly string[]; readonly cursor: string | null }> {
  const numbers = new Set<string>();
  let cursor: string | null = null;
  for await (const { type, data, cursor: at } of eventsFrom(target, from)) {
    cursor = at;
    if (!type.startsWith('fuqi.einvoice.')) continue;
    const named = [data.number, data.note, ...((data.numbers as string[] | undefined) ?? [])];
    for (const one of named) if (typeof one === 'string') numbers.add(one);
    // The event names the invoice, whose record names the note.
    if (type === 'fuqi.einvoice.reversed') {
      const { counterpart } = await invoiceRecord(target, data.number as string);
      if (counterpart !== null) numbers.add(counterpart);
    }
  }
  return { numbers: [...numbers], cursor };
}

/** The voucher of a number; undefined where its values, or those of what it takes back, are not shown. */
export async function voucherOf(target: Target, number: string): Promise<Voucher | undefined> {
  const record = await invoiceRecord(target, number);
  const shown = await known(target, record);
  if (record.status !== 'note') return shown && invoiceVoucher(shown);
  if (record.counterpart === null) return shown && creditVoucher(shown);
  const invoice = await invoiceRecord(target, record.counterpart);
  const original = await known(target, invoice);
  // A note over all that was left has no amounts of its own.
  const own = invoice.parts.includes(number) ? shown : { record, values: shown?.values ?? {} };
  if (!original || !own) return undefined;
  const others = invoice.parts.filter((part) => part !== number);
  const parts = await partValues(target, others, (id) => shownValues(target, id));
  return noteVoucher(own, original, parts);
}

async function known(target: Target, record: Invoice): Promise<Known | undefined> {
  const values = await invoiceValues(record, (id) => shownValues(target, id));
  return values && { record, values };
}

/** What is not for this identity is not there for it. */
async function shownValues(target: Target, transaction: string): Promise<HiddenValues | undefined> {
  try {
    return await valuesOf(target, transaction);
  } catch (error) {
    if (error instanceof CallRefused && error.status === 403) return undefined;
    throw error;
  }
}
