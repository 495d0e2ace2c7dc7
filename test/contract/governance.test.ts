import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Value } from '../../shared/bytes/cbor.ts';
import { approvalsNeeded, governance } from '../../shared/contract/governance.ts';
import { identity } from '../../shared/contract/identity.ts';
import type { MemberRecord } from '../../shared/contract/system-records.ts';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import { genesisOf, newKey, newMember, output, refusal, startedLedger } from './run.ts';

type Proposed = { id: string; digest: string; status: string };

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
  return { ledger, admin, propose, vote, decide, member, epoch };
}

const setValidator = (member: string, validator: boolean) => ({
  kind: 'set-validator',
  member,
  validator,
});

describe('a vote', () => {
  it('needs more than two thirds of the members', () => {
    assert.deepEqual([1, 2, 3, 4, 5, 6, 7].map(approvalsNeeded), [1, 2, 3, 3, 4, 5, 5]);
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
    const { propose, decide, member } = consortium();
    const replace = (nodeKey: unknown) => ({ kind: 'replace-node-key', member: 'a', nodeKey });
    assert.equal(refusal(propose('a', replace(member('b').nodeKey))), 'not-possible');
    assert.equal(refusal(propose('a', replace(member('a').peerKey))), 'not-possible');
    const nodeKey = newKey();
    decide(replace(nodeKey));
    assert.deepEqual(member('a').nodeKey, nodeKey);
  });

  it('moves a member to another hosting with a new key', () => {
    const { decide, member } = consortium();
    const nodeKey = newKey();
    decide({ kind: 'change-hosting', member: 'a', hosting: 'own-account', nodeKey });
    assert.deepEqual([member('a').hosting, member('a').nodeKey], ['own-account', nodeKey]);
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
    assert.deepEqual(epoch(), { current: 1, next: null });
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
