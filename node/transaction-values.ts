/** Hidden values over the API, as far as the node that answers holds them. */
import { CallRefused, call, type Target } from './gateway-call.ts';

export type Values = Readonly<Record<string, unknown>>;

/** What an invoice hides: as it was issued, or as whoever holds it now was handed it. `read` answers a transaction's values. */
export async function invoiceValues(
  { transaction, holding }: { readonly transaction: string; readonly holding: string },
  read: (transaction: string) => Promise<Values | undefined>,
): Promise<Values | undefined> {
  const issued = await read(transaction);
  if (issued || holding === transaction) return issued;
  return (await read(holding))?.document as Values | undefined;
}

/** What a transaction hides; undefined where the node never had it, or it was erased. Throws `CallRefused` otherwise. */
export async function valuesOf(target: Target, transaction: string): Promise<Values | undefined> {
  try {
    const path = `/transactions/${transaction}/values`;
    return ((await call(target, path)) as { readonly fields: Values }).fields;
  } catch (error) {
    if (error instanceof CallRefused && [404, 410].includes(error.status)) return undefined;
    throw error;
  }
}
