/** Confidential values on their way to their readers: who gets which, when, and what is refused. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { encryptTo } from '../../node/vault/envelope.ts';
import { vaultKeyOf } from '../../node/vault/vault-key.ts';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { fromUtf8, utf8 } from '../../shared/bytes/text.ts';
import { decodeReply, decodeRequest, encodeRequest } from '../../shared/consensus/message.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { splitArguments } from '../../shared/contract/confidential.ts';
import { makeDisclosure, revealed } from '../../shared/ledger/disclosure.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import type { KeptValues } from '../../shared/ports/value-keeper.ts';
import { BadMessage } from '../../shared/replica/bad-message.ts';
import { standingOf } from '../../shared/replica/tell.ts';
import { deal, dealCatalog } from '../support/deal-contract.ts';
import { governedCatalog } from '../support/governed.ts';
import { LocalNetwork, testKey } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const all = catalog([...governedCatalog.entries, ...dealCatalog.entries]);
// alpha sells to beta, delta audits, gamma is nobody in this.
const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const IDENTITIES = [
  { member: 'alpha', name: 'clerk', roles: [] },
  { member: 'delta', name: 'auditor', roles: ['deal.auditor'] },
];
const VALUES = { buyer: 'beta', price: 987_613, remark: 'canary-remark' };

let network: LocalNetwork;
let sent: Uint8Array[] = [];
/** Deliveries that failed. */
let missed = 0;

const make = (
  name: string,
  nonce?: string,
  method = 'make',
  args: Record<string, string | number> = VALUES,
) =>
  network.service('alpha').submitCustodial(
    'clerk',
    {
      contract: 'deal',
      method,
      args: { deal: name, ...args },
      ...(nonce !== undefined && { nonce }),
    },
    10_000,
  );

async function fieldsAt(member: string, id: Digest): Promise<object | undefined> {
  const kept = await network.vaultOf(member).read(id);
  if (!kept) return undefined;
  const fields = [...revealed(kept.transaction.body.args, kept.disclosures)];
  return Object.fromEntries(fields.map(([name, { value }]) => [name, value]));
}

const committed = (outcome: Awaited<ReturnType<typeof make>>): Digest => {
  assert.ok(!(outcome instanceof Rejected), JSON.stringify(outcome));
  assert.equal(outcome.status, 'committed');
  return outcome.id;
};

describe('confidential values', () => {
  beforeEach(async () => {
    sent = [];
    missed = 0;
    network = await LocalNetwork.open({
      ...{ members: MEMBERS, catalog: all, identities: IDENTITIES, vaults: true },
      log: (_member, event) => {
        if (event === 'values-not-delivered') missed++;
      },
    });
    network.answer = (_from, _to, request, reply) => {
      sent.push(request, reply);
      return reply;
    };
  });
  afterEach(() => network.close());

  it('are with their readers before the transaction is proposed, and with nobody else', async () => {
    const id = committed(await make('d-1'));
    for (const member of ['alpha', 'beta', 'delta']) {
      assert.deepEqual(await fieldsAt(member, id), VALUES);
    }
    assert.equal(await fieldsAt('gamma', id), undefined);
    assert.equal(network.vaultEntries('gamma').size, 0);
    assert.deepEqual(await network.vaultOf('alpha').deliveries({ limit: 9 }), []);
    const wire = sent.map((bytes) => Buffer.from(bytes).toString('latin1')).join('\n');
    assert.ok(wire.includes('values') && !wire.includes('canary') && !wire.includes('987613'));
    const rested = MEMBERS.flatMap((member) => [...network.vaultEntries(member).values()]);
    assert.ok(
      !rested
        .map((bytes) => Buffer.from(bytes).toString('latin1'))
        .join()
        .includes('canary'),
    );
  });

  it('go to each reader as far as it reads', async () => {
    const { buyer, price } = VALUES;
    const id = committed(await make('d-1', undefined, 'offer', { buyer, price }));
    await until(async () => (await fieldsAt('beta', id)) !== undefined);
    await until(async () => (await fieldsAt('delta', id)) !== undefined);
    assert.deepEqual(await fieldsAt('beta', id), { buyer });
    assert.deepEqual(await fieldsAt('delta', id), { buyer, price });
  });

  it('hold a transaction up while a reader is out of reach; the same call goes on from there', async () => {
    network.cut('alpha', 'beta');
    const refused = await make('d-1', 'once');
    assert.ok(refused instanceof Rejected);
    assert.equal(refused.rejection.code, 'reader-unavailable');
    // Who reads is confidential, too.
    assert.ok(!JSON.stringify(refused.rejection).includes('beta'));
    const [due] = await network.vaultOf('alpha').deliveries({ limit: 9 });
    // Nor does it stand in the vault's store.
    const rested = [...network.vaultEntries('alpha')].map(
      ([name, bytes]) => `${name} ${Buffer.from(bytes).toString('latin1')}`,
    );
    assert.ok(!rested.join().includes('beta'));
    assert.deepEqual([due?.to, due?.fields], ['beta', ['buyer', 'price', 'remark']]);
    assert.equal(await network.service('alpha').transaction(due!.transaction), undefined);

    network.cut('alpha', 'beta', false);
    const id = committed(await make('d-1', 'once'));
    assert.equal(id, due!.transaction);
    assert.deepEqual(await fieldsAt('beta', id), VALUES);
  });

  it('that may come later follow the transaction, also after their node ended', async () => {
    network.cut('alpha', 'beta');
    const { buyer, price } = VALUES;
    const id = committed(await make('d-1', undefined, 'offer', { buyer, price }));
    await until(async () => (await fieldsAt('delta', id)) !== undefined);
    await until(() => missed > 0);
    assert.equal(await fieldsAt('beta', id), undefined);
    network.stop('alpha');
    network.cut('alpha', 'beta', false);
    await network.start('alpha');
    await until(async () => (await fieldsAt('beta', id)) !== undefined);
    await until(async () => (await network.vaultOf('alpha').deliveries({ limit: 9 })).length === 0);
  });

  it('come to a reader that comes back, without anybody’s doing', async () => {
    network.cut('alpha', 'beta');
    const { buyer, price } = VALUES;
    const id = committed(await make('d-1', undefined, 'offer', { buyer, price }));
    await until(() => missed > 0);
    network.cut('alpha', 'beta', false);
    await until(async () => (await fieldsAt('beta', id)) !== undefined);
  });

  it('are nothing that a reader without a vault key can get', async () => {
    const keyId = jwkThumbprint(network.vaultKeyOf('beta'));
    const call = { contract: 'identity', method: 'revoke', args: { keyId } };
    committed(await network.service('beta').submitCustodial('admin', call, 10_000));
    const refused = await make('d-1');
    assert.ok(refused instanceof Rejected);
    assert.equal(refused.rejection.code, 'reader-unavailable');
  });

  it('of calls that come at once go to a reader together', async () => {
    const names = Array.from({ length: 24 }, (_, index) => `d-${index}`);
    const ids = (await Promise.all(names.map((name) => make(name)))).map(committed);
    for (const member of ['beta', 'delta']) {
      for (const id of ids) assert.deepEqual(await fieldsAt(member, id), VALUES);
    }
    const messages = sent.filter((_, index) => index % 2 === 0).map(decodeRequest);
    const brought = messages.filter(({ kind }) => kind === 'values').length;
    assert.ok(brought < names.length, `${brought} envelopes to two readers`);
  });

  describe('that somebody else brings', () => {
    const valuesOf = (signer: string): KeptValues => {
      const { args, disclosures } = splitArguments(
        deal.transactions.make!.input,
        { deal: 'd-9', ...VALUES },
        () => randomBytes(16),
      );
      const text = network.signed(signer, 'deal', 'make', args);
      const transaction = parseTransaction(text);
      assert.ok(!(transaction instanceof Rejected));
      return { transaction, disclosures: disclosures.map((one) => one.text) };
    };
    const bring = async (to: string, envelope: Uint8Array) => {
      const standing = standingOf(network.node('gamma').replica);
      const request = encodeRequest({ kind: 'values', standing, envelope });
      const { refusal, parts } = decodeReply(await network.say('gamma', to, request));
      return refusal ?? (fromUtf8(parts[0]!) || null);
    };
    const wrapped = async (to: string, values: KeptValues) =>
      network.vaultOf('gamma').wrap(network.vaultKeyOf(to), [values]);

    it('are kept by a reader, and are the same again', async () => {
      const values = valuesOf('alpha/admin');
      for (let time = 0; time < 2; time++) {
        assert.equal(await bring('beta', await wrapped('beta', values)), null);
      }
      assert.deepEqual(await fieldsAt('beta', values.transaction.id), VALUES);
    });

    it('add to what a reader has, and take nothing of it away', async () => {
      const values = valuesOf('alpha/admin');
      await bring('beta', await wrapped('beta', values));
      const some = { ...values, disclosures: values.disclosures.slice(0, 1) };
      assert.equal(await bring('beta', await wrapped('beta', some)), null);
      assert.deepEqual(await fieldsAt('beta', values.transaction.id), VALUES);
    });

    it('are refused where they prove nothing, or are none of the receiver’s, and change nothing', async () => {
      const values = valuesOf('alpha/admin');
      const { text } = makeDisclosure(randomBytes(16), 'price', 1);
      network.keys.set('alpha/stranger', testKey());
      const bad = async (envelope: Uint8Array, why: RegExp): Promise<void> => {
        await assert.rejects(bring('beta', envelope), (error: Error) => {
          assert.ok(error instanceof BadMessage, String(error));
          assert.match(error.message, why);
          return true;
        });
      };
      await bad(
        await wrapped('beta', { ...values, disclosures: [text] }),
        /not of this transaction/,
      );
      await bad(utf8('junk'), /no compact JWE/);
      await bad(Uint8Array.of(0xff), /no text/);
      assert.equal(await bring('beta', await wrapped('delta', values)), 'another vault key');
      const empty = await encryptTo(network.vaultKeyOf('beta'), utf8('not CBOR'));
      await bad(utf8(empty), /holds no values/);
      const { jwk } = vaultKeyOf(testKey().privateKey);
      const toNobody = utf8(await encryptTo(jwk, utf8('x')));
      assert.equal(await bring('beta', toNobody), 'another vault key');
      assert.equal(await bring('gamma', await wrapped('gamma', values)), 'not a reader');
      assert.equal(
        await bring('beta', await wrapped('beta', valuesOf('alpha/stranger'))),
        'an unknown key',
      );
      for (const member of ['beta', 'gamma']) assert.equal(network.vaultEntries(member).size, 0);
    });
  });
});
