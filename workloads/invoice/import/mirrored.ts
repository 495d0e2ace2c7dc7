/** What a note takes back, and what it is then itself: the same amounts with the other sign. */
import type { InvoiceDocument } from '../document.ts';

type Amounts = Pick<InvoiceDocument, 'lines' | 'taxes' | 'net' | 'tax' | 'gross'>;

/** Amounts, and the quantities of their lines, with the other sign. */
export const mirrored = ({ lines, taxes, net, tax, gross }: Amounts): Amounts => ({
  lines: lines.map((line) => ({
    ...line,
    ...(line.quantity !== undefined && { quantity: otherSign(line.quantity) }),
    ...{ net: minus(line.net), tax: minus(line.tax) },
  })),
  ...(taxes && {
    taxes: taxes.map((one) => ({ ...one, net: minus(one.net), tax: minus(one.tax) })),
  }),
  ...{ net: minus(net), tax: minus(tax), gross: minus(gross) },
});

const minus = (amount: number): number => (amount === 0 ? 0 : -amount);
const otherSign = (decimal: string): string =>
  decimal.startsWith('-') ? decimal.slice(1) : `-${decimal}`;
