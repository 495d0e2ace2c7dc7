import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Value } from '../../shared/bytes/cbor.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { governance } from '../../shared/contract/governance.ts';
import { approvalsNeeded } from '../../shared/contract/governance-threshold.ts';
import { identity } from '../../shared/contract/identity.ts';
import type { MemberRecord } from '../../shared/contract/system-records.ts';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import { faultsTolerated } from '../../shared/ledger/quorum.ts';
import { readinessDigest } from '../../shared/ledger/readiness.ts';
import { type TestKey, testKey } from '../support/local-network.ts';
import { genesisOf, LEDGER, newKey, newMember, output, refusal, startedLedger } from './run.ts';

type After = { validators: number; faultsTolerated: number; quorum: number; statement: string };
type Proposed = { id: string; digest: string; status: string; after: After };

function consortium(ids = ['a', 'b', 'c', 'd']) {
  const { ledger, admin } = startedLedger(
    [governance, identity],
    genesisOf(ids.map((id) => ({ id, roles: ['invoice.seller'] }))),
  );
  const propose = (member: string, action: unknown, deadline?: number) =>
    ledger.call(admin(member), 'governance', 'propose', { action, deadline });
  const vote = (member: string, { id, digest }: Proposed, approve = true) =>
    ledger.call(admin(member), 'governance', 'vote', { id, digest, approve });
  /** Proposes by the first member and approves by the others until it is decided. */
  const decide = (action: unknown): Proposed => {
    let decided = output<Proposed>(propose(ids[0]!, action));
    for (const member of ids.slice(1)) {
      if (decided.status !== 'open') break;
      decided = { ...decided, status: output(vote(member, decided)).status as string };
    }
    return decided;
  };
  const member = (id: string) => ledger.state.get(`governance/member/${id}`) as MemberRecord;
  const epoch = (): Value | undefined => ledger.state.get('governance/epoch/current');
  const status = (id: string) =>
    (ledger.query(undefined, 'governance', 'proposal', { id }) as { status: string }).status;
  /** What the member's node with this key says of itself; block 7 is the last one, and 6 is not recent any more. */
  const isRecentUntil = (height: string, until: number) =>
    ledger.state.set(`ledger/recent/${height.padStart(16, '0')}`, [until, '']);
  isRecentUntil('7', ledger.time + 365 * 86_400_000);
  isRecentUntil('6', ledger.time - 1);
  const ready = (id: string, key: TestKey, { height = 7, by = ids[0]! } = {}) => {
    const block = 'b'.repeat(64) as Digest;
    const digest = readinessDigest({ ledger: LEDGER, member: id, height, block });
    const signature = sign('sha256', digest, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
    const proof = { member: id, height, block, keyId: key.keyId };
    return ledger.call(admin(by), 'governance', 'ready', {
      ...proof,
      signature: signature.toString('base64url'),
    });
  };
  return { ledger, admin, propose, vote, decide, member, epoch, status, ready };
}

const setValidator = (member: string, validator: boolean) => ({
  kind: 'set-validator',
  member,
  validator,
});

describe('a vote', () => {
  it('needs more than two thirds of the members', () => {
    const sizes = [1, 2, 3, 4, 5, 6, 7];
    assert.deepEqual(
      sizes.map((n) => approvalsNeeded(n)),
      [1, 2, 3, 3, 4, 5, 5],
    );
    // So many remain when f are lost: what they can't do is wait for the lost ones.
    for (const n of sizes) assert.equal(approvalsNeeded(n), n - faultsTolerated(n));
  });

  it('counts the proposal as an approval and takes effect with the vote that decides', () => {
    const { propose, vote, member, epoch } = consortium();
    const proposed = output<Proposed>(propose('a', setValidator('d', false)));
    assert.match(proposed.id, /^[0-9a-f]{16}$/);
    assert.equal(proposed.status, 'open');
    assert.equal(output(vote('b', proposed)).status, 'open');
    assert.equal(member('d').validator, true);
    assert.deepEqual(epoch(), { current: 1, next: null });
    assert.equal(output(vote('c', proposed)).status, 'enacted');
    assert.equal(member('d').validator, false);
    assert.deepEqual(epoch(), { current: 1, next: 2 });
    assert.equal(refusal(vote('d', proposed)), 'closed');
  });

  it('takes effect at once where the proposer decides alone', () => {
    const { propose, ledger } = consortium(['a']);
    const parameters = { ...DEFAULT_PARAMETERS, tenureRounds: 8 };
    const proposed = output<Proposed>(propose('a', { kind: 'set-parameters', parameters }));
    assert.equal(proposed.status, 'enacted');
    assert.deepEqual(ledger.state.get('governance/parameters/current'), parameters);
  });

  it('is one for each member, about the content that it names', () => {
    const { propose, vote } = consortium();
    const proposed = output<Proposed>(propose('a', setValidator('d', false)));
    assert.equal(refusal(vote('a', proposed)), 'already-voted');
    assert.equal(refusal(vote('b', { ...proposed, digest: '0'.repeat(64) })), 'other-content');
    assert.equal(refusal(vote('b', { ...proposed, id: '0'.repeat(16) })), 'unknown-proposal');
    output(vote('b', proposed, false));
    assert.equal(refusal(vote('b', proposed)), 'already-voted');
  });

  it('closes a proposal that can not pass any more', () => {
    const { propose, vote } = consortium();
    const proposed = output<Proposed>(propose('a', setValidator('d', false)));
    assert.equal(output(vote('b', proposed, false)).status, 'open');
    assert.equal(output(vote('c', proposed, false)).status, 'refused');
  });

  it('does not count after the deadline', () => {
    const { propose, vote, ledger } = consortium();
    const proposed = output<Proposed>(propose('a', setValidator('d', false), ledger.time + 1000));
    ledger.time += 1001;
    assert.equal(refusal(vote('b', proposed)), 'expired');
    assert.equal(refusal(propose('a', setValidator('d', false), ledger.time)), 'bad-deadline');
  });

  it('of a member that was removed meanwhile does not count', () => {
    const { propose, vote, decide } = consortium(['a', 'b', 'c', 'd', 'e']);
    const proposed = output<Proposed>(propose('e', setValidator('d', false)));
    output(vote('a', proposed));
    assert.equal(decide({ kind: 'remove-member', member: 'e' }).status, 'enacted');
    assert.equal(output(vote('b', proposed)).status, 'open');
    assert.equal(output(vote('c', proposed)).status, 'enacted');
  });

  it('is for administrators', () => {
    const { ledger, admin } = consortium();
    const caller = { ...admin('a'), roles: ['invoice.seller'] };
    const answer = ledger.call(caller, 'governance', 'propose', {
      action: setValidator('d', false),
    });
    assert.match(refusal(answer), /^forbidden/);
  });

  it('can be made void by what was decided meanwhile', () => {
    const { propose, vote, decide } = consortium();
    const action = setValidator('d', false);
    const early = output<Proposed>(propose('a', action));
    assert.equal(decide(action).status, 'enacted');
    output(vote('b', early));
    assert.equal(output(vote('c', early)).status, 'void');
  });

  it('ends when the proposer withdraws', () => {
    const { propose, vote, ledger, admin } = consortium();
    const proposed = output<Proposed>(propose('a', setValidator('d', false)));
    const withdraw = (member: string) =>
      ledger.call(admin(member), 'governance', 'withdraw', { id: proposed.id });
    assert.equal(refusal(withdraw('b')), 'not-yours');
    assert.equal(output(withdraw('a')).status, 'withdrawn');
    assert.equal(refusal(vote('b', proposed)), 'closed');
  });
});

describe('an action', () => {
  it('that leaves no validator is not possible', () => {
    const { propose, decide } = consortium(['a', 'b']);
    assert.equal(decide(setValidator('a', false)).status, 'enacted');
    assert.equal(refusal(propose('a', setValidator('b', false))), 'not-possible');
    assert.equal(refusal(propose('a', { kind: 'remove-member', member: 'b' })), 'not-possible');
  });

  it('replaces a node key by one that no member uses', () => {
    const { propose, decide, member, ready, epoch } = consortium();
    const replace = (nodeKey: unknown) => ({ kind: 'replace-node-key', member: 'a', nodeKey });
    assert.equal(refusal(propose('a', replace(member('b').nodeKey))), 'not-possible');
    assert.equal(refusal(propose('a', replace(member('a').peerKey))), 'not-possible');
    const old = member('a').nodeKey;
    const key = testKey();
    const { id, status: decided } = decide(replace(key.jwk));
    // The vote goes over when the node shows that it has the key and follows.
    assert.equal(decided, 'approved');
    assert.deepEqual([member('a').nodeKey, epoch()], [old, { current: 1, next: null }]);
    assert.deepEqual(output(ready('a', key)).proposals, [{ id, status: 'enacted' }]);
    assert.deepEqual([member('a').nodeKey, epoch()], [key.jwk, { current: 1, next: 2 }]);
    assert.equal(refusal(propose('a', replace(old))), 'not-possible');
  });

  it('replaces a peer key by a new one with the next epoch', () => {
    const { ledger, admin, propose, decide, member, epoch } = consortium();
    const replace = (peerKey: unknown) => ({ kind: 'replace-peer-key', member: 'a', peerKey });
    const old = member('a').peerKey;
    const identity = newKey();
    output(
      ledger.call(admin('a'), 'identity', 'register', { name: 'x', jwk: identity, roles: [] }),
    );
    assert.equal(refusal(propose('a', replace(identity))), 'not-possible');
    const peerKey = newKey();
    assert.equal(decide(replace(peerKey)).status, 'enacted');
    assert.deepEqual([member('a').peerKey, epoch()], [peerKey, { current: 1, next: 2 }]);
    assert.equal(refusal(propose('a', replace(old))), 'not-possible');
  });

  it('gives one validator’s place to another member at one boundary', () => {
    const { decide, propose, member, ready, ledger } = consortium();
    const key = testKey();
    decide({
      kind: 'add-member',
      member: newMember({ id: 'e', nodeKey: key.jwk, validator: false }),
    });
    const replace = { kind: 'replace-validator', member: 'd', by: 'e', leaves: true };
    assert.equal(refusal(propose('a', { ...replace, by: 'c' })), 'not-possible');
    assert.equal(refusal(propose('a', { ...replace, by: 'z' })), 'not-possible');
    const { status, after } = decide(replace);
    assert.deepEqual([status, after.validators], ['approved', 4]);
    assert.deepEqual([member('d').validator, member('e').validator], [true, false]);
    assert.equal(refusal(ready('e', testKey())), 'unknown-key');
    output(ready('e', key));
    assert.deepEqual([member('d').validator, member('d').active], [false, false]);
    assert.equal(member('e').validator, true);
    assert.deepEqual(ledger.state.get('governance/membership/current'), {
      members: ['a', 'b', 'c', 'e'],
    });
  });

  it('moves a member to another hosting with a new key', () => {
    const { decide, member, ready } = consortium();
    const key = testKey();
    const move = { kind: 'change-hosting', member: 'a', hosting: 'own-account', nodeKey: key.jwk };
    assert.equal(decide(move).status, 'approved');
    assert.equal(member('a').hosting, 'private');
    output(ready('a', key));
    assert.deepEqual([member('a').hosting, member('a').nodeKey], ['own-account', key.jwk]);
  });

  it('adds a member whose first identities are enrolled once', () => {
    const { ledger, admin, decide, member, propose, epoch } = consortium();
    const added = newMember({ id: 'e', roles: ['invoice.finance'], validator: false });
    assert.equal(
      refusal(propose('a', { kind: 'add-member', member: { ...added, id: 'a' } })),
      'not-possible',
    );
    const enrol = () => ledger.call(admin('a'), 'identity', 'enrol', { member: 'e' });
    assert.equal(refusal(enrol()), 'not-admitted');
    assert.equal(decide({ kind: 'add-member', member: added }).status, 'enacted');
    assert.equal(member('e').active, true);
    // The others tell it what is final, and know its peer key, from the next epoch on.
    assert.deepEqual(epoch(), { current: 1, next: 2 });
    const [keyId] = output(enrol()).keyIds as string[];
    assert.deepEqual(ledger.caller(keyId!).roles, ['admin']);
    assert.equal(refusal(enrol()), 'enrolled-already');
  });

  it('removes a member: its keys have no roles, its id stays taken', () => {
    const { ledger, admin, decide, propose } = consortium();
    decide({ kind: 'remove-member', member: 'd' });
    assert.deepEqual(admin('d').roles, []);
    assert.equal(refusal(propose('a', { kind: 'remove-member', member: 'd' })), 'not-possible');
    const again = newMember({ id: 'd' });
    assert.equal(refusal(propose('a', { kind: 'add-member', member: again })), 'not-possible');
    const { members } = ledger.query(undefined, 'governance', 'members') as {
      members: MemberRecord[];
    };
    assert.deepEqual(
      members.map(({ active }) => active),
      [true, true, true, false],
    );
  });

  it('activates, replaces and retires contracts with the next epoch', () => {
    const { ledger, decide, propose, epoch } = consortium();
    const first = { version: 1, codeHash: '1'.repeat(64) };
    const second = { version: 2, codeHash: '2'.repeat(64) };
    const activate = (code: object) => ({ kind: 'activate-contract', name: 'invoice', ...code });
    const record = () => ledger.state.get('governance/contract/invoice');
    decide(activate(first));
    assert.deepEqual(record(), { active: null, next: { code: first, fromEpoch: 2 } });
    assert.deepEqual(epoch(), { current: 1, next: 2 });
    assert.equal(refusal(propose('a', activate(first))), 'not-possible');
    ledger.state.set('governance/epoch/current', { current: 2, next: null });
    decide(activate(second));
    assert.deepEqual(record(), { active: first, next: { code: second, fromEpoch: 3 } });
    decide({ kind: 'retire-contract', name: 'invoice' });
    assert.deepEqual(record(), { active: first, next: { code: null, fromEpoch: 3 } });
    const retire = { kind: 'retire-contract', name: 'governance' };
    assert.equal(refusal(propose('a', retire)), 'not-possible');
  });

  it('limits the roles that a member may grant from now on', () => {
    const { admin, ledger, decide } = consortium();
    const jwk = newKey();
    const registered = ledger.call(admin('b'), 'identity', 'register', {
      name: 'till',
      jwk,
      roles: ['invoice.seller'],
    });
    const keyId = output(registered).keyId as string;
    assert.deepEqual(ledger.caller(keyId).roles, ['invoice.seller']);
    decide({ kind: 'set-roles', member: 'b', roles: ['invoice.finance'] });
    assert.deepEqual(ledger.caller(keyId).roles, []);
  });

  it('of another shape is not taken', () => {
    const { propose } = consortium();
    assert.match(refusal(propose('a', { kind: 'dissolve' })), /^invalid-arguments/);
    const parameters = { ...DEFAULT_PARAMETERS, baseTimeoutMs: 9000 };
    assert.equal(refusal(propose('a', { kind: 'set-parameters', parameters })), 'not-possible');
  });
});

describe('a node that gets a vote', () => {
  const key = testKey();
  const joiner = newMember({ id: 'e', nodeKey: key.jwk });

  it('gets it when it has proved that it follows, also where one vote did both', () => {
    const { decide, member, ready, ledger, status, epoch } = consortium();
    const { id, status: decided } = decide({ kind: 'add-member', member: joiner });
    assert.equal(decided, 'approved');
    assert.deepEqual([member('e').active, member('e').validator], [true, false]);
    ledger.state.set('governance/epoch/current', { current: 2, next: null });
    assert.equal(refusal(ready('e', testKey())), 'unknown-key');
    assert.equal(refusal(ready('d', key)), 'unknown-key');
    for (const height of [5, 6]) {
      assert.equal(refusal(ready('e', key, { height })), 'not-recent');
    }
    assert.equal(status(id), 'approved');
    output(ready('e', key));
    assert.equal(status(id), 'enacted');
    assert.equal(member('e').validator, true);
    assert.deepEqual(epoch(), { current: 2, next: 3 });
  });

  it('may prove it before the last vote, but not long before', () => {
    const { decide, member, ready, ledger } = consortium();
    decide({ kind: 'add-member', member: { ...joiner, validator: false } });
    output(ready('e', key));
    ledger.time += 3600_001;
    assert.equal(decide(setValidator('e', true)).status, 'approved');
    output(ready('e', key));
    assert.equal(member('e').validator, true);
    decide(setValidator('e', false));
    assert.equal(decide(setValidator('e', true)).status, 'enacted');
  });

  it('does not get it after the deadline, nor where the proposer withdrew', () => {
    const { decide, member, ready, ledger, admin, status } = consortium();
    decide({ kind: 'add-member', member: { ...joiner, validator: false } });
    const late = decide(setValidator('e', true));
    ledger.time += 8 * 24 * 3600_000;
    output(ready('e', key));
    assert.equal(status(late.id), 'void');
    ledger.time += 3600_001;
    const { id } = decide(setValidator('e', true));
    output(ledger.call(admin('a'), 'governance', 'withdraw', { id }));
    output(ready('e', key));
    assert.deepEqual([status(id), member('e').validator], ['withdrawn', false]);
  });

  it('can not be spoken for with another’s signature', () => {
    const { decide, ready } = consortium();
    decide({ kind: 'add-member', member: joiner });
    assert.equal(refusal(ready('e', { ...testKey(), keyId: key.keyId })), 'bad-signature');
  });
});

describe('a threshold', () => {
  const set = (thresholds: object) => ({ kind: 'set-thresholds', thresholds });

  it('is set by kind of action, by the larger of the old and the new one', () => {
    const { ledger, propose, vote, decide } = consortium();
    const proposed = output<Proposed>(propose('a', set({ 'add-member': 'all' })));
    output(vote('b', proposed));
    assert.equal(output(vote('c', proposed)).status, 'open');
    assert.equal(output(vote('d', proposed)).status, 'enacted');
    const lower = output<Proposed>(propose('a', set({ 'add-member': 'more-than-half' })));
    output(vote('b', lower));
    assert.equal(output(vote('c', lower)).status, 'open');
    assert.equal(output(vote('d', lower, false)).status, 'refused');
    const thresholds = ledger.query(undefined, 'governance', 'thresholds') as Record<
      string,
      string
    >;
    assert.equal(thresholds['add-member'], 'all');
    assert.equal(thresholds['remove-member'], 'more-than-two-thirds');
    const added = { kind: 'add-member', member: newMember({ id: 'e', validator: false }) };
    assert.equal(decide(added).status, 'enacted');
  });

  it('never lies below a simple majority, nor where a lost member could block its removal', () => {
    const { propose } = consortium();
    assert.match(refusal(propose('a', set({ 'add-member': 'one' }))), /^invalid-arguments/);
    assert.equal(refusal(propose('a', set({ 'remove-member': 'all' }))), 'not-possible');
    assert.equal(refusal(propose('a', set({}))), 'not-possible');
  });

  it('lets two of three members vote out the third, if all three said so before', () => {
    const { decide, propose, vote } = consortium(['a', 'b', 'c']);
    const remove = { kind: 'remove-member', member: 'c' };
    const early = output<Proposed>(propose('a', remove));
    assert.equal(output(vote('b', early)).status, 'open');
    assert.equal(decide(set({ 'remove-member': 'more-than-half' })).status, 'enacted');
    const later = output<Proposed>(propose('a', remove));
    assert.equal(output(vote('b', later)).status, 'enacted');
  });
});

describe('a proposal', () => {
  it('says what the validators, f and the quorum become', () => {
    const { propose, decide, ledger } = consortium(['a', 'b', 'c', 'd', 'e']);
    const { id, after } = output<Proposed>(propose('a', { kind: 'remove-member', member: 'e' }));
    const { statement, ...numbers } = after;
    assert.deepEqual(numbers, { validators: 4, faultsTolerated: 1, quorum: 3 });
    assert.match(
      statement,
      /^4 validators: 3 have to agree on each block, 1 may be silent, 1 may lie/,
    );
    assert.equal(decide(setValidator('d', false)).status, 'enacted');
    const read = () =>
      ledger.query(undefined, 'governance', 'proposal', { id }) as unknown as Proposed;
    assert.deepEqual(
      [read().after.validators, read().after.faultsTolerated, read().after.quorum],
      [3, 0, 2],
    );
    assert.match(read().after.statement, /0 may lie. With fewer than 4 one that lies can fork/);
  });
});
