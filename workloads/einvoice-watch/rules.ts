/**
 * Rules that tell a tax bureau of what somebody should look at. An alert is a hint and no judgement: nothing on the ledger
 * follows from it. Windows go by block time, so that a replay of the ledger gives the same alerts.
 */
import { z } from 'zod';
import { totalOf } from '../invoice/tax.ts';
import type { Happening, Issued } from './happenings.ts';
import type { WatchedInvoices } from './invoices.ts';
import { Windows } from './windows.ts';

const days = z.number().positive().max(3660);

/** Which rules hold, and how; one that is left out does not. */
export const RulesSchema = z.strictObject({
  /** A merchant's outstanding invoices come to this share of its limit. */
  limitNearlyUsed: z.strictObject({ share: z.number().gt(0).max(1) }).optional(),
  /** So many invoices of a merchant within so many minutes. */
  burst: z.strictObject({ invoices: z.int().min(2), minutes: z.number().positive() }).optional(),
  /** A merchant invoices a buyer for the same lines again. */
  sameLines: z.strictObject({ days }).optional(),
  /** Invoices lead from a merchant over its buyers back to it. */
  circle: z.strictObject({ members: z.int().min(2).max(10), days }).optional(),
  /** This share of a merchant's invoices, of at least so many, was taken back. */
  reversals: z
    .strictObject({ share: z.number().gt(0).max(1), invoices: z.int().min(1), days })
    .optional(),
});
export type Rules = z.infer<typeof RulesSchema>;

/** What is watched for where no file says otherwise. */
export const DEFAULT_RULES: Rules = {
  limitNearlyUsed: { share: 0.9 },
  burst: { invoices: 60, minutes: 1 },
  sameLines: { days: 30 },
  circle: { members: 5, days: 90 },
  reversals: { share: 0.2, invoices: 10, days: 30 },
};

export interface Alert {
  readonly alert: keyof Rules;
  readonly at: number;
  readonly merchant: string;
  /** The invoice that led to it, where one did. */
  readonly number?: string;
  /** What was found, for people: amounts in minor units. */
  readonly found: Readonly<Record<string, unknown>>;
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

export class Watch {
  readonly #rules: Rules;
  readonly #invoices: WatchedInvoices;
  readonly #limits = new Map<string, number>();
  /** Merchants that were told of, and have not been below since. */
  readonly #told = new Set<string>();
  readonly #bursts = new Windows();
  readonly #same = new Map<string, { readonly at: number; readonly number: string }>();
  /** Of each merchant, when it last sold to each buyer. */
  readonly #sales = new Map<string, Map<string, number>>();
  readonly #reversed = new Windows();
  readonly #issued = new Windows();

  constructor(rules: Rules, invoices: WatchedInvoices) {
    this.#rules = rules;
    this.#invoices = invoices;
  }

  /** What a happening gives reason to tell; after the invoices have taken it in. */
  see(happening: Happening): Alert[] {
    switch (happening.what) {
      case 'issued':
        return [
          ...this.#limit(happening.at, happening.seller, happening.currency),
          ...this.#burst(happening),
          ...this.#sameLines(happening),
          ...this.#circle(happening),
          ...this.#share(happening.at, happening.seller, 'issued'),
        ];
      case 'credit-limit-set': {
        const { at, merchant, currency, limit } = happening;
        this.#limits.set(`${merchant} ${currency}`, limit);
        return this.#limit(at, merchant, currency);
      }
      case 'reversed': {
        const invoice = this.#invoices.of(happening.number);
        if (!invoice) return [];
        const { seller, currency } = invoice;
        return [
          ...this.#limit(happening.at, seller, currency),
          ...this.#share(happening.at, seller, 'reversed'),
        ];
      }
      default:
        return [];
    }
  }

  #limit(at: number, merchant: string, currency: string): Alert[] {
    const { limitNearlyUsed: rule } = this.#rules;
    const limit = this.#limits.get(`${merchant} ${currency}`);
    if (!rule || limit === undefined) return [];
    const outstanding = this.#invoices.outstanding(merchant, currency);
    const found = { currency, outstanding, limit };
    const isOver = limit > 0 && outstanding >= rule.share * limit;
    return this.#once(`limit ${merchant} ${currency}`, isOver, {
      ...{ alert: 'limitNearlyUsed', at, merchant, found },
    });
  }

  #burst({ at, seller }: Issued): Alert[] {
    const { burst: rule } = this.#rules;
    if (!rule) return [];
    this.#bursts.add(seller, at);
    const invoices = this.#bursts.count(seller, at - rule.minutes * MINUTE_MS);
    const found = { invoices, minutes: rule.minutes };
    return this.#once(`burst ${seller}`, invoices >= rule.invoices, {
      ...{ alert: 'burst', at, merchant: seller, found },
    });
  }

  #sameLines({ at, seller, number, sameness }: Issued): Alert[] {
    const { sameLines: rule } = this.#rules;
    if (!rule) return [];
    const before = this.#same.get(sameness);
    // The order of entries is that of their times: what is too old stands in front.
    this.#same.delete(sameness);
    this.#same.set(sameness, { at, number });
    for (const [key, { at: then }] of this.#same) {
      if (then >= at - rule.days * DAY_MS) break;
      this.#same.delete(key);
    }
    if (!before || before.at < at - rule.days * DAY_MS) return [];
    return [{ alert: 'sameLines', at, merchant: seller, number, found: { before: before.number } }];
  }

  #circle({ at, seller, buyer, number, groups, currency }: Issued): Alert[] {
    const { circle: rule } = this.#rules;
    if (!rule || buyer === null || buyer === seller) return [];
    const own = this.#sales.get(seller) ?? new Map<string, number>();
    this.#sales.set(seller, own);
    own.set(buyer, at);
    const since = at - rule.days * DAY_MS;
    const way = this.#wayBack(buyer, seller, since, rule.members - 1);
    if (!way) return [];
    const found = { members: [seller, ...way], currency, gross: totalOf(groups).gross };
    return [{ alert: 'circle', at, merchant: seller, number, found }];
  }

  /** The shortest way over sales from a member to another, over so many sales at the most; its members. */
  #wayBack(from: string, to: string, since: number, salesMax: number): string[] | undefined {
    let ends = [[from]];
    const seen = new Set([from]);
    for (let sales = 0; sales < salesMax; sales++) {
      const longer: string[][] = [];
      for (const way of ends) {
        for (const [buyer, at] of this.#sales.get(way.at(-1)!) ?? []) {
          if (at < since) continue;
          if (buyer === to) return way;
          if (seen.has(buyer)) continue;
          seen.add(buyer);
          longer.push([...way, buyer]);
        }
      }
      ends = longer;
    }
    return undefined;
  }

  /** `which`: what has just happened. */
  #share(at: number, merchant: string, which: 'issued' | 'reversed'): Alert[] {
    const { reversals: rule } = this.#rules;
    if (!rule) return [];
    (which === 'issued' ? this.#issued : this.#reversed).add(merchant, at);
    const since = at - rule.days * DAY_MS;
    const issued = this.#issued.count(merchant, since);
    const reversed = this.#reversed.count(merchant, since);
    const isMany = issued >= rule.invoices && reversed >= rule.share * issued;
    const found = { reversed, issued, days: rule.days };
    return this.#once(`reversals ${merchant}`, isMany, {
      ...{ alert: 'reversals', at, merchant, found },
    });
  }

  /** Tells of a state when it begins, and again only after it has ended. */
  #once(state: string, holds: boolean, alert: Alert): Alert[] {
    const isTold = this.#told.has(state);
    if (!holds) this.#told.delete(state);
    else this.#told.add(state);
    return holds && !isTold ? [alert] : [];
  }
}
