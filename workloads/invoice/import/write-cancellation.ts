/**
 * One cancellation on the ledger: reversals of the invoices that it matched, and a credit note for
 * the rest. A reversal has no reference of its own; it is told from an earlier run's by what it says.
 */
import { z } from 'zod';
import type { InvoiceLine } from '../document.ts';
import { NumberSchema } from '../records.ts';
import type { reversalOf } from '../reversal.ts';
import { isTaxOf, taxedAmount, taxGroups, withTotals } from '../tax.ts';
import type { Outcome, Problem } from './gateway-client.ts';
import type { LedgerAccess, Summary } from './ledger-access.ts';
import type { CancellationMatch, PlannedReversal } from './match-cancellations.ts';
import type { Refusal, SourceDocument } from './source-record.ts';
import { externalId, intentKey } from './source-reference.ts';
import {
  type CreditNoted,
  NOTHING,
  refusedBy,
  reused,
  type Written,
  withCreditNote,
} from './written.ts';

const NumberedSchema = z.object({ number: NumberSchema, gross: z.int() });
const ReversedSchema = z.object({ note: NumberSchema, gross: z.int() });

type Part = Pick<Parameters<typeof reversalOf>[2], 'lines' | 'amounts'>;

/** Writes cancellations of one run; it remembers which notes it has accounted for. */
export function cancellationWriter(
  ledger: LedgerAccess,
): (record: SourceDocument, match: CancellationMatch) => Promise<Written> {
  const { client, keys, seller } = ledger;
  /** Notes that were found or written for cancellations of this run. */
  const attributed = new Set<string>();

  /** An earlier reversal that nothing in this run accounts for and that is just like this one. */
  async function earlierNote(number: string, issuedOn: string, net: number) {
    const { reversals } = await ledger.full(number);
    for (const note of reversals.filter((candidate) => !attributed.has(candidate))) {
      const { document } = await ledger.full(note);
      if (document.net === -net && document.issuedOn === issuedOn) {
        return { note, gross: document.gross };
      }
    }
    return undefined;
  }

  /** Gross of the note; a refusal; undefined where the invoice isn't on the ledger. */
  async function reverse(
    record: SourceDocument,
    planned: PlannedReversal,
    step: string,
  ): Promise<{ readonly gross: number; readonly isOld: boolean } | Problem | undefined> {
    const { issuedOn } = record.document;
    const original = await ledger.find(planned.reference);
    if (original?.kind !== 'invoice') return undefined;
    const { number } = original;
    const earlier = async () => earlierNote(number, issuedOn, planned.net);
    const before = await earlier();
    if (before) {
      attributed.add(before.note);
      return { gross: before.gross, isOld: true };
    }
    const send = (part: object, name: string): Promise<Outcome> =>
      client.post({
        key: keys.seller,
        path: `/invoices/${number}/reversals`,
        body: { reason: 'goods-returned', issuedOn, ...part },
        // Nothing else on the ledger keeps a reversal from being written twice, so this one stays.
        idempotencyKey: intentKey(seller, record.reference, name),
        recheck: async () => {
          const output = await earlier();
          return output && { ok: true, output };
        },
      });
    let outcome = await send(reversalPart(planned, true), step);
    if (!outcome.ok && outcome.problem.reason === 'wrong-tax') {
      // The last part of a rate takes the tax that rounding has left; the ledger knows it.
      outcome = await send(reversalPart(planned, false), `${step}.tax`);
    }
    if (!outcome.ok) return outcome.problem;
    const { note, gross } = ReversedSchema.parse(outcome.output);
    attributed.add(note);
    return { gross, isOld: false };
  }

  async function credit(
    record: SourceDocument,
    lines: readonly InvoiceLine[],
  ): Promise<CreditNoted | Refusal> {
    const own = externalId(seller, record.reference);
    const document = { ...documentOf(record, lines), externalId: own };
    const { currency } = document;
    const amount = { currency, minor: document.gross };
    const compared = (there: Summary | undefined) =>
      there?.kind === 'credit-note' && there.gross === document.gross
        ? { number: there.number, minor: document.gross, isOld: true }
        : reused(record, there?.gross);
    const earlier = ledger.isRepeat ? await ledger.find(record.reference) : undefined;
    if (earlier) return compared(earlier);
    const outcome = await client.post({
      key: keys.seller,
      path: '/credit-notes',
      body: {
        document,
        original: (record.relatesTo ?? 'unknown').slice(0, 64),
        reason: 'goods-returned',
      },
      idempotencyKey: ledger.intent(record.reference, 'credit'),
    });
    if (outcome.ok) {
      const { number } = NumberedSchema.parse(outcome.output);
      return { number, minor: document.gross, isOld: false };
    }
    if (outcome.problem.reason === 'external-id-used') {
      return compared(await ledger.find(record.reference));
    }
    return refusedBy(record, outcome.problem, amount);
  }

  return async (record, match) => {
    const planned = record.relatesTo === undefined ? match.reversals : [wholeReversal(record)];
    const rest: InvoiceLine[] = record.relatesTo === undefined ? [...match.rest] : [];
    const refusals: Refusal[] = [];
    let reversals = 0;
    let minor = 0;
    let isOld = true;
    for (const [index, one] of planned.entries()) {
      const result = await reverse(record, one, `reverse.${index}`);
      if (result === undefined) {
        rest.push(...one.covers);
      } else if ('code' in result) {
        const { currency } = record.document;
        const covered = documentOf(record, one.covers).gross;
        refusals.push(refusedBy(record, result, { currency, minor: covered }));
      } else {
        reversals++;
        minor += result.gross;
        isOld &&= result.isOld;
      }
    }
    const written = { ...NOTHING, reversals, minor, refusals, isOld: isOld && reversals > 0 };
    if (rest.length === 0) return written;
    return withCreditNote(written, await credit(record, rest), isOld);
  };
}

/** A document like a cancellation's with some of its lines. */
export function documentOf({ document }: SourceDocument, lines: readonly InvoiceLine[]) {
  const { net, tax, gross, taxes, ...rest } = document;
  if (document.rounding === 'per-rate') return withTotals({ ...rest, lines: [...lines] });
  return withTotals({ ...rest, lines: lines.map(followingLine) });
}

/** A part of a line whose tax doesn't follow from its net is divided anew; its gross stays. */
function followingLine(line: InvoiceLine): InvoiceLine {
  const { net, tax, rateBp } = line;
  if (isTaxOf(net, tax, rateBp)) return line;
  const divided = taxedAmount(net + tax, rateBp, true);
  return { ...line, net: divided.net, tax: divided.tax };
}

/** A cancellation whose source names the invoice: its amounts by rate. */
export function wholeReversal({ document, relatesTo }: SourceDocument): PlannedReversal {
  const amounts = taxGroups(document)
    .filter(({ net }) => net !== 0)
    .map((group) => ({ ...group, net: -group.net, tax: group.tax === 0 ? 0 : -group.tax }));
  return { reference: relatesTo!, amounts, net: -document.net, covers: document.lines };
}

/** What says how much of an invoice is taken back; tax only where it can follow from its net. */
export function reversalPart({ lines, amounts = [] }: PlannedReversal, withTax: boolean): Part {
  if (lines) return { lines };
  return {
    amounts: amounts.map(({ tax, ...amount }) =>
      withTax && isTaxOf(amount.net, tax, amount.rateBp) ? { ...amount, tax } : amount,
    ),
  };
}
