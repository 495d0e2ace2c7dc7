/** Who of a member's people is shown what its node holds of confidential invoices, on real replicas with vaults. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { revealedValues } from '../../../shared/ledger/disclosure.ts';
import { Rejected } from '../../../shared/ledger/rejection.ts';
import { documentOf, lines } from '../invoice/market.ts';
import { EInvoices } from './parties.ts';

const document = documentOf(lines([10_000, 1300]));
const ABOUT = [
  ...['buyer', 'checkCode', 'gross', 'issuedOn', 'lines', 'net', 'seller', 'tax', 'to'],
];
let parties: EInvoices;

before(async () => {
  parties = await EInvoices.open();
  await parties.allot('corner-shop', 1, 1_000_000);
});
after(() => parties.network.close());

const invoiceOf = (number: string) => parties.query('invoice', { number });
/** A claim of invoices as their records are now. */
const claiming = async (numbers: readonly string[]) => ({
  invoices: await Promise.all(
    numbers.map(async (number) => ({ number, holding: (await invoiceOf(number)).holding })),
  ),
  purpose: 'meals',
});

it('an employee is shown the invoices that are assigned to him, and parts taken back of them; finance all', async () => {
  const { number, id } = await parties.issued(document);
  const other = await parties.issued(document);
  for (const who of ['ann', 'bob'] as const) {
    assert.equal(await parties.shown(who, id), 'forbidden');
  }
  assert.deepEqual(await parties.shown('fin', id), ABOUT);
  await parties.done('fin', 'assign', { number, employee: 'ann' });
  assert.deepEqual(await parties.shown('ann', id), ABOUT);
  assert.equal(await parties.shown('ann', other.id), 'forbidden');
  assert.equal(await parties.shown('bob', id), 'forbidden');
  const part = documentOf(lines([2000, 1300]));
  const { holding } = await invoiceOf(number);
  const { seller: _s, buyer: _b, currency: _c, ...amounts } = part;
  const note = await parties.done('seller', 'reverseInPart', {
    ...{ number, holding, parts: 0, to: 'buyer-co', reason: 'goods-returned', ...amounts },
  });
  assert.ok(Array.isArray(await parties.shown('ann', note.id)));
  assert.equal(await parties.shown('bob', note.id), 'forbidden');
  // Taken back, and given to somebody else.
  await parties.done('fin', 'assign', { number, employee: null });
  assert.equal(await parties.shown('ann', id), 'forbidden');
  await parties.done('fin', 'assign', { number, employee: 'bob' });
  assert.deepEqual(await parties.shown('bob', id), ABOUT);
  assert.equal(await parties.shown('ann', note.id), 'forbidden');
});

it('who holds no such role at the member is shown nothing, whatever it is elsewhere', async () => {
  const { number, id } = await parties.issued(document);
  assert.deepEqual(await parties.shown('seller', id), ABOUT);
  assert.deepEqual(await parties.shown('officer', id), ABOUT);
  assert.equal(await parties.shown('platform', id), 'none');
  // Whom another member assigns it to is nothing to those who hold it, and shows that one nothing.
  await parties.done('rival-fin', 'assign', { number, employee: 'ann' });
  assert.equal(await parties.shown('ann', id), 'forbidden');
  const [paid] = (await invoiceOf(number)).payments as unknown as string[];
  const payment = (await parties.query('payment', { id: paid })).transaction!;
  assert.ok((await parties.shown('platform', payment)).includes('reference'));
  assert.ok((await parties.shown('seller', payment)).includes('reference'));
  assert.equal(await parties.shown('fin', payment), 'none');
});

it('an assigned invoice is claimed by whom it is assigned to; who he is stands on no ledger', async () => {
  const { number } = await parties.issued(document);
  const free = await parties.issued(document);
  const assigned = await parties.done('fin', 'assign', { number, employee: 'bob' });
  const kept = await parties.network.values('buyer-co', assigned.id);
  assert.ok(kept && !(kept instanceof Rejected));
  const signed = Buffer.from(kept.transaction.bytes).toString('latin1');
  const fields = Object.keys(kept.transaction.body.args);
  assert.ok(!signed.includes('bob') && !fields.includes('employee') && fields.includes('number'));
  const both = await claiming([free.number, number]);
  assert.equal(
    (await parties.call('ann', 'claim', both)).end,
    'endorsement-refused assigned-to-another',
  );
  const { id: claim } = await parties.done('bob', 'claim', both);
  // Why he claims is for him and for finance.
  assert.deepEqual(await parties.shown('bob', claim), ['purpose']);
  assert.deepEqual(await parties.shown('fin', claim), ['purpose']);
  assert.equal(await parties.shown('ann', claim), 'forbidden');
  const refused = await parties.done('fin', 'refuse', { claim, reason: 'other' });
  assert.deepEqual(await parties.shown('bob', refused.id), ['reason']);
  assert.equal(await parties.shown('ann', refused.id), 'forbidden');
});

it('whoever is handed an invoice is handed what it hides, as its seller signed it', async () => {
  const { number, id } = await parties.issued(document, { to: undefined });
  const kept = await parties.network.values('corner-shop', id);
  assert.ok(kept && !(kept instanceof Rejected));
  const { to: _, ...shown } = revealedValues(kept.transaction.body.args, kept.disclosures);
  const deliver = { number, holding: id, to: 'other-shop' };
  const forged = { ...shown, gross: (shown.gross as number) + 1 };
  assert.equal(
    (await parties.call('seller', 'deliver', { ...deliver, document: forged })).end,
    'endorsement-refused not-the-document',
  );
  const { id: holding } = await parties.done('seller', 'deliver', { ...deliver, document: shown });
  assert.deepEqual(await parties.shown('rival-fin', holding), ['document', 'to']);
  assert.equal(await parties.shown('rival-fin', id), 'none');
  assert.equal(await parties.shown('rival-employee', holding), 'forbidden');
  await parties.done('rival-fin', 'assign', { number, employee: 'rival-employee' });
  assert.deepEqual(await parties.shown('rival-employee', holding), ['document', 'to']);
  // And on from there, though this member's node never had what was issued.
  const handed = await parties.network.values('other-shop', holding);
  assert.ok(handed && !(handed instanceof Rejected));
  const { document: again } = revealedValues(handed.transaction.body.args, handed.disclosures);
  await parties.done('rival-employee', 'deliver', {
    ...{ number, holding, to: 'buyer-co', document: again },
  });
});
