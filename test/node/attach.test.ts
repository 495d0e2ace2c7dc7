/** `fuqi attach` and `fuqi attachment` on a real consortium: receipts of a claim, which are the employer's own affair. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { EInvoiceProcesses } from '../support/einvoice-processes.ts';
import { fuqi, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PORT = 18_870;
// Of three parts.
const SIZE = 5_000_000;

describe('a claim with receipts', () => {
  const folder = temporaryFolder();
  const receipt = path.join(folder, 'receipt.jpg');
  const bytes = randomBytes(SIZE);
  for (const at of [0, 3_000_000]) bytes.write('canary-receipt', at);
  let market: EInvoiceProcesses;
  let claim = '';
  let digest = '';

  const download = (who: string, name: string) =>
    fuqi('attachment', claim, digest, '--out', path.join(folder, name), '--as', who, ...market.own);

  before(async () => {
    market = await EInvoiceProcesses.up(PORT, 1_000_000);
    writeFileSync(receipt, bytes);
  });
  after(() => market.down());

  it('is made with what the upload answered', async () => {
    const { number, transaction } = await market.issued(11_300);
    const sent = await fuqiJson(
      ...['attach', receipt, '--type', 'image/jpeg', '--as', 'buyer-co/employee', ...market.own],
    );
    const { attachment } = sent as { attachment: { digest: string; name: string; size: number } };
    assert.deepEqual([attachment.name, attachment.size], ['receipt.jpg', SIZE]);
    const claimed = await market.post('buyer-co/employee', '/einvoices/claims', {
      invoices: [{ number, holding: transaction }],
      purpose: 'travel',
      attachments: [attachment],
    });
    claim = claimed.id;
    digest = attachment.digest;
  });

  it('shows them to whoever claimed and to finance, byte for byte', async () => {
    for (const who of ['employee', 'finance', 'admin']) {
      const { code, stderr } = await download(`buyer-co/${who}`, `${who}.jpg`);
      assert.equal(code, 0, stderr);
      const read = readFileSync(path.join(folder, `${who}.jpg`));
      assert.ok(read.equals(bytes), `${who} got another file`);
    }
    const again = await download('buyer-co/finance', 'finance.jpg');
    assert.match(again.stderr, /finance\.jpg can't be made/);
  });

  it('shows them to nobody else, the tax bureau included', async () => {
    for (const who of ['tax-bureau/officer', 'tax-bureau/admin', 'corner-shop/seller']) {
      const refused = await download(who, 'theirs.jpg');
      assert.match(refused.stderr, /404 Not found/, who);
      assert.ok(!existsSync(path.join(folder, 'theirs.jpg')));
    }
    const values = await market.get('tax-bureau/admin', `/transactions/${claim}/values`);
    assert.deepEqual(Object.keys((values as unknown as { fields: object }).fields), ['purpose']);
  });

  it('leaves nothing of them in clear in any file of any node', () => {
    const files = readdirSync(market.home, { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isFile(),
    );
    const places = files.map(({ parentPath, name }) => path.join(parentPath, name));
    assert.ok(
      places.filter((file) => file.endsWith('data.mdb')).length >= 4,
      'stores are looked at',
    );
    const found = places.filter((file) => readFileSync(file).includes('canary-receipt'));
    assert.deepEqual(found, []);
  });

  it('keeps them over a start of the nodes', async () => {
    await market.down();
    await fuqiJson('up', '--port', `${PORT}`, ...market.own);
    assert.equal((await download('buyer-co/finance', 'later.jpg')).code, 0);
    assert.ok(readFileSync(path.join(folder, 'later.jpg')).equals(bytes));
  });
});
