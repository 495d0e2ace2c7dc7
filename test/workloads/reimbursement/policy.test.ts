/** An employer's rules for claims: what passes without a look, and why something does not. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  type ClaimedInvoice,
  type ClaimToDecide,
  PolicySchema,
  reasonsToAsk,
} from '../../../workloads/reimbursement/policy.ts';

const policy = PolicySchema.parse({
  most: { CNY: { claim: 50_000, month: 100_000 }, EUR: { claim: 10_000, month: 10_000 } },
  purposes: ['travel', 'meals'],
  daysMax: 90,
  sellersExcluded: ['own-shop'],
  codesExcluded: ['103'],
});
const known = { issuedOn: '2026-11-01', gross: 20_000, codes: ['3070401000000000000'] };
const invoice = (more: Partial<ClaimedInvoice> = {}, of: Partial<typeof known> = {}) => ({
  ...{ number: '1', seller: 'corner-shop', currency: 'CNY', known: { ...known, ...of }, ...more },
});
const ask = (invoices: readonly ClaimedInvoice[], more: Partial<ClaimToDecide> = {}) =>
  reasonsToAsk(policy, {
    ...{ at: Date.parse('2026-11-27T08:00:00Z'), purpose: 'meals', invoices, spent: {}, ...more },
  });

it('approves what it covers, up to its bounds', () => {
  assert.deepEqual(ask([invoice(), invoice({ number: '2' }, { gross: 30_000 })]), []);
  assert.deepEqual(ask([invoice()], { spent: { CNY: 80_000 } }), []);
  assert.deepEqual(ask([invoice({}, { issuedOn: '2026-08-30' })]), []);
});

it('asks about anything else, and says why', () => {
  const cases: [reasons: string[], invoices: ClaimedInvoice[], more?: Partial<ClaimToDecide>][] = [
    [['purpose'], [invoice()], { purpose: 'goods' }],
    [['purpose'], [invoice()], { purpose: undefined }],
    [['unknown 1'], [invoice({ known: undefined })]],
    [['seller 1'], [invoice({ seller: 'own-shop' })]],
    [['code 1'], [invoice({}, { codes: ['307', '1030306000000000000'] })]],
    [['old 1'], [invoice({}, { issuedOn: '2026-08-28' })]],
    [['currency USD'], [invoice({ currency: 'USD' })]],
    [['claim CNY'], [invoice({}, { gross: 50_001 })]],
    [['claim CNY'], [invoice({}, { gross: 30_000 }), invoice({ number: '2' }, { gross: 20_001 })]],
    [['month CNY'], [invoice()], { spent: { CNY: 80_001 } }],
    [
      ['month EUR'],
      [invoice(), invoice({ currency: 'EUR' }, { gross: 1 })],
      { spent: { EUR: 10_000 } },
    ],
    [
      ['purpose', 'seller 1', 'old 1'],
      [invoice({ seller: 'own-shop' }, { issuedOn: '2025-01-01' })],
      { purpose: 'other' },
    ],
  ];
  for (const [reasons, invoices, more] of cases) assert.deepEqual(ask(invoices, more), reasons);
});
