import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { output, refusal } from '../../contract/run.ts';
import { documentOf, lines, Market, number } from './market.ts';

const simple = documentOf(lines([10_000, 1300])); // gross 113.00

describe('numbers and credit', () => {
  it('are allotted in ranges that overlap with none', () => {
    const market = new Market().open(100, 199);
    const allot = (from: number, to: number, merchant = 'rival') =>
      market.call('bureau', 'allotNumbers', { merchant, from: number(from), to: number(to) });
    for (const [from, to] of [
      [100, 100],
      [199, 300],
      [50, 100],
      [1, 1000],
      [120, 130],
    ] as const) {
      assert.equal(refusal(allot(from, to)), 'range-overlaps', `${from}-${to}`);
    }
    output(allot(0, 99));
    output(allot(200, 300));
    assert.equal(refusal(allot(500, 400)), 'range-reversed');
    assert.equal(refusal(allot(500, 600, 'works')), 'unknown-merchant');
    assert.match(refusal(market.call('seller', 'allotNumbers', {})), /^forbidden/);
  });

  it('go up one by one, skip those chosen by hand and end with the range', () => {
    const market = new Market().open(1, 4);
    assert.equal(market.issued(simple, { number: number(2) }), number(2));
    assert.equal(market.issued(simple), number(1));
    assert.equal(market.issued(simple), number(3));
    assert.equal(refusal(market.issue(simple, { number: number(3) })), 'number-used');
    assert.equal(refusal(market.issue(simple, { number: number(5) })), 'number-not-allotted');
    assert.equal(market.issued(simple), number(4));
    assert.equal(refusal(market.issue(simple)), 'no-number-left');
    output(
      market.call('bureau', 'allotNumbers', { merchant: 'shop', from: number(8), to: number(9) }),
    );
    assert.equal(market.issued(simple), number(8));
  });

  it('reach to the last number of twenty digits', () => {
    const market = new Market().open();
    const last = '9'.repeat(20);
    output(market.call('bureau', 'allotNumbers', { merchant: 'shop', from: last, to: last }));
    assert.equal(market.issued(simple, { number: last }), last);
    assert.equal(market.seller().ranges[1]!.next, null);
  });

  it('bound what is issued and not yet declared', () => {
    const market = new Market().open(1, 100, 'shop', 22_600);
    const first = market.issued(simple);
    market.issued(simple);
    assert.equal(refusal(market.issue(simple)), 'over-credit-limit');
    const limit = (amount: number) =>
      market.call('bureau', 'setCreditLimit', { merchant: 'shop', limit: amount });
    assert.equal(refusal(limit(22_599)), 'below-outstanding');
    const declaration = { period: '2026-03', numbers: [first] };
    output(market.call('seller', 'declare', declaration));
    assert.equal(market.seller().credit.CNY!.outstanding, 11_300);
    output(market.issue(simple));
    assert.equal(refusal(market.call('bureau', 'declare', declaration)), 'declared-already');
  });
});

describe('issuing', () => {
  it('needs payments to the seller that together equal the gross', () => {
    const market = new Market().open();
    const issue = (payments: string[]) =>
      market.call('seller', 'issue', { document: simple, payments });
    const [a, b, other] = [market.pay(11_000), market.pay(300), market.pay(300, 'rival')];
    assert.equal(refusal(issue([a])), 'payments-differ');
    assert.equal(refusal(issue([])), 'payments-differ');
    assert.equal(refusal(issue([a, other])), 'payment-of-another');
    assert.equal(refusal(issue([a, 'none'])), 'unknown-payment');
    assert.match(refusal(issue([a, a])), /^invalid-arguments/);
    const issued = output(issue([a, b])).number;
    assert.equal(refusal(issue([a, b])), 'payment-invoiced');
    assert.equal(market.query(undefined, 'payment', { reference: a }).invoice, issued);
    const again = { reference: a, payee: 'shop', amount: 1 };
    assert.equal(refusal(market.call('platform', 'recordPayment', again)), 'payment-exists');
  });

  it('refuses amounts that do not follow, with the place', () => {
    const market = new Market().open();
    const answer = market.issue({ ...simple, gross: 11_301 });
    assert.equal(refusal(answer), 'wrong-arithmetic');
    assert.deepEqual(!answer.ok && [answer.message, answer.got, answer.expected], [
      'The amount at /document/gross does not follow.',
      11_301,
      11_300,
    ]);
    assert.equal(refusal(market.issue(documentOf(lines([-100, 0])))), 'negative-total');
  });

  it('takes an invoice over nothing, without a payment or a limit', () => {
    const market = new Market().open(1, 9, 'shop', 0);
    market.issued(documentOf(lines([0, 0])));
    assert.equal(refusal(market.issue(simple)), 'over-credit-limit');
  });

  it('takes an external id once, so that a repeated import issues nothing twice', () => {
    const market = new Market().open();
    const document = documentOf(lines([100, 0]), { externalId: 'A/536365' });
    const first = market.issued(document);
    const again = market.issue(document);
    assert.equal(refusal(again), 'external-id-used');
    assert.equal(!again.ok && again.got, first);
    const found = market.query(undefined, 'invoices', { seller: 'shop', externalId: 'A/536365' });
    assert.equal((found.invoices as { number: string }[])[0]!.number, first);
  });

  it('keeps currencies apart', () => {
    const market = new Market().open();
    const pounds = documentOf(lines([100, 0]), { currency: 'GBP' });
    assert.equal(refusal(market.issue(pounds)), 'payment-currency');
    const paid = { reference: 'gbp', payee: 'shop', amount: 100, currency: 'GBP' };
    output(market.call('platform', 'recordPayment', paid));
    const issue = () => market.call('seller', 'issue', { document: pounds, payments: ['gbp'] });
    assert.equal(refusal(issue()), 'over-credit-limit');
    const credit = { merchant: 'shop', currency: 'GBP', limit: 100 };
    output(market.call('bureau', 'setCreditLimit', credit));
    output(issue());
    assert.equal(market.seller().credit.CNY!.outstanding, 0);
  });

  it('rounds tax once for each rate where the document says so', () => {
    const market = new Market().open();
    const untaxed = lines([5, 1300], [5, 1300], [7, 900]).map((line) => ({ ...line, tax: 0 }));
    const document = documentOf(untaxed, { rounding: 'per-rate' });
    assert.equal(document.tax, 2);
    const issued = market.issued(document);
    assert.deepEqual(
      market.invoice(issued).groups.map(({ rateBp, net, tax }) => [rateBp, net, tax]),
      [
        [900, 7, 1],
        [1300, 10, 1],
      ],
    );
  });
});

describe('reversing', () => {
  const mixed = documentOf(lines([10_000, 1300], [5000, 1300], [2000, 600]));
  const args = { reason: 'goods-returned', issuedOn: '2026-03-02' };

  it('in full writes a negative note of its own number', () => {
    const market = new Market().open();
    const issued = market.issued(mixed);
    const reversed = output(market.call('seller', 'reverse', { number: issued, ...args }));
    assert.deepEqual(reversed, {
      number: issued,
      note: number(2),
      gross: -mixed.gross,
      status: 'reversed',
    });
    const note = market.invoice(number(2));
    assert.deepEqual(
      [note.kind, note.original, note.document.tax],
      ['reversal', issued, -mixed.tax],
    );
    assert.equal(market.seller().credit.CNY!.outstanding, 0);
    const again = market.call('seller', 'reverse', { number: issued, ...args });
    assert.equal(refusal(again), 'reversed-already');
    const note2 = market.call('seller', 'reverse', { number: number(2), ...args });
    assert.equal(refusal(note2), 'not-an-invoice');
  });

  it('in part takes whole lines, each once', () => {
    const market = new Market().open();
    const issued = market.issued(mixed);
    const reverse = (...picked: number[]) =>
      market.call('seller', 'reverse', { number: issued, ...args, lines: picked });
    assert.equal(output(reverse(1)).gross, -5650);
    assert.equal(refusal(reverse(1)), 'line-reversed');
    assert.equal(refusal(reverse(0, 0)), 'line-reversed');
    assert.equal(refusal(reverse(3)), 'unknown-line');
    assert.equal(output(reverse(2)).status, 'issued');
    assert.equal(output(reverse(0)).status, 'reversed');
  });

  it('takes no discount back alone: more would be outstanding than was ever checked', () => {
    const market = new Market().open(1, 9, 'shop', 80);
    const issued = market.issued(documentOf(lines([100, 0], [-20, 600], [0, 600])));
    const reverse = (...picked: number[]) =>
      market.call('seller', 'reverse', { number: issued, ...args, lines: picked });
    assert.equal(refusal(reverse(1)), 'positive-total');
    assert.equal(refusal(reverse(1, 2)), 'positive-total');
    assert.equal(market.seller().credit.CNY!.outstanding, 79);
    assert.equal(output(reverse(0, 1)).gross, -79);
    assert.equal(market.seller().credit.CNY!.outstanding, 0);
  });

  it('in part takes amounts by rate, never more than is left', () => {
    const market = new Market().open();
    const issued = market.issued(mixed);
    const reverse = (...amounts: object[]) =>
      market.call('seller', 'reverse', { number: issued, ...args, amounts });
    assert.equal(output(reverse({ rateBp: 1300, net: 14_999 })).gross, -16_949);
    assert.equal(refusal(reverse({ rateBp: 1300, net: 2 })), 'more-than-left');
    assert.equal(refusal(reverse({ rateBp: 1300, net: -1 })), 'more-than-left');
    assert.equal(refusal(reverse({ rateBp: 1700, net: 1 })), 'unknown-rate');
    assert.equal(refusal(reverse({ rateBp: 600, net: 100, tax: 7 })), 'wrong-tax');
    // The last part takes the tax that rounding has left.
    assert.equal(output(reverse({ rateBp: 1300, net: 1 })).gross, -1);
    assert.equal(output(reverse({ rateBp: 600, net: 2000, tax: 120 })).status, 'reversed');
  });

  it('is for the seller alone, and not while a claim holds the invoice', () => {
    const market = new Market().open();
    const issued = market.issued(mixed);
    const reverse = (name: 'seller' | 'rival') =>
      market.call(name, 'reverse', { number: issued, ...args });
    assert.equal(refusal(reverse('rival')), 'not-yours');
    output(market.call('ann', 'claim', { number: issued }));
    assert.equal(refusal(reverse('seller')), 'in-claim');
    output(market.call('finance', 'refuse', { number: issued, reason: 'wrong-details' }));
    output(reverse('seller'));
    assert.equal(refusal(market.call('ann', 'claim', { number: issued })), 'not-claimable');
  });

  it('takes an invoice over nothing back once', () => {
    const market = new Market().open();
    const issued = market.issued(documentOf(lines([0, 0])));
    const reverse = () => market.call('seller', 'reverse', { number: issued, ...args });
    assert.equal(output(reverse()).status, 'reversed');
    assert.equal(refusal(reverse()), 'reversed-already');
  });

  it('of an original elsewhere is a credit note', () => {
    const market = new Market().open();
    const document = documentOf(lines([-1000, 1300]), { externalId: 'C536379' });
    const credit = (given: object) =>
      market.call('seller', 'credit', {
        document: given,
        original: '536300',
        reason: 'goods-returned',
      });
    assert.deepEqual(output(credit(document)), { number: number(1), gross: -1130 });
    assert.equal(refusal(credit(document)), 'external-id-used');
    assert.equal(refusal(credit(simple)), 'positive-total');
  });
});

describe('reimbursement', () => {
  it('goes from claim over approval to the bank payment, once', () => {
    const market = new Market().open();
    const issued = market.issued(simple);
    const of = { number: issued };
    assert.equal(refusal(market.call('finance', 'approve', of)), 'not-claimed');
    assert.equal(output(market.call('ann', 'claim', of)).amount, 11_300);
    assert.equal(refusal(market.call('bob', 'claim', of)), 'not-claimable');
    assert.equal(refusal(market.call('other-finance', 'approve', of)), 'not-yours');
    const payment = { ...of, payment: 'bank-1' };
    assert.equal(refusal(market.call('finance', 'credited', payment)), 'not-claimed');
    output(market.call('finance', 'approve', of));
    output(market.call('finance', 'credited', payment));
    assert.equal(market.invoice(issued).status, 'credited');
    assert.equal(refusal(market.call('finance', 'credited', payment)), 'not-claimed');
    assert.equal(refusal(market.call('ann', 'claim', of)), 'not-claimable');
    assert.equal(
      refusal(market.call('finance', 'refuse', { ...of, reason: 'other' })),
      'not-claimed',
    );
    const reversal = { ...of, reason: 'goods-returned', issuedOn: '2026-03-02' };
    assert.equal(refusal(market.call('seller', 'reverse', reversal)), 'in-claim');
  });

  it('is not approved by whoever claimed it, also where one identity has both roles', () => {
    const market = new Market().open();
    const of = { number: market.issued(simple) };
    const roles = ['invoice.employee', 'invoice.finance'];
    const both = { member: 'works', name: 'dora', keyId: 'dora', roles };
    output(market.ledger.call(both, 'invoice', 'claim', of));
    assert.equal(refusal(market.ledger.call(both, 'invoice', 'approve', of)), 'own-claim');
    output(market.call('finance', 'approve', of));
  });

  it('uses a bank payment for one claim', () => {
    const market = new Market().open();
    const [a, b] = [market.issued(simple), market.issued(simple)];
    for (const issued of [a, b]) {
      output(market.call('ann', 'claim', { number: issued }));
      output(market.call('finance', 'approve', { number: issued }));
    }
    output(market.call('finance', 'credited', { number: a, payment: 'bank-1' }));
    const second = market.call('finance', 'credited', { number: b, payment: 'bank-1' });
    assert.equal(refusal(second), 'payment-used');
  });

  it('is free again after a withdrawal or a refusal, also of what was approved', () => {
    const market = new Market().open();
    const of = { number: market.issued(simple) };
    output(market.call('ann', 'claim', of));
    assert.equal(refusal(market.call('bob', 'withdraw', of)), 'not-yours');
    output(market.call('ann', 'withdraw', of));
    output(market.call('bob', 'claim', of));
    output(market.call('finance', 'approve', of));
    assert.equal(refusal(market.call('bob', 'withdraw', of)), 'not-claimed');
    output(market.call('finance', 'refuse', { ...of, reason: 'over-policy' }));
    output(market.call('ann', 'claim', of));
  });

  it('is for whom the invoice was delivered or assigned to', () => {
    const market = new Market().open();
    const of = { number: market.issued(simple, { buyer: undefined }) };
    assert.equal(refusal(market.call('ann', 'claim', of)), 'not-held');
    assert.equal(refusal(market.call('rival', 'deliver', { ...of, member: 'works' })), 'not-yours');
    const nobody = { ...of, member: 'nobody' };
    assert.equal(refusal(market.call('seller', 'deliver', nobody)), 'unknown-member');
    output(market.call('seller', 'deliver', { ...of, member: 'works', person: 'ann' }));
    assert.equal(refusal(market.call('bob', 'claim', of)), 'not-held');
    assert.equal(refusal(market.call('bob', 'assign', of)), 'not-held');
    output(market.call('ann', 'assign', of));
    output(market.call('bob', 'claim', of));
    const late = market.call('seller', 'deliver', { ...of, member: 'rival' });
    assert.equal(refusal(late), 'in-claim');
  });

  it('pays what partial reversals have left', () => {
    const market = new Market().open();
    const issued = market.issued(simple);
    const part = { rateBp: 1300, net: 1000 };
    const args = { number: issued, reason: 'price-reduction', issuedOn: '2026-03-02' };
    output(market.call('seller', 'reverse', { ...args, amounts: [part] }));
    assert.equal(output(market.call('ann', 'claim', { number: issued })).amount, 10_170);
  });
});

describe('declaring', () => {
  it('is the seller’s own or the bureau’s, of no later month', () => {
    const market = new Market().open();
    const issued = market.issued(simple);
    const declare = (name: 'seller' | 'rival' | 'bureau', period: string) =>
      market.call(name, 'declare', { period, numbers: [issued] });
    assert.equal(refusal(declare('rival', '2026-03')), 'not-yours');
    assert.equal(refusal(declare('seller', '2026-02')), 'later-period');
    output(declare('bureau', '2026-04'));
    assert.deepEqual(market.ledger.state.get('invoice/declaration/shop/2026-04'), {
      totals: { 'CNY/standard/1300': { count: 1, net: 10_000, tax: 1300 } },
    });
  });
});

describe('the queries', () => {
  it('check number and amount and tell nothing else', () => {
    const market = new Market().open();
    const issued = market.issued(simple);
    const check = (gross: string, of = issued) =>
      market.query(undefined, 'check', { number: of, gross });
    assert.deepEqual(check('11300'), { result: 'valid' });
    assert.deepEqual(check('11301'), { result: 'unknown' });
    assert.deepEqual(check('11300', number(77)), { result: 'unknown' });
    const args = { number: issued, reason: 'goods-returned', issuedOn: '2026-03-02' };
    output(market.call('seller', 'reverse', { ...args, amounts: [{ rateBp: 1300, net: 1 }] }));
    assert.deepEqual(check('11300'), { result: 'partly-reversed' });
    output(market.call('seller', 'reverse', args));
    assert.deepEqual(check('11300'), { result: 'reversed' });
  });

  it('list a seller’s invoices in pages, over all of its ranges', () => {
    const market = new Market().open(10, 11).open(30, 39).open(20, 29, 'rival');
    const numbers = [1, 2, 3, 4].map(() => market.issued(simple));
    const payment = market.pay(11_300, 'rival');
    output(market.call('rival', 'issue', { document: simple, payments: [payment] }));
    type Page = { invoices: { number: string }[]; next: string | null };
    const list = (input: object) => market.query(undefined, 'invoices', input) as unknown as Page;
    const all: string[] = [];
    let after: string | null | undefined;
    do {
      const page: Page = list({ seller: 'shop', limit: '3', ...(after ? { after } : {}) });
      all.push(...page.invoices.map((entry) => entry.number));
      after = page.next;
    } while (after);
    assert.deepEqual(all, numbers);
    assert.equal(list({ limit: '2' }).next, number(11));
    assert.equal(list({}).invoices.length, 5);
    assert.deepEqual(list({ seller: 'nobody' }), { invoices: [], next: null });
  });

  it('show the bureau live sums of all sellers, and a seller its own', () => {
    const market = new Market().open().open(2000, 2999, 'rival');
    const issued = market.issued(documentOf(lines([10_000, 1300], [500, 0])));
    output(market.call('ann', 'claim', { number: issued }));
    type Sums = { sellers: { seller: string; rows: object[] }[]; sums: object[] };
    const totals = (name: 'bureau' | 'rival', input = {}) =>
      market.query(name, 'totals', input) as unknown as Sums;
    const all = totals('bureau');
    assert.deepEqual(
      all.sellers.map(({ seller }) => seller),
      ['rival', 'shop'],
    );
    const row = { currency: 'CNY', status: 'claimed', count: 1 };
    assert.deepEqual(all.sellers[1]!.rows, [
      { ...row, category: 'standard', rateBp: 1300, net: 10_000, tax: 1300 },
      { ...row, category: 'zero', rateBp: 0, net: 500, tax: 0 },
    ]);
    const sums = { currency: 'CNY', issued: 11_800, reversed: 0, creditNotes: 0, total: 11_800 };
    assert.deepEqual(all.sums, [sums]);
    assert.deepEqual(
      totals('rival').sellers.map(({ seller }) => seller),
      ['rival'],
    );
    assert.deepEqual(totals('rival', { seller: 'shop' }), { refused: 'not-yours' });
  });
});
