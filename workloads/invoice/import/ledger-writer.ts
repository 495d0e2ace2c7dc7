/**
 * What becomes of one document on the ledger: payment and invoice; reversals and credit notes; claim,
 * approval and reimbursement. Each step first finds out, where it was refused or might have been
 * done before, what is there already, so that doing it again changes nothing.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { parseApiKey } from '../../../shared/api/tenant.ts';
import type { InvoiceLine } from '../document.ts';
import { NumberSchema, PaymentSchema, type PurposeSchema, STATUSES } from '../records.ts';
import { isTaxOf, taxedAmount, taxGroups, withTotals } from '../tax.ts';
import { type GatewayClient, GatewayFault, type Outcome, type Problem } from './gateway-client.ts';
import type { CancellationMatch, PlannedReversal } from './match-cancellations.ts';
import type { Refusal, SourceDocument } from './source-record.ts';
import { externalId, intentKey, paymentReference } from './source-reference.ts';

/** API keys by role. The last two are needed for reimbursement only. */
export interface ImportKeys {
  readonly 'payment-platform': string;
  readonly seller: string;
  readonly employee?: string;
  readonly finance?: string;
}

/** What a document added to the ledger, now or in an earlier run. */
export interface Written {
  readonly invoices: number;
  readonly reversals: number;
  readonly creditNotes: number;
  readonly reimbursed: number;
  /** Whether all of it was there before. */
  readonly isOld: boolean;
  /** Gross in minor units: positive for invoices, negative for reversals and credit notes. */
  readonly minor: number;
  readonly refusals: readonly Refusal[];
  /** The credit note of a cancellation, or of the part of it that matched no invoice. */
  readonly creditNote?: { readonly number: string; readonly minor: number };
}

const NOTHING: Written = {
  invoices: 0,
  reversals: 0,
  creditNotes: 0,
  reimbursed: 0,
  isOld: false,
  minor: 0,
  refusals: [],
};

const SummarySchema = z.object({
  number: NumberSchema,
  kind: z.enum(['invoice', 'reversal', 'credit-note']),
  status: z.enum(STATUSES),
  holder: z.object({ member: z.string(), person: z.string().nullable() }).nullable(),
  gross: z.int(),
});
type Summary = z.infer<typeof SummarySchema>;
const ListSchema = z.object({ invoices: z.array(SummarySchema) });
const FullSchema = z.object({
  reversals: z.array(NumberSchema),
  document: z.object({ issuedOn: z.string(), net: z.int(), gross: z.int() }),
});
const NumberedSchema = z.object({ number: NumberSchema, gross: z.int() });
const ReversedSchema = z.object({ note: NumberSchema, gross: z.int() });

export interface LedgerWriter {
  /** The merchant that the seller's key belongs to. */
  readonly seller: string;
  /** Records the payment and issues the invoice; `buyer` holds it from the start. */
  invoice(record: SourceDocument, buyer: string | undefined): Promise<Written>;
  /** Writes the reversals that were matched, and a credit note for the rest. */
  cancellation(record: SourceDocument, match: CancellationMatch): Promise<Written>;
  /** Claims an invoice, approves the claim and records its reimbursement. */
  reimbursement(
    record: SourceDocument,
    claimant: { readonly person?: string; readonly purpose: z.infer<typeof PurposeSchema> },
  ): Promise<Written>;
}

/** The member that a key belongs to; throws where the text is no API key. */
export function memberOf(role: keyof ImportKeys, key: string | undefined): string {
  const member = key === undefined ? undefined : parseApiKey(key)?.member;
  if (member === undefined) throw new GatewayFault(`the API key for the role ${role} is not one`);
  return member;
}

export function ledgerWriter(client: GatewayClient, keys: ImportKeys): LedgerWriter {
  const seller = memberOf('seller', keys.seller);
  const run = randomUUID().slice(0, 8);
  /** A later run may try again what was refused in this one, so most intents are a run's own. */
  const intent = (reference: string, step: string): string =>
    `${intentKey(seller, reference, step)}.${run}`;
  /** Whether the last document was there already: then it's looked up first, and nothing is refused. */
  let isRepeat = false;
  /** Notes that were found or written for cancellations of this run. */
  const attributed = new Set<string>();

  async function paymentOf(reference: string) {
    const path = `/payments/${encodeURIComponent(reference)}`;
    const found = await client.get(keys['payment-platform'], path);
    return found === undefined ? undefined : PaymentSchema.parse(found);
  }

  async function find(reference: string): Promise<Summary | undefined> {
    const query = new URLSearchParams({ seller, externalId: externalId(seller, reference) });
    const list = ListSchema.parse(await client.get(keys.seller, `/invoices?${query}`));
    return list.invoices[0];
  }

  /** An earlier reversal that nothing in this run accounts for and that is just like this one. */
  async function earlierNote(number: string, issuedOn: string, net: number) {
    const { reversals } = FullSchema.parse(await client.get(keys.seller, `/invoices/${number}`));
    for (const note of reversals.filter((candidate) => !attributed.has(candidate))) {
      const { document } = FullSchema.parse(await client.get(keys.seller, `/invoices/${note}`));
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
    const original = await find(planned.reference);
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
  ): Promise<(NonNullable<Written['creditNote']> & { readonly isOld: boolean }) | Refusal> {
    const own = externalId(seller, record.reference);
    const document = { ...documentOf(record, lines), externalId: own };
    const { currency } = document;
    const amount = { currency, minor: document.gross };
    const compared = (there: Summary | undefined) =>
      there?.kind === 'credit-note' && there.gross === document.gross
        ? { number: there.number, minor: document.gross, isOld: true }
        : reused(record, there?.gross);
    const earlier = isRepeat ? await find(record.reference) : undefined;
    if (earlier) return compared(earlier);
    const outcome = await client.post({
      key: keys.seller,
      path: '/credit-notes',
      body: {
        document,
        original: (record.relatesTo ?? 'unknown').slice(0, 64),
        reason: 'goods-returned',
      },
      idempotencyKey: intent(record.reference, 'credit'),
    });
    if (outcome.ok) {
      const { number } = NumberedSchema.parse(outcome.output);
      return { number, minor: document.gross, isOld: false };
    }
    if (outcome.problem.reason === 'external-id-used')
      return compared(await find(record.reference));
    return refusedBy(record, outcome.problem, amount);
  }

  return {
    seller,

    async invoice(record, buyer) {
      const { currency, gross } = record.document;
      const reference = paymentReference(seller, record.reference);
      const amount = { currency, minor: gross };
      let payment = isRepeat ? await paymentOf(reference) : undefined;
      if (!payment) {
        const { customer } = record;
        const payer = customer && customer.length <= 64 ? { payer: customer } : {};
        const paid = await client.post({
          key: keys['payment-platform'],
          path: '/payments',
          body: { reference, payee: seller, currency, amount: gross, ...payer },
          idempotencyKey: intent(record.reference, 'pay'),
        });
        if (!paid.ok && paid.problem.reason !== 'payment-exists') {
          return refusedWhole(refusedBy(record, paid.problem, amount));
        }
        if (!paid.ok) payment = await paymentOf(reference);
      }
      isRepeat = payment !== undefined;
      if (payment) {
        const isSame = payment.payee === seller && payment.currency === currency;
        if (!isSame || payment.amount !== gross) {
          return refusedWhole(reused(record, payment.amount));
        }
        if (payment.invoice !== null) return { ...NOTHING, invoices: 1, minor: gross, isOld: true };
      }
      const document = { ...record.document, externalId: externalId(seller, record.reference) };
      const issued = await client.post({
        key: keys.seller,
        path: '/invoices',
        body: { document, payments: [reference], ...(buyer === undefined ? {} : { buyer }) },
        idempotencyKey: intent(record.reference, 'issue'),
      });
      if (issued.ok || issued.problem.reason === 'payment-invoiced') {
        return { ...NOTHING, invoices: 1, minor: gross, isOld: !issued.ok };
      }
      return refusedWhole(refusedBy(record, issued.problem, amount));
    },

    async cancellation(record, match) {
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
      const note = await credit(record, rest);
      if ('reason' in note) return { ...written, refusals: [...refusals, note] };
      const { number } = note;
      return {
        ...written,
        creditNotes: 1,
        minor: minor + note.minor,
        creditNote: { number, minor: note.minor },
        isOld: isOld && note.isOld,
      };
    },

    async reimbursement(record, { person, purpose }) {
      const { employee, finance } = keys;
      const buyer = memberOf('employee', employee);
      memberOf('finance', finance);
      const invoice = await find(record.reference);
      if (invoice?.kind !== 'invoice') return NOTHING;
      const { number } = invoice;
      const call = (step: string, key: string | undefined, body: object): Promise<Outcome> =>
        client.post({
          key: key!,
          path: `/invoices/${number}/${step}`,
          body,
          idempotencyKey: intent(record.reference, step),
        });
      const bank = paymentReference(seller, `bank ${record.reference}`);
      let { status } = invoice;
      let isOld = true;
      const move = (outcome: Outcome, next: Summary['status']): Problem | undefined => {
        if (outcome.ok) {
          status = next;
          isOld = false;
          return undefined;
        }
        // Another run was here: it says where the invoice stands now.
        const { reason = '', got } = outcome.problem;
        const stands = SummarySchema.shape.status.safeParse(got);
        if (!['not-claimable', 'not-claimed'].includes(reason) || !stands.success) {
          return outcome.problem;
        }
        status = stands.data;
        return undefined;
      };
      let problem: Problem | undefined;
      if (status === 'issued' && invoice.holder === null) {
        problem = failed(await call('deliver', keys.seller, { member: buyer, ...named(person) }));
      }
      if (!problem && status === 'issued' && (invoice.holder?.person ?? person) !== undefined) {
        problem = failed(await call('assign', employee, {}));
      }
      if (!problem && status === 'issued') {
        problem = move(await call('claim', employee, { purpose }), 'claimed');
      }
      if (!problem && status === 'claimed') {
        problem = move(await call('approve', finance, {}), 'approved');
      }
      if (!problem && status === 'approved') {
        problem = move(await call('credited', finance, { payment: bank }), 'credited');
      }
      if (problem) return { ...NOTHING, refusals: [refusedBy(record, problem)] };
      return { ...NOTHING, reimbursed: status === 'credited' ? 1 : 0, isOld };
    },
  };
}

const named = (person: string | undefined) => (person === undefined ? {} : { person });

const failed = (outcome: Outcome): Problem | undefined =>
  outcome.ok ? undefined : outcome.problem;

/** A document like a cancellation's with some of its lines. */
function documentOf({ document }: SourceDocument, lines: readonly InvoiceLine[]) {
  const { net, tax, gross, taxes, ...rest } = document;
  if (document.rounding === 'per-rate') return withTotals({ ...rest, lines: [...lines] });
  return withTotals({ ...rest, lines: lines.map(followingLine) });
}

/** A part of a line whose tax doesn't follow from its net is divided anew; its gross stays. */
function followingLine(line: InvoiceLine): InvoiceLine {
  const { net, tax, rateBp } = line;
  return isTaxOf(net, tax, rateBp) ? line : { ...line, ...divided(net + tax, rateBp) };
}

function divided(amount: number, rateBp: number) {
  const { net, tax } = taxedAmount(amount, rateBp, true);
  return { net, tax };
}

/** A cancellation whose source names the invoice: its amounts by rate. */
function wholeReversal({ document, relatesTo }: SourceDocument): PlannedReversal {
  const amounts = taxGroups(document)
    .filter(({ net }) => net !== 0)
    .map((group) => ({ ...group, net: -group.net, tax: group.tax === 0 ? 0 : -group.tax }));
  return { reference: relatesTo!, amounts, net: -document.net, covers: document.lines };
}

/** The part of a reversal's input that says how much; tax only where it can follow from its net. */
function reversalPart({ lines, amounts = [] }: PlannedReversal, withTax: boolean): object {
  if (lines) return { lines };
  return {
    amounts: amounts.map(({ tax, ...amount }) =>
      withTax && isTaxOf(amount.net, tax, amount.rateBp) ? { ...amount, tax } : amount,
    ),
  };
}

const refusedWhole = (refusal: Refusal): Written => ({ ...NOTHING, refusals: [refusal] });

const reused = (
  { line, reference, document }: SourceDocument,
  got: number | undefined,
): Refusal => ({
  kind: 'refused',
  line,
  reference,
  reason: 'reference-reused',
  ...(got === undefined ? {} : { got }),
  expected: document.gross,
  amount: { currency: document.currency, minor: document.gross },
});

function refusedBy(
  { line, reference }: SourceDocument,
  { code, reason = code, detail, got }: Problem,
  amount?: Refusal['amount'],
): Refusal {
  const found = typeof got === 'string' || typeof got === 'number' ? { got } : {};
  const sum = amount === undefined ? {} : { amount };
  return { kind: 'refused', line, reference, reason, ...found, expected: detail, ...sum };
}
