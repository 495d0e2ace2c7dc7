/**
 * A ledger with the four parties of the invoice flow, on which tests call the contract.
 */
import { governance } from '../../../shared/contract/governance.ts';
import { identity } from '../../../shared/contract/identity.ts';
import { invoiceContract } from '../../../workloads/invoice/contract.ts';
import type { InvoiceDocument, InvoiceLine } from '../../../workloads/invoice/document.ts';
import type { Invoice, Seller } from '../../../workloads/invoice/records.ts';
import { taxedAmount, withTotals } from '../../../workloads/invoice/tax.ts';
import { type Answer, genesisOf, output, startedLedger, TestLedger } from '../../contract/run.ts';

/** Identities by name: member and role of the invoice contract. */
const IDENTITIES = {
  bureau: ['bureau', 'tax-bureau'],
  platform: ['platform', 'payment-platform'],
  seller: ['shop', 'seller'],
  rival: ['rival', 'seller'],
  ann: ['works', 'employee'],
  bob: ['works', 'employee'],
  finance: ['works', 'finance'],
  'other-finance': ['rival', 'finance'],
} as const;
export type Name = keyof typeof IDENTITIES;

// Keys are slow to make, and every market starts alike.
const genesis = genesisOf([
  { id: 'bureau', roles: ['invoice.tax-bureau'] },
  { id: 'platform', roles: ['invoice.payment-platform'] },
  { id: 'shop', roles: ['invoice.seller'] },
  { id: 'rival', roles: ['invoice.seller', 'invoice.finance'] },
  { id: 'works', roles: ['invoice.employee', 'invoice.finance'] },
]);
const contracts = [governance, identity, invoiceContract];
const start = startedLedger(contracts, genesis).ledger.state;

/** A 20-digit number. */
export const number = (n: number): string => String(n).padStart(20, '0');

/** Lines at these tax-exclusive amounts and rates, in fen and basis points. */
export const lines = (...amounts: readonly [net: number, rateBp: number][]): InvoiceLine[] =>
  amounts.map(([net, rateBp]) => {
    const { tax } = taxedAmount(net, rateBp, false);
    return { description: 'Goods', net, rateBp, tax };
  });

/** A document of these lines, tax rounded per line. */
export const documentOf = (
  content: readonly InvoiceLine[],
  more: Partial<InvoiceDocument> = {},
): InvoiceDocument =>
  withTotals({
    currency: 'CNY',
    seller: { name: 'Shop' },
    buyer: { name: 'Works' },
    issuedOn: '2026-03-01',
    rounding: 'per-line',
    ...more,
    lines: [...content],
  });

export class Market {
  readonly ledger = new TestLedger(contracts, start);
  #payments = 0;

  /** Calls the invoice contract as one of the identities. */
  call(name: Name, method: string, args: unknown): Answer {
    const [member, role] = IDENTITIES[name];
    const caller = { member, name, keyId: name, roles: [`invoice.${role}`] };
    return this.ledger.call(caller, 'invoice', method, args);
  }

  query(name: Name | undefined, method: string, input: unknown = {}) {
    if (name === undefined) return this.ledger.query(undefined, 'invoice', method, input);
    const [member, role] = IDENTITIES[name];
    const caller = { member, name, keyId: name, roles: [`invoice.${role}`] };
    return this.ledger.query(caller, 'invoice', method, input);
  }

  /** Gives a seller numbers and credit. */
  open(from = 1, to = 1000, merchant = 'shop', limit = 1_000_000): this {
    output(this.call('bureau', 'allotNumbers', { merchant, from: number(from), to: number(to) }));
    output(this.call('bureau', 'setCreditLimit', { merchant, limit }));
    return this;
  }

  /** Records a payment and answers its reference. */
  pay(amount: number, payee = 'shop'): string {
    const reference = `pay-${++this.#payments}`;
    output(this.call('platform', 'recordPayment', { reference, payee, amount }));
    return reference;
  }

  /** Pays for and issues a document; the buyer is the works unless told. */
  issue(document: InvoiceDocument, more: object = {}): Answer {
    const payments = document.gross > 0 ? [this.pay(document.gross)] : [];
    return this.call('seller', 'issue', { document, payments, buyer: 'works', ...more });
  }

  /** Issues and answers the number. */
  issued(document: InvoiceDocument, more: object = {}): string {
    return output(this.issue(document, more)).number as string;
  }

  invoice(of: string): Invoice {
    return this.ledger.state.get(`invoice/invoice/${of}`) as unknown as Invoice;
  }

  payment(of: string): { reference: string; amount: number } | undefined {
    const key = `invoice/payment/${of}`;
    return this.ledger.state.get(key) as { reference: string; amount: number } | undefined;
  }

  seller(of = 'shop'): Seller {
    return this.ledger.state.get(`invoice/seller/${of}`) as unknown as Seller;
  }
}
