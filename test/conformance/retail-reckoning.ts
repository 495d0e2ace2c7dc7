/** What has to hold when the import is done and all is quiet: held against the file, not against the importer. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Value } from '../../shared/bytes/cbor.ts';
import { ledgerId } from '../../shared/ledger/genesis.ts';
import { verifyReceipt } from '../../shared/proof/verify.ts';
import { fuqi, fuqiJson } from '../support/fuqi.ts';
import { MEMBERS, type RetailConsortium } from './retail-consortium.ts';
import type { Faults } from './retail-faults.ts';
import { retailTotals } from './retail-file.ts';

/** A committed transaction as its receipt proves it. */
interface Proven {
  readonly id: string;
  readonly method: string;
  // biome-ignore lint/suspicious/noExplicitAny: arguments of any method.
  readonly args: any;
  readonly output: Value;
  readonly signers: readonly string[];
}

/** Exports a member's transactions, has the real verifier check every receipt, and answers the committed ones. */
async function exported(
  { home, layout }: RetailConsortium,
  identity: string,
): Promise<{ readonly receipts: number; readonly committed: readonly Proven[] }> {
  const out = path.join(home, `export-${identity.replace('/', '-')}`);
  const { receipts } = await fuqiJson('export', '--out', out, '--as', identity, '--home', home);
  const file = path.join(out, 'receipts.jsonl');
  const verified = await fuqi('verify', file, '--genesis', layout.genesis, '--json');
  const { verdict, proofs, wrong } = JSON.parse(verified.stdout);
  assert.deepEqual([verified.code, verdict, proofs, wrong], [0, 'VALID', receipts, undefined]);
  const ledger = ledgerId(JSON.parse(readFileSync(layout.genesis, 'utf8')));
  const committed: Proven[] = [];
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const receipt = verifyReceipt(JSON.parse(line), ledger);
    assert.ok(receipt.verdict === 'VALID');
    const { transaction, result, block } = receipt;
    if (result.status !== 'committed') continue;
    const { method, args } = transaction.body;
    committed.push({
      ...{ id: transaction.id, method, args, output: result.output },
      signers: block.signers,
    });
  }
  return { receipts, committed };
}

const sum = (amounts: readonly number[]): number => amounts.reduce((a, b) => a + b, 0);

/** Checks everything; answers figures for whoever reads the test's output. */
export async function reckon(
  file: string,
  { consortium, meanwhile, timesFull, timesKilled }: Faults,
) {
  await consortium.untilLevel();
  const { documents, total } = retailTotals(file);

  // The contract's own sums, as each node has them.
  const key = consortium.keyOf('corner-shop/seller');
  const totals = await consortium.ask('corner-shop', '/totals?seller=corner-shop', key);
  const { output } = (await totals.json()) as {
    output: { sums: { currency: string; total: number }[] };
  };
  assert.equal(output.sums.find(({ currency }) => currency === 'GBP')?.total, total);

  // Nothing twice, nothing missing: every document of the file that is over something.
  const seller = await exported(consortium, 'corner-shop/admin');
  const platform = await exported(consortium, 'payment-platform/admin');
  const issued = seller.committed.filter(({ method }) => method === 'issue');
  const sales = [...documents].filter(([, pence]) => pence > 0);
  const onLedger = issued.map(({ args }) => [args.document.externalId, args.document.gross]);
  assert.deepEqual(onLedger.sort(), sales.sort());
  const paid = platform.committed.filter(({ args }) => args.currency === 'GBP');
  const payments = paid.map(({ args }) => [args.reference.split('.')[0], args.amount]);
  assert.deepEqual(payments.sort(), sales.sort());
  const reversed = seller.committed.filter(({ method }) => method === 'reverse');
  const credited = seller.committed.filter(({ method }) => method === 'credit');
  const notes = [...reversed, ...credited].map(
    ({ output: note }) => (note as { gross: number }).gross,
  );
  assert.equal(sum(onLedger.map(([, gross]) => gross)) + sum(notes), total);
  const numbers = [...issued, ...reversed, ...credited].map(({ method, output: one }) => {
    const { number, note } = one as { number: string; note: string };
    return method === 'reverse' ? note : number;
  });
  assert.equal(new Set(numbers).size, numbers.length, 'every number was taken once');

  // One history.
  const heads = await Promise.all(
    MEMBERS.map(async (member) => {
      const response = await consortium.ask(member, '/blocks?limit=1');
      const { blocks } = (await response.json()) as {
        blocks: { height: number; id: string; header: { stateRoot: string } }[];
      };
      const [{ height, id, header }] = blocks as [(typeof blocks)[number]];
      return JSON.stringify([height, id, header.stateRoot]);
    }),
  );
  assert.equal(new Set(heads).size, 1, heads.join('\n'));
  assert.match(heads[0]!, /^\[\d+,"[0-9a-f]{64}","[0-9a-f]{64}"\]$/);

  // Who could store nothing signed nothing; it said why once each time, and nobody signed twice.
  for (const { id, full } of meanwhile) {
    const proven = platform.committed.find((one) => one.id === id);
    assert.ok(
      proven,
      `the payment ${id}, acknowledged while the disk of ${full} was full, is there`,
    );
    assert.ok(!proven.signers.includes(full), `${full} signed while its disk was full`);
  }
  for (const member of MEMBERS) {
    const log = consortium.logOf(member);
    const said = log.split('"msg":"store-unwritable"').length - 1;
    const times = timesFull.get(member) ?? 0;
    const least = times - (timesKilled.get(member) ?? 0);
    const sentence = `${member} said ${said} times that its disk is full, which it was ${times} times`;
    assert.ok(least <= said && said <= times, sentence);
    assert.doesNotMatch(log, /double-signed|fault in the background|is damaged/);
  }
  return {
    ...{
      pence: total,
      receipts: seller.receipts + platform.receipts,
      head: JSON.parse(heads[0]!)[0],
    },
    ...{ invoices: issued.length, reversals: reversed.length, creditNotes: credited.length },
  };
}
