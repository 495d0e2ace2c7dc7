/** Amounts as people and other systems write them. */
import { currencyExponent, formatDecimal } from '../invoice/import/decimal.ts';

/** Minor units with all decimals of the currency: `-12.50`, `1300` for JPY. */
export function moneyText(currency: string, minor: number): string {
  const exponent = currencyExponent(currency);
  const digits = String(Math.abs(minor)).padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  const sign = minor < 0 ? '-' : '';
  return exponent === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-exponent)}`;
}

/** Basis points in percent: `13`, `0.5`. */
export const percentText = (rateBp: number): string =>
  formatDecimal({ units: BigInt(rateBp), scale: 2 });

const DIGITS = [...'零壹贰叁肆伍陆柒捌玖'];
const PLACES = ['', '拾', '佰', '仟'];
const GROUPS = ['', '万', '亿', '万亿'];

/**
 * An amount of CNY in capitals, as invoices have it beside the figures (PBC, rules of filling in bills, annex 1):
 * `壹仟零陆拾圆整`. In minor units (fen).
 */
export function capitals(minor: number): string {
  const fen = Math.abs(minor);
  const [yuan, jiao, rest] = [Math.floor(fen / 100), Math.floor(fen / 10) % 10, fen % 10];
  const sign = minor < 0 ? '（负数）' : '';
  const whole = yuan === 0 ? '' : `${wholeCapitals(yuan)}圆`;
  if (jiao === 0 && rest === 0) return `${sign}${whole || '零圆'}整`;
  // A zero between stands for the place that is empty.
  const tenths = jiao > 0 ? `${DIGITS[jiao]}角` : whole === '' ? '' : '零';
  return `${sign}${whole}${tenths}${rest > 0 ? `${DIGITS[rest]}分` : '整'}`;
}

function wholeCapitals(amount: number): string {
  const groups: string[] = [];
  let pending = false;
  for (let index = GROUPS.length - 1; index >= 0; index--) {
    const part = Math.floor(amount / 10_000 ** index) % 10_000;
    if (part === 0) {
      pending ||= groups.length > 0;
      continue;
    }
    const gap = groups.length > 0 && (pending || part < 1000);
    groups.push(`${gap ? DIGITS[0] : ''}${groupCapitals(part)}${GROUPS[index]}`);
    pending = false;
  }
  return groups.join('');
}

/** Up to four digits; zeros between are one zero. */
function groupCapitals(part: number): string {
  const digits = [...String(part)].map(Number);
  const text = digits.map((digit, index) =>
    digit === 0 ? DIGITS[0] : `${DIGITS[digit]}${PLACES[digits.length - 1 - index]}`,
  );
  return text.join('').replace(/零+/g, '零').replace(/零$/, '');
}
