import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { it } from 'node:test';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { evidence } from '../../shared/contract/evidence.ts';
import { governance } from '../../shared/contract/governance.ts';
import { identity } from '../../shared/contract/identity.ts';
import { NODE_IDENTITY, SYSTEM_KEYS } from '../../shared/contract/system-records.ts';
import { type Statement, statementDigest } from '../../shared/ledger/certificate.ts';
import { type Evidence, evidenceOf, OFFENCES_MAX } from '../../shared/ledger/evidence.ts';
import { type TestKey, testKey } from '../support/local-network.ts';
import { genesisOf, LEDGER, newMember, output, refusal, startedLedger } from './run.ts';

const key = testKey();
function open() {
  const genesis = genesisOf([{ id: 'bank' }, { id: 'shop', nodeKey: key.jwk }]);
  const entry = { name: 'evidence', version: 1, codeHash: 'c'.repeat(64) };
  return {
    genesis,
    ...startedLedger([governance, identity, evidence], {
      ...genesis,
      contracts: [...genesis.contracts, entry],
    }),
  };
}

function votes(round: number, more: Partial<Statement> = {}, by: TestKey = key): Evidence {
  const [a, b] = ['1', '2'].map((digit) => {
    const block = digit.repeat(64) as Digest;
    const statement = {
      kind: 'vote',
      ledger: LEDGER,
      epoch: 1,
      round,
      block,
      ...more,
    } as Statement;
    const input = { key: by.privateKey, dsaEncoding: 'ieee-p1363' } as const;
    return { statement, signature: sign('sha256', statementDigest(statement), input) };
  });
  return evidenceOf('shop', a!, b!);
}

it('records an offence once, whoever reports it with whichever signatures', () => {
  const { ledger, admin } = open();
  const reported = ledger.call(admin('bank'), 'evidence', 'report', votes(7));
  const { id } = output<{ id: string }>(reported);
  assert.deepEqual(reported.ok && reported.events[0], {
    type: 'evidence.double-signed',
    data: { id, member: 'shop', epoch: 1, round: 7, kind: 'vote', reporter: 'bank' },
  });
  assert.equal(refusal(ledger.call(admin('shop'), 'evidence', 'report', votes(7))), 'known');
  const listed = ledger.query(undefined, 'evidence', 'offences', { member: 'shop' });
  const shown = ledger.query(undefined, 'evidence', 'offence', { id });
  assert.deepEqual('offences' in listed && listed.offences, [shown]);
  assert.deepEqual(ledger.query(undefined, 'evidence', 'offences', { member: 'bank' }), {
    offences: [],
    next: null,
  });
});

it('refuses what proves nothing', () => {
  const { ledger, admin } = open();
  const report = (reported: Evidence) =>
    refusal(ledger.call(admin('bank'), 'evidence', 'report', reported));
  const [first] = votes(7).statements;
  const again = { ...votes(7).statements[0]! };
  assert.equal(report({ ...votes(7), statements: [first!, again] }), 'not-proven');
  assert.equal(report(votes(7, {}, testKey())), 'not-proven');
  assert.equal(report({ ...votes(7), member: 'bank' }), 'not-proven');
  assert.equal(report({ ...votes(7), round: 8 }), 'not-proven');
  assert.equal(report(votes(7, { ledger: '9'.repeat(64) as Digest })), 'not-proven');
  assert.equal(report({ ...votes(7), member: 'nobody' }), 'unknown-validator');
  assert.equal(report(votes(7, { epoch: 2 })), 'unknown-validator');
});

it('knows whose key it was in an epoch, whatever the member’s key is now', () => {
  const { ledger, admin } = open();
  const member = ledger.state.get(SYSTEM_KEYS.member('shop')) as object;
  const left = { ...member, nodeKey: { ...testKey().jwk }, active: false };
  ledger.state.set(SYSTEM_KEYS.member('shop'), left);
  output(ledger.call(admin('bank'), 'evidence', 'report', votes(7)));
});

it('keeps a few offences of a member in an epoch', () => {
  const { ledger, admin } = open();
  for (let round = 1; round <= OFFENCES_MAX; round++) {
    output(ledger.call(admin('bank'), 'evidence', 'report', votes(round)));
  }
  const more = ledger.call(admin('bank'), 'evidence', 'report', votes(OFFENCES_MAX + 1));
  assert.equal(refusal(more), 'enough');
});

it('gives each node an identity without a role, which may report and nothing else', () => {
  const { ledger, admin, genesis } = open();
  const node = ledger.caller(jwkThumbprint(genesis.members[0]!.peerKey));
  assert.deepEqual([node.member, node.name, node.roles], ['bank', NODE_IDENTITY, []]);
  output(ledger.call(node, 'evidence', 'report', votes(7)));
  const register = { name: 'x', jwk: testKey().jwk, roles: [] };
  assert.match(refusal(ledger.call(node, 'identity', 'register', register)), /forbidden/);

  const { identities: people, ...joined } = newMember({ id: 'joiner' });
  ledger.state.set(SYSTEM_KEYS.member('joiner'), { ...joined, active: true } as never);
  ledger.state.set('governance/admission/joiner', { identities: people } as never);
  output(ledger.call(admin('bank'), 'identity', 'enrol', { member: 'joiner' }));
  assert.equal(ledger.caller(jwkThumbprint(joined.peerKey)).name, NODE_IDENTITY);
});
