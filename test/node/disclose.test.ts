/** From a holder's receipt and values to a file that proves one field to a stranger. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { splitArguments } from '../../shared/contract/confidential.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { deal, dealCatalog } from '../support/deal-contract.ts';
import { fuqi, fuqiJson } from '../support/fuqi.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const at = (name: string): string => path.join(folder, name);
const write = (name: string, content: unknown): void =>
  writeFileSync(at(name), JSON.stringify(content));
const CALL = { deal: 'd-1', buyer: 'canary-buyer', price: 250_00, remark: 'canary-remark' };
let network: LocalNetwork;

describe('fuqi disclose', () => {
  before(async () => {
    network = await LocalNetwork.open({ members: ['alpha'], catalog: dealCatalog });
    const { input } = deal.transactions.make!;
    const { args, disclosures } = splitArguments(input, CALL, () => randomBytes(16));
    const transaction = parseTransaction(network.signed('alpha/admin', 'deal', 'make', args));
    assert.ok(!(transaction instanceof Rejected));
    await network.service('alpha').submit(transaction, 5000);
    write('receipt.json', await network.service('alpha').receipt(transaction.id));
    const texts = disclosures.map(({ text }) => text);
    write('values.json', {
      format: 'fuqi-values-1',
      transaction: transaction.id,
      disclosures: texts,
    });
  });
  after(() => network.close());

  const disclose = (fields: string, out: string, values = 'values.json') =>
    fuqi(
      ...['disclose', at('receipt.json'), '--values', at(values)],
      ...['--fields', fields, '--out', at(out)],
    );

  it('writes a file that proves the chosen field, and holds no other', async () => {
    const { code, stdout } = await disclose('price', 'price.json');
    assert.equal(code, 0);
    assert.match(stdout, /price\.json: price\ncheck it with: npx fuqi verify/);
    const { ledger } = network;
    const proven = await fuqiJson('verify', at('price.json'), '--ledger', ledger);
    assert.deepEqual(
      [proven.verdict, proven.contract, proven.status, proven.disclosed, proven.undisclosed],
      ['VALID', 'deal', 'committed', { price: 250_00 }, 2],
    );
    const text = readFileSync(at('price.json'), 'utf8');
    const texts = JSON.parse(text).disclosures.map((d: string) => Buffer.from(d, 'base64url'));
    assert.ok(!`${text}${texts}`.includes('canary'));
    const said = await fuqi('verify', at('price.json'), '--ledger', ledger);
    assert.match(said.stdout, /^VALID [\s\S]*disclosed +\{"price":25000\}\n +undisclosed +2\n/);
  });

  it('takes several fields; verify refuses them for another ledger, or once one is changed', async () => {
    assert.equal((await disclose('buyer,remark', 'two.json')).code, 0);
    const { ledger } = network;
    const proven = await fuqiJson('verify', at('two.json'), '--ledger', ledger);
    assert.deepEqual(proven.disclosed, { buyer: CALL.buyer, remark: CALL.remark });
    assert.equal((await fuqi('verify', at('two.json'), '--ledger', 'ab'.repeat(32))).code, 1);
    const file = JSON.parse(readFileSync(at('two.json'), 'utf8'));
    const [salt, name] = JSON.parse(Buffer.from(file.disclosures[0], 'base64url').toString());
    const forged = Buffer.from(JSON.stringify([salt, name, 'somebody else'])).toString('base64url');
    write('forged.json', { ...file, disclosures: [forged] });
    const refused = await fuqi('verify', at('forged.json'), '--ledger', ledger);
    assert.equal(refused.code, 1);
    assert.match(
      refused.stdout,
      /^INVALID .*\n +reason +a disclosure that is not of this transaction/,
    );
  });

  it('says what is wrong in a sentence, and repeats no value', async () => {
    write('other.json', { format: 'fuqi-values-1', transaction: '0'.repeat(64), disclosures: [] });
    const values = JSON.parse(readFileSync(at('values.json'), 'utf8'));
    write('spoilt.json', { ...values, disclosures: [...values.disclosures, 'e30'] });
    for (const [fields, file, sentence] of [
      ['amount', 'values.json', /There is no value of "amount"; there are buyer, price, remark\./],
      ['price', 'other.json', /The values are of another transaction than the receipt\./],
      ['price', 'spoilt.json', /The file of values holds a disclosure that is no list/],
      ['price', 'receipt.json', /file of values/],
    ] as const) {
      const { code, stderr } = await disclose(fields, 'none.json', file);
      assert.equal(code, 1);
      assert.match(stderr, sentence);
      assert.ok(!stderr.includes('canary'));
    }
    await disclose('price', 'once.json');
    assert.match((await disclose('buyer', 'once.json')).stderr, /once\.json is there already\./);
  });
});
