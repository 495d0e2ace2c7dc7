/** More validators are gone than a quorum can spare: the members agree, sign, and the ledger goes on. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import { toBase64Url, utf8 } from '../../shared/bytes/text.ts';
import { type Agreement, agreementHeader, agreementPayload } from '../../shared/ledger/recovery.ts';
import { verifyReceipt } from '../../shared/proof/verify.ts';
import { verifyStateProof } from '../../shared/proof/verify-state.ts';
import { applyAgreement, standstillOf } from '../../shared/replica/agreement.ts';
import { Governed, governedCatalog, outputOf } from '../support/governed.ts';
import { LocalNetwork, type TestKey, testKey } from '../support/local-network.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

let network: LocalNetwork;
let ledger: Governed;
afterEach(() => network?.close());

async function open(members: readonly string[]): Promise<void> {
  network = await LocalNetwork.open({ members, catalog: governedCatalog });
  ledger = new Governed(network);
}

const raise = (member: string) => ledger.call(member, 'counter', 'raise', { name: 'a', by: 1 });
const sameHead = (...members: string[]) =>
  new Set(members.map((member) => network.node(member).replica.head.id)).size === 1;

/** What the members draft from what a stopped node has. */
async function draft(
  from: string,
  validators: readonly string[],
  removed: readonly string[] = [],
): Promise<Agreement> {
  const { head, members } = await standstillOf(network.storesOf(from));
  return {
    format: 'fuqi-recovery-1',
    ledger: network.ledger,
    epoch: head.epoch + 1,
    height: head.header.height!,
    block: head.id,
    validators: validators.map((member) => ({
      member,
      nodeKey: network.nodeKey(member),
      peerKey: members.find(({ id }) => id === member)!.peerKey,
    })),
    removed: [...removed],
    reason: 'two machines burnt',
  };
}

function signedBy(agreement: Agreement, keys: readonly TestKey[]) {
  const payload = agreementPayload(agreement);
  const signatures = keys.map(({ privateKey, jwk }) => {
    const head = agreementHeader(jwkThumbprint(jwk));
    const input = utf8(`${head}.${payload}`);
    const bytes = sign('sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return { protected: head, signature: toBase64Url(bytes) };
  });
  return { payload, signatures };
}

const admins = (...members: string[]) => members.map((id) => network.keys.get(`${id}/admin`)!);
const apply = (member: string, document: unknown) =>
  applyAgreement(network.storesOf(member), network.genesis, document);
const copy = (value: unknown) => JSON.parse(JSON.stringify(value));

async function verified(member: string, id: Parameters<typeof receiptOf>[1]) {
  const verdict = verifyReceipt(copy(await receiptOf(member, id)), network.ledger);
  assert.ok(verdict.verdict === 'VALID', JSON.stringify(verdict));
  return verdict;
}
const receiptOf = (
  member: string,
  id: Parameters<ReturnType<LocalNetwork['service']>['receipt']>[0],
) => network.service(member).receipt(id);

/** What the independent verifier says of a receipt. */
function inPython(receipt: unknown) {
  const program = path.resolve(import.meta.dirname, '../../examples/verify_receipt.py');
  const file = path.join(temporaryFolder(), 'receipt.json');
  writeFileSync(file, JSON.stringify(receipt));
  const { stdout } = spawnSync('python3', [program, file, '--ledger', network.ledger]);
  return JSON.parse(stdout.toString());
}

/** A hand-over by agreement as a forger may change it. */
interface Loose {
  agreement: { payload: string };
  finality?: unknown;
  membership: { key: string; siblings: string[] };
  keys: { value: unknown }[];
}

/** Four members; the machines of two are gone, and the others can't commit anything. */
async function disaster() {
  await open(['alpha', 'beta', 'gamma', 'delta']);
  await raise('alpha');
  const before = await raise('alpha');
  await until(() => sameHead('alpha', 'beta', 'gamma', 'delta'));
  for (const member of ['gamma', 'delta']) {
    network.stop(member);
    network.lose(member);
  }
  for (const member of ['alpha', 'beta']) network.stop(member);
  network.newNodeKey('gamma');
  return { before, agreement: await draft('alpha', ['alpha', 'beta', 'gamma'], ['delta']) };
}

describe('an agreement of the members', () => {
  it('lets the ledger go on from the last final block, with all that was final', async () => {
    const { before, agreement } = await disaster();
    const document = signedBy(agreement, admins('alpha', 'beta', 'gamma'));
    for (const member of ['alpha', 'beta']) {
      const { signers } = await apply(member, document);
      assert.deepEqual(signers, ['alpha', 'beta', 'gamma']);
      await network.start(member);
    }
    const after = await raise('alpha');
    await until(() => sameHead('alpha', 'beta'));
    const value = await network.service('beta').query('counter', 'read', { name: 'a' }, undefined);
    assert.deepEqual((value as { output: unknown }).output, { value: 3 });
    assert.equal((await verified('alpha', before.id)).block.recoveries.length, 0);
    const { block } = await verified('beta', after.id);
    assert.deepEqual(block.recoveries, [
      {
        epoch: 2,
        height: agreement.height,
        members: ['alpha', 'beta', 'gamma'],
        reason: 'two machines burnt',
      },
    ]);
    const receipt = copy(await receiptOf('beta', after.id));
    const told = inPython(receipt);
    assert.deepEqual([told.verdict, told.agreements], ['VALID', block.recoveries]);
    const [handover] = receipt.anchor.handovers as Loose[];
    const payload = JSON.parse(Buffer.from(handover!.agreement.payload, 'base64url').toString());
    const changed = JSON.stringify({ ...payload, reason: 'another' });
    handover!.agreement.payload = toBase64Url(utf8(changed));
    assert.deepEqual(inPython(receipt), {
      verdict: 'INVALID',
      reason: 'a signature that is not good',
    });
    const state = await network.service('beta').state('governance/member/delta', undefined, true);
    assert.ok('proof' in state);
    const proof = verifyStateProof(copy(state.proof), network.ledger);
    assert.ok(proof.verdict === 'VALID');
    assert.equal((proof.value as { active: boolean }).active, false);
  });

  it('is for every node: one with an empty store follows to the agreed block, then applies it too', async () => {
    const { agreement } = await disaster();
    const document = signedBy(agreement, admins('alpha', 'beta', 'gamma'));
    for (const member of ['alpha', 'beta']) {
      await apply(member, document);
      await network.start(member);
    }
    await raise('alpha');
    const behind = await network.start('gamma');
    await until(() => behind.replica.head.id === agreement.block);
    assert.equal(behind.replica.epoch.set.epoch, 1, 'nothing is believed without its operator');
    network.stop('gamma');
    await apply('gamma', document);
    await network.start('gamma');
    await until(() => sameHead('alpha', 'gamma'));
    // q = 2 of 3: its vote counts, by its new key.
    network.stop('beta');
    await raise('gamma');
    // Votes go on from the records that the agreement amended.
    await network.start('beta');
    const parameters = { ...network.genesis.parameters, tenureRounds: 7 };
    const voters = ['alpha', 'beta', 'gamma'];
    assert.equal(await ledger.decide({ kind: 'set-parameters', parameters }, voters), 'enacted');
    const last = await raise('beta');
    const { set } = network.node('beta').replica.epoch;
    assert.deepEqual([set.epoch, set.validators.map(({ member }) => member)], [3, voters]);
    assert.equal((await verified('alpha', last.id)).block.recoveries.length, 1);
  });

  it('can follow an epoch that never got a block: the voted set was already gone', async () => {
    await open(['alpha', 'beta']);
    const parameters = { ...network.genesis.parameters, tenureRounds: 9 };
    await ledger.decide({ kind: 'set-parameters', parameters }, ['alpha', 'beta']);
    await until(() => network.node('alpha').replica.epoch.set.epoch === 2);
    for (const member of ['alpha', 'beta']) network.stop(member);
    const agreement = await draft('alpha', ['alpha']);
    assert.equal(agreement.epoch, 3);
    await apply('alpha', signedBy(agreement, admins('alpha', 'beta')));
    await network.start('alpha');
    const { id } = await raise('alpha');
    const { block } = await verified('alpha', id);
    assert.deepEqual([block.header.epoch, block.recoveries.length], [3, 1]);
  });

  it('needs more than two thirds of the members, each by an administrator', async () => {
    const { agreement } = await disaster();
    const refuse = (document: unknown, why: RegExp) =>
      assert.rejects(apply('alpha', document), why);
    await refuse(signedBy(agreement, admins('alpha', 'beta')), /^Error: 2 of 4 members signed; 3 /);
    await refuse(signedBy(agreement, admins('alpha', 'beta', 'alpha')), /^Error: 2 of 4/);
    const stranger = [...admins('alpha', 'beta'), testKey()];
    await refuse(signedBy(agreement, stranger), /Signature 2 is by no key on the ledger/);
    const good = signedBy(agreement, admins('alpha', 'beta', 'gamma'));
    const other = agreementPayload({ ...agreement, removed: [] });
    await refuse({ ...good, payload: other }, /Signature 0, of alpha, does not fit the agreement/);
    await refuse({}, /no JWS/);
  });

  it('drops no final block that a node has, and fits no other ledger, block or epoch', async () => {
    const { agreement } = await disaster();
    const keys = admins('alpha', 'beta', 'gamma');
    const refuse = (change: Partial<Agreement>, why: RegExp) =>
      assert.rejects(apply('alpha', signedBy({ ...agreement, ...change }, keys)), why);
    const { height, epoch, validators } = agreement;
    await refuse({ height: height - 1 }, /above the agreed .* it drops none/);
    await refuse({ height: height + 1 }, /below the agreed .* let it catch up/);
    await refuse({ block: network.ledger }, /This node’s final block/);
    await refuse({ epoch: epoch + 1 }, /This node is in epoch 1/);
    await refuse({ ledger: agreement.block }, /about ledger/);
    await refuse({ removed: ['alpha'] }, /names a member twice/);
    await refuse({ removed: ['echo'] }, /no active member echo/);
    const shared = [{ ...validators[0]!, member: 'beta' }, validators[0]!];
    await refuse({ validators: shared }, /one key to two members/);
    const before = await standstillOf(network.storesOf('alpha'));
    assert.equal(before.head.epoch, 1, 'a refusal changes nothing');
    await apply('alpha', signedBy(agreement, keys));
    await assert.rejects(apply('alpha', signedBy(agreement, keys)), /This node is in epoch 2/);
  });

  it('shows in a receipt, and a changed one does not verify', async () => {
    const { agreement } = await disaster();
    const document = signedBy(agreement, admins('alpha', 'beta', 'gamma'));
    for (const member of ['alpha', 'beta']) {
      await apply(member, document);
      await network.start(member);
    }
    const { id } = await raise('alpha');
    outputOf(await raise('beta'));
    const receipt = copy(await receiptOf('alpha', id));
    const spoil = (change: (recovery: Loose) => void, why: RegExp) => {
      const spoilt = copy(receipt);
      change(spoilt.anchor.handovers[0]);
      const verdict = verifyReceipt(spoilt, network.ledger);
      assert.notEqual(verdict.verdict, 'VALID');
      assert.match((verdict as { reason: string }).reason, why);
    };
    const fewer = signedBy(agreement, admins('alpha', 'beta'));
    spoil((r) => {
      r.agreement = fewer;
      r.keys.splice(2);
    }, /2 of 4 members signed/);
    const swapped = { ...agreement, validators: agreement.validators.slice(1) };
    const withSwapped = signedBy(swapped, admins('alpha', 'beta', 'gamma'));
    spoil((r) => (r.agreement = withSwapped), /other validators/);
    spoil((r) => (r.agreement.payload = agreementPayload(swapped)), /does not fit the agreement/);
    spoil((r) => r.keys.pop(), /by no key on the ledger/);
    spoil((r) => delete r.finality, /an agreement on no final block/);
    spoil((r) => (r.membership.key = 'governance/membership/other'), /who the members were/);
    spoil((r) => (r.membership.siblings[0] = network.ledger), /does not lead to the state root/);
    spoil((r) => (r.keys[0]!.value = r.keys[1]!.value), /does not lead to the state root/);
  });
});
