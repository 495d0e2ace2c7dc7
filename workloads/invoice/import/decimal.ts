/**
 * Decimal numbers as texts hold them, without floating point: exact until they are rounded, and
 * rounded half away from zero. Money comes out as integers in minor units.
 */

/** units ÷ 10^scale. */
export interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

/** Minor units (ISO 4217, 2024) of currencies whose exponent isn't 2. */
const EXPONENTS: Readonly<Record<string, number>> = Object.fromEntries([
  ...'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'
    .split(' ')
    .map((code) => [code, 0]),
  ...'BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => [code, 3]),
  ...'CLF UYW'.split(' ').map((code) => [code, 4]),
]);

/** Digits of a currency's minor unit: 2 for CNY, 0 for JPY. */
export const currencyExponent = (currency: string): number =>
  Object.hasOwn(EXPONENTS, currency) ? EXPONENTS[currency]! : 2;

/** Reads a decimal (`-1`, `2.50`, `.5`, `+3`); undefined where the text is none, or absurdly long. */
export function parseDecimal(text: string, separator: '.' | ',' = '.'): Decimal | undefined {
  const trimmed = text.trim();
  const plain = separator === ',' ? trimmed.replace(',', '.') : trimmed;
  if (separator === ',' && trimmed.includes('.')) return undefined;
  const [, sign, whole = '', fraction = ''] =
    /^([+-]?)(\d{0,18})(?:\.(\d{0,18}))?$/.exec(plain) ?? [];
  if (sign === undefined || (whole === '' && fraction === '')) return undefined;
  const units = BigInt(`${whole}${fraction}`);
  return { units: sign === '-' ? -units : units, scale: fraction.length };
}

/** The shortest text: no exponent, no trailing zeros. */
export function formatDecimal({ units, scale }: Decimal): string {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  return `${units < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

export const negated = ({ units, scale }: Decimal): Decimal => ({ units: -units, scale });

/** The exact product. */
export const product = (a: Decimal, b: Decimal): Decimal => ({
  units: a.units * b.units,
  scale: a.scale + b.scale,
});

/** numerator ÷ denominator, rounded half away from zero. */
export function quotient(numerator: bigint, denominator: bigint): bigint {
  if (denominator < 0n) return quotient(-numerator, -denominator);
  const size = numerator < 0n ? -numerator : numerator;
  const rounded = (size * 2n + denominator) / (denominator * 2n);
  return numerator < 0n ? -rounded : rounded;
}

/** A decimal in units of 10^-scale, so that several can be added or compared; exact or undefined. */
export function atScale({ units, scale }: Decimal, target: number): bigint | undefined {
  if (scale <= target) return units * 10n ** BigInt(target - scale);
  const divisor = 10n ** BigInt(scale - target);
  return units % divisor === 0n ? units / divisor : undefined;
}

/** Money in minor units, exact; undefined where the text is no decimal or finer than the currency. */
export function minorUnits(text: string, exponent: number): number | undefined {
  const decimal = parseDecimal(text);
  const units = decimal && atScale(decimal, exponent);
  return units === undefined ? undefined : safe(units);
}

/** Money in minor units, rounded; undefined beyond 2^53. */
export function roundedMinorUnits({ units, scale }: Decimal, exponent: number): number | undefined {
  if (scale <= exponent) return safe(units * 10n ** BigInt(exponent - scale));
  return safe(quotient(units, 10n ** BigInt(scale - exponent)));
}

/** A percentage such as `13` or `6.5` in basis points; undefined where it is finer. */
export function basisPoints(percent: string): number | undefined {
  const value = minorUnits(percent.replace(/\s*%$/, ''), 2);
  return value === undefined || value < 0 || value > 10_000 ? undefined : value;
}

function safe(units: bigint): number | undefined {
  const value = Number(units);
  return Number.isSafeInteger(value) ? value : undefined;
}
