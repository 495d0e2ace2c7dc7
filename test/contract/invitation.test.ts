import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import { governance } from '../../shared/contract/governance.ts';
import { invitationId } from '../../shared/contract/governance-invitation.ts';
import { identity } from '../../shared/contract/identity.ts';
import type { MemberRecord } from '../../shared/contract/system-records.ts';
import { genesisOf, newMember, output, refusal, startedLedger } from './run.ts';

interface Progress {
  nodeKeyId: string | null;
  status: string;
  proposal: string | null;
  votes: { status: string; approvals: string[]; refusals: string[]; needed: number } | null;
  joined: boolean;
  enrolled: boolean;
  votesItself: boolean;
}

function consortium() {
  const members = ['a', 'b', 'c', 'd'].map((id) => ({ id, roles: ['invoice.seller'] }));
  const { ledger, admin } = startedLedger([governance, identity], genesisOf(members));
  const secret = randomBytes(32);
  const id = invitationId(secret);
  const text = secret.toString('base64url');
  const invite = (more: object = {}) =>
    ledger.call(admin('a'), 'governance', 'invite', {
      id,
      member: 'e',
      roles: ['invoice.seller'],
      ...more,
    });
  const accept = (more: object = {}, by = 'a') =>
    ledger.call(admin(by), 'governance', 'accept', {
      id,
      secret: text,
      member: newMember({ id: 'e', roles: ['invoice.seller'] }),
      ...more,
    });
  const revoke = (by = 'a') => ledger.call(admin(by), 'governance', 'revokeInvitation', { id });
  const progress = () =>
    ledger.query(undefined, 'governance', 'invitation', { id }) as unknown as Progress;
  const vote = (by: string, approve: boolean) => {
    const { digest } = ledger.state.get(`governance/proposal/${progress().proposal}`) as {
      digest: string;
    };
    const ballot = { id: progress().proposal, digest, approve };
    return output(ledger.call(admin(by), 'governance', 'vote', ballot)).status;
  };
  return { ledger, admin, id, text, invite, accept, revoke, progress, vote };
}

describe('an invitation', () => {
  it('leads to a proposal with the keys that the invited member brought, and its progress shows', () => {
    const { ledger, admin, invite, accept, progress, vote } = consortium();
    output(invite());
    assert.deepEqual([progress().status, progress().votes], ['open', null]);
    const member = newMember({ id: 'e', roles: ['invoice.seller'] });
    output(accept({ member }));
    assert.equal(progress().status, 'accepted');
    assert.equal(progress().nodeKeyId, jwkThumbprint(member.nodeKey));
    assert.deepEqual(progress().votes, {
      status: 'open',
      approvals: ['a'],
      refusals: [],
      needed: 3,
    });
    vote('b', true);
    // It is a member, whose node does not vote before it is ready.
    assert.equal(vote('c', true), 'approved');
    const { nodeKey } = ledger.state.get('governance/member/e') as unknown as MemberRecord;
    assert.deepEqual(nodeKey, member.nodeKey);
    assert.deepEqual(
      [progress().joined, progress().enrolled, progress().votesItself],
      [true, false, false],
    );
    output(ledger.call(admin('a'), 'identity', 'enrol', { member: 'e' }));
    assert.equal(progress().enrolled, true);
  });

  it('counts once, and only with its secret', () => {
    const { invite, accept } = consortium();
    output(invite());
    const secret = randomBytes(32).toString('base64url');
    assert.equal(refusal(accept({ secret })), 'unknown-invitation');
    output(accept());
    assert.equal(refusal(accept()), 'closed');
    assert.equal(refusal(invite()), 'invited-already');
  });

  it('is for one member, one time and one set of roles', () => {
    const { ledger, invite, accept } = consortium();
    output(invite({ validator: false, notAfter: ledger.time + 1000 }));
    const sent = (member: object) => accept({ member: newMember({ id: 'e', ...member }) });
    assert.equal(refusal(sent({ id: 'x' })), 'other-member');
    assert.equal(refusal(sent({ validator: true })), 'other-member');
    assert.equal(
      refusal(sent({ validator: false, roles: ['invoice.tax-bureau'] })),
      'other-member',
    );
    ledger.time += 1001;
    assert.equal(refusal(sent({ validator: false })), 'expired');
  });

  it('can be taken back until it is accepted, by the member that invited', () => {
    const { invite, accept, revoke, progress } = consortium();
    output(invite());
    assert.equal(refusal(revoke('b')), 'not-yours');
    assert.equal(refusal(accept({}, 'b')), 'not-yours');
    output(revoke());
    assert.equal(refusal(accept()), 'closed');
    assert.equal(progress().status, 'revoked');
  });

  it('leaves nothing of a candidate that the members refuse but their votes', () => {
    const { ledger, invite, accept, vote, progress } = consortium();
    output(invite());
    output(accept());
    vote('b', false);
    assert.equal(vote('c', false), 'refused');
    assert.equal(progress().votes?.status, 'refused');
    assert.equal(progress().joined, false);
    assert.equal(ledger.state.get('governance/member/e'), undefined);
  });

  it('is refused for a member that is or was there, and for a time too far away', () => {
    const { ledger, invite } = consortium();
    assert.equal(refusal(invite({ member: 'b' })), 'not-possible');
    assert.equal(refusal(invite({ notAfter: ledger.time })), 'bad-deadline');
    const tooFar = ledger.time + 91 * 24 * 3600 * 1000;
    assert.equal(refusal(invite({ notAfter: tooFar })), 'bad-deadline');
  });
});

describe('a move', () => {
  /** The member `d` invites its own new node. */
  function moving() {
    const { ledger, admin, id, text, progress, vote } = consortium();
    output(ledger.call(admin('d'), 'governance', 'invite', { id, member: 'd' }));
    const node = newMember({ id: 'd', roles: ['invoice.seller'] });
    const accept = (member = node) =>
      ledger.call(admin('d'), 'governance', 'accept', { id, secret: text, member });
    const record = () => ledger.state.get('governance/member/d') as unknown as MemberRecord;
    const register = () =>
      ledger.call(admin('d'), 'identity', 'register', {
        name: 'admin-2',
        jwk: node.identities[0]!.key,
        roles: ['admin'],
      });
    const awaited = () =>
      ledger.state.get(`governance/awaited/${jwkThumbprint(node.nodeKey)}`) as
        | { peerKey: object }
        | undefined;
    return { ledger, admin, node, accept, record, register, awaited, progress, vote };
  }

  it('is decided by the members, and waits for the new node, which they let follow', () => {
    const { ledger, node, accept, record, register, awaited, progress, vote } = moving();
    const before = record();
    output(accept());
    assert.deepEqual(
      [progress().joined, progress().nodeKeyId],
      [false, jwkThumbprint(node.nodeKey)],
    );
    vote('a', true);
    assert.equal(vote('b', true), 'approved');
    assert.deepEqual([progress().joined, progress().enrolled], [true, false]);
    // Nothing of the old node changes before the new one follows; the others learn its peer key now.
    assert.deepEqual(record(), before);
    assert.deepEqual(awaited()?.peerKey, node.peerKey);
    assert.deepEqual(ledger.state.get('governance/epoch/current'), { current: 1, next: 2 });
    output(register());
    assert.deepEqual([progress().enrolled, progress().votesItself], [true, false]);
  });

  it('leaves nothing of a new node when it is withdrawn', () => {
    const { ledger, admin, accept, awaited, progress, vote } = moving();
    output(accept());
    vote('a', true);
    vote('b', true);
    output(ledger.call(admin('d'), 'governance', 'withdraw', { id: progress().proposal! }));
    assert.equal(awaited(), undefined);
    assert.equal(progress().joined, false);
  });

  it('takes no key that is in use, and no node without an administrator', () => {
    const { ledger, node, accept } = moving();
    const { nodeKey } = ledger.state.get('governance/member/a') as unknown as MemberRecord;
    assert.equal(refusal(accept({ ...node, nodeKey })), 'not-possible');
    const [admin] = node.identities;
    const identities = [{ ...admin!, roles: [] }];
    assert.equal(refusal(accept({ ...node, identities })), 'not-possible');
    assert.equal(refusal(accept({ ...node, id: 'e' })), 'other-member');
  });
});

describe('an endpoint', () => {
  it('is said by the own administrators, and known to all with the next epoch', () => {
    const { ledger, admin } = consortium();
    const say = (endpoint: string | null) =>
      ledger.call(admin('b'), 'governance', 'setEndpoint', { endpoint });
    const member = () => ledger.state.get('governance/member/b') as unknown as MemberRecord;
    output(say('https://node.b.example/fuqi'));
    assert.equal(member().endpoint, 'https://node.b.example/fuqi');
    assert.deepEqual(ledger.state.get('governance/epoch/current'), { current: 1, next: 2 });
    assert.equal(refusal(say('https://node.b.example/fuqi')), 'no-change');
    output(say(null));
    assert.equal('endpoint' in member(), false);
  });

  it('is a plain URL: nothing that hides where it leads', () => {
    const { ledger, admin } = consortium();
    for (const endpoint of [
      'https://user:password@b.example',
      'ftp://b.example',
      'https://b.example/?to=c',
      'https://b.example/../x#y',
      'https://b.example/',
    ]) {
      const answer = ledger.call(admin('b'), 'governance', 'setEndpoint', { endpoint });
      assert.match(refusal(answer), /^invalid-arguments/, endpoint);
    }
  });
});
