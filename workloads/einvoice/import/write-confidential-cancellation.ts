/**
 * One cancellation: red-letter notes to the invoices that it matched, over all that is left of them or over a part. How much
 * is left only the seller's own values say. What matched no invoice goes into a credit note, to an invoice elsewhere.
 */
import { z } from 'zod';
import type { InvoiceDocument, InvoiceLine } from '../../invoice/document.ts';
import type { Outcome, Problem } from '../../invoice/import/gateway-client.ts';
import type {
  CancellationMatch,
  PlannedReversal,
} from '../../invoice/import/match-cancellations.ts';
import { mirrored } from '../../invoice/import/mirrored.ts';
import type { Refusal, SourceDocument } from '../../invoice/import/source-record.ts';
import { externalId, intentKey } from '../../invoice/import/source-reference.ts';
import {
  documentOf as partOf,
  reversalPart,
  wholeReversal,
} from '../../invoice/import/write-cancellation.ts';
import {
  type CreditNoted,
  NOTHING,
  refusedBy,
  type Written,
  withCreditNote,
} from '../../invoice/import/written.ts';
import { reversalOf } from '../../invoice/reversal.ts';
import { groupKey, type TaxGroup } from '../../invoice/tax.ts';
import { groupsOf, leftAfter } from '../left.ts';
import type { ConfidentialLedger } from './confidential-ledger.ts';

const REASON = 'goods-returned';
const NotedSchema = z.object({ note: z.string() });
const NumberedSchema = z.object({ number: z.string() });

type Values = Readonly<Record<string, unknown>>;
type Reversed = { readonly gross: number; readonly isOld: boolean };

class NotReversible extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** Ends a reversal with a refusal in the form of the ledger's. */
function reject(
  reason: string,
  message: string,
  more: { got?: unknown; expected?: unknown } = {},
): never {
  throw new NotReversible({ code: 'contract-rejected', reason, detail: message, ...more });
}

/** Writes cancellations of one run; it remembers which notes it has accounted for. */
export function confidentialCancellations(
  ledger: ConfidentialLedger,
): (record: SourceDocument, match: CancellationMatch) => Promise<Written> {
  const attributed = new Set<string>();

  return async (record, match) => {
    const named = record.relatesTo;
    const planned = named === undefined ? match.reversals : [wholeReversal(record)];
    const rest: InvoiceLine[] = named === undefined ? [...match.rest] : [];
    const refusals: Refusal[] = [];
    let [reversals, minor, isOld] = [0, 0, true];
    const { currency } = record.document;
    for (const [index, one] of planned.entries()) {
      const refuse = (problem: Problem): void => {
        refusals.push(refusedBy(record, problem, { currency, minor: grossOf(one.covers) }));
      };
      try {
        const result = await reverse(record, one, `reverse.${index}`);
        if (result === undefined) {
          rest.push(...one.covers);
        } else if ('code' in result) {
          refuse(result);
        } else {
          reversals++;
          minor += result.gross;
          isOld &&= result.isOld;
        }
      } catch (error) {
        if (!(error instanceof NotReversible)) throw error;
        refuse(error.problem);
      }
    }
    const written = { ...NOTHING, reversals, minor, refusals, isOld: isOld && reversals > 0 };
    if (rest.length === 0) return written;
    return withCreditNote(written, await credit(record, rest), isOld);
  };

  /** The note to an invoice elsewhere, also one from an earlier run: it is found by its id. */
  async function credit(
    record: SourceDocument,
    lines: readonly InvoiceLine[],
  ): Promise<CreditNoted | Refusal> {
    const { reference, relatesTo = 'unknown' } = record;
    const document = partOf(record, lines);
    const { currency, seller, buyer, issuedOn, rounding, gross: minor } = document;
    const earlier = async () => {
      const number = await ledger.creditNote(reference);
      return number === undefined ? undefined : { number, minor, isOld: true };
    };
    const before = ledger.isRepeat ? await earlier() : undefined;
    if (before) return before;
    const outcome = await ledger.client.post({
      key: ledger.keys.seller,
      path: '/einvoices/credit-notes',
      body: {
        ...{ id: ledger.idOf(reference), currency, seller, buyer, issuedOn, rounding },
        ...mirrored(document),
        externalId: externalId(ledger.seller, reference),
        ...{ original: relatesTo.slice(0, 64), reason: REASON },
        // The seller's own name of it stands nowhere else.
        note: document.note ?? reference,
      },
      idempotencyKey: ledger.intent(reference, 'credit'),
    });
    if (outcome.ok) {
      return { number: NumberedSchema.parse(outcome.output).number, minor, isOld: false };
    }
    const there = outcome.problem.reason === 'credit-noted-already' ? await earlier() : undefined;
    return there ?? refusedBy(record, outcome.problem, { currency, minor });
  }

  /** What the note takes; a refusal; undefined where the invoice isn't on the ledger. */
  async function reverse(
    record: SourceDocument,
    planned: PlannedReversal,
    step: string,
  ): Promise<Reversed | Problem | undefined> {
    const payment = await ledger.payment(planned.reference);
    if (!payment?.invoice) return undefined;
    const known = await knownOf(payment.invoice);
    const { issuedOn } = record.document;
    const before = await earlier(known, issuedOn, planned.net);
    if (before) return before;
    const { document, reversed } = noteOver(known.original, planned, issuedOn);
    const { gross } = document;
    const isAll = reversed.status === 'reversed';
    const { holding, parts } = known.record;
    const to = known.holder;
    const body = isAll
      ? { reason: REASON }
      : {
          ...{ holding, parts: parts.length, reason: REASON, ...(to !== undefined && { to }) },
          ...positive(document),
        };
    const outcome = await ledger.client.post({
      key: ledger.keys.seller,
      path: `/einvoices/${payment.invoice}/${isAll ? 'reversals' : 'partial-reversals'}`,
      body,
      // Nothing else on the ledger keeps a note over a part from being written twice, so this one stays.
      idempotencyKey: intentKey(ledger.seller, record.reference, `${step}.${parts.length}`),
      recheck: async (): Promise<Outcome | undefined> => {
        const found = await earlier(await knownOf(payment.invoice!), issuedOn, planned.net);
        return found && { ok: true, output: { note: '' } };
      },
    });
    if (!outcome.ok) return outcome.problem;
    attributed.add(NotedSchema.parse(outcome.output).note);
    return { gross, isOld: false };
  }

  /** An earlier note that nothing in this run accounts for and that is just like this one. */
  async function earlier(
    { original, record }: Awaited<ReturnType<typeof knownOf>>,
    issuedOn: string,
    net: number,
  ): Promise<Reversed | undefined> {
    for (const note of record.parts.filter((one) => !attributed.has(one))) {
      const values = await ledger.values((await ledger.record(note)).transaction);
      if (values?.net !== net || values.issuedOn !== issuedOn) continue;
      attributed.add(note);
      return { gross: -(values.gross as number), isOld: true };
    }
    const last = record.counterpart;
    if (record.status !== 'reversed' || last === null || attributed.has(last)) return undefined;
    // The last note has no amounts: it took what was left.
    const left = original.groups.map((group) => ({
      net: group.net - group.reversedNet,
      tax: group.tax - group.reversedTax,
    }));
    if (sum(left, (group) => group.net) !== net) return undefined;
    attributed.add(last);
    return { gross: -sum(left, (group) => group.net + group.tax), isOld: true };
  }

  /** An invoice with what it hides, and what the notes over parts of it took. */
  async function knownOf(number: string) {
    const record = await ledger.record(number);
    const values = await ledger.values(record.transaction);
    const notes = await Promise.all(
      record.parts.map(async (note) => ledger.values((await ledger.record(note)).transaction)),
    );
    const left = leftAfter(values as never, notes as never);
    const groups = groupsOf(values as never);
    if (!values || !left || !groups) {
      return reject('unknown-values', 'The seller’s node shows what the invoice hides.');
    }
    const holder =
      record.holding === record.transaction ? values.to : (await ledger.values(record.holding))?.to;
    const original = {
      ...{ number, status: 'issued' as const, reversedLines: [] },
      document: documentOf(values, record.currency),
      groups: groups.map((group) => reversedGroup(group, left.left)),
    };
    return { record, original, holder };
  }
}

/** The note that takes what is planned, as the public contract reckons it. */
function noteOver(
  original: Parameters<typeof reversalOf>[1],
  planned: PlannedReversal,
  issuedOn: string,
) {
  try {
    return reversalOf({ reject }, original, { issuedOn, ...reversalPart(planned, true) });
  } catch (error) {
    if (!(error instanceof NotReversible) || error.problem.reason !== 'wrong-tax') throw error;
    // The last part of a rate takes the tax that rounding has left.
    return reversalOf({ reject }, original, { issuedOn, ...reversalPart(planned, false) });
  }
}

function reversedGroup(group: TaxGroup, left: readonly TaxGroup[]) {
  const rest = left.find((one) => groupKey(one) === groupKey(group)) ?? group;
  return { ...group, reversedNet: group.net - rest.net, reversedTax: group.tax - rest.tax };
}

const documentOf = (values: Values, currency: string): InvoiceDocument =>
  ({ ...values, currency, rounding: values.taxes ? 'per-rate' : 'per-line' }) as never;

/** What a note's document takes back, as a note over a part has it. */
const positive = (document: InvoiceDocument) => {
  const { issuedOn, rounding } = document;
  return { issuedOn, rounding, ...mirrored(document) };
};

const sum = <T>(list: readonly T[], of: (one: T) => number): number =>
  list.reduce((total, one) => total + of(one), 0);

const grossOf = (lines: readonly InvoiceLine[]): number => sum(lines, ({ net, tax }) => net + tax);
