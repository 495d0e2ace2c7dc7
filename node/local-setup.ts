/** What the demo's tax bureau does once: a number range and credit limits for its merchant. */
import { call, type Target } from './gateway-call.ts';
import type { LocalConsortium } from './local-layout.ts';

const RANGE = { from: '26440000000000000001', to: '26440000000009999999' };
/** One thousand million in minor units: no demonstration runs into it. */
const LIMIT = 100_000_000_000;

/** Sets up invoicing where that was not done yet; doing it again changes nothing. */
export async function setUpInvoicing(
  target: Target,
  { invoicing }: Pick<LocalConsortium, 'invoicing'>,
  keys: Readonly<Record<string, string>>,
): Promise<void> {
  if (!invoicing) return;
  const { bureau, merchant, currencies } = invoicing;
  const officer: Target = { ...target, key: keys[bureau] };
  const answer = (await call(officer, `/allotments/${merchant}`)) as {
    output: { ranges: unknown[]; credit: { currency: string }[] };
  };
  const { ranges, credit } = answer.output;
  if (ranges.length === 0) {
    await call(officer, '/allotments', { body: JSON.stringify({ merchant, ...RANGE }) });
  }
  for (const currency of currencies) {
    if (credit.some((row) => row.currency === currency)) continue;
    await call(officer, '/credit-limits', {
      body: JSON.stringify({ merchant, currency, limit: LIMIT }),
    });
  }
}
