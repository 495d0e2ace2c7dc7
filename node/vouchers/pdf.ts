/**
 * A voucher on paper: A4, Chinese and English, with its lines, the amount in capitals, and two QR codes, one for expense
 * systems and one for asking whether it is valid. What the font has no glyph for is printed as 〓.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { encode } from 'uqr';
import { capitals, moneyText, percentText } from '../../workloads/einvoice-vouchers/amount-text.ts';
import { checkUrl, dataText } from '../../workloads/einvoice-vouchers/qr.ts';
import type { Voucher } from '../../workloads/einvoice-vouchers/voucher.ts';

type Document = InstanceType<typeof import('pdfkit')>;

const MARGIN = 42;
const WIDTH = 595.28 - 2 * MARGIN;
const BOTTOM = 841.89 - MARGIN;
const RED = '#b3261e';
const LINE = '#8a8f98';

/** Points from the left margin, widths, and how each is aligned. */
const COLUMNS = [
  { title: '项目 Item', width: 176, align: 'left' },
  { title: '单位 Unit', width: 40, align: 'left' },
  { title: '数量 Qty', width: 50, align: 'right' },
  { title: '单价 Price', width: 66, align: 'right' },
  { title: '金额 Net', width: 68, align: 'right' },
  { title: '税率 Rate', width: 46, align: 'right' },
  { title: '税额 Tax', width: WIDTH - 446, align: 'right' },
] as const;

let font: Uint8Array | undefined;
const fontBytes = (): Uint8Array => {
  const entry = createRequire(import.meta.url).resolve('@embedpdf/fonts-sc');
  font ??= readFileSync(path.join(path.dirname(entry), '../fonts/NotoSansHans-Regular.otf'));
  return font;
};

/** The file. `base` is the consortium's address, where anybody asks about an invoice. */
export async function pdfOf(voucher: Voucher, base: string): Promise<Uint8Array> {
  const { number, kind, document } = voucher;
  // A node has no use for it: only who prints loads it.
  const { default: PDFDocument } = await import('pdfkit');
  const title = kind === 'note' ? '红字发票 Credit note' : '电子发票 Invoice';
  const doc = new PDFDocument({
    size: 'A4',
    margin: MARGIN,
    font: fontBytes() as never,
    info: { Title: `${title} ${number}`, CreationDate: new Date(voucher.issuedAt) },
  });
  const chunks: Uint8Array[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    doc.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    doc.on('end', resolve);
    doc.on('error', reject);
  });
  const write = writer(doc);
  header(doc, write, voucher, title, base);
  parties(doc, write, voucher);
  rows(doc, write, voucher);
  totals(doc, write, voucher);
  if (document.note !== undefined) {
    doc.moveDown(0.6);
    write(`备注 Note: ${document.note}`, MARGIN, doc.y, { width: WIDTH });
  }
  doc.end();
  await ended;
  return Buffer.concat(chunks);
}

interface TextStyle {
  readonly width: number;
  readonly align?: 'left' | 'right' | 'center';
  readonly size?: number;
  readonly color?: string;
}
type Write = (text: string, x: number, y: number, style: TextStyle) => void;

function writer(doc: Document): Write {
  return (text, x, y, { width, align = 'left', size = 9, color = '#111111' }) => {
    doc.fontSize(size).fillColor(color).text(printable(doc, text), x, y, { width, align });
  };
}

/** The font of the document as fontkit has it. */
interface Glyphs {
  hasGlyphForCodePoint(code: number): boolean;
}

function printable(doc: Document, text: string): string {
  const { font: glyphs } = (doc as unknown as { _font: { font: Glyphs } })._font;
  return [...text]
    .map((one) => (one === '\n' || glyphs.hasGlyphForCodePoint(one.codePointAt(0)!) ? one : '〓'))
    .join('');
}

function header(doc: Document, write: Write, voucher: Voucher, title: string, base: string): void {
  const color = voucher.kind === 'note' ? RED : '#111111';
  qr(doc, dataText(voucher), MARGIN, MARGIN);
  const url = checkUrl(base, voucher);
  if (url !== undefined) qr(doc, url, MARGIN + WIDTH - QR_SIZE, MARGIN);
  const [left, width] = [MARGIN + QR_SIZE, WIDTH - 2 * QR_SIZE];
  write(title, left, MARGIN + 6, { width, align: 'center', size: 20, color });
  const { number, of, checkCode, document } = voucher;
  const lines = [
    `号码 Number ${number}`,
    `开票日期 Date ${document.issuedOn}`,
    ...(of === undefined ? [] : [`对应蓝字发票 Of invoice ${of}`]),
    ...(checkCode === undefined
      ? []
      : [`校验码 Check code ${checkCode.replace(/(.{5})(?=.)/g, '$1 ')}`]),
  ];
  lines.forEach((line, index) => {
    write(line, left, MARGIN + 38 + 14 * index, { width, align: 'center' });
  });
  const below = MARGIN + QR_SIZE + 2;
  write('发票信息 Data', MARGIN, below, { width: QR_SIZE, align: 'center', size: 7 });
  if (url !== undefined) {
    const style = { width: QR_SIZE, align: 'center', size: 7 } as const;
    write('查验 Check', MARGIN + WIDTH - QR_SIZE, below, style);
  }
  doc.y = below + 16;
}

const QR_SIZE = 92;

function qr(doc: Document, text: string, x: number, y: number): void {
  const { size, data } = encode(text, { ecc: 'M', border: 2 });
  const module = QR_SIZE / size;
  doc.fillColor('#000000');
  data.forEach((row, line) => {
    row.forEach((isDark, column) => {
      if (isDark) doc.rect(x + column * module, y + line * module, module, module);
    });
  });
  doc.fill();
}

function parties(doc: Document, write: Write, { document }: Voucher): void {
  const top = doc.y;
  const half = WIDTH / 2;
  const named = [
    ['购买方 Buyer', document.buyer],
    ['销售方 Seller', document.seller],
  ] as const;
  let bottom = top;
  named.forEach(([label, party], index) => {
    const x = MARGIN + index * half + 6;
    const width = half - 12;
    write(label, x, top + 5, { width, size: 8, color: LINE });
    write(party.name, x, top + 17, { width, size: 10 });
    if (party.taxId !== undefined) write(`税号 Tax number ${party.taxId}`, x, doc.y + 1, { width });
    bottom = Math.max(bottom, doc.y);
  });
  bottom += 5;
  doc
    .lineWidth(0.7)
    .strokeColor(LINE)
    .rect(MARGIN, top, WIDTH, bottom - top)
    .stroke();
  doc
    .moveTo(MARGIN + half, top)
    .lineTo(MARGIN + half, bottom)
    .stroke();
  doc.y = bottom + 8;
}

function rows(doc: Document, write: Write, { document }: Voucher): void {
  const { currency, rounding } = document;
  titles(doc, write);
  for (const line of document.lines) {
    const { description, code, unit = '', quantity = '', unitPrice = '' } = line;
    row(doc, write, [
      code === undefined ? description : `${description}\n${code}`,
      ...[unit, quantity, unitPrice],
      moneyText(currency, line.net),
      `${percentText(line.rateBp)}%`,
      rounding === 'per-line' ? moneyText(currency, line.tax) : '',
    ]);
  }
}

function titles(doc: Document, write: Write): void {
  row(
    doc,
    write,
    COLUMNS.map(({ title }) => title),
    true,
  );
}

function row(doc: Document, write: Write, cells: readonly string[], isTitle = false): void {
  const size = isTitle ? 8 : 9;
  doc.fontSize(size);
  const heights = cells.map((cell, index) =>
    doc.heightOfString(printable(doc, cell), { width: COLUMNS[index]!.width - 6 }),
  );
  const height = Math.max(...heights) + 6;
  if (doc.y + height > BOTTOM) {
    doc.addPage();
    if (!isTitle) titles(doc, write);
  }
  const top = doc.y;
  let x = MARGIN;
  cells.forEach((cell, index) => {
    const { width, align } = COLUMNS[index]!;
    const color = isTitle ? LINE : '#111111';
    write(cell, x + 3, top + 3, { width: width - 6, align, size, color });
    x += width;
  });
  doc.y = top + height;
  doc
    .lineWidth(0.4)
    .strokeColor(LINE)
    .moveTo(MARGIN, doc.y)
    .lineTo(MARGIN + WIDTH, doc.y)
    .stroke();
}

function totals(doc: Document, write: Write, { document }: Voucher): void {
  const { currency, net, tax, gross, taxes } = document;
  const height = 58 + 13 * (taxes?.length ?? 0);
  if (doc.y + height > BOTTOM) doc.addPage();
  doc.y += 6;
  const style = { width: WIDTH, align: 'right' } as const;
  const next = (text: string, more: Partial<TextStyle> = {}): void =>
    write(text, MARGIN, doc.y + 1, { ...style, ...more });
  for (const group of taxes ?? []) {
    const at = `${percentText(group.rateBp)}%`;
    next(
      `${at}  金额 Net ${moneyText(currency, group.net)}  税额 Tax ${moneyText(currency, group.tax)}`,
    );
  }
  next(`合计 Total  金额 Net ${moneyText(currency, net)}  税额 Tax ${moneyText(currency, tax)}`);
  next(`价税合计 Gross  ${currency} ${moneyText(currency, gross)}`, { size: 12 });
  if (currency === 'CNY') next(`大写 In capitals  ${capitals(gross)}`);
}
