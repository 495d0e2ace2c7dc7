/** What happens to confidential invoices, read through the API of the tax bureau's node: events, and the values that it holds. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Happening,
  happeningOf,
  needsValues,
  type PublicInvoice,
} from '../../workloads/einvoice-watch/happenings.ts';
import { invoiceRecord } from '../einvoice-records.ts';
import type { Target } from '../gateway-call.ts';
import { eventsFrom, type ToldEvent } from '../ledger-events.ts';
import { valuesOf } from '../transaction-values.ts';

const CONTRACT = 'fuqi.einvoice.';

export interface Reading {
  readonly target: Target;
  /** Where to begin, as parameters of `GET …/events`: at the beginning of what is kept unless told. */
  readonly from: Readonly<Record<string, string>>;
  /** End at the head, or look again after so long. */
  readonly lookAgainMs: number | undefined;
  readonly signal: AbortSignal;
}

/** What was read: a happening with its event's cursor, or null whenever there is nothing more for the time being. */
export type Read = { readonly happening: Happening; readonly cursor: string } | null;

/** Reads in the order of the ledger until the head, or for good. Throws `CallRefused` where the key may not. */
export async function* happenings(reading: Reading): AsyncGenerator<Read> {
  const { target, lookAgainMs, signal } = reading;
  let { from } = reading;
  while (!signal.aborted) {
    for await (const event of eventsFrom(target, from)) {
      if (signal.aborted) return;
      from = { cursor: event.cursor };
      const happening = await read(target, event);
      if (happening) yield { happening, cursor: event.cursor };
    }
    yield null;
    if (lookAgainMs === undefined) return;
    await delay(lookAgainMs, undefined, { signal }).catch(() => {});
  }
}

async function read(target: Target, event: ToldEvent): Promise<Happening | undefined> {
  if (!event.type.startsWith(CONTRACT)) return undefined;
  const type = event.type.slice(CONTRACT.length);
  const { subject: transaction, data } = event;
  const [values, invoice] = await Promise.all([
    needsValues(type) ? valuesOf(target, transaction) : undefined,
    ['issued', 'credit-noted'].includes(type)
      ? invoiceOf(target, data.number as string)
      : undefined,
  ]);
  const at = Date.parse(event.time);
  return happeningOf({ type, at, transaction, data }, values, invoice);
}

async function invoiceOf(target: Target, number: string): Promise<PublicInvoice> {
  const { seller, currency } = await invoiceRecord(target, number);
  return { seller, currency };
}
