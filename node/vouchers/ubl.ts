/**
 * Vouchers as UBL 2.1 after EN 16931: an invoice, which was paid before it was issued, or a credit note with a reference to
 * its invoice. Names in comments are the standard's rules.
 */
import XMLBuilder from 'fast-xml-builder';
import { moneyText, percentText } from '../../workloads/einvoice-vouchers/amount-text.ts';
import type { Voucher } from '../../workloads/einvoice-vouchers/voucher.ts';
import type { InvoiceLine, TaxCategory } from '../../workloads/invoice/document.ts';
import { UBL } from '../../workloads/invoice/import/ubl.ts';
import { CATEGORIES } from '../../workloads/invoice/import/ubl-document.ts';
import { categoryOf, type TaxGroup, taxGroups } from '../../workloads/invoice/tax.ts';

/** UNCL 5305, as the import reads it. */
const CODES = Object.fromEntries(
  Object.entries(CATEGORIES).map(([code, name]) => [name, code]),
) as Readonly<Record<TaxCategory, string>>;

/** Why no tax is due (BR-E-10, BR-AE-10, BR-IC-10, BR-G-10, BR-O-10). */
const REASONS: Readonly<Partial<Record<TaxCategory, string>>> = {
  exempt: 'Exempt from VAT',
  'reverse-charge': 'Reverse charge',
  'intra-community': 'Intra-community supply',
  export: 'Export',
  'out-of-scope': 'Not subject to VAT',
};

const builder = new XMLBuilder({
  ...{ ignoreAttributes: false, attributeNamePrefix: '@', format: true, processEntities: true },
});

/** The document, one line an element. `country` is the parties', of which an invoice says no more (BR-09, BR-11). */
export function ublOf(voucher: Voucher, country = 'CN'): string {
  const { number, kind, of, document } = voucher;
  const { currency, issuedOn, seller, buyer, note, lines } = document;
  const isNote = kind === 'note';
  // A credit note's own amounts are what it takes back.
  const sign = isNote ? -1 : 1;
  const money = (minor: number) => ({
    '#text': moneyText(currency, sign * minor),
    '@currencyID': currency,
  });
  const type = isNote ? 'CreditNote' : 'Invoice';
  const groups = document.taxes ?? taxGroups(document);
  const at = { country, hasVat: groups.every((group) => group.category !== 'out-of-scope') };
  const body = {
    '@xmlns': `${UBL}${type}-2`,
    '@xmlns:cac': `${UBL}CommonAggregateComponents-2`,
    '@xmlns:cbc': `${UBL}CommonBasicComponents-2`,
    'cbc:CustomizationID': 'urn:cen.eu:en16931:2017',
    'cbc:ID': number,
    'cbc:IssueDate': issuedOn,
    ...(isNote ? { 'cbc:CreditNoteTypeCode': '381' } : { 'cbc:InvoiceTypeCode': '380' }),
    ...(note !== undefined && { 'cbc:Note': legible(note) }),
    'cbc:DocumentCurrencyCode': currency,
    ...(of !== undefined && {
      'cac:BillingReference': { 'cac:InvoiceDocumentReference': { 'cbc:ID': of } },
    }),
    'cac:AccountingSupplierParty': {
      // A seller without a VAT number is known by another identifier (BR-CO-26): the member's.
      'cac:Party': {
        'cac:PartyIdentification': { 'cbc:ID': voucher.seller },
        ...party(seller, at),
      },
    },
    'cac:AccountingCustomerParty': { 'cac:Party': party(buyer, at) },
    // What is due has terms (BR-CO-25).
    ...(isNote && { 'cac:PaymentTerms': { 'cbc:Note': 'To be refunded' } }),
    'cac:TaxTotal': {
      'cbc:TaxAmount': money(document.tax),
      'cac:TaxSubtotal': groups.map((group) => ({
        'cbc:TaxableAmount': money(group.net),
        'cbc:TaxAmount': money(group.tax),
        'cac:TaxCategory': category(group, true),
      })),
    },
    'cac:LegalMonetaryTotal': {
      'cbc:LineExtensionAmount': money(document.net),
      'cbc:TaxExclusiveAmount': money(document.net),
      'cbc:TaxInclusiveAmount': money(document.gross),
      ...(!isNote && { 'cbc:PrepaidAmount': money(document.gross) }),
      'cbc:PayableAmount': money(isNote ? document.gross : 0),
    },
    [`cac:${type}Line`]: lines.map((line, index) => ({
      'cbc:ID': String(index + 1),
      ...quantityOf(line, sign, isNote ? 'cbc:CreditedQuantity' : 'cbc:InvoicedQuantity'),
      'cbc:LineExtensionAmount': money(line.net),
      'cac:Item': {
        'cbc:Name': legible(line.description),
        ...(line.code !== undefined && {
          'cac:SellersItemIdentification': { 'cbc:ID': legible(line.code) },
        }),
        'cac:ClassifiedTaxCategory': category({ category: categoryOf(line), rateBp: line.rateBp }),
      },
      'cac:Price': { 'cbc:PriceAmount': { ...money(0), '#text': priceOf(line, currency) } },
    })),
  };
  return builder.build({ '?xml': { '@version': '1.0', '@encoding': 'UTF-8' }, [type]: body });
}

function party(
  { name, taxId }: { readonly name: string; readonly taxId?: string | undefined },
  { country, hasVat }: { readonly country: string; readonly hasVat: boolean },
) {
  // A VAT number begins with its country (BR-CO-09), and stands on nothing that is not subject to VAT (BR-O-02); others are
  // registrations for tax.
  const scheme = hasVat && taxId !== undefined && /^[A-Z]{2}/.test(taxId) ? 'VAT' : 'TAX';
  return {
    'cac:PostalAddress': { 'cac:Country': { 'cbc:IdentificationCode': country } },
    ...(taxId !== undefined && {
      'cac:PartyTaxScheme': {
        'cbc:CompanyID': legible(taxId),
        'cac:TaxScheme': { 'cbc:ID': scheme },
      },
    }),
    'cac:PartyLegalEntity': { 'cbc:RegistrationName': legible(name) },
  };
}

function category(
  { category: name, rateBp }: Pick<TaxGroup, 'category' | 'rateBp'>,
  withReason = false,
) {
  const reason = REASONS[name];
  return {
    'cbc:ID': CODES[name],
    // None for what is not subject to it (BR-O-05).
    ...(name !== 'out-of-scope' && { 'cbc:Percent': percentText(rateBp) }),
    ...(withReason && reason !== undefined && { 'cbc:TaxExemptionReason': reason }),
    'cac:TaxScheme': { 'cbc:ID': 'VAT' },
  };
}

/** One of it where the invoice does not say how much (BR-22). Units are codes of UN/ECE recommendation 20 (BR-CL-23). */
function quantityOf({ quantity, unit, net }: InvoiceLine, sign: number, name: string) {
  const text = quantity ?? (net < 0 ? '-1' : '1');
  const signed = sign > 0 ? text : text.startsWith('-') ? text.slice(1) : `-${text}`;
  const code = unit !== undefined && /^[A-Z0-9]{2,3}$/.test(unit) ? unit : 'C62';
  return { [name]: { '#text': signed, '@unitCode': code } };
}

/** Of one (BR-26), never negative (BR-27). */
const priceOf = ({ quantity, unitPrice, net }: InvoiceLine, currency: string): string =>
  unitPrice !== undefined && quantity !== undefined
    ? unitPrice.replace(/^-/, '')
    : moneyText(currency, Math.abs(net));

/** XML has no way to write most control characters and halves of surrogate pairs (XML 1.0 §2.2). */
const legible = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant
  text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
