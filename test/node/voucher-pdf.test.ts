/** Printed vouchers: as many pages as their lines take, whatever characters stand in them. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pdfOf } from '../../node/vouchers/pdf.ts';
import type { Voucher } from '../../workloads/einvoice-vouchers/voucher.ts';
import { documentOf } from '../workloads/invoice/market.ts';

const voucher = (count: number, description: string): Voucher => ({
  ...{ number: '0'.repeat(20), kind: 'invoice', status: 'issued', checkCode: '1'.repeat(20) },
  ...{ seller: 'corner-shop', transaction: 'a'.repeat(64), issuedAt: Date.UTC(2026, 2, 1) },
  document: documentOf(
    Array.from({ length: count }, () => ({ description, net: 100, rateBp: 1300, tax: 13 })),
  ),
});
const pagesOf = async (of: Voucher): Promise<number> => {
  const file = Buffer.from(await pdfOf(of, 'https://gate.example')).toString('latin1');
  assert.ok(file.startsWith('%PDF-') && file.trimEnd().endsWith('%%EOF'));
  return file.match(/\/Type \/Page\b/g)!.length;
};

it('is on one page, or on as many as it has lines for', async () => {
  assert.equal(await pagesOf(voucher(3, '绿茶')), 1);
  assert.equal(await pagesOf(voucher(60, '绿茶')), 2);
  // The longest text that a line may have, and characters that no font has.
  assert.equal(await pagesOf(voucher(3, '茶'.repeat(500))), 3);
  assert.equal(await pagesOf(voucher(1, 'ő 𠮷 \u0001 \u{1f600}')), 1);
});
