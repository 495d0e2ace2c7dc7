/** Confidential values under grants: who is served, by whom, what stands on the ledger then, and what is refused. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Digest } from '../../shared/bytes/digest.ts';
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
} from '../../shared/consensus/message.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { revealedValues } from '../../shared/ledger/disclosure.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { ForAnotherKey, type KeptValues } from '../../shared/ports/value-keeper.ts';
import { receive } from '../../shared/replica/receive.ts';
import { contracts } from '../../workloads/catalog.ts';
import { custodialCall } from '../support/custodial-call.ts';
import { dealCatalog } from '../support/deal-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { reaches } from '../support/reaches.ts';
import { until } from '../support/until.ts';

const all = catalog([...contracts.entries, ...dealCatalog.entries]);
// alpha sells to beta, delta audits; gamma is let in.
const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const IDENTITIES = [
  { member: 'alpha', name: 'clerk', roles: [] },
  { member: 'gamma', name: 'inspector', roles: ['confidential.reader'] },
  { member: 'gamma', name: 'intern', roles: [] },
  { member: 'delta', name: 'auditor', roles: ['deal.auditor'] },
];
const VALUES = { buyer: 'beta', price: 987_613, remark: 'canary-remark' };
const HOUR_MS = 3600 * 1000;

let network: LocalNetwork;
let sent: { readonly to: string; readonly request: Uint8Array; readonly reply: Uint8Array }[];
let refusals: string[];

const submit = (
  ...[member, identity, contract, method, args]: [string, string, string, string, object]
) => custodialCall(network, member, identity, contract, method, args);

async function make(name: string): Promise<Digest> {
  const { id, status } = await submit('alpha', 'clerk', 'deal', 'make', { deal: name, ...VALUES });
  assert.equal(status, 'committed');
  return id;
}

async function grant(args: object, member = 'alpha'): Promise<Digest> {
  const more = { reader: 'gamma', purpose: 'audit', notAfter: Date.now() + HOUR_MS, ...args };
  const { id, status } = await submit(member, 'admin', 'confidential', 'grant', more);
  assert.equal(status, 'committed');
  await reaches(network, 'gamma', `confidential/grant/${member}/${id}`);
  return id;
}

const read = (grantId: Digest, ids: readonly Digest[], identity = 'inspector') =>
  network.service('gamma').grantedValues(identity, grantId, ids);

const fieldsOf = ({ transaction, disclosures }: KeptValues): object =>
  revealedValues(transaction.body.args, disclosures);

function values(answer: readonly KeptValues[] | Rejected): object[] {
  assert.ok(!(answer instanceof Rejected), JSON.stringify(answer));
  return answer.map(fieldsOf);
}

function why(answer: readonly KeptValues[] | Rejected): string {
  assert.ok(answer instanceof Rejected, 'nothing is given');
  return answer.rejection.reason ?? answer.rejection.code;
}

async function accesses(): Promise<{ reader: string; records: string[]; grant: string }[]> {
  const service = network.service('alpha');
  const caller = await service.identity('admin');
  const answer = await service.query('confidential', 'accesses', {}, caller);
  assert.ok(!(answer instanceof Rejected));
  return (answer.output as { accesses: never[] }).accesses;
}

describe('a grant', () => {
  beforeEach(async () => {
    sent = [];
    refusals = [];
    network = await LocalNetwork.open({
      ...{ members: MEMBERS, catalog: all, identities: IDENTITIES, vaults: true },
      log: (_member, event, facts) => {
        if (event === 'values-not-read') refusals.push((facts as { why: string }).why);
      },
    });
    network.answer = (_from, to, request, reply) => {
      sent.push({ to, request, reply });
      return reply;
    };
  });
  afterEach(() => network.close());

  it('lets its reader read the fields that it names; the ledger has who read', async () => {
    const id = await make('d-1');
    const given = await grant({ records: [id], fields: ['price'] });
    assert.deepEqual(values(await read(given, [id])), [{ price: VALUES.price }]);
    await until(async () => (await accesses()).length === 1);
    const [access] = await accesses();
    assert.deepEqual([access!.reader, access!.records, access!.grant], ['gamma', [id], given]);
    const kept = [...network.vaultEntries('gamma').keys()].filter((name) =>
      name.startsWith('values/'),
    );
    assert.deepEqual(kept, [], 'what was read is not kept');
    const wire = sent.flatMap(({ request, reply }) => [request, reply]);
    const text = wire.map((bytes) => Buffer.from(bytes).toString('latin1')).join('\n');
    assert.ok(text.includes('read-values') && !text.includes('canary') && !text.includes('987613'));
  });

  it('lets it read all of a contract within a period, several at once, and nothing after it', async () => {
    const from = Date.now() - HOUR_MS;
    const ids = [await make('d-1'), await make('d-2')];
    const period = { contract: 'deal', from, to: Date.now() + 1 };
    const given = await grant({ period });
    assert.deepEqual(values(await read(given, ids)), [VALUES, VALUES]);
    const later = await make('d-3');
    await reaches(network, 'gamma', `confidential/record/${later}`);
    assert.equal(why(await read(given, [later])), 'not-covered');
    const other = await grant({ period: { ...period, contract: 'invoice' } });
    assert.equal(why(await read(other, ids)), 'not-covered');
  });

  it('ends when it is taken back or its time is over; one that is none gives nothing', async () => {
    const id = await make('d-1');
    const given = await grant({ records: [id] });
    assert.deepEqual(values(await read(given, [id])), [VALUES]);
    await submit('alpha', 'admin', 'confidential', 'revoke', { grant: given });
    assert.equal(why(await read(given, [id])), 'revoked');
    const notAfter = Date.now() + 1000;
    const short = await grant({ records: [id], notAfter });
    await until(() => Date.now() > notAfter);
    assert.equal(why(await read(short, [id])), 'expired');
    assert.equal(why(await read('a'.repeat(64) as Digest, [id])), 'unknown-grant');
    assert.equal(why(await read(given, ['b'.repeat(64) as Digest])), 'unknown-record');
    // One read was served, one stands on the ledger.
    assert.equal((await accesses()).length, 1);
  });

  it('is its owner’s to give, and serves those who may read for the reader', async () => {
    const id = await make('d-1');
    await reaches(network, 'beta', `confidential/record/${id}`);
    const wanted = { reader: 'gamma', purpose: 'audit', notAfter: Date.now() + HOUR_MS };
    const taken = await submit('beta', 'admin', 'confidential', 'grant', {
      ...wanted,
      records: [id],
    });
    assert.equal(taken.status, 'rejected');
    assert.ok(JSON.stringify(taken.result).includes('not-owner'));
    const given = await grant({ records: [id] });
    assert.equal(why(await read(given, [id], 'intern')), 'forbidden');
    // beta has a grant of gamma's only in its dreams.
    const other = await network.service('beta').grantedValues('admin', given, [id]);
    assert.equal(why(other), 'unknown-grant');
  });

  it('is served by another holder where the owner is away, and by nobody who can’t tell that it still counts', async () => {
    const id = await make('d-1');
    const given = await grant({ records: [id] });
    await reaches(network, 'delta', `confidential/grant/alpha/${given}`);
    network.cut('gamma', 'alpha');
    assert.deepEqual(values(await read(given, [id])), [VALUES]);
    // delta hears of gamma only, who may be hiding a revocation from it.
    network.cut('delta', 'alpha');
    network.cut('delta', 'beta');
    assert.equal(why(await read(given, [id])), 'holder-unavailable');
    assert.ok(refusals.includes('head-not-confirmed'));
  });

  it('gives nothing to whoever sends the reader’s request once more', async () => {
    const id = await make('d-1');
    const given = await grant({ records: [id] });
    await read(given, [id]);
    const { request } = sent.find(({ request: one }) => decodeRequest(one).kind === 'read-values')!;
    const { replica } = network.node('alpha');
    const reply = decodeReply(await receive(replica, 'beta', request));
    for (const part of reply.parts) {
      await assert.rejects(network.vaultOf('beta').unwrap(part), ForAnotherKey);
    }
    // A request that was changed is forged; one that is another call is none.
    const asked = decodeRequest(request);
    assert.ok(asked.kind === 'read-values');
    const forged = asked.request.slice();
    forged[forged.length - 1]! ^= 1;
    await assert.rejects(receive(replica, 'gamma', encodeRequest({ ...asked, request: forged })));
    await until(async () => (await accesses()).length === 1);
  });
});

/** A reply whose envelopes were changed on the way. */
function garbled(reply: Uint8Array): Uint8Array {
  const decoded = decodeReply(reply);
  const parts = decoded.parts.map((part) => part.map((byte, at) => (at === 200 ? byte ^ 1 : byte)));
  return encodeReply({ ...decoded, parts });
}

describe('a reader by its contract', () => {
  beforeEach(async () => {
    network = await LocalNetwork.open({
      ...{ members: MEMBERS, catalog: all, identities: IDENTITIES, vaults: true },
    });
  });
  afterEach(() => network.close());

  it('that lost its vault has its values again from a holder; nobody else has', async () => {
    const id = await make('d-1');
    network.vaultEntries('delta').clear();
    network.vaultEntries('alpha').clear();
    for (const member of MEMBERS) await reaches(network, member, `confidential/record/${id}`);
    // alpha's come from the auditor, the auditor's from alpha then.
    network.vaultEntries('beta').clear();
    const nobodys = await network.values('alpha', id);
    assert.ok(nobodys instanceof Rejected, 'nobody has them');
    assert.equal(nobodys.rejection.code, 'holder-unavailable');
    const again = await make('d-2');
    for (const member of MEMBERS) await reaches(network, member, `confidential/record/${again}`);
    network.vaultEntries('alpha').clear();
    const owners = await network.values('alpha', again);
    assert.ok(owners && !(owners instanceof Rejected));
    assert.deepEqual(fieldsOf(owners), VALUES);
    network.vaultEntries('delta').clear();
    const auditors = await network.values('delta', again);
    assert.ok(auditors && !(auditors instanceof Rejected));
    assert.deepEqual(fieldsOf(auditors), VALUES);
    // A holder that gives others' values for them, or garbage, has given nothing.
    network.vaultEntries('delta').clear();
    network.interceptReply = (from, _to, reply) => (from === 'delta' ? garbled(reply) : reply);
    const cheated = await network.values('delta', again);
    assert.ok(cheated instanceof Rejected);
    assert.equal(cheated.rejection.code, 'holder-unavailable');
    network.interceptReply = (_from, _to, reply) => reply;
    assert.equal(await network.values('gamma', again), undefined);
  });
});
