/** Vouchers as JSON lines: the form that `fuqi import invoices` reads. */
import type { Voucher } from './voucher.ts';

/** One line, without its end. */
export function jsonLine({ number, kind, of, issuedAt, document }: Voucher): string {
  const { buyer } = document;
  return JSON.stringify({
    reference: number,
    kind: kind === 'note' ? 'cancellation' : 'invoice',
    customer: buyer.taxId ?? buyer.name,
    at: new Date(issuedAt).toISOString(),
    ...(of === undefined ? {} : { relatesTo: of }),
    document,
  });
}
