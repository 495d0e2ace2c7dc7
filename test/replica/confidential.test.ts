/** A deal among four members, of which nobody but its parties learns more than that it was made. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { memoryStores } from '../../node/memory/stores.ts';
import { toBase64Url, utf8 } from '../../shared/bytes/text.ts';
import { splitArguments } from '../../shared/contract/confidential.ts';
import type { Disclosure } from '../../shared/ledger/disclosure.ts';
import type { Receipt } from '../../shared/ledger/receipt.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { verifyDisclosure } from '../../shared/proof/verify-disclosure.ts';
import { deal, dealCatalog } from '../support/deal-contract.ts';
import { legible } from '../support/legible.ts';
import { LocalNetwork } from '../support/local-network.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const CANARIES = { buyer: 'canary-buyer-5f1c', price: 987_613, remark: 'canary remark 77ab' };
const { input } = deal.transactions.make!;

let network: LocalNetwork;
let receipt: Receipt;
let disclosures: readonly Disclosure[];
const sent: Uint8Array[] = [];
const kept = MEMBERS.map(() => ({
  records: new Map(),
  blocks: new Map(),
  versions: new Map(),
  items: new Map(),
  held: new Map(),
}));

/** All bytes in a structure of maps, lists and objects. */
function* bytesIn(part: unknown): Generator<Uint8Array> {
  if (part instanceof Uint8Array) yield part;
  else if (part instanceof Map) for (const entry of part) yield* bytesIn(entry);
  else if (typeof part === 'string') yield utf8(part);
  else if (typeof part === 'object' && part)
    for (const value of Object.values(part)) yield* bytesIn(value);
}

const canariesIn = (texts: readonly string[]): string[] =>
  Object.values(CANARIES)
    .map(String)
    .filter((canary) => texts.some((text) => text.includes(canary)));

const submit = async (args: Parameters<LocalNetwork['signed']>[3]) => {
  const parsed = parseTransaction(network.signed('alpha/admin', 'deal', 'make', args));
  assert.ok(!(parsed instanceof Rejected));
  return network.service('alpha').submit(parsed, 5000);
};

describe('a transaction with confidential fields', () => {
  before(async () => {
    network = new LocalNetwork({ members: MEMBERS, catalog: dealCatalog });
    for (const [index, member] of MEMBERS.entries()) {
      network.useStores(member, memoryStores(kept[index]));
      await network.start(member);
    }
    network.answer = (_from, _to, request, reply) => {
      sent.push(request, reply);
      return reply;
    };
    const split = splitArguments(input, { deal: 'd-1', note: 'open', ...CANARIES }, () =>
      randomBytes(16),
    );
    disclosures = split.disclosures;
    const status = await submit(split.args);
    assert.ok(!(status instanceof Rejected));
    assert.equal(status.status, 'committed');
    receipt = (await network.service('alpha').receipt(status.id))!;
  });
  after(() => network.close());

  it('is committed by all; no store and no message holds a confidential value, in any coding', async () => {
    const texts = sent.map((bytes) => legible(bytes));
    assert.ok(
      texts.some((text) => text.includes('d-1')),
      'the wire is looked at',
    );
    for (const stores of kept) {
      const held = [...bytesIn(stores)].map((bytes) => legible(bytes));
      assert.ok(
        held.some((text) => text.includes('d-1')),
        'the store is looked at',
      );
      texts.push(...held);
    }
    assert.deepEqual(canariesIn(texts), []);
    // The search would find them: in the disclosures, in clear and as they are handed on.
    const shown = disclosures.map(({ text }) => legible(utf8(text)));
    assert.equal(canariesIn(shown).length, 3);
  });

  it('shows its contract the public fields only', async () => {
    const { replica } = network.node('beta');
    const found = await replica.final.read('deal/deal/d-1');
    const text = Buffer.from(found!).toString('latin1');
    assert.ok(text.includes('note') && !text.includes('price') && !text.includes('_sd'));
  });

  const fileWith = (...names: string[]) => ({
    format: 'fuqi-disclosure-1',
    receipt,
    disclosures: disclosures.filter(({ name }) => names.includes(name)).map(({ text }) => text),
  });

  it('is proven to anybody with the fields that a holder chose, and no others', () => {
    const file = fileWith('price');
    const proven = verifyDisclosure(file, network.ledger);
    assert.equal(proven.verdict, 'VALID');
    assert.deepEqual([...proven.fields], [['price', CANARIES.price]]);
    assert.equal(proven.digests, 3);
    assert.equal(proven.result.status, 'committed');
    assert.deepEqual(proven.transaction.body.args.note, 'open');
    const { buyer, remark } = CANARIES;
    const text = legible(utf8(JSON.stringify(file)));
    assert.ok(!text.includes(buyer) && !text.includes(remark));
    const none = verifyDisclosure(fileWith(), network.ledger);
    assert.equal(none.verdict, 'VALID');
    assert.equal(none.fields.size, 0);
  });

  it('is an SD-JWT with its disclosures: what stands in it is how RFC 9901 has it', () => {
    const [signature] = receipt.transaction.jws.signatures;
    const issued = [signature!.protected, receipt.transaction.jws.payload, signature!.signature];
    const presented = [issued.join('.'), ...fileWith('buyer', 'remark').disclosures, ''].join('~');
    assert.match(presented, /^[\w-]+\.[\w-]+\.[\w-]+~[\w-]+~[\w-]+~$/);
    const payload = JSON.parse(
      Buffer.from(receipt.transaction.jws.payload, 'base64url').toString(),
    );
    assert.equal(payload._sd_alg, undefined, 'SHA-256 is what it is without being said');
    assert.deepEqual(payload.args._sd, disclosures.map(({ digest }) => digest).sort());
  });

  const other = (text: string): string => {
    const [salt, name, value] = JSON.parse(Buffer.from(text, 'base64url').toString());
    return toBase64Url(
      utf8(JSON.stringify([salt, name, typeof value === 'number' ? value + 1 : 'x'])),
    );
  };
  const wrong: readonly (readonly [string, string, () => unknown])[] = [
    [
      'another value',
      'INVALID',
      () => ({ ...fileWith(), disclosures: [other(fileWith('price').disclosures[0]!)] }),
    ],
    [
      'the same one twice',
      'INVALID',
      () => ({ ...fileWith(), disclosures: [0, 1].flatMap(() => fileWith('price').disclosures) }),
    ],
    ['a text that is none', 'INVALID', () => ({ ...fileWith(), disclosures: ['e30'] })],
    ['no receipt', 'ERROR', () => ({ ...fileWith('price'), receipt: undefined })],
    ['no disclosures', 'ERROR', () => ({ ...fileWith('price'), disclosures: undefined })],
    [
      'a changed receipt',
      'INVALID',
      () => ({
        ...fileWith('price'),
        receipt: { ...receipt, transaction: { ...receipt.transaction, id: 'f'.repeat(64) } },
      }),
    ],
  ];
  for (const [what, verdict, file] of wrong) {
    it(`is not proven by a file with ${what}`, () => {
      const checked = verifyDisclosure(file(), network.ledger);
      assert.equal(checked.verdict, verdict);
      assert.deepEqual(canariesIn([JSON.stringify(checked)]), []);
    });
  }

  it('is refused with a value in clear before it takes room in a block, and the refusal does not repeat it', async () => {
    const { args } = splitArguments(input, { deal: 'd-2', ...CANARIES }, () => randomBytes(16));
    for (const call of [
      { ...args, price: CANARIES.price },
      { deal: 'd-2', ...CANARIES },
    ]) {
      const refused = await submit(call);
      assert.ok(refused instanceof Rejected);
      assert.equal(refused.rejection.code, 'invalid-arguments');
      assert.deepEqual(canariesIn([JSON.stringify(refused.rejection)]), []);
    }
  });
});
