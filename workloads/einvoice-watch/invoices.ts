/** The invoices that are watched, as they stand after each happening, and what that changes of the sums. */
import { minus } from '../einvoice/left.ts';
import { groupKey, type TaxGroup, totalOf } from '../invoice/tax.ts';
import type { Happening, Issued } from './happenings.ts';

/** Where amounts stand. */
export type Standing = 'issued' | 'claimed' | 'approved' | 'credited' | 'reversed' | 'credit-noted';

/** What is added to a sum, and the sum itself: amounts in minor units, of one rate of one merchant in one currency. */
export interface Change {
  readonly merchant: string;
  readonly region: string | null;
  readonly currency: string;
  /** Category and rate, such as `standard/1300`. */
  readonly rate: string;
  readonly standing: Standing;
  readonly invoices: number;
  readonly net: number;
  readonly tax: number;
}

interface Watched extends Pick<Issued, 'seller' | 'buyer' | 'region' | 'currency'> {
  standing: Standing;
  declared: boolean;
  left: readonly TaxGroup[];
}

const STANDING_AFTER = {
  claimed: 'claimed',
  approved: 'approved',
  refused: 'issued',
  withdrawn: 'issued',
  credited: 'credited',
} as const;

export class WatchedInvoices {
  readonly #invoices = new Map<string, Watched>();
  /** Gross that merchants issued and neither declared nor had taken back, by merchant and currency. */
  readonly #outstanding = new Map<string, number>();

  /** Takes a happening in; answers what it changes. Of invoices that nothing is known of nothing changes. */
  apply(happening: Happening): Change[] {
    if (happening.what === 'issued') return this.#issue(happening);
    // Of an invoice elsewhere: it takes nothing off those that are here.
    if (happening.what === 'credit-noted') {
      return changes(happening, 'credit-noted', happening.groups, 1);
    }
    if (happening.what === 'declared') {
      for (const number of happening.numbers) this.#declare(number);
      return [];
    }
    if ('claim' in happening) {
      const { numbers, what } = happening;
      return numbers.flatMap((number) => this.#move(number, STANDING_AFTER[what]));
    }
    const invoice = 'number' in happening ? this.#invoices.get(happening.number) : undefined;
    if (invoice && happening.what === 'reversed') {
      const { left } = invoice;
      invoice.left = [];
      return this.#takeBack(invoice, left, 1);
    }
    if (invoice && happening.what === 'reversed-in-part') {
      invoice.left = minus(invoice.left, happening.groups);
      return this.#takeBack(invoice, happening.groups, 0);
    }
    return [];
  }

  outstanding(merchant: string, currency: string): number {
    return this.#outstanding.get(`${merchant} ${currency}`) ?? 0;
  }

  of(number: string): Pick<Watched, 'seller' | 'buyer' | 'currency'> | undefined {
    return this.#invoices.get(number);
  }

  #issue({ number, seller, buyer, region, currency, groups }: Issued): Change[] {
    const invoice: Watched = {
      ...{ seller, buyer, region, currency },
      ...{ standing: 'issued', declared: false, left: groups },
    };
    this.#invoices.set(number, invoice);
    this.#add(invoice, totalOf(groups).gross);
    return changes(invoice, 'issued', groups, 1);
  }

  #move(number: string, standing: Standing): Change[] {
    const invoice = this.#invoices.get(number);
    if (!invoice) return [];
    const before = invoice.standing;
    invoice.standing = standing;
    return [
      ...changes(invoice, before, invoice.left, -1),
      ...changes(invoice, standing, invoice.left, 1),
    ];
  }

  #declare(number: string): void {
    const invoice = this.#invoices.get(number);
    if (!invoice || invoice.declared) return;
    invoice.declared = true;
    this.#add(invoice, -totalOf(invoice.left).gross);
  }

  #takeBack(invoice: Watched, groups: readonly TaxGroup[], invoices: 0 | 1): Change[] {
    if (!invoice.declared) this.#add(invoice, -totalOf(groups).gross);
    const taken = changes(invoice, invoice.standing, groups, -1, invoices);
    if (invoices === 1) invoice.standing = 'reversed';
    return [...taken, ...changes(invoice, 'reversed', groups, 1, invoices)];
  }

  #add({ seller, currency }: Watched, gross: number): void {
    const key = `${seller} ${currency}`;
    this.#outstanding.set(key, (this.#outstanding.get(key) ?? 0) + gross);
  }
}

/** Groups as they are added to, or taken from, a standing's sums; the first of them counts the invoice. */
function changes(
  { seller: merchant, region, currency }: Pick<Watched, 'seller' | 'region' | 'currency'>,
  standing: Standing,
  groups: readonly TaxGroup[],
  sign: 1 | -1,
  invoices: 0 | 1 = 1,
): Change[] {
  return groups.map((group, index) => ({
    ...{ merchant, region, currency, rate: groupKey(group), standing },
    invoices: index === 0 ? sign * invoices : 0,
    net: sign * group.net,
    tax: sign * group.tax,
  }));
}
