/** Confidential invoices from payment to reimbursement, on real replicas with vaults. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { verifyReceipt } from '../../../shared/proof/verify.ts';
import type { InvoiceDocument } from '../../../workloads/invoice/document.ts';
import { documentOf, lines } from '../invoice/market.ts';
import { checkOf, EInvoices, number } from './parties.ts';

const document = documentOf(lines([10_000, 1300]));
let parties: EInvoices;

/** The arguments of a claim, as the invoices' records are now. */
const claiming = async (numbers: readonly string[], parts = 0) => ({
  invoices: await Promise.all(
    numbers.map(async (of) => ({ number: of, holding: (await invoiceOf(of)).holding, parts })),
  ),
  purpose: 'travel',
});
/** Claims; answers the claim. */
const claimed = async (numbers: readonly string[], parts = 0): Promise<string> =>
  (await parties.done('ann', 'claim', await claiming(numbers, parts))).output.claim!;
const invoiceOf = (of: string) => parties.query('invoice', { number: of });
const issue = (of: InvoiceDocument, payments: readonly string[], more: object = {}) =>
  parties.call('seller', 'issue', parties.issuing(of, payments, more));
const endOf = async (call: Promise<{ end: string }>): Promise<string> => (await call).end;

before(async () => {
  parties = await EInvoices.open();
  await parties.allot('corner-shop', 1, 1_000_000);
  await parties.allot('other-shop', 101, 100_000);
});
after(() => parties.network.close());

describe('a confidential invoice', () => {
  it('is claimed by who holds it, approved by another and reimbursed once, and seen by all as a status', async () => {
    const { number: of, id } = await parties.issued(document);
    const issued = await invoiceOf(of);
    assert.equal(issued.status, 'issued');
    assert.equal(issued.transaction, id);
    const claim = await claiming([of]);
    assert.equal(
      await endOf(parties.call('rival-employee', 'claim', claim)),
      'endorsement-refused not-held',
    );
    const first = await claimed([of]);
    assert.equal((await invoiceOf(of)).claim, first);
    assert.equal(await endOf(parties.call('ann', 'claim', claim)), 'rejected not-claimable');
    await parties.done('fin', 'approve', { claim: first });
    await parties.done('fin', 'credited', { claim: first, payment: 'bank-1' });
    assert.equal((await invoiceOf(of)).status, 'credited');
    // Another claim can't be paid by the same bank payment.
    const other = await parties.issued(document);
    const second = await claimed([other.number]);
    await parties.done('fin', 'approve', { claim: second });
    assert.equal(
      await endOf(parties.call('fin', 'credited', { claim: second, payment: 'bank-1' })),
      'endorsement-refused payment-used',
    );
    await parties.done('fin', 'refuse', { claim: second, reason: 'duplicate' });
    assert.equal((await invoiceOf(other.number)).status, 'issued');
  });

  it('is claimed with others, all of them or none', async () => {
    const made = [];
    for (let i = 0; i < 3; i++) made.push((await parties.issued(document)).number);
    const [a, b, c] = made as [string, string, string];
    const claim = await claimed([a, b]);
    // Of two claims that have an invoice in common one is refused as a whole, with a receipt that says so.
    const again = await parties.call('ann', 'claim', await claiming([b, c]));
    assert.equal(again.end, 'rejected not-claimable');
    const service = parties.network.service('buyer-co');
    const proof = verifyReceipt(await service.receipt(again.id!), parties.network.ledger);
    assert.ok(proof.verdict === 'VALID' && proof.result.status === 'rejected');
    assert.equal((await invoiceOf(c)).status, 'issued');
    const theirs = await parties.issued(document, { to: 'other-shop' });
    assert.equal(
      await endOf(parties.call('ann', 'claim', await claiming([c, theirs.number]))),
      'endorsement-refused not-held',
    );
    await parties.done('fin', 'approve', { claim });
    await parties.done('fin', 'credited', { claim, payment: 'bank-2' });
    for (const number of [a, b]) assert.equal((await invoiceOf(number)).status, 'credited');
    assert.equal(
      await endOf(parties.call('fin', 'credited', { claim, payment: 'bank-3' })),
      'rejected not-open',
    );
    const stranger = await parties.call('fin', 'approve', { claim: 'f'.repeat(64) });
    assert.equal(stranger.end, 'rejected unknown-claim');
    const open = await claimed([c]);
    assert.deepEqual(await parties.query('claimRecord', { claim: open }), {
      ...{ id: open, member: 'buyer-co', employee: 'ann', numbers: [c], state: 'open' },
    });
    await parties.done('ann', 'withdraw', { claim: open });
  });

  it('is about what was paid to its seller, exactly once', async () => {
    const paid = await parties.pay(document.gross);
    const less = documentOf(lines([9_999, 1300]));
    assert.equal(await endOf(issue(less, [paid])), 'endorsement-refused payments-differ');
    const rival = parties.issuing(document, [paid]);
    assert.equal(
      await endOf(parties.call('rival', 'issue', rival)),
      'endorsement-refused payment-of-another',
    );
    const foreign = await parties.pay(document.gross, { currency: 'EUR' });
    assert.equal(await endOf(issue(document, [foreign])), 'endorsement-refused payment-currency');
    assert.equal(await endOf(issue(document, [paid])), 'committed');
    assert.equal(await endOf(issue(document, [paid])), 'rejected payment-invoiced');
    const reference = 'wx-twice';
    await parties.pay(500, { reference });
    await assert.rejects(parties.pay(500, { reference }), /payment-exists/);
  });

  it('adds up, though nobody but its parties and the bureau sees what', async () => {
    const payments = [await parties.pay(document.gross)];
    const wrong = { ...document, tax: document.tax + 1 };
    assert.equal(await endOf(issue(wrong, payments)), 'endorsement-refused wrong-arithmetic');
    const check = checkOf(document.issuedOn, '0'.repeat(20));
    assert.equal(
      await endOf(issue(document, payments, { check })),
      'endorsement-refused wrong-check',
    );
    assert.equal(
      await endOf(issue(document, payments, { to: 'nobody' })),
      'endorsement-refused unknown-member',
    );
  });

  it('stays within a limit that the ledger does not show, which reversals and declarations give back once', async () => {
    await parties.done('officer', 'setCreditLimit', {
      ...{ merchant: 'other-shop', currency: 'CNY', limit: document.gross },
    });
    const issueAs = async () => {
      const payments = [await parties.pay(document.gross, { payee: 'other-shop' })];
      return parties.call('rival', 'issue', parties.issuing(document, payments));
    };
    const first = await issueAs();
    assert.equal(first.end, 'committed');
    assert.equal((await issueAs()).end, 'endorsement-refused over-credit-limit');
    const of = first.output!.number!;
    const { net, tax } = document;
    const declaring = { period: '2026-03', numbers: [of], net, tax };
    const early = { ...declaring, period: '2026-02' };
    assert.equal(
      await endOf(parties.call('rival', 'declare', early)),
      'endorsement-refused later-period',
    );
    assert.equal(
      await endOf(parties.call('rival', 'declare', { ...declaring, tax: tax - 1 })),
      'endorsement-refused wrong-total',
    );
    await parties.done('rival', 'declare', declaring);
    const second = await issueAs();
    assert.equal(second.end, 'committed');
    // It was declared: nothing is left to give back, and the note says so by being there alone.
    await parties.done('rival', 'reverse', { number: of, reason: 'goods-returned' });
    assert.equal((await issueAs()).end, 'endorsement-refused over-credit-limit');
    const next = second.output!.number!;
    const ends = await Promise.all([
      endOf(parties.call('rival', 'reverse', { number: next, reason: 'goods-returned' })),
      endOf(parties.call('rival', 'declare', { ...declaring, numbers: [next] })),
    ]);
    assert.ok(ends.includes('committed'), String(ends));
    assert.equal((await issueAs()).end, 'committed');
    assert.equal((await issueAs()).end, 'endorsement-refused over-credit-limit');
  });

  it('goes from holder to holder, and only as it was when somebody decided on it', async () => {
    const { number: of, id } = await parties.issued(document, { to: undefined });
    const deliver = (party: 'seller' | 'rival-employee' | 'ann', to: string, holding: string) =>
      endOf(parties.call(party, 'deliver', { number: of, holding, to }));
    assert.equal(await deliver('ann', 'buyer-co', id), 'endorsement-refused not-held');
    assert.equal(await deliver('seller', 'other-shop', id), 'committed');
    assert.equal(await deliver('seller', 'buyer-co', id), 'endorsement-refused moved');
    const holding = (await invoiceOf(of)).holding!;
    assert.equal(await deliver('rival-employee', 'buyer-co', holding), 'committed');
    const claim = { invoices: [{ number: of, holding }], purpose: 'goods' };
    assert.equal(await endOf(parties.call('ann', 'claim', claim)), 'endorsement-refused moved');
  });

  it('is taken back by a note with a number of its own, unless a claim holds it', async () => {
    const { number: of } = await parties.issued(document);
    const claim = await claimed([of]);
    const reverse = { number: of, reason: 'invoicing-error' };
    assert.equal(
      await endOf(parties.call('seller', 'reverse', reverse)),
      'rejected not-reversible',
    );
    await parties.done('ann', 'withdraw', { claim });
    const { output } = await parties.done('seller', 'reverse', reverse);
    const note = output.note!;
    assert.equal((await invoiceOf(of)).counterpart, note);
    assert.deepEqual((await invoiceOf(note)).status, 'note');
  });

  it('is taken back in parts that nobody else sees, and no more of it than there is', async () => {
    const mixed = documentOf(lines([10_000, 1300], [1_000, 600]));
    const { number: of, id } = await parties.issued(mixed);
    const { holding } = await invoiceOf(of);
    const take = (given: readonly [net: number, rateBp: number][], parts: number, more = {}) => {
      const { rounding, issuedOn, ...rest } = documentOf(lines(...given));
      const { lines: own, net, tax, gross } = rest;
      const note = { rounding, issuedOn, lines: own, net, tax, gross, reason: 'goods-returned' };
      const args = { number: of, holding, parts, to: 'buyer-co', ...note, ...more };
      return parties.call('seller', 'reverseInPart', args);
    };
    const { end, output, id: first } = await take([[4_000, 1300]], 0);
    assert.equal(end, 'committed');
    assert.deepEqual((await invoiceOf(of)).parts, [output!.note]);
    assert.equal((await invoiceOf(of)).status, 'issued');
    const refused = async (call: ReturnType<typeof take>, reason: string) =>
      assert.equal((await call).end, `endorsement-refused ${reason}`);
    await refused(take([[6_001, 1300]], 1), 'more-than-left');
    await refused(take([[1_001, 600]], 1), 'more-than-left');
    await refused(take([[100, 900]], 1), 'unknown-rate');
    await refused(take([[-100, 600]], 1), 'more-than-left');
    await refused(take([[100, 600]], 1, { tax: 5, gross: 105 }), 'wrong-arithmetic');
    await refused(take([[100, 600]], 0), 'moved');
    await refused(take([[100, 600]], 1, { to: 'other-shop' }), 'not-held');
    await refused(take([[100, 600]], 1, { holding: first }), 'moved');
    const all: [number, number][] = [
      [6_000, 1300],
      [1_000, 600],
    ];
    await refused(take(all, 1), 'nothing-left');
    // Who claims has to have seen what is left.
    assert.equal(await endOf(parties.call('ann', 'claim', await claiming([of]))), 'rejected moved');
    // Both were checked before the other one was there.
    const both = await Promise.all([take([[6_000, 1300]], 1), take([[6_000, 1300]], 1)]);
    const ends = both.map((one) => one.end).sort();
    assert.equal(ends[0], 'committed', String(ends));
    assert.notEqual(ends[1], 'committed');
    await claimed([of], 2);
    assert.equal((await take([[100, 600]], 2)).end, 'rejected not-reversible');
    const seenBy = async (member: string, transaction: string) =>
      (await parties.network.vaultOf(member).read(transaction as never)) !== undefined;
    for (const [member, isSeen] of Object.entries({
      ...{ 'corner-shop': true, 'buyer-co': true, 'tax-bureau': true },
      ...{ 'payment-platform': false, 'other-shop': false },
    })) {
      assert.equal(await seenBy(member, first!), isSeen, member);
      assert.equal(await seenBy(member, id), isSeen, member);
    }
  });

  it('that is elsewhere is taken back by a note of its own, once for its id, whose amounts those concerned see', async () => {
    const { currency, ...amounts } = documentOf(lines([3_000, 1300]));
    const id = randomUUID();
    const own = { externalId: 'CN-1', original: 'B-9', reason: 'goods-returned' };
    const note = { id, currency, ...amounts, ...own };
    const credit = (more: object = {}) =>
      parties.call('seller', 'credit', { ...note, to: 'buyer-co', ...more });
    const { end, id: transaction, output } = await credit();
    assert.equal(end, 'committed');
    const of = output!.number!;
    const { status, counterpart, check } = await invoiceOf(of);
    assert.deepEqual([status, counterpart, check], ['note', null, '']);
    assert.deepEqual(await parties.query('creditNote', { id }), { note: of });
    const other = { externalId: 'CN-2' };
    assert.equal((await credit(other)).end, 'rejected credit-noted-already');
    const refused = async (more: object, reason: string) =>
      assert.equal(
        (await credit({ id: randomUUID(), ...other, ...more })).end,
        `endorsement-refused ${reason}`,
      );
    await refused({ gross: amounts.gross + 1 }, 'wrong-arithmetic');
    await refused(documentOf(lines([-100, 1300])), 'negative-total');
    await refused({ to: 'nobody' }, 'unknown-member');
    // What was refused took nothing; the same note under another id is the same note.
    await refused({ externalId: 'CN-1' }, 'credit-noted-already');
    assert.equal(await endOf(parties.call('ann', 'credit', note)), 'rejected undefined');
    const fields = [
      'buyer',
      'externalId',
      'gross',
      'issuedOn',
      'lines',
      'net',
      'original',
      'reason',
    ];
    const all = [...fields, 'seller', 'tax', 'to'].sort();
    for (const party of ['seller', 'officer', 'fin'] as const) {
      assert.deepEqual(await parties.shown(party, transaction!), all, party);
    }
    assert.equal(await parties.shown('ann', transaction!), 'forbidden');
    for (const party of ['platform', 'rival'] as const) {
      assert.equal(await parties.shown(party, transaction!), 'none');
    }
    // It is a note as others are: nobody claims it, takes it back, or hands it on.
    assert.equal(
      await endOf(parties.call('ann', 'claim', await claiming([of]))),
      'rejected not-claimable',
    );
    assert.equal(
      await endOf(parties.call('seller', 'reverse', { number: of, reason: 'goods-returned' })),
      'rejected not-reversible',
    );
    // It takes off what is declared, and no credit of anybody's.
    const issued = await parties.issued(document);
    const declaring = {
      ...{ period: '2026-03', numbers: [issued.number, of] },
      ...{ net: document.net - amounts.net, tax: document.tax - amounts.tax },
    };
    assert.equal(
      await endOf(parties.call('seller', 'declare', { ...declaring, net: document.net })),
      'endorsement-refused wrong-total',
    );
    await parties.done('seller', 'declare', declaring);
  });

  it('takes back credit by parts and the rest, and no more than it took', async () => {
    const merchant = 'other-shop';
    // One that was issued before is neither declared nor reversed.
    const limit = 2 * document.gross;
    await parties.done('officer', 'setCreditLimit', { merchant, currency: 'CNY', limit });
    const free = async (gross: number): Promise<boolean> => {
      const one = documentOf(lines([gross, 0]));
      const payments = [await parties.pay(gross, { payee: merchant })];
      const call = parties.call('rival', 'issue', parties.issuing(one, payments));
      const { end, output } = await call;
      if (end !== 'committed') return false;
      await parties.done('rival', 'reverse', { number: output!.number, reason: 'goods-returned' });
      return true;
    };
    const payments = [await parties.pay(document.gross, { payee: merchant })];
    const issuing = parties.issuing(document, payments);
    const { output, id } = await parties.done('rival', 'issue', issuing);
    const of = output.number!;
    assert.equal(await free(1), false);
    const { rounding, issuedOn, ...rest } = documentOf(lines([4_000, 1300]));
    const { lines: own, net, tax, gross } = rest;
    const note = { rounding, issuedOn, lines: own, net, tax, gross, reason: 'goods-returned' };
    const args = { number: of, holding: id, parts: 0, to: 'buyer-co', ...note };
    const part = await parties.done('rival', 'reverseInPart', args);
    assert.equal(await free(gross), true);
    assert.equal(await free(gross + 1), false);
    const whole = await parties.done('rival', 'reverse', { number: of, reason: 'goods-returned' });
    assert.equal(await free(document.gross), true);
    assert.equal(await free(document.gross + 1), false);
    // Together they come to nothing: an invoice, and two notes that took it back.
    const numbers = [of, part.output.note!, whole.output.note!];
    const declaring = { period: '2026-03', numbers, net: 0, tax: 0 };
    const apart = { ...declaring, numbers: numbers.slice(0, 2) };
    assert.equal(
      await endOf(parties.call('rival', 'declare', apart)),
      'endorsement-refused wrong-total',
    );
    await parties.done('rival', 'declare', declaring);
    assert.equal(await free(document.gross + 1), false);
  });

  it('is checked by anyone who has its number, date and code', async () => {
    const payments = [await parties.pay(document.gross)];
    const args = parties.issuing(document, payments);
    const { output } = await parties.done('seller', 'issue', args);
    const of = output.number!;
    const check = (more: object = {}) =>
      parties.query('check', {
        ...{ number: of, issuedOn: document.issuedOn, code: args.checkCode, ...more },
      });
    assert.deepEqual(await check(), { result: 'valid' });
    assert.deepEqual(await check({ code: '1'.repeat(20) }), { result: 'unknown' });
    assert.deepEqual(await check({ issuedOn: '2026-03-02' }), { result: 'unknown' });
    assert.deepEqual(await check({ number: number(99) }), { result: 'unknown' });
    await parties.done('seller', 'reverse', { number: of, reason: 'goods-returned' });
    assert.deepEqual(await check(), { result: 'reversed' });
  });
});
