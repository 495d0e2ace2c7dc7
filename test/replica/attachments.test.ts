/** Files that values name, on their way to the vaults of whoever reads those: by whichever holder, after whatever happened. */
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
import type { Attachment } from '../../shared/ledger/attachment.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { checkDeliveries } from '../../shared/replica/check-deliveries.ts';
import { startFetchingAttachments } from '../../shared/replica/fetch-attachments.ts';
import { standingOf } from '../../shared/replica/tell.ts';
import { contracts } from '../../workloads/catalog.ts';
import { fileOf, MIDDLING, partOf, upload } from '../support/attachment.ts';
import { custodialCall } from '../support/custodial-call.ts';
import { dealCatalog } from '../support/deal-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const all = catalog([...contracts.entries, ...dealCatalog.entries]);
const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const IDENTITIES = [
  { member: 'alpha', name: 'clerk', roles: [] },
  { member: 'delta', name: 'auditor', roles: ['deal.auditor'] },
];
const file = fileOf(MIDDLING);

let network: LocalNetwork;
let attachment: Attachment;

/** Parts that were asked for, `from>to part`. */
let asked: string[];
/** Whether a request for a part is answered. */
let answers: (from: string, to: string, part: number) => boolean;

async function filed(): Promise<Digest> {
  const args = { deal: 'd-1', buyer: 'beta', papers: [attachment] };
  const { id, status } = await custodialCall(network, 'alpha', 'clerk', 'deal', 'file', args);
  assert.equal(status, 'committed');
  return id;
}

const holds = (member: string, transaction: Digest) =>
  network.vaultOf(member).attachments.holds({ transaction, attachment });
const fetchNow = (member: string) => startFetchingAttachments(network.node(member).replica);
const wantedBy = async (member: string) =>
  (await network.vaultOf(member).attachments.wanted({ limit: 9 })).length;

const HOUR_MS = 3_600_000;

/** Has all nodes look, as they would so much later. */
async function look(laterMs: number): Promise<void> {
  for (const member of MEMBERS) {
    const { replica } = network.node(member);
    await checkDeliveries(replica, network.vaultOf(member), Date.now() + laterMs);
  }
}

/** Who disputes a transaction's values, and why; with what is settled. */
async function disputes(record: Digest): Promise<string[]> {
  const answer = await network
    .service('alpha')
    .query('confidential', 'record', { record }, undefined);
  assert.ok(!(answer instanceof Rejected), JSON.stringify(answer));
  const { disputes: found } = answer.output as {
    disputes: { member: string; reason: string; settledAt: number | null }[];
  };
  return found.map(
    ({ member, reason, settledAt }) => `${member} ${reason}${settledAt === null ? '' : ' settled'}`,
  );
}

/** Asks for a part as a member, without its node. */
async function ask(
  from: string,
  transaction: Digest,
  grant: Digest | null = null,
  of: Partial<Attachment> = attachment,
) {
  const { replica } = network.node(from);
  const request = encodeRequest({
    ...{ kind: 'attachment', standing: standingOf(replica), transaction, part: 0, grant },
    sealed: of.sealed as Digest,
  });
  return decodeReply(await network.say(from, 'alpha', request));
}

describe('an attachment', () => {
  beforeEach(async () => {
    network = await LocalNetwork.open({
      ...{ members: MEMBERS, catalog: all, identities: IDENTITIES, vaults: true },
    });
    attachment = await upload(network.vaultOf('alpha').attachments, file);
    asked = [];
    answers = () => true;
    network.answer = async (from, to, request, reply) => {
      const message = decodeRequest(request);
      if (message.kind !== 'attachment') return reply;
      asked.push(`${from}>${to} ${message.part}`);
      if (!answers(from, to, message.part)) throw new Error('no answer');
      return reply;
    };
  });
  afterEach(() => network.close());

  it('comes to all readers, each part once, and is the file', async () => {
    const transaction = await filed();
    for (const member of ['beta', 'delta']) {
      await until(() => holds(member, transaction));
      const { attachments } = network.vaultOf(member);
      for (let part = 0; part < 3; part++) {
        const sealed = await attachments.sealedPart({ transaction, attachment }, part);
        const opened = attachments.open(attachment, part, sealed!);
        assert.ok(Buffer.compare(opened, partOf(file, part)) === 0);
      }
      const own = asked.filter((one) => one.startsWith(`${member}>alpha`));
      // Before it was committed nobody gave any.
      assert.deepEqual(
        own.slice(-3),
        [0, 1, 2].map((part) => `${member}>alpha ${part}`),
      );
    }
    assert.equal(await holds('gamma', transaction), false);
  });

  it('goes on where it was interrupted', async () => {
    answers = (from, _to, part) => from === 'delta' || part < 2;
    const transaction = await filed();
    await until(() => asked.includes('beta>alpha 2'));
    assert.equal(await holds('beta', transaction), false);
    const before = asked.filter((one) => /^beta>\w+ [01]$/.test(one)).length;
    answers = () => true;
    fetchNow('beta');
    await until(() => holds('beta', transaction));
    assert.equal(asked.filter((one) => /^beta>\w+ [01]$/.test(one)).length, before);
  });

  it('comes from another holder where its owner gives none, or gives something else', async () => {
    answers = (from) => from !== 'beta';
    const transaction = await filed();
    await until(() => holds('delta', transaction));
    assert.equal(await holds('beta', transaction), false);
    answers = () => true;
    network.interceptReply = (_from, to, reply) => {
      const decoded = decodeReply(reply);
      if (to !== 'alpha' || decoded.parts.length !== 1) return reply;
      const parts = decoded.parts.map((part) => part.map((byte, at) => byte ^ Number(at === 99)));
      return encodeReply({ ...decoded, parts });
    };
    fetchNow('beta');
    await until(() => holds('beta', transaction));
    assert.ok(asked.includes('beta>delta 0'));
  });

  it('that is erased while it is on its way is not wanted any more, and leaves nothing', async () => {
    answers = (from, _to, part) => from !== 'beta' || part === 0;
    const transaction = await filed();
    await until(() => asked.includes('beta>alpha 1'));
    await custodialCall(network, 'alpha', 'admin', 'confidential', 'erase', {
      records: [transaction],
    });
    await until(async () => (await wantedBy('beta')) === 0);
    answers = () => true;
    fetchNow('beta');
    await until(async () => !(await holds('alpha', transaction)));
    assert.equal(await holds('beta', transaction), false);
    const rests = [...network.vaultEntries('beta').keys()].filter((name) =>
      /^(attached|wanted|values)\//.test(name),
    );
    assert.deepEqual(rests, []);
  });

  it('is given to nobody that reads no value which names it', async () => {
    const transaction = await filed();
    assert.equal((await ask('beta', transaction)).refusal, null);
    assert.equal((await ask('gamma', transaction)).refusal, 'not-a-reader');
    const unknown = 'ab'.repeat(32) as Digest;
    assert.equal((await ask('gamma', transaction, unknown)).refusal, 'unknown-grant');
    assert.equal((await ask('beta', unknown)).refusal, 'unknown-record');
    assert.equal(
      (await ask('beta', transaction, null, { sealed: unknown })).refusal,
      'not-a-reader',
    );
  });

  it('that nobody gives is disputed by who reads it by a role, not by a hidden party, until it comes', async () => {
    await look(0);
    answers = () => false;
    const transaction = await filed();
    await until(async () => (await wantedBy('delta')) === 1 && (await wantedBy('beta')) === 1);
    await look(0.5 * HOUR_MS);
    // The transaction's time and ten minutes more are what its owner has.
    await look(3 * HOUR_MS);
    await until(async () => (await disputes(transaction)).length > 0);
    assert.deepEqual(await disputes(transaction), ['delta not-delivered']);
    await look(4 * HOUR_MS);
    assert.deepEqual(await disputes(transaction), ['delta not-delivered']);
    answers = () => true;
    for (const member of ['beta', 'delta']) fetchNow(member);
    await until(() => holds('delta', transaction));
    await look(5 * HOUR_MS);
    await until(async () => (await disputes(transaction))[0] === 'delta not-delivered settled');
  });

  it('whose value is false is disputed as that, by the first reader who has a role', async () => {
    const { attachments } = network.vaultOf('alpha');
    const { attach } = attachments;
    const right = attachment;
    // Its owner's node says another digest than the file's.
    attachment = { ...right, digest: 'cd'.repeat(32) as Digest };
    Object.assign(attachments, {
      attach: (attached: Parameters<typeof attach>[0], now: number) =>
        attach({ ...attached, attachment: right }, now),
    });
    const transaction = await filed();
    await until(async () => (await disputes(transaction)).length > 0);
    assert.deepEqual(await disputes(transaction), ['delta digest-mismatch']);
    assert.equal(await wantedBy('delta'), 0);
    assert.equal(await holds('delta', transaction), false);
  });

  it('is fetched anew by a member whose vault was lost', async () => {
    const transaction = await filed();
    await until(() => holds('beta', transaction));
    await until(() => holds('delta', transaction));
    network.vaultEntries('beta').clear();
    assert.equal(await holds('beta', transaction), false);
    await network.values('beta', transaction);
    await until(() => holds('beta', transaction));
  });
});
