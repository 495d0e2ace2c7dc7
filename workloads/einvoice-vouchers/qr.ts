/** The texts of the two QR codes on a printed invoice. */
import { moneyText } from './amount-text.ts';
import type { Voucher } from './voucher.ts';

/**
 * What expense systems read off Chinese invoices: version, kind (32: digital, ordinary), an invoice code that digital ones
 * have not, number, gross, date, check code; the last field is a checksum whose rule is not published, and is empty here.
 */
export function dataText({ number, checkCode = '', document }: Voucher): string {
  const { currency, gross, issuedOn } = document;
  const amount = moneyText(currency, gross);
  return ['01', '32', '', number, amount, issuedOn.replaceAll('-', ''), checkCode, ''].join(',');
}

/** Where anybody asks whether the invoice is valid; a phone's camera opens it. Notes have no check code. */
export function checkUrl(
  base: string,
  { number, checkCode, document }: Voucher,
): string | undefined {
  if (checkCode === undefined) return undefined;
  const query = new URLSearchParams({ issuedOn: document.issuedOn, code: checkCode });
  return `${base}/einvoices/${number}/check?${query}`;
}
