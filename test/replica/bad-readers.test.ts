/** Members that want more of others' confidential values than is theirs, or deny what they got: each is refused, and nothing changes. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Digest } from '../../shared/bytes/digest.ts';
import { utf8 } from '../../shared/bytes/text.ts';
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
} from '../../shared/consensus/message.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { DIGESTS_FIELD, revealed, revealedValues } from '../../shared/ledger/disclosure.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import type { KeptValues } from '../../shared/ports/value-keeper.ts';
import { standingOf } from '../../shared/replica/tell.ts';
import { contracts } from '../../workloads/catalog.ts';
import { custodialCall } from '../support/custodial-call.ts';
import { dealCatalog } from '../support/deal-contract.ts';
import { Governed } from '../support/governed.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { reaches } from '../support/reaches.ts';
import { until } from '../support/until.ts';

const all = catalog([...contracts.entries, ...dealCatalog.entries]);
// alpha sells to beta, delta audits, gamma is nobody in this.
const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const IDENTITIES = [
  { member: 'alpha', name: 'clerk', roles: [] },
  { member: 'gamma', name: 'inspector', roles: ['confidential.reader'] },
  { member: 'delta', name: 'auditor', roles: ['deal.auditor'] },
];
const VALUES = { buyer: 'beta', price: 7, remark: 'yes' };
const HOUR_MS = 3600 * 1000;

let network: LocalNetwork;

const submit = (
  ...[member, identity, contract, method, args]: [string, string, string, string, object]
) => custodialCall(network, member, identity, contract, method, args);

async function call(method: string, deal: string, args: object = VALUES): Promise<Digest> {
  const { id, status } = await submit('alpha', 'clerk', 'deal', method, { deal, ...args });
  assert.equal(status, 'committed');
  for (const member of MEMBERS) await reaches(network, member, `confidential/record/${id}`);
  return id;
}

/** Asks a holder as a member's node would that reads by the contract: what it gives, or why nothing. */
async function fetched(from: string, holder: string, id: Digest): Promise<object | string> {
  const standing = standingOf(network.node(from).replica);
  const request = encodeRequest({ kind: 'fetch-values', standing, transaction: id });
  const { refusal, parts } = decodeReply(await network.say(from, holder, request));
  if (refusal !== null) return refusal;
  const [given] = await network.vaultOf(from).unwrap(parts[0]!);
  return fieldsOf(given!);
}

const fieldsOf = ({ transaction, disclosures }: KeptValues): object =>
  revealedValues(transaction.body.args, disclosures);

/** Salts and all, as they rest in a member's vault. */
const keptBy = async (member: string, id: Digest): Promise<KeptValues> =>
  (await network.vaultOf(member).read(id))!;

const digestsOf = ({ transaction }: KeptValues): string[] =>
  transaction.body.args[DIGESTS_FIELD] as string[];

describe('a member that wants more than is its own', () => {
  beforeEach(async () => {
    network = await LocalNetwork.open({
      ...{ members: MEMBERS, catalog: all, identities: IDENTITIES, vaults: true },
    });
  });
  afterEach(() => network.close());

  it('gets no salts and values but of the fields that it reads', async () => {
    const id = await call('offer', 'd-1', { buyer: 'beta', price: 7 });
    for (const holder of ['alpha', 'delta']) {
      await until(async () => (await network.vaultOf(holder).read(id)) !== undefined);
      assert.equal(await fetched('gamma', holder, id), 'not-a-reader');
      assert.deepEqual(await fetched('beta', holder, id), { buyer: 'beta' });
      assert.deepEqual(await fetched('delta', holder, id), { buyer: 'beta', price: 7 });
    }
    assert.equal(await fetched('gamma', 'alpha', 'e'.repeat(64) as Digest), 'unknown-record');
    await submit('alpha', 'admin', 'confidential', 'erase', { records: [id] });
    await until(async () => (await fetched('beta', 'alpha', id)) === 'erased');
  });

  it('can’t test a guess, however few values there are: each digest has a salt of its own', async () => {
    const ids = [await call('make', 'd-1'), await call('make', 'd-2')];
    const [one, same] = (await Promise.all(ids.map((id) => keptBy('alpha', id)))) as [
      KeptValues,
      KeptValues,
    ];
    // The same values, and no digest twice: gamma can't even tell that they are the same.
    const digests = [...digestsOf(one), ...digestsOf(same)];
    assert.equal(new Set(digests).size, 6);
    const salts = [one, same].flatMap(({ transaction, disclosures }) =>
      [...revealed(transaction.body.args, disclosures).values()].map(({ text }) => {
        const [salt] = JSON.parse(Buffer.from(text, 'base64url').toString()) as [string];
        assert.equal(Buffer.from(salt, 'base64url').length, 16);
        return salt;
      }),
    );
    assert.equal(new Set(salts).size, 6);
    // What a dictionary has: every price up to 1,000, without a salt, or with those of another record.
    const guesses = Array.from({ length: 1000 }, (_, price) => price).flatMap((price) => [
      JSON.stringify(price),
      JSON.stringify(['price', price]),
      JSON.stringify(['', 'price', price]),
      ...salts.slice(3).map((salt) => JSON.stringify([salt, 'price', price])),
    ]);
    const hashes = guesses.flatMap((guess) => {
      const text = Buffer.from(guess).toString('base64url');
      return [guess, text].map((bytes) =>
        createHash('sha256').update(utf8(bytes)).digest('base64url'),
      );
    });
    const found = hashes.filter((hash) => digestsOf(one).includes(hash));
    assert.deepEqual(found, []);
    // With its own salt the guess is right: that is what the salt keeps.
    assert.ok(hashes.some((hash) => digestsOf(same).includes(hash)));
  });

  it('that refuses what it is to read, or says it has not come, keeps nothing from anybody', async () => {
    // It says that it does not take them: nothing is submitted, and the same call goes on later.
    let isDenying = true;
    network.answer = async (_from, to, request, reply) => {
      if (!isDenying || to !== 'beta' || decodeRequest(request).kind !== 'values') return reply;
      return encodeReply({ ...decodeReply(reply), refusal: 'never', parts: [] });
    };
    const args = { deal: 'd-1', ...VALUES };
    const again = () =>
      network
        .service('alpha')
        .submitCustodial(
          'clerk',
          { contract: 'deal', method: 'make', args, nonce: 'once' },
          10_000,
        );
    const refused = await again();
    assert.ok(refused instanceof Rejected);
    assert.equal(refused.rejection.code, 'reader-unavailable');
    isDenying = false;
    const made = await again();
    assert.ok(!(made instanceof Rejected));
    assert.equal(made.status, 'committed');
    const { id } = made;
    await reaches(network, 'beta', `confidential/record/${id}`);
    // It took them, and says on the ledger that they never came: that is its word, and nothing else is changed.
    await submit('beta', 'admin', 'confidential', 'dispute', {
      record: id,
      reason: 'not-delivered',
    });
    const deal = await network.service('alpha').state('deal/deal/d-1', undefined, false);
    assert.ok(!(deal instanceof Rejected) && deal.value !== undefined);
    assert.deepEqual(fieldsOf(await keptBy('alpha', id)), VALUES);
    assert.deepEqual(fieldsOf(await keptBy('delta', id)), VALUES);
    // Whoever brings them again is not told otherwise.
    const envelope = await network
      .vaultOf('alpha')
      .wrap(network.vaultKeyOf('beta'), [await keptBy('alpha', id)]);
    const standing = standingOf(network.node('alpha').replica);
    const request = encodeRequest({ kind: 'values', standing, envelope });
    const { refusal, parts } = decodeReply(await network.say('alpha', 'beta', request));
    assert.deepEqual([refusal, parts.map((part) => part.length)], [null, [0]]);
  });

  it('is no reader any more once it is removed from the consortium', async () => {
    const before = await call('make', 'd-1');
    const more = { reader: 'gamma', purpose: 'audit', notAfter: Date.now() + HOUR_MS };
    const given = await submit('alpha', 'admin', 'confidential', 'grant', {
      ...more,
      records: [before],
    });
    assert.equal(given.status, 'committed');
    const governed = new Governed(network);
    for (const member of ['gamma', 'delta']) {
      const action = { kind: 'remove-member', member };
      assert.equal(await governed.decide(action, ['alpha', 'beta', 'delta']), 'enacted');
    }
    const { id } = await submit('alpha', 'clerk', 'deal', 'make', { deal: 'd-2', ...VALUES });
    await reaches(network, 'beta', `confidential/record/${id}`);
    assert.deepEqual(fieldsOf(await keptBy('beta', id)), VALUES);
    assert.equal(await network.vaultOf('delta').read(id), undefined, 'nothing is brought to it');
    for (const one of [before, id]) {
      assert.equal(await fetched('delta', 'alpha', one), 'not-a-reader');
    }
    const asked = await network.service('gamma').grantedValues('inspector', given.id, [before]);
    assert.ok(asked instanceof Rejected, 'its grant counts for nothing any more');
    const anew = await submit('alpha', 'admin', 'confidential', 'grant', {
      ...more,
      records: [id],
    });
    assert.equal(anew.status, 'rejected');
  });
});
