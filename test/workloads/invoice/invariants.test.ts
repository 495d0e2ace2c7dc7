/**
 * Whatever sequence of calls, valid or not, comes in: the live sums are those of the invoices, and
 * nothing is invoiced, reversed or reimbursed more than once. Everything is recomputed here the
 * slow way, from the records alone.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { ContractEvent } from '../../../shared/ledger/result.ts';
import { events, type Invoice, type Totals } from '../../../workloads/invoice/records.ts';
import { categoryOf } from '../../../workloads/invoice/tax.ts';
import { currencySums, totalsRows } from '../../../workloads/invoice/totals.ts';
import { documentOf, lines, Market, number } from './market.ts';

const LAST_NUMBER = 40;

const rate = fc.constantFrom(0, 600, 1300);
const amount = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 3000 }) },
  fc.integer({ min: -500, max: 0 }),
);
const content = fc.array(fc.tuple(amount, rate), { minLength: 1, maxLength: 4 });
const roundings = fc.constantFrom('per-line' as const, 'per-rate' as const);
// Mostly numbers that are in use before long.
const which = fc
  .oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 4 }) },
    { weight: 2, arbitrary: fc.integer({ min: 11, max: 12 }) },
    fc.integer({ min: 1, max: LAST_NUMBER }),
  )
  .map(number);
const seller = fc.constantFrom('seller' as const, 'seller' as const, 'rival' as const);
const person = fc.constantFrom('ann' as const, 'bob' as const);
const bank = fc.integer({ min: 1, max: 6 }).map((n) => `bank-${n}`);
const note = { reason: 'goods-returned', issuedOn: '2026-03-02' };

const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, arbitrary);

type Act = (market: Market) => { events: readonly ContractEvent[] };
const call = (...args: Parameters<Market['call']>): Act => {
  return (market) => {
    const answer = market.call(...args);
    // A refusal must be one that the contract declares: never a fault of its code.
    assert.ok(answer.ok || answer.code === 'contract-rejected', JSON.stringify(answer));
    return { events: answer.ok ? answer.events : [] };
  };
};

const documents = fc.record({ content, rounding: roundings }).map((draft) => {
  const { rounding } = draft;
  const content = lines(...draft.content);
  return documentOf(
    rounding === 'per-line' ? content : content.map((line) => ({ ...line, tax: 0 })),
    { rounding },
  );
});

const acts: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({
        document: documents,
        name: seller,
        chosen: seldom(which),
        // An earlier payment, to invoice one twice.
        reused: seldom(fc.integer({ min: 1, max: 5 }).map((n) => `pay-${n}`)),
        split: fc.boolean(),
      })
      .map(({ document, name, chosen, reused, split }): Act => {
        return (market) => {
          const payee = name === 'seller' ? 'shop' : 'rival';
          const old = reused && market.payment(reused);
          if (old) {
            const document = documentOf(lines([old.amount, 0]));
            return call(name, 'issue', { document, payments: [old.reference] })(market);
          }
          const parts = split && document.gross > 1 ? [1, document.gross - 1] : [document.gross];
          const payments = parts.filter((part) => part > 0).map((part) => market.pay(part, payee));
          const args = { document, payments, buyer: 'works', number: chosen };
          return call(name, 'issue', args)(market);
        };
      }),
  },
  {
    weight: 4,
    arbitrary: fc
      .record({
        number: which,
        name: seller,
        part: fc.oneof(
          fc.constant({}),
          fc.record({
            lines: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 3 }),
          }),
          fc.record({
            amounts: fc.array(fc.record({ rateBp: rate, net: amount }), {
              minLength: 1,
              maxLength: 2,
            }),
          }),
        ),
      })
      .map(({ number, name, part }) => call(name, 'reverse', { number, ...note, ...part })),
  },
  content.map((draft) => {
    const document = documentOf(lines(...draft.map(([net, bp]) => [-net, bp] as [number, number])));
    return call('seller', 'credit', { document, original: 'old-1', reason: note.reason });
  }),
  fc
    .tuple(which, seller, fc.option(person, { nil: undefined }))
    .map(([of, name, to]) => call(name, 'deliver', { number: of, member: 'works', person: to })),
  fc.tuple(which, person).map(([of, name]) => call(name, 'assign', { number: of })),
  {
    weight: 4,
    arbitrary: fc.tuple(which, person).map(([of, name]) => call(name, 'claim', { number: of })),
  },
  { weight: 4, arbitrary: which.map((of) => call('finance', 'approve', { number: of })) },
  which.map((of) => call('finance', 'refuse', { number: of, reason: 'other' })),
  fc.tuple(which, person).map(([of, name]) => call(name, 'withdraw', { number: of })),
  {
    weight: 4,
    arbitrary: fc
      .tuple(which, bank)
      .map(([of, payment]) => call('finance', 'credited', { number: of, payment })),
  },
  fc
    .tuple(fc.uniqueArray(which, { minLength: 1, maxLength: 3 }), seller)
    .map(([numbers, name]) => call(name, 'declare', { period: '2026-03', numbers })),
  fc
    .tuple(fc.constantFrom('shop', 'rival'), fc.integer({ min: 0, max: 60_000 }))
    .map(([merchant, limit]) => call('bureau', 'setCreditLimit', { merchant, limit })),
);

it('keeps its promises over any sequence of calls', () => {
  const committed = new Map<string, number>();
  fc.assert(
    fc.property(fc.array(acts, { minLength: 30, maxLength: 80, size: 'max' }), (sequence) => {
      const market = new Market()
        .open(1, 10, 'shop', 50_000)
        .open(11, 20, 'rival', 50_000)
        .open(21, LAST_NUMBER, 'shop', 50_000);
      const reimbursed: string[] = [];
      for (const act of sequence) {
        const emitted = act(market);
        for (const { type, data } of emitted.events) {
          committed.set(type, (committed.get(type) ?? 0) + 1);
          if (type === 'invoice.credited') reimbursed.push((data as { number: string }).number);
        }
      }
      assert.equal(new Set(reimbursed).size, reimbursed.length, 'an invoice reimbursed twice');
      checkRecords(market);
    }),
    { numRuns: 400 },
  );
  // The calls were not all refused: each kind was committed at times.
  for (const event of Object.keys(events)) {
    const count = committed.get(`invoice.${event}`) ?? 0;
    const isSetUp = event === 'numbers-allotted' || event === 'payment-recorded';
    assert.ok(isSetUp || count > 0, `${event} was never committed`);
  }
});

function checkRecords(market: Market): void {
  const invoices = [...market.ledger.state]
    .filter(([key]) => key.startsWith('invoice/invoice/'))
    .map(([, value]) => value as unknown as Invoice);
  const paid = invoices.flatMap(({ payments }) => payments);
  assert.equal(new Set(paid).size, paid.length, 'a payment invoiced twice');
  const bankPayments = invoices.flatMap(({ claim }) => claim?.payment ?? []);
  assert.equal(new Set(bankPayments).size, bankPayments.length, 'a bank payment used twice');
  for (const invoice of invoices) checkReversals(invoice, invoices);
  for (const merchant of ['shop', 'rival']) {
    const own = invoices.filter(({ seller }) => seller === merchant);
    const { totals, credit } = market.seller(merchant);
    assert.deepEqual(totals, recomputed(own));
    checkCurrencySums(totals, own);
    const { limit, outstanding } = credit.CNY!;
    const undeclared = own.filter(
      ({ kind, declaredIn }) => kind === 'invoice' && declaredIn === null,
    );
    assert.equal(outstanding, sum(undeclared.map((invoice) => grossLeft(invoice, invoices))));
    assert.ok(outstanding <= limit, `${outstanding} outstanding, limit ${limit}`);
  }
}

const NOTHING: readonly [net: number, tax: number] = [0, 0];

const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

const notesTo = (original: string, invoices: readonly Invoice[]): Invoice[] =>
  invoices.filter((note) => note.kind === 'reversal' && note.original === original);

const grossLeft = (invoice: Invoice, invoices: readonly Invoice[]): number =>
  invoice.document.gross +
  sum(notesTo(invoice.number, invoices).map(({ document }) => document.gross));

/** Net and tax of a document by category and rate, from its lines or its taxes. */
function byRate({ document }: Invoice): Map<string, [net: number, tax: number]> {
  const groups = new Map<string, [number, number]>();
  for (const item of document.taxes ?? document.lines) {
    const key = `${categoryOf(item)}/${item.rateBp}`;
    const [net, tax] = groups.get(key) ?? [0, 0];
    groups.set(key, [net + item.net, tax + item.tax]);
  }
  return groups;
}

/** The notes to an invoice take no more than it has at any rate, and its status says if all. */
function checkReversals(invoice: Invoice, invoices: readonly Invoice[]): void {
  const notes = notesTo(invoice.number, invoices);
  assert.deepEqual(notes.map((note) => note.number).sort(), [...invoice.reversals].sort());
  let isAll = notes.length > 0;
  for (const [key, [net, tax]] of byRate(invoice)) {
    const back = notes.map((note) => byRate(note).get(key) ?? NOTHING);
    const leftNet = net + sum(back.map(([value]) => value));
    const leftTax = tax + sum(back.map(([, value]) => value));
    assert.ok(leftNet * Math.sign(net) >= 0 && leftTax * Math.sign(tax) >= 0, `${key} overdrawn`);
    isAll &&= leftNet === 0 && leftTax === 0;
  }
  assert.equal(invoice.status === 'reversed', isAll);
  assert.ok(invoice.kind !== 'invoice' || grossLeft(invoice, invoices) >= 0);
}

function recomputed(invoices: readonly Invoice[]): Totals {
  const totals: Totals = {};
  const add = (place: string, count: number, net: number, tax: number): void => {
    const entry = totals[place] ?? { count: 0, net: 0, tax: 0 };
    totals[place] = { count: entry.count + count, net: entry.net + net, tax: entry.tax + tax };
  };
  for (const invoice of invoices) {
    if (invoice.kind === 'reversal') continue;
    const notes = notesTo(invoice.number, invoices);
    for (const [key, [net, tax]] of byRate(invoice)) {
      const back = notes.map((note) => byRate(note).get(key) ?? NOTHING);
      const backNet = sum(back.map(([value]) => value));
      const backTax = sum(back.map(([, value]) => value));
      add(`CNY/${invoice.status}/${key}`, 1, net + backNet, tax + backTax);
      if (backNet !== 0 || backTax !== 0) add(`CNY/reversed/${key}`, 0, -backNet, -backTax);
    }
  }
  return totals;
}

/** Over the ledger: issued − reversed + credit notes is the sum of all documents. */
function checkCurrencySums(totals: Totals, own: readonly Invoice[]): void {
  const gross = (kind: Invoice['kind']): number =>
    sum(own.filter((invoice) => invoice.kind === kind).map(({ document }) => document.gross));
  const [sums] = currencySums(totalsRows(totals));
  const { issued = 0, reversed = 0, creditNotes = 0, total = 0 } = sums ?? {};
  assert.deepEqual(
    { issued, reversed: 0 - reversed, creditNotes, total },
    {
      issued: gross('invoice'),
      reversed: 0 + gross('reversal'),
      creditNotes: gross('credit-note'),
      total: sum(own.map(({ document }) => document.gross)),
    },
  );
}
