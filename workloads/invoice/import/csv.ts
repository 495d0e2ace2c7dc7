/**
 * Invoices from CSV: consecutive rows of one reference are one invoice. Streams with backpressure
 * and holds one invoice at a time. An invoice with a row that can't be read is refused as a whole:
 * it is never issued without that row.
 */
import { pipeline, Readable } from 'node:stream';
import { type CsvError, type Info, parse } from 'csv-parse';
import type { InvoiceLine } from '../document.ts';
import { taxedAmount, withTotals } from '../tax.ts';
import type { CsvMapping } from './csv-mapping.ts';
import {
  basisPoints,
  currencyExponent,
  type Decimal,
  formatDecimal,
  parseDecimal,
  product,
  roundedMinorUnits,
} from './decimal.ts';
import { decodedText } from './decoded-text.ts';
import {
  checkedRecord,
  DOCUMENT_LINES_MAX,
  type Refusal,
  refusal,
  type SourceRecord,
} from './source-record.ts';

/** Characters of one row; csv-parse stops with an error beyond. */
const ROW_CHARACTERS_MAX = 256 * 1024;
/** csv-parse's code for a row beyond that: a quote that never ends, and what follows taken for text. */
const ENDLESS = 'CSV_MAX_RECORD_SIZE';
/** Closed references that are remembered, to notice rows that come late. */
const CLOSED_MAX = 10_000;

/** The rows of one reference so far. */
interface Group {
  readonly line: number;
  readonly reference: string;
  readonly date: string;
  readonly customer: string;
  readonly buyer: { readonly name: string; readonly taxId?: string };
  readonly lines: InvoiceLine[];
  /** Sum of the rows' amounts in minor units, those that were refused included. */
  gross: number;
  /** What was wrong first. */
  fault?: Refusal;
}

type Row = Readonly<Record<string, string | undefined>>;
/** csv-parse puts a wrong number of fields here; its types don't say so. */
type RowInfo = Info & { readonly error?: CsvError };

/** Reads invoices and cancellations; ends with a refusal where the rest can't be read at all. */
export async function* readCsv(
  source: AsyncIterable<Uint8Array>,
  mapping: CsvMapping,
): AsyncGenerator<SourceRecord> {
  const broken: CsvError[] = [];
  const rest: Rest = { isLost: false };
  let missing: string | undefined;
  const parser = parse({
    columns: (row: string[]) => {
      const header = row.map((name) => name.trim());
      missing = Object.values(mapping.columns).find((name) => name && !header.includes(name));
      return header;
    },
    bom: true,
    delimiter: mapping.delimiter,
    info: true,
    max_record_size: ROW_CHARACTERS_MAX,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: (error) => {
      // One broken row can be told twice.
      if (error && broken.at(-1)?.lines !== error.lines) broken.push(error);
      if (error?.code === ENDLESS) rest.isLost = true;
      return undefined;
    },
  });
  // Failures come out of the parser, which is read below.
  pipeline(Readable.from(decoded(source, mapping.encoding, rest)), parser, () => {});
  const closed = new Set<string>();
  let group: Group | undefined;
  let lost: Refusal | undefined;
  try {
    rows: for await (const item of parser) {
      if (missing !== undefined) break;
      const { record, info } = item as { record: Row; info: RowInfo };
      // The parser reads ahead. A row that it couldn't read belongs to the invoice before it or to
      // the one after it, and neither can be told to be whole.
      while (Number(broken[0]?.lines) <= info.lines) {
        const { code, lines } = broken[0]!;
        if (code === ENDLESS) break rows;
        broken.shift();
        lost = refusal('malformed-csv', Number(lines), { got: code });
        yield lost;
        if (group) group.fault ??= { ...lost, reference: group.reference };
      }
      const reference = record[mapping.columns.reference]?.trim() ?? '';
      if (group?.reference !== reference) {
        if (group) yield finished(group, mapping, closed);
        group = opened(record, info.lines, reference, mapping);
        if (lost) group.fault ??= { ...lost, reference };
      }
      lost = undefined;
      addRow(group, record, info, mapping);
    }
    if (missing !== undefined) {
      const expected = `a column "${missing}", which the mapping names; nothing was read`;
      yield refusal('malformed-csv', 1, { expected });
      return;
    }
    const [atEnd] = broken;
    if (rest.undecodable !== undefined) {
      lost = refusal('wrong-encoding', rest.undecodable, {
        expected: `${mapping.encoding}; the rest was not read`,
      });
      yield lost;
      if (group) group.fault ??= { ...lost, reference: group.reference };
    } else if (atEnd) {
      const unread = rest.isLost ? { expected: 'rows; the rest was not read' } : {};
      lost = refusal('malformed-csv', Number(atEnd.lines), { got: atEnd.code, ...unread });
      yield lost;
      if (group) group.fault ??= { ...lost, reference: group.reference };
    }
    if (group) yield finished(group, mapping, closed);
  } catch (error) {
    const { code = '', lines } = error as { code?: string; lines?: number };
    if (!code.startsWith('CSV_')) throw error;
    const line = Number(lines ?? group?.line ?? 1);
    const fault = refusal('malformed-csv', line, {
      got: code,
      expected: 'rows; the rest was not read',
    });
    if (group) yield { ...fault, reference: group.reference, ...amountOf(group, mapping) };
    else yield fault;
  }
}

/** Why the end of a file is not read. */
interface Rest {
  isLost: boolean;
  /** The line that is not in the mapping's encoding. */
  undecodable?: number;
}

/**
 * The text up to the first line that can't be decoded: whole lines, because the beginning of that one would be read as a
 * row, and an invoice be finished before it.
 */
async function* decoded(
  source: AsyncIterable<Uint8Array>,
  encoding: string,
  rest: Rest,
): AsyncGenerator<string> {
  const text = decodedText(source, encoding, (line) => {
    rest.undecodable = line;
  });
  let begun = '';
  for await (const piece of text) {
    if (rest.isLost) return;
    const lines = begun + piece;
    const end = lines.lastIndexOf('\n') + 1;
    begun = lines.slice(end);
    // No row is longer.
    const isEndless = begun.length > ROW_CHARACTERS_MAX;
    yield isEndless ? lines : lines.slice(0, end);
    if (isEndless) begun = '';
  }
  if (rest.undecodable === undefined) yield begun;
}

function opened(row: Row, line: number, reference: string, mapping: CsvMapping): Group {
  const { columns, anonymousBuyer } = mapping;
  const cell = (name: string | undefined): string => (name ? (row[name]?.trim() ?? '') : '');
  const customer = cell(columns.customer);
  const name = cell(columns.buyerName) || (customer ? `Customer ${customer}` : anonymousBuyer);
  const taxId = cell(columns.buyerTaxId);
  const buyer = { name, ...(taxId === '' ? {} : { taxId }) };
  const date = cell(columns.date);
  const group: Group = { line, reference, date, customer, buyer, lines: [], gross: 0 };
  if (reference === '') {
    group.fault = refusal('invalid-document', line, { expected: `a ${columns.reference}` });
  }
  return group;
}

function addRow(group: Group, row: Row, info: RowInfo, mapping: CsvMapping): void {
  const { lines: line } = info;
  const { reference } = group;
  const fail = (expected: string, got?: string): void => {
    group.fault ??= refusal('invalid-document', line, {
      reference,
      ...(got === undefined ? {} : { got: got.slice(0, 200) }),
      expected,
    });
  };
  const { columns, decimalSeparator } = mapping;
  if (info.error) {
    fail('as many fields as the header has', info.error.code);
    return;
  }
  const number = (name: string): Decimal | undefined => {
    const text = row[name]!;
    const decimal = parseDecimal(text, decimalSeparator);
    if (!decimal) fail(`a decimal number in ${name}`, text);
    return decimal;
  };
  // Beside an amount they only say how it came about: a fee has none.
  const beside = (name: string | undefined): Decimal | undefined => {
    const isLeftOut =
      columns.amount !== undefined && name !== undefined && row[name]!.trim() === '';
    return name === undefined || isLeftOut ? undefined : number(name);
  };
  const quantity = beside(columns.quantity);
  const unitPrice = beside(columns.unitPrice);
  const amount = columns.amount
    ? number(columns.amount)
    : quantity && unitPrice && product(quantity, unitPrice);
  if (!amount) return;
  const minor = roundedMinorUnits(amount, currencyExponent(mapping.currency));
  if (minor === undefined) {
    fail('an amount below 2^53 minor units', formatDecimal(amount));
    return;
  }
  const rate = columns.rate ? basisPoints(row[columns.rate]!.trim()) : mapping.rateBp;
  if (rate === undefined) {
    fail(`0 to 100 percent in ${columns.rate}`, row[columns.rate ?? '']);
    return;
  }
  const { net, tax, gross } = taxedAmount(minor, rate, mapping.priceIncludesTax);
  group.gross += gross;
  if (group.lines.length === DOCUMENT_LINES_MAX) {
    const expected = `at most ${DOCUMENT_LINES_MAX} rows of one invoice`;
    group.fault ??= refusal('too-many-lines', line, { reference, expected });
    return;
  }
  // Beyond a fault only the amount matters; rows are no longer kept.
  if (group.fault) return;
  const text = (name: string | undefined): string => (name ? row[name]!.trim() : '');
  const code = text(columns.code);
  const unit = text(columns.unit);
  group.lines.push({
    description: text(columns.description) || code || 'Goods',
    ...(code === '' ? {} : { code }),
    ...(quantity ? { quantity: formatDecimal(quantity) } : {}),
    ...(unit === '' ? {} : { unit }),
    ...(unitPrice ? { unitPrice: formatDecimal(unitPrice) } : {}),
    net,
    rateBp: rate,
    tax,
    ...(mapping.category && (mapping.category === 'standard') === rate > 0
      ? { category: mapping.category }
      : {}),
  });
}

function finished(group: Group, mapping: CsvMapping, closed: Set<string>): SourceRecord {
  const { line, reference, customer, buyer, lines, fault } = group;
  if (fault) return { ...fault, ...amountOf(group, mapping) };
  if (closed.has(reference)) {
    const expected = 'all rows of an invoice in one place; sort the file by it';
    return refusal('not-consecutive', line, { reference, expected, ...amountOf(group, mapping) });
  }
  closed.add(reference);
  if (closed.size > CLOSED_MAX) closed.delete(closed.values().next().value!);
  const date = parseDate(group.date, mapping.dateOrder);
  if (!date) {
    const expected = `a date (${mapping.dateOrder}) in ${mapping.columns.date}`;
    const found = { reference, got: group.date.slice(0, 50), expected };
    return refusal('invalid-document', line, { ...found, ...amountOf(group, mapping) });
  }
  const { cancellationPrefix, currency, seller } = mapping;
  const isCancellation =
    cancellationPrefix !== undefined && reference.startsWith(cancellationPrefix);
  const { issuedOn, at } = date;
  const record = checkedRecord({
    kind: isCancellation ? 'cancellation' : 'invoice',
    line,
    reference,
    document: withTotals({ currency, seller, buyer, issuedOn, lines, rounding: 'per-line' }),
    ...(customer === '' ? {} : { customer }),
    ...(at === undefined ? {} : { at }),
  });
  return record.kind === 'refused' ? { ...record, ...amountOf(group, mapping) } : record;
}

const amountOf = (group: Group, { currency }: CsvMapping) => ({
  amount: { currency, minor: group.gross },
});

/** Takes `2010-12-01 08:26:00`, `1/12/2010`, `2010.12.1` and the like apart. */
function parseDate(
  text: string,
  order: CsvMapping['dateOrder'],
): { readonly issuedOn: string; readonly at?: string } | undefined {
  const [, first, second, third, time] =
    /^(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})(?:[T ](\d{2}:\d{2}(?::\d{2})?)Z?)?$/.exec(text) ?? [];
  if (first === undefined || second === undefined || third === undefined) return undefined;
  const [year, month, day] = {
    ymd: [first, second, third],
    dmy: [third, second, first],
    mdy: [third, first, second],
  }[order] as [string, string, string];
  if (year.length !== 4) return undefined;
  const issuedOn = `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`;
  if (time === undefined) return { issuedOn };
  return { issuedOn, at: `${issuedOn}T${time.length === 5 ? `${time}:00` : time}` };
}
