/**
 * UBL 2.1 invoices and credit notes (EN 16931), one in a file, read as a stream of tags: only the
 * fields that are mapped are ever held, each within a limit. A DOCTYPE is refused, so that no entity
 * is ever declared; what the amounts must satisfy is in `ubl-document.ts`.
 */
import { SaxesParser, type SaxesTagNS } from 'saxes';
import { decodedText } from './decoded-text.ts';
import { DOCUMENT_LINES_MAX, type Refusal, refusal, type SourceRecord } from './source-record.ts';
import { type UblAllowance, type UblDocument, type UblLine, ublRecord } from './ubl-document.ts';

/** What the namespaces of UBL begin with. */
export const UBL = 'urn:oasis:names:specification:ubl:schema:xsd:';
const ROOTS: Readonly<Record<string, UblDocument['type']>> = {
  [`${UBL}Invoice-2 Invoice`]: 'Invoice',
  [`${UBL}CreditNote-2 CreditNote`]: 'CreditNote',
};
const COMPONENTS = new Set([`${UBL}CommonAggregateComponents-2`, `${UBL}CommonBasicComponents-2`]);

export const UBL_LIMITS = {
  /** Embedded attachments count, though they are not kept. */
  fileBytesMax: 64 * 1024 * 1024,
  /** Bytes without a complete tag: one text, attribute or comment. */
  gapBytesMax: 24 * 1024 * 1024,
  depthMax: 32,
  /** Characters of one mapped field. */
  textMax: 8 * 1024,
  /** Document-level allowances, charges, tax subtotals and tax schemes. */
  partsMax: 200,
} as const;

/** Ends the parse with a refusal. */
class Stop extends Error {
  readonly refusal: Refusal;
  constructor(refused: Refusal) {
    super(refused.reason);
    this.refusal = refused;
  }
}

/** Reads the one document of a file. */
export async function* readUbl(source: AsyncIterable<Uint8Array>): AsyncGenerator<SourceRecord> {
  const reader = documentReader();
  const bounded = upTo(UBL_LIMITS.fileBytesMax, source, reader.line);
  try {
    let undecodable: number | undefined;
    const text = decodedText(bounded, 'utf-8', (line) => {
      undecodable = line;
    });
    for await (const piece of text) reader.write(piece);
    if (undecodable !== undefined) {
      throw new Stop(refusal('wrong-encoding', undecodable, { expected: 'UTF-8' }));
    }
    yield ublRecord(reader.end());
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    yield error.refusal;
  }
}

async function* upTo(
  bytesMax: number,
  source: AsyncIterable<Uint8Array>,
  line: () => number,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      const expected = `at most ${bytesMax} bytes`;
      throw new Stop(refusal('too-large', line(), { expected }));
    }
    yield chunk;
  }
}

function documentReader() {
  const parser = new SaxesParser({ xmlns: true, position: true });
  const path: string[] = [];
  const document: UblDocument = {
    type: 'Invoice',
    line: 1,
    fields: new Map(),
    lines: [],
    allowances: [],
    subtotals: [],
    taxTotals: [],
    sellerTaxIds: [],
    buyerTaxIds: [],
  };
  let text = '';
  let gap = 0;
  let ended = false;
  const stop = (reason: Parameters<typeof refusal>[0], more: Parameters<typeof refusal>[2]) => {
    throw new Stop(refusal(reason, parser.line, more));
  };

  parser.on('error', (error) => stop('malformed-xml', { got: error.message.slice(0, 200) }));
  parser.on('doctype', () => stop('doctype', { expected: 'no document type declaration' }));
  parser.on('xmldecl', ({ encoding = 'UTF-8' }) => {
    if (encoding.toUpperCase() !== 'UTF-8') {
      stop('unsupported', { got: `encoding ${encoding.slice(0, 40)}`, expected: 'UTF-8' });
    }
  });
  parser.on('opentag', (tag: SaxesTagNS) => {
    gap = 0;
    text = '';
    if (path.length === 0) {
      const type = ROOTS[`${tag.uri} ${tag.local}`];
      if (!type) {
        const got = `${tag.local} in ${tag.uri || 'no namespace'}`.slice(0, 200);
        stop('unsupported', { got, expected: 'a UBL 2.1 Invoice or CreditNote' });
      }
      document.type = type!;
      document.line = parser.line;
    }
    // Elements of other namespaces, such as extensions, match no field.
    const known = path.length === 0 || COMPONENTS.has(tag.uri);
    path.push(known ? tag.local : '*');
    if (path.length > UBL_LIMITS.depthMax) {
      stop('too-deep', { expected: `at most ${UBL_LIMITS.depthMax} levels` });
    }
    open(path, document, parser.line, stop);
    keepAttributes(path, document, tag);
  });
  const append = (piece: string): void => {
    gap = 0;
    if (!isField(path)) return;
    text += piece;
    if (text.length > UBL_LIMITS.textMax) {
      stop('too-large', { expected: `at most ${UBL_LIMITS.textMax} characters in ${path.at(-1)}` });
    }
  };
  parser.on('text', append);
  parser.on('cdata', append);
  parser.on('closetag', () => {
    gap = 0;
    close(path, document, text.trim().replace(/\s+/g, ' '));
    path.pop();
    text = '';
    if (path.length === 0) ended = true;
  });

  return {
    line: (): number => parser.line,
    write(chunk: string): void {
      gap += chunk.length;
      parser.write(chunk);
      if (gap > UBL_LIMITS.gapBytesMax) {
        stop('too-large', { expected: `a tag within ${UBL_LIMITS.gapBytesMax} characters` });
      }
    },
    end(): UblDocument {
      parser.close();
      if (!ended) stop('malformed-xml', { expected: 'one document' });
      return document;
    },
  };
}

const LINE = /^(Invoice|CreditNote)Line$/;

/** Whether an element's text may be mapped: no attachment, payment means or the like. */
const isField = (path: readonly string[]): boolean =>
  path.length === 2 || (path.length > 2 && SECTIONS.has(path[1]!));

const SECTIONS = new Set([
  'AccountingSupplierParty',
  'AccountingCustomerParty',
  'AllowanceCharge',
  'BillingReference',
  'LegalMonetaryTotal',
  'TaxTotal',
  'InvoiceLine',
  'CreditNoteLine',
]);

/** Begins what there can be several of. */
function open(
  path: readonly string[],
  document: UblDocument,
  line: number,
  stop: (reason: 'too-many-lines', more: { expected: string }) => void,
): void {
  const [, section, part, subpart] = path;
  const begin = <T>(list: T[], item: T, max: number = UBL_LIMITS.partsMax): void => {
    if (list.length >= max)
      stop('too-many-lines', { expected: `at most ${max} of ${path.at(-1)}` });
    list.push(item);
  };
  if (path.length === 2) {
    if (LINE.test(section!)) {
      const item: UblLine = { line, fields: new Map() };
      begin(document.lines, item, DOCUMENT_LINES_MAX);
    } else if (section === 'AllowanceCharge') {
      const item: UblAllowance = { line, fields: new Map() };
      begin(document.allowances, item);
    } else if (section === 'TaxTotal') {
      begin(document.taxTotals, new Map());
    }
  } else if (path.length === 3 && section === 'TaxTotal' && part === 'TaxSubtotal') {
    begin(document.subtotals, new Map());
  } else if (path.length === 4 && subpart === 'PartyTaxScheme') {
    if (section === 'AccountingSupplierParty') begin(document.sellerTaxIds, new Map());
    if (section === 'AccountingCustomerParty') begin(document.buyerTaxIds, new Map());
  }
}

/** The two attributes that matter: a quantity's unit and a tax total's currency. */
function keepAttributes(
  [, section = '', part, subpart]: readonly string[],
  document: UblDocument,
  { attributes }: SaxesTagNS,
): void {
  if (part === undefined || subpart !== undefined) return;
  const unit = attributes.unitCode?.value;
  if (unit && LINE.test(section)) {
    document.lines.at(-1)!.fields.set(`${part}@unitCode`, unit.slice(0, 40));
  }
  const currency = attributes.currencyID?.value;
  if (currency && section === 'TaxTotal') {
    document.taxTotals.at(-1)!.set(`${part}@currencyID`, currency.slice(0, 40));
  }
}

/** Keeps an element's text where it belongs; of repeated elements the first counts. */
function close(path: readonly string[], document: UblDocument, text: string): void {
  const [, section, part, subpart] = path;
  if (section === undefined || text === '') return;
  const [target, from] = LINE.test(section)
    ? [document.lines.at(-1)!.fields, 2]
    : section === 'AllowanceCharge'
      ? [document.allowances.at(-1)!.fields, 2]
      : section === 'TaxTotal' && part === 'TaxSubtotal'
        ? [document.subtotals.at(-1)!, 3]
        : section === 'TaxTotal'
          ? [document.taxTotals.at(-1)!, 2]
          : subpart === 'PartyTaxScheme' && section === 'AccountingSupplierParty'
            ? [document.sellerTaxIds.at(-1)!, 4]
            : subpart === 'PartyTaxScheme' && section === 'AccountingCustomerParty'
              ? [document.buyerTaxIds.at(-1)!, 4]
              : [document.fields, 1];
  if (!isField(path)) return;
  const name = path.slice(from).join('/');
  if (name !== '' && !target.has(name)) target.set(name, text);
}
