/**
 * From the fields of a UBL document to the canonical invoice, with the rules of EN 16931 that hold
 * its amounts together (BR-CO-10 to BR-CO-17). A credit note, or an invoice over a negative total,
 * becomes a cancellation. What doesn't add up is refused with the rule's name.
 */
import type { InvoiceLine, TaxCategory } from '../document.ts';
import { groupKey, isTaxOf, type TaxGroup, taxGroups, taxOnNet, withTotals } from '../tax.ts';
import {
  basisPoints,
  currencyExponent,
  formatDecimal,
  minorUnits,
  negated,
  parseDecimal,
} from './decimal.ts';
import { checkedRecord, type ReadReason, refusal, type SourceRecord } from './source-record.ts';

/** Texts by their path below the part they belong to. */
export type Fields = Map<string, string>;
export interface UblLine {
  readonly line: number;
  readonly fields: Fields;
}
export type UblAllowance = UblLine;

/** What the reader collects. */
export interface UblDocument {
  type: 'Invoice' | 'CreditNote';
  line: number;
  readonly fields: Fields;
  readonly lines: UblLine[];
  readonly allowances: UblAllowance[];
  readonly subtotals: Fields[];
  readonly taxTotals: Fields[];
  readonly sellerTaxIds: Fields[];
  readonly buyerTaxIds: Fields[];
}

/** UNCL 5305 as EN 16931 uses it. */
export const CATEGORIES: Readonly<Record<string, TaxCategory>> = {
  S: 'standard',
  Z: 'zero',
  E: 'exempt',
  AE: 'reverse-charge',
  K: 'intra-community',
  G: 'export',
  O: 'out-of-scope',
};

class Fault extends Error {
  readonly reason: ReadReason;
  readonly more: {
    readonly got?: string | number;
    readonly expected: string | number;
    readonly line?: number;
  };
  constructor(reason: ReadReason, more: Fault['more']) {
    super(reason);
    this.reason = reason;
    this.more = more;
  }
}

/** The canonical record of a document, or why it is refused. */
export function ublRecord(document: UblDocument): SourceRecord {
  const reference = document.fields.get('ID');
  const named = reference === undefined ? {} : { reference };
  try {
    return converted(document);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { line = document.line, ...more } = error.more;
    return refusal(error.reason, line, { ...named, ...more });
  }
}

function converted(document: UblDocument): SourceRecord {
  const { fields, line, type } = document;
  const currency = required(fields, 'DocumentCurrencyCode');
  const exponent = currencyExponent(currency);
  const money = (from: Fields, name: string): number => amount(from, name, exponent);
  const lines = [
    ...document.lines.map((item) => invoiceLine(item, money)),
    ...document.allowances.map((item) => allowanceLine(item, money)),
  ];
  checkTotals(document, money);
  const stated = document.subtotals.map((subtotal) => ({
    ...taxed(subtotal, 'TaxCategory', line),
    net: money(subtotal, 'TaxableAmount'),
    tax: money(subtotal, 'TaxAmount'),
  }));
  const { rounding, lines: rounded } = withStatedTaxes(lines, stated, line);
  const isCredit = type === 'CreditNote';
  const canonical = withTotals({
    currency,
    seller: party(fields, 'AccountingSupplierParty/Party', document.sellerTaxIds),
    buyer: party(fields, 'AccountingCustomerParty/Party', document.buyerTaxIds),
    issuedOn: required(fields, 'IssueDate').slice(0, 10),
    lines: isCredit ? rounded.map(mirrored) : rounded,
    rounding,
  });
  const customer = canonical.buyer.taxId ?? canonical.buyer.name;
  const relatesTo = fields.get('BillingReference/InvoiceDocumentReference/ID');
  const isCancellation = isCredit || canonical.gross < 0;
  return checkedRecord({
    kind: isCancellation ? 'cancellation' : 'invoice',
    line,
    reference: required(fields, 'ID').slice(0, 200),
    document: canonical,
    customer,
    ...(isCancellation && relatesTo !== undefined ? { relatesTo } : {}),
  });
}

type MoneyOf = (from: Fields, name: string) => number;

function invoiceLine({ fields, line }: UblLine, money: MoneyOf): InvoiceLine {
  const quantityName = fields.has('CreditedQuantity') ? 'CreditedQuantity' : 'InvoicedQuantity';
  const quantity = decimalText(fields, quantityName, line);
  const perOne = basisPoints(fields.get('Price/BaseQuantity') ?? '1') === 100;
  const unitPrice = perOne ? decimalText(fields, 'Price/PriceAmount', line) : undefined;
  const unit = fields.get(`${quantityName}@unitCode`);
  const code =
    fields.get('Item/SellersItemIdentification/ID') ??
    fields.get('Item/StandardItemIdentification/ID');
  const description = fields.get('Item/Name') ?? fields.get('Item/Description') ?? 'Item';
  return {
    description: description.slice(0, 500),
    ...(code === undefined ? {} : { code: code.slice(0, 64) }),
    ...(quantity === undefined ? {} : { quantity }),
    ...(unit === undefined ? {} : { unit }),
    ...(unitPrice === undefined ? {} : { unitPrice }),
    net: money(fields, 'LineExtensionAmount'),
    tax: 0,
    ...taxed(fields, 'Item/ClassifiedTaxCategory', line),
  };
}

function allowanceLine({ fields, line }: UblAllowance, money: MoneyOf): InvoiceLine {
  const isCharge = indicator(fields);
  const reason = fields.get('AllowanceChargeReason') ?? (isCharge ? 'Charge' : 'Allowance');
  const net = money(fields, 'Amount');
  return {
    description: reason.slice(0, 500),
    net: isCharge ? net : negative(net),
    tax: 0,
    ...taxed(fields, 'TaxCategory', line),
  };
}

const indicator = (fields: Fields): boolean =>
  ['true', '1'].includes(required(fields, 'ChargeIndicator'));

/** BR-CO-10 to BR-CO-16: how the document's totals follow from its parts. */
function checkTotals({ fields, lines, allowances, ...document }: UblDocument, money: MoneyOf) {
  const total = (name: string): number =>
    fields.has(`LegalMonetaryTotal/${name}`) ? money(fields, `LegalMonetaryTotal/${name}`) : 0;
  const rule = (name: string, got: number, expected: number): void => {
    if (got !== expected) {
      throw new Fault('totals-differ', { got, expected: `${expected} (${name})` });
    }
  };
  const sum = (items: readonly UblLine[], name: string): number =>
    items.reduce((before, item) => before + money(item.fields, name), 0);
  const charges = allowances.filter((item) => indicator(item.fields));
  const deductions = allowances.filter((item) => !indicator(item.fields));
  // There can be a second tax total, in the currency of the seller's accounts.
  const currency = fields.get('DocumentCurrencyCode');
  const taxTotal = document.taxTotals.find((item) => item.get('TaxAmount@currencyID') === currency);
  const tax = taxTotal ? money(taxTotal, 'TaxAmount') : 0;
  const net = total('TaxExclusiveAmount');
  const gross = total('TaxInclusiveAmount');
  rule('BR-CO-10', total('LineExtensionAmount'), sum(lines, 'LineExtensionAmount'));
  rule('BR-CO-11', total('AllowanceTotalAmount'), sum(deductions, 'Amount'));
  rule('BR-CO-12', total('ChargeTotalAmount'), sum(charges, 'Amount'));
  const parts = ['LineExtensionAmount', 'ChargeTotalAmount', 'AllowanceTotalAmount'].map(total);
  rule('BR-CO-13', net, parts[0]! + parts[1]! - parts[2]!);
  rule(
    'BR-CO-14',
    tax,
    document.subtotals.reduce((before, item) => before + money(item, 'TaxAmount'), 0),
  );
  rule('BR-CO-15', gross, net + tax);
  const due = gross - total('PrepaidAmount') + total('PayableRoundingAmount');
  rule('BR-CO-16', total('PayableAmount'), due);
}

/**
 * BR-CO-17 and the taxable amounts: tax is rounded once for each category and rate. A document whose
 * tax was taken out of tax-inclusive prices can be a cent off that; it is read with tax by line,
 * where each line's tax follows so.
 */
function withStatedTaxes(
  lines: readonly InvoiceLine[],
  stated: readonly TaxGroup[],
  line: number,
): { readonly rounding: 'per-rate' | 'per-line'; readonly lines: InvoiceLine[] } {
  const groups = taxGroups({ lines: [...lines], rounding: 'per-rate' });
  const matter = groups.filter(({ net }) => net !== 0);
  const differs = (place: string, got: number, expected: number): never => {
    throw new Fault('totals-differ', { got, expected: `${expected} (${place})`, line });
  };
  for (const group of stated) {
    if (group.net !== 0 && !matter.some((own) => groupKey(own) === groupKey(group))) {
      differs(`taxable amount at ${groupKey(group)}`, group.net, 0);
    }
  }
  const sums = matter.map((group) => {
    const same = stated.filter((other) => groupKey(other) === groupKey(group));
    const net = same.reduce((sum, other) => sum + other.net, 0);
    const tax = same.reduce((sum, other) => sum + other.tax, 0);
    if (net !== group.net) differs(`taxable amount at ${groupKey(group)}`, net, group.net);
    return { group, tax };
  });
  if (sums.every(({ group, tax }) => tax === group.tax)) {
    return { rounding: 'per-rate', lines: [...lines] };
  }
  const taxedLines = lines.map((item): InvoiceLine => {
    const own = sums.find(({ group }) => groupKey(group) === keyOf(item));
    const isOnly = lines.filter((other) => keyOf(other) === keyOf(item)).length === 1;
    const fits = own && isOnly && isTaxOf(item.net, own.tax, item.rateBp);
    return { ...item, tax: fits ? own.tax : taxOnNet(item.net, item.rateBp) };
  });
  for (const { group, tax } of sums) {
    const byLine = taxedLines
      .filter((item) => keyOf(item) === groupKey(group))
      .reduce((sum, item) => sum + item.tax, 0);
    if (byLine !== tax) differs(`BR-CO-17 at ${groupKey(group)}`, tax, group.tax);
  }
  return { rounding: 'per-line', lines: taxedLines };
}

/** Lines made here always name their category. */
const keyOf = ({ category, rateBp }: InvoiceLine): string =>
  groupKey({ category: category ?? 'standard', rateBp });

const mirrored = (line: InvoiceLine): InvoiceLine => {
  const quantity = line.quantity === undefined ? undefined : parseDecimal(line.quantity);
  return {
    ...line,
    ...(quantity ? { quantity: formatDecimal(negated(quantity)) } : {}),
    net: negative(line.net),
    tax: negative(line.tax),
  };
};

const negative = (amount: number): number => (amount === 0 ? 0 : -amount);

function taxed(
  fields: Fields,
  at: string,
  line: number,
): { readonly category: TaxCategory; readonly rateBp: number } {
  const code = fields.get(`${at}/ID`) ?? 'none';
  const category = Object.hasOwn(CATEGORIES, code) ? CATEGORIES[code] : undefined;
  if (!category) {
    const expected = Object.keys(CATEGORIES).join(', ');
    throw new Fault('unsupported', { got: `tax category ${code.slice(0, 40)}`, expected, line });
  }
  const percent = fields.get(`${at}/Percent`) ?? '0';
  const rateBp = basisPoints(percent);
  if (rateBp === undefined) {
    const expected = '0 to 100 percent with at most two decimals';
    throw new Fault('unsupported', { got: `rate ${percent.slice(0, 40)}`, expected, line });
  }
  return { category, rateBp };
}

function party(fields: Fields, at: string, schemes: readonly Fields[]) {
  const name =
    fields.get(`${at}/PartyLegalEntity/RegistrationName`) ??
    required(fields, `${at}/PartyName/Name`);
  const scheme = schemes.find((item) => item.get('TaxScheme/ID') === 'VAT') ?? schemes[0];
  const taxId = scheme?.get('CompanyID');
  return { name: name.slice(0, 200), ...(taxId ? { taxId: taxId.slice(0, 40) } : {}) };
}

function required(fields: Fields, name: string): string {
  const text = fields.get(name);
  if (text === undefined) throw new Fault('invalid-document', { expected: `an element ${name}` });
  return text;
}

function amount(fields: Fields, name: string, exponent: number): number {
  const text = required(fields, name);
  const value = minorUnits(text, exponent);
  if (value === undefined) {
    const expected = `${name} as a decimal with at most ${exponent} decimals`;
    throw new Fault('invalid-document', { got: text.slice(0, 60), expected });
  }
  return value === 0 ? 0 : value;
}

function decimalText(fields: Fields, name: string, line: number): string | undefined {
  const text = fields.get(name);
  if (text === undefined) return undefined;
  const value = parseDecimal(text);
  if (!value) {
    const expected = `${name} as a decimal`;
    throw new Fault('invalid-document', { got: text.slice(0, 60), expected, line });
  }
  return formatDecimal(value);
}
