/**
 * The e-invoice case on hosted nodes: values that were planted in a payment and its invoice, and where they are found
 * afterwards. The member's own node gets them from the gateway; from there on nothing holds, logs or sends them in any
 * form that can be read, readers included: what they keep is sealed.
 */
import assert from 'node:assert/strict';
import { createHash, randomInt, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { GetItemCommand, ListTablesCommand, paginateScan } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListBucketsCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { functionName } from '../../functions/function-name.ts';
import { readFile, sendFile } from '../../node/attachment-transfer.ts';
import { call } from '../../node/gateway-call.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';
import { fuqiJson } from '../support/fuqi.ts';
import { legible } from '../support/legible.ts';
import { documentOf, lines } from '../workloads/invoice/market.ts';
import {
  CONSORTIUM,
  type FaultyConsortium,
  faultyConsortium,
  type Member,
} from './support/consortium.ts';
import { eventually } from './support/eventually.ts';

const [netCanary, grossCanary] = [87_654_321, 99_049_383];
const CANARIES = {
  reference: 'canary-wx-5f1c',
  payer: 'canary-payer-90aa',
  seller: 'canary shop 巷口便利店',
  buyer: 'canary buyer 购买方',
  taxId: '91440300CANARY7XYZ',
  line: 'canary tea 碧螺春',
  note: 'canary delivery note 送货单',
  net: String(netCanary),
  gross: String(grossCanary),
};
const document = documentOf(
  lines([netCanary, 1300]).map((line) => ({ ...line, description: CANARIES.line })),
  {
    seller: { name: CANARIES.seller, taxId: CANARIES.taxId },
    buyer: { name: CANARIES.buyer },
  },
);

let consortium: FaultyConsortium;
/** What functions sent and were answered, with who spoke to whom. */
const wire: { caller: string | undefined; invoked: string | undefined; bytes: Buffer }[] = [];
let payment: string;
let number: string;
let transaction: string;
/** Of two parts. */
const note = Buffer.alloc(LIMITS.attachmentPartBytes + 100_000, `${CANARIES.note}\n`);
let noteDigest: string;

const as = (name: string) => ({
  url: consortium.cloud.url,
  consortium: CONSORTIUM,
  key: consortium.cloud.ring.keys[name],
});
// biome-ignore lint/suspicious/noExplicitAny: answers of any shape.
const post = (name: string, route: string, body: object): Promise<any> =>
  call(as(name), route, { body: JSON.stringify(body) });
// biome-ignore lint/suspicious/noExplicitAny: answers of any shape.
const get = (name: string, route: string): Promise<any> => call(as(name), route);
const query = async (name: string, route: string) => (await get(name, route)).output;

/** What lies in the members' buckets. */
async function sealedObjects(): Promise<Uint8Array[]> {
  const client = consortium.s3;
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
  const found: Uint8Array[] = [];
  for (const { Name: Bucket } of Buckets.filter(({ Name }) => Name!.includes('attachments'))) {
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket })) {
      for (const { Key } of Contents) {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
        found.push(await Body!.transformToByteArray());
      }
    }
  }
  return found;
}

const canariesIn = (text: string): string[] => {
  const latin = (value: string) => Buffer.from(value).toString('latin1');
  return Object.values(CANARIES).filter(
    (canary) => text.includes(canary) || text.includes(latin(canary)),
  );
};

before(async () => {
  assert.equal(document.gross, grossCanary);
  consortium = await faultyConsortium({ baseTimeoutMs: 10_000 });
  consortium.proxy.heard = ({ caller, invoked, body }, reply) => {
    for (const bytes of [body, reply]) wire.push({ caller, invoked, bytes });
  };
});
after(() => consortium?.stop());

describe('a confidential invoice among hosted members', () => {
  it('goes from payment to claim', async () => {
    const merchant = 'corner-shop';
    const range = { from: '9'.padStart(20, '0'), to: '10'.padStart(20, '0') };
    await post('tax-bureau/officer', '/einvoices/allotments', { merchant, ...range });
    const limit = { merchant, currency: 'CNY', limit: 2 * grossCanary };
    await post('tax-bureau/officer', '/einvoices/credit-limits', limit);
    payment = randomUUID();
    await post('payment-platform/platform', '/einvoices/payments', {
      ...{ id: payment, payee: merchant, currency: 'CNY', amount: grossCanary },
      ...{ reference: CANARIES.reference, payer: CANARIES.payer },
    });
    const checkCode = Array.from({ length: 20 }, () => randomInt(10)).join('');
    const check = createHash('sha256').update(`${document.issuedOn} ${checkCode}`).digest('hex');
    const file = path.join(consortium.folder, 'canary-note.txt');
    writeFileSync(file, note);
    const attachment = await sendFile(as('corner-shop/seller'), file, { mediaType: 'text/plain' });
    noteDigest = attachment.digest;
    Object.assign(CANARIES, { noteKey: attachment.key });
    const invoice = {
      ...{ ...document, payments: [payment], check, checkCode, to: 'buyer-co' },
      attachments: [attachment],
    };
    const { output } = await post('corner-shop/seller', '/einvoices', invoice);
    number = output.number;
    const seen = await query('corner-shop/seller', `/einvoices/${number}`);
    ({ transaction } = seen);
    const invoices = [{ number, holding: seen.holding }];
    await post('buyer-co/employee', '/einvoices/claims', { invoices, purpose: 'meals' });
    const asked = `issuedOn=${document.issuedOn}&code=${checkCode}`;
    assert.deepEqual(await query('buyer-co/finance', `/einvoices/${number}/check?${asked}`), {
      result: 'valid',
    });
  });

  it('is read by its parties and the bureau, each from its own node, and by no other', async () => {
    const values = (name: string, of = transaction) => get(name, `/transactions/${of}/values`);
    for (const reader of ['tax-bureau/admin', 'corner-shop/admin', 'buyer-co/admin']) {
      const { fields } = await values(reader);
      assert.equal(fields.gross, grossCanary, reader);
      assert.equal(fields.buyer.name, CANARIES.buyer);
    }
    await assert.rejects(values('payment-platform/admin'), /404/);
    const { transaction: paid } = await query(
      'corner-shop/seller',
      `/einvoices/payments/${payment}`,
    );
    assert.equal((await values('payment-platform/admin', paid)).fields.payer, CANARIES.payer);
    await assert.rejects(values('buyer-co/admin', paid), /404/);

    const issued = (name: string) =>
      get(name, '/events?from=1&limit=1000&shown=true&type=einvoice.issued');
    for (const reader of ['tax-bureau/admin', 'corner-shop/seller', 'buyer-co/admin']) {
      const [event, ...more] = await issued(reader);
      assert.deepEqual([event?.subject, more], [transaction, []], reader);
    }
    for (const name of ['payment-platform/admin', 'buyer-co/employee']) {
      assert.deepEqual(await issued(name), [], name);
    }
  });

  it('has a file that comes to its holder’s node by itself, and is read there', async () => {
    const read = async (name: string, out: string): Promise<Buffer> => {
      const file = path.join(consortium.folder, out);
      await readFile(as(name), { transaction, digest: noteDigest, out: file });
      return readFileSync(file);
    };
    assert.ok((await read('corner-shop/seller', 'sellers.txt')).equals(note));
    const objects = async (): Promise<number> => (await sealedObjects()).length;
    // The seller's and the buyer's, of two parts each.
    await eventually(async () => (await objects()) === 4, 120_000);
    assert.ok((await read('buyer-co/admin', 'buyers.txt')).equals(note));
    for (const name of ['tax-bureau/admin', 'payment-platform/admin']) {
      await assert.rejects(read(name, 'theirs.txt'), /404/);
    }
  });

  it('leaves its values in no table, bucket, log or message that could be read', async () => {
    assert.ok(wire.length > 100, 'the wire is looked at');
    const own = functionName(CONSORTIUM, 'corner-shop', 'client');
    // The gateway hands a body to the caller's own node unparsed: that is where it is split.
    const handed = wire.filter(({ invoked }) => invoked === own);
    const onTheWay = wire.filter(({ caller }) => !caller?.includes('-Gateway'));
    const legibleOf = (part: typeof wire) => part.map(({ bytes }) => legible(bytes, 2)).join('\n');
    assert.ok(canariesIn(legibleOf(handed)).includes(CANARIES.line), 'the search finds them');
    assert.deepEqual(canariesIn(legibleOf(onTheWay)), []);
    const log = readFileSync(path.join(consortium.folder, 'cloud/emulator.log'));
    assert.deepEqual(canariesIn(legible(log, 1)), []);
    const client = consortium.dynamodb;
    const { TableNames = [] } = await client.send(new ListTablesCommand({}));
    const kept: string[] = [];
    for (const TableName of TableNames) {
      for await (const { Items = [] } of paginateScan({ client }, { TableName })) {
        for (const { S, B, N } of Items.flatMap((item) => Object.values(item))) {
          kept.push(S ?? N ?? legible(B ?? new Uint8Array(), 2));
        }
      }
    }
    assert.ok(kept.join('\n').includes(number), 'the tables are looked at');
    for (const bytes of await sealedObjects()) kept.push(legible(bytes, 1));
    assert.deepEqual(canariesIn(kept.join('\n')), []);
  });

  it('is listed by one command: the bureau holds all, each party its own, the platform its payment', async () => {
    const home = path.join(consortium.folder, 'home');
    const { nodes } = (await fuqiJson(
      ...['holdings', '--consortium', CONSORTIUM, '--home', home],
    )) as { nodes: { member: Member; holds: { method: string; own: boolean }[] }[] };
    const held = Object.fromEntries(
      nodes.map(({ member, holds }) => [
        member,
        holds.map(({ method, own }) => `${own ? 'own ' : ''}${method}`).sort(),
      ]),
    );
    assert.deepEqual(held, {
      'tax-bureau': [
        ...['einvoice.claim', 'einvoice.issue', 'einvoice.recordPayment'],
        'own einvoice.setCreditLimit',
      ],
      'payment-platform': ['own einvoice.recordPayment'],
      'corner-shop': [
        ...['einvoice.recordPayment', 'einvoice.setCreditLimit', 'own einvoice.issue'],
      ],
      'buyer-co': ['einvoice.issue', 'own einvoice.claim'],
    });
  });

  it('is kept through a rotation of a vault’s key, which leaves nothing of the old one', async () => {
    const items = consortium.dynamodb;
    const TableName = consortium.tableOf('buyer-co');
    const Key = { p: { S: 'config#vault-keys' }, s: { S: '-' } };
    const begun = await post('buyer-co/admin', '/vault/rotation', {});
    assert.equal(begun.state, 'prepared');
    await assert.rejects(post('buyer-co/finance', '/vault/rotation', {}), /403/);
    const { state, keyId } = await fuqiJson(
      ...['rotate-vault', '--url', consortium.cloud.url, '--consortium', CONSORTIUM],
      ...['--key', consortium.cloud.ring.keys['buyer-co/admin']!],
    );
    assert.deepEqual([state, keyId], ['done', begun.keyId]);
    const { Item } = await items.send(new GetItemCommand({ TableName, Key }));
    assert.equal(JSON.parse(Item!.j!.S!).keys.length, 1);
    const values = await get('buyer-co/admin', `/transactions/${transaction}/values`);
    assert.equal(values.fields.gross, grossCanary);
    const out = path.join(consortium.folder, 'after.txt');
    await readFile(as('buyer-co/admin'), { transaction, digest: noteDigest, out });
    assert.ok(readFileSync(out).equals(note));
    // What others send from now on is for the new key.
    const seen = await query('buyer-co/employee', `/einvoices/${number}`);
    const { claim } = seen;
    await post('buyer-co/employee', `/einvoices/claims/${claim}/withdraw`, {});
    const invoices = [{ number, holding: seen.holding }];
    await post('buyer-co/employee', '/einvoices/claims', { invoices, purpose: 'travel' });
    const again = await post('buyer-co/admin', '/vault/rotation', {});
    assert.equal(again.state, 'prepared');
    assert.notEqual(again.keyId, keyId);
  });
});
