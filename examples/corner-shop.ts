/**
 * A made-up week of a corner shop, 巷口便利店, and its buyers: tax-inclusive prices at Chinese VAT
 * rates, invoices to companies that employees will claim, private customers, returns. The same seed
 * always gives the same week. All names and numbers are invented.
 */
import type { InvoiceDocument, InvoiceLine } from '../workloads/invoice/document.ts';
import { taxedAmount, withTotals } from '../workloads/invoice/tax.ts';

/** One line of the file, as `workloads/invoice/import/json-lines.ts` reads it. */
export interface ShopEntry {
  readonly reference: string;
  readonly kind: 'invoice' | 'cancellation';
  readonly customer?: string;
  readonly at: string;
  readonly relatesTo?: string;
  readonly purpose?: string;
  readonly document: InvoiceDocument;
}

type Good = readonly [name: string, code: string, unit: string, fen: number, rateBp: number];

/** Prices include tax. 13 %: most goods; 9 %: grain, oil, fresh food, milk; 6 %: services; 1 %: goods of a small-scale maker. */
const GOODS: readonly Good[] = [
  ['山泉矿泉水 550ml', 'YL-001', '瓶', 200, 1300],
  ['茉莉花茶饮料 500ml', 'YL-014', '瓶', 450, 1300],
  ['海盐苏打饼干 300g', 'SP-007', '袋', 890, 1300],
  ['五香瓜子 160g', 'SP-021', '袋', 680, 1300],
  ['红烧牛肉方便面 五连包', 'SP-033', '组', 1390, 1300],
  ['黑色中性笔 12支装', 'WJ-002', '盒', 1880, 1300],
  ['A4 复印纸 500张', 'WJ-010', '包', 2380, 1300],
  ['5号碱性电池 8粒', 'RY-004', '卡', 2590, 1300],
  ['抽取式面巾纸 10包', 'RY-011', '提', 1990, 1300],
  ['洗洁精 1kg', 'RY-019', '瓶', 1250, 1300],
  ['东北长粒香米 5kg', 'LY-001', '袋', 3990, 900],
  ['压榨菜籽油 1.8L', 'LY-006', '桶', 3450, 900],
  ['鲜牛奶 950ml', 'SX-003', '盒', 1590, 900],
  ['鲜鸡蛋 15枚', 'SX-008', '盒', 1680, 900],
  ['红富士苹果', 'SX-015', '千克', 1196, 900],
  ['同城快递代寄', 'FW-001', '件', 1200, 600],
  ['文件打印装订', 'FW-004', '份', 550, 600],
  ['手工辣椒酱 280g', 'DX-002', '瓶', 1880, 100],
  ['手工艾草香囊', 'DX-005', '个', 1500, 100],
];

interface Buyer {
  readonly customer?: string;
  readonly name: string;
  readonly taxId?: string;
  readonly purposes?: readonly string[];
}

const BUYERS: readonly Buyer[] = [
  {
    customer: 'qingsong',
    name: '青松机械有限公司',
    taxId: '91330100FUQI00001X',
    purposes: ['office', 'meals'],
  },
  {
    customer: 'lantian',
    name: '蓝田软件有限公司',
    taxId: '91330100FUQI00002Y',
    purposes: ['office', 'meals', 'travel'],
  },
  { customer: 'member-0117', name: '个人(会员0117)' },
  { customer: 'member-0342', name: '个人(会员0342)' },
  { customer: 'member-0528', name: '个人(会员0528)' },
  { name: '个人' },
];

const SELLER = { name: '巷口便利店', taxId: '92330100FUQI00003Z' };
const MONDAY = Date.UTC(2026, 2, 2);
const DAY_MS = 24 * 3600 * 1000;
/** Sales that a customer may still return. */
const RETURNABLE = 40;

/** Mulberry32: a small generator of numbers in [0, 1), good enough for examples. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The week's invoices in order of time, and among them some returns. Constant memory at any size. */
export function* cornerShopWeek({
  invoices,
  seed,
}: {
  readonly invoices: number;
  readonly seed: number;
}): Generator<ShopEntry> {
  const next = random(seed);
  const below = (limit: number): number => Math.floor(next() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const sold: ShopEntry[] = [];
  let returns = 0;
  for (let index = 0; index < invoices; index++) {
    const at = openingTime(index / invoices);
    const sale = saleOf(index, at, pick(BUYERS), pick, below);
    yield sale;
    if (sale.customer !== undefined) sold.push(sale);
    if (sold.length > RETURNABLE) sold.shift();
    if (next() < 0.08 && sold.length > 3) {
      const [original] = sold.splice(below(sold.length - 2), 1);
      yield returnOf(original!, ++returns, at, below);
    }
  }
}

/** Shop hours are 7 to 22, China Standard Time, Monday to Sunday. */
function openingTime(share: number): string {
  const days = share * 7;
  const day = Math.floor(days);
  const ms = MONDAY + day * DAY_MS + (7 + (days - day) * 15) * 3600 * 1000;
  return `${new Date(ms).toISOString().slice(0, 19)}+08:00`;
}

function saleOf(
  index: number,
  at: string,
  { customer, purposes, ...buyer }: Buyer,
  pick: <T>(list: readonly T[]) => T,
  below: (limit: number) => number,
): ShopEntry {
  const goods = new Set(Array.from({ length: 1 + below(purposes ? 6 : 4) }, () => pick(GOODS)));
  const lines = [...goods].flatMap((good) => {
    const line = soldLine(good, 1 + below(purposes ? 8 : 3));
    return [line, ...(below(12) === 0 ? [discount(good, line)] : [])];
  });
  return {
    reference: `XK-${String(index + 1).padStart(6, '0')}`,
    kind: 'invoice',
    ...(customer === undefined ? {} : { customer }),
    at,
    ...(purposes ? { purpose: pick(purposes) } : {}),
    document: documentOf(buyer, at, lines),
  };
}

/** One article of an earlier sale comes back, some of it or all. */
function returnOf(
  original: ShopEntry,
  count: number,
  at: string,
  below: (limit: number) => number,
): ShopEntry {
  const { customer, document, reference } = original;
  const line = document.lines.find(({ quantity }) => quantity !== undefined)!;
  const good = GOODS.find(([, code]) => code === line.code)!;
  const quantity = 1 + below(Number(line.quantity));
  // A customer who brings the receipt names the invoice; the others are matched by what came back.
  const receipt = below(3) === 0 ? { relatesTo: reference } : {};
  return {
    reference: `XK-T${String(count).padStart(5, '0')}`,
    kind: 'cancellation',
    customer: customer!,
    at,
    ...receipt,
    document: documentOf(document.buyer, at, [soldLine(good, -quantity)]),
  };
}

function soldLine([description, code, unit, fen, rateBp]: Good, quantity: number): InvoiceLine {
  const { net, tax } = taxedAmount(quantity * fen, rateBp, true);
  const unitPrice = (fen / 100).toFixed(2);
  return { description, code, quantity: String(quantity), unit, unitPrice, net, rateBp, tax };
}

/** A twentieth off, as a line of its own. */
function discount([name, , , , rateBp]: Good, line: InvoiceLine): InvoiceLine {
  const off = Math.floor((line.net + line.tax) / 20);
  const { net, tax } = taxedAmount(-off, rateBp, true);
  return { description: `会员优惠(${name})`, net, rateBp, tax };
}

const documentOf = (
  buyer: InvoiceDocument['buyer'],
  at: string,
  lines: InvoiceLine[],
): InvoiceDocument =>
  withTotals({
    currency: 'CNY',
    seller: SELLER,
    buyer,
    issuedOn: at.slice(0, 10),
    lines,
    rounding: 'per-line',
  });
