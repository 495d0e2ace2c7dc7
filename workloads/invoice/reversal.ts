/**
 * What a red-letter note takes back: all that is left, whole lines, or amounts by rate. The note has
 * one line for each rate; its tax follows the original's, so that reversals add up to it exactly.
 */
import type { InvoiceDocument } from './document.ts';
import type { Invoice, InvoiceContext } from './records.ts';
import {
  categoryOf,
  groupKey,
  isTaxOf,
  isWithin,
  type TaxGroup,
  taxOnNet,
  totalOf,
} from './tax.ts';
import { leftGross, leftOf } from './totals.ts';

type Category = TaxGroup['category'];

interface Asked {
  readonly issuedOn: string;
  readonly lines?: readonly number[] | undefined;
  readonly amounts?:
    | readonly {
        readonly category?: Category | undefined;
        readonly rateBp: number;
        readonly net: number;
        readonly tax?: number | undefined;
      }[]
    | undefined;
}

/** What is looked at of an invoice. */
type Reversible = Pick<Invoice, 'number' | 'document' | 'status' | 'groups' | 'reversedLines'>;
type Rejecting = Pick<InvoiceContext, 'reject'>;

/** The note's document, and the original as it is after it; rejects what is more than is left. */
export function reversalOf<O extends Reversible>(
  context: Rejecting,
  original: O,
  { issuedOn, lines, amounts }: Asked,
): { readonly document: InvoiceDocument; readonly reversed: O } {
  const left = new Map(original.groups.map((group) => [groupKey(group), leftOf(group)]));
  const taken = lines
    ? linesTaken(context, original, left, lines)
    : amounts
      ? amountsTaken(context, left, amounts)
      : new Map([...left].filter(([, group]) => group.net !== 0 || group.tax !== 0));
  for (const [key, group] of taken) requireLeft(context, left.get(key)!, group);
  const groups = original.groups.map((group) => {
    const part = taken.get(groupKey(group));
    if (!part) return group;
    return {
      ...group,
      reversedNet: group.reversedNet + part.net,
      reversedTax: group.reversedTax + part.tax,
    };
  });
  if (leftGross({ groups }) < 0) {
    context.reject('more-than-left', 'Less than nothing would be left of the invoice.', {
      got: leftGross({ groups }),
      expected: 'at least 0',
    });
  }
  const isAll = groups.every((group) => {
    const { net, tax } = leftOf(group);
    return net === 0 && tax === 0;
  });
  const reversed: O = {
    ...original,
    status: isAll ? 'reversed' : original.status,
    groups,
    reversedLines: [...original.reversedLines, ...(lines ?? [])].sort((a, b) => a - b),
  };
  // An invoice over nothing is taken back by a note over nothing.
  const noted = taken.size > 0 ? taken : left;
  const document = noteDocument(original, issuedOn, [...noted.values()]);
  // A discount taken back alone would raise what the invoice owes, past the seller's credit limit.
  if (document.gross > 0) {
    context.reject(
      'positive-total',
      'A note’s total is negative; take a discount back with more.',
      {
        got: document.gross,
        expected: 'at most 0',
      },
    );
  }
  return { document, reversed };
}

function linesTaken(
  context: Rejecting,
  original: Reversible,
  left: ReadonlyMap<string, TaxGroup>,
  indexes: readonly number[],
): Map<string, TaxGroup> {
  const taken = new Map<string, TaxGroup>();
  const seen = new Set(original.reversedLines);
  for (const index of indexes) {
    const line = original.document.lines[index];
    if (!line) {
      return context.reject('unknown-line', 'The invoice has no such line.', {
        got: index,
        expected: `0 to ${original.document.lines.length - 1}`,
      });
    }
    if (seen.has(index)) {
      context.reject('line-reversed', `Line ${index} is reversed already, or named twice.`);
    }
    seen.add(index);
    const { rateBp } = line;
    const category = categoryOf(line);
    const key = groupKey({ category, rateBp });
    const before = taken.get(key) ?? { category, rateBp, net: 0, tax: 0 };
    taken.set(key, { ...before, net: before.net + line.net, tax: before.tax + line.tax });
  }
  for (const [key, group] of taken) {
    const rest = left.get(key)!;
    // The last part takes what rounding has left; with rounding per rate no line has a tax.
    const tax =
      group.net === rest.net || original.document.rounding === 'per-rate'
        ? followingTax(rest, group.net)
        : group.tax;
    taken.set(key, { ...group, tax });
  }
  return taken;
}

function amountsTaken(
  context: Rejecting,
  left: ReadonlyMap<string, TaxGroup>,
  amounts: NonNullable<Asked['amounts']>,
): Map<string, TaxGroup> {
  const taken = new Map<string, TaxGroup>();
  for (const amount of amounts) {
    const { rateBp, net } = amount;
    const category = categoryOf(amount as { category?: Category; rateBp: number });
    const key = groupKey({ category, rateBp });
    const rest = left.get(key);
    if (!rest || taken.has(key)) {
      return context.reject('unknown-rate', 'The invoice has no such rate, or it is named twice.', {
        got: key,
        expected: [...left.keys()],
      });
    }
    const following = followingTax(rest, net);
    const tax = amount.tax ?? following;
    const isRight = tax === following || (net !== rest.net && isTaxOf(net, tax, rateBp));
    if (!isRight) {
      context.reject('wrong-tax', `The tax on ${net} at ${key} is another.`, {
        got: tax,
        expected: following,
      });
    }
    taken.set(key, { category, rateBp, net, tax });
  }
  return taken;
}

/** The tax that goes with a part of what is left: all of it with the last part, never more. */
function followingTax(left: TaxGroup, net: number): number {
  if (net === left.net) return left.tax;
  const tax = taxOnNet(net, left.rateBp);
  return isWithin(left.tax, tax) ? tax : left.tax;
}

function requireLeft(context: Rejecting, left: TaxGroup, part: TaxGroup): void {
  if (!isWithin(left.net, part.net) || !isWithin(left.tax, part.tax)) {
    context.reject('more-than-left', `This is more than is left at ${groupKey(left)}.`, {
      got: { net: part.net, tax: part.tax },
      expected: { net: left.net, tax: left.tax },
    });
  }
}

const negative = (amount: number): number => (amount === 0 ? 0 : -amount);

function noteDocument(
  { number, document }: Reversible,
  issuedOn: string,
  groups: readonly TaxGroup[],
): InvoiceDocument {
  const lines = groups.map(({ category, rateBp, net, tax }) => ({
    description: `Reversal of ${number}`,
    category,
    rateBp,
    net: negative(net),
    tax: negative(tax),
  }));
  const { currency, seller, buyer } = document;
  return { currency, seller, buyer, issuedOn, lines, rounding: 'per-line', ...totalOf(lines) };
}
