/** Sums over the watched invoices: of all time, and of the minute that goes on. */
import type { Change } from './invoices.ts';

const MINUTE_MS = 60_000;

/** What changed within a minute: rows may be negative, where more left a standing than came to it. */
export interface MinuteTotals {
  /** RFC 3339, the minute's start. */
  readonly minute: string;
  readonly changes: readonly Change[];
}

export class Totals {
  #all = new Map<string, Change>();
  #minute = new Map<string, Change>();
  #minuteStart: number | undefined;

  /** Takes changes of a time in; answers the minute that is over by them, if something changed in it. */
  add(at: number, changes: readonly Change[]): MinuteTotals | undefined {
    const ended = this.endMinute(at);
    for (const change of changes) {
      this.#minuteStart ??= at - (at % MINUTE_MS);
      addTo(this.#all, change);
      addTo(this.#minute, change);
    }
    return ended;
  }

  /** The minute that goes on, where it is over at a time; block time never goes back. */
  endMinute(at: number): MinuteTotals | undefined {
    const start = this.#minuteStart;
    if (start === undefined || at < start + MINUTE_MS) return undefined;
    const changes = rowsOf(this.#minute);
    this.#minute = new Map();
    this.#minuteStart = undefined;
    return { minute: new Date(start).toISOString(), changes };
  }

  /** All time, in the order of merchant, currency, rate and standing. */
  rows(): Change[] {
    return rowsOf(this.#all);
  }
}

const keyOf = ({ merchant, region, currency, rate, standing }: Change): string =>
  JSON.stringify([merchant, region, currency, rate, standing]);

function addTo(sums: Map<string, Change>, change: Change): void {
  const key = keyOf(change);
  const before = sums.get(key);
  if (!before) return void sums.set(key, change);
  sums.set(key, {
    ...before,
    invoices: before.invoices + change.invoices,
    net: before.net + change.net,
    tax: before.tax + change.tax,
  });
}

const rowsOf = (sums: ReadonlyMap<string, Change>): Change[] =>
  [...sums.entries()]
    .filter(([, { invoices, net, tax }]) => invoices !== 0 || net !== 0 || tax !== 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => row);
