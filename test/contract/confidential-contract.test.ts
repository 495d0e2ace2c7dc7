/** The contract over confidential values: who decides on a record, and what is refused. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Digest } from '../../shared/bytes/digest.ts';
import { confidentialContract } from '../../shared/contract/confidential-contract.ts';
import { timedId, valuesWritten } from '../../shared/contract/confidential-records.ts';
import type { Caller } from '../../shared/contract/context.ts';
import { governance } from '../../shared/contract/governance.ts';
import { identity } from '../../shared/contract/identity.ts';
import { genesisOf, output, refusal, startedLedger, type TestLedger } from './run.ts';

const HOUR_MS = 3600 * 1000;
const id = (digit: string): Digest => digit.repeat(64) as Digest;

let ledger: TestLedger;
let admin: (member: string) => Caller;
const call = (caller: Caller, method: string, args: object) =>
  ledger.call(caller, 'confidential', method, args);
/** An identity with one role of the contract. */
const holder = (member: string, name: string, role: string): Caller => ({
  ...{ member, name, keyId: `${member}-${name}` },
  roles: [`confidential.${role}`],
});
const ask = (caller: Caller, query: string, input: object = {}) =>
  ledger.query(caller, 'confidential', query, input) as Record<string, never[]>;

/** A record of a member, as the platform writes it. */
function addRecord(record: Digest, owner: string, retainForMs?: number): void {
  const facts = { owner, contract: 'care', method: 'report', committedAt: ledger.time };
  for (const [key, value] of valuesWritten(record, facts, retainForMs)) {
    ledger.state.set(key, value);
  }
}

const given = (more: object = {}) => ({
  ...{ reader: 'lab', purpose: 'treatment', notAfter: ledger.time + HOUR_MS },
  ...more,
});

describe('the contract over confidential values', () => {
  beforeEach(() => {
    const genesis = genesisOf([{ id: 'clinic' }, { id: 'lab' }, { id: 'ward' }, { id: 'court' }]);
    const entry = { name: 'confidential', version: 1, codeHash: 'c'.repeat(64) };
    const started = startedLedger([governance, identity, confidentialContract], {
      ...genesis,
      contracts: [...genesis.contracts, entry],
    });
    ledger = started.ledger;
    admin = started.admin;
    addRecord(id('1'), 'clinic');
    addRecord(id('2'), 'clinic');
    addRecord(id('3'), 'ward');
  });

  it('lists grants for who gave and who got them, and for nobody else', () => {
    const { grant } = output(call(admin('clinic'), 'grant', given({ records: [id('1')] })));
    const period = { contract: 'care', from: 0, to: ledger.time + 1 };
    output(call(admin('clinic'), 'grant', given({ period, fields: ['finding'] })));
    const gave = ask(admin('clinic'), 'granted').grants!;
    const got = ask(admin('lab'), 'received').grants!;
    assert.equal(gave.length, 2);
    assert.deepEqual(got, gave);
    assert.ok(gave.some((one: { grant: string }) => one.grant === grant));
    assert.deepEqual(ask(admin('ward'), 'granted').grants, []);
    assert.deepEqual(ask(admin('ward'), 'received').grants, []);
    const [page, next] = [1, 1].map((limit) => ask(admin('clinic'), 'granted', { limit }));
    assert.deepEqual(page, next);
    const rest = ask(admin('clinic'), 'granted', { limit: 1, after: page!.next });
    assert.deepEqual([...page!.grants!, ...rest.grants!], gave);
  });

  it('takes grants by the owner only, for somebody else, for a time that is to come', () => {
    const no = (caller: Caller, args: object) => refusal(call(caller, 'grant', args));
    assert.equal(no(admin('ward'), given({ records: [id('1')] })), 'not-owner');
    assert.equal(no(admin('clinic'), given({ records: [id('1'), id('3')] })), 'not-owner');
    assert.equal(no(admin('clinic'), given({ records: [id('9')] })), 'unknown-record');
    assert.equal(no(admin('clinic'), given()), 'scope-needed');
    const period = { contract: 'care', from: 5, to: 5 };
    assert.equal(no(admin('clinic'), given({ period })), 'bad-time');
    assert.equal(no(admin('clinic'), given({ records: [id('1')], period })), 'scope-needed');
    const records = [id('1')];
    assert.equal(no(admin('clinic'), given({ records, notAfter: ledger.time })), 'bad-time');
    assert.equal(no(admin('clinic'), given({ records, reader: 'nobody' })), 'unknown-member');
    assert.equal(no(admin('clinic'), given({ records, reader: 'clinic' })), 'own-member');
    assert.equal(
      no(holder('clinic', 'nurse', 'reader'), given({ records })),
      'forbidden: steward,admin',
    );
    output(call(holder('clinic', 'office', 'steward'), 'grant', given({ records })));
  });

  it('records reads under a grant that counts, for the owner to see', () => {
    const records = [id('1'), id('2')];
    const { grant } = output(call(admin('clinic'), 'grant', given({ records }))) as {
      grant: string;
    };
    const read = (caller: Caller, wanted: object) => call(caller, 'read', { grant, ...wanted });
    const nurse = holder('lab', 'nurse', 'reader');
    output(read(nurse, { records }));
    const [access] = ask(admin('clinic'), 'accesses').accesses! as { reader: string }[];
    assert.partialDeepStrictEqual(access, { reader: 'lab', keyId: 'lab-nurse', grant, records });
    assert.deepEqual(ask(admin('lab'), 'accesses').accesses, []);
    assert.equal(refusal(read(nurse, { records: [id('3')] })), 'unknown-grant');
    assert.equal(refusal(read(nurse, { records: [id('1'), id('3')] })), 'several-owners');
    assert.equal(refusal(read(holder('ward', 'x', 'reader'), { records })), 'unknown-grant');
    assert.equal(
      refusal(read(holder('lab', 'x', 'steward'), { records })),
      'forbidden: reader,admin',
    );
    output(call(admin('clinic'), 'revoke', { grant }));
    assert.equal(refusal(read(nurse, { records })), 'revoked');
    assert.equal(refusal(call(admin('clinic'), 'revoke', { grant })), 'revoked');
    assert.equal(refusal(call(admin('ward'), 'revoke', { grant })), 'unknown-grant');
    const later = output(call(admin('clinic'), 'grant', given({ records }))) as { grant: string };
    ledger.time += HOUR_MS;
    assert.equal(refusal(call(nurse, 'read', { ...later, records })), 'expired');
  });

  it('erases an owner’s records once, unless somebody holds them', () => {
    const court = holder('court', 'judge', 'guardian');
    const records = [id('1'), id('2')];
    output(call(court, 'hold', { records: [id('2')] }));
    assert.equal(refusal(call(court, 'hold', { records: [id('2')] })), 'held-already');
    assert.equal(refusal(call(admin('clinic'), 'erase', { records })), 'held');
    assert.equal(
      refusal(call(admin('clinic'), 'release', { records: [id('2')] })),
      'forbidden: guardian',
    );
    assert.equal(refusal(call(court, 'release', { records: [id('1')] })), 'not-held');
    output(call(court, 'release', { records: [id('2')] }));
    assert.equal(refusal(call(admin('ward'), 'erase', { records })), 'not-owner');
    const { erasure } = output(call(admin('clinic'), 'erase', { records })) as { erasure: string };
    assert.equal(refusal(call(admin('clinic'), 'erase', { records })), 'erased');
    assert.equal(refusal(call(admin('clinic'), 'grant', given({ records }))), 'erased');
    assert.equal(refusal(call(court, 'hold', { records })), 'erased');
    const node: Caller = { ...admin('lab'), name: 'node', roles: [] };
    const confirm = (caller: Caller) => call(caller, 'confirmErasure', { erasure });
    assert.equal(refusal(confirm(holder('lab', 'nurse', 'reader'))), 'not-a-node');
    output(confirm(node));
    assert.equal(refusal(confirm(node)), 'confirmed-already');
    const keeping = (caller: Caller, days: number) => call(caller, 'stateBackups', { days });
    assert.equal(refusal(keeping(holder('lab', 'nurse', 'reader'), 7)), 'not-a-node');
    output(keeping(node, 7));
    output(keeping(admin('ward'), 0));
    const { backups } = ask(node, 'backups', {}) as never as { backups: object[] };
    assert.deepEqual(
      backups.map((one) => [(one as { member: string }).member, (one as { days: number }).days]),
      [
        ['lab', 7],
        ['ward', 0],
      ],
    );
    const listed = ask(node, 'erasure', { erasure });
    assert.deepEqual(listed.records, records);
    assert.deepEqual(
      listed.confirmations!.map(({ member }) => member),
      ['lab'],
    );
    const wrong = call(node, 'confirmErasure', { erasure: `${'0'.repeat(16)}.${id('0')}` });
    assert.equal(refusal(wrong), 'unknown-erasure');
  });

  it('lets anybody erase what its contract’s rule says is due, and nothing else', () => {
    addRecord(id('4'), 'clinic', HOUR_MS);
    const due = (records: Digest[]) => call(admin('ward'), 'eraseDue', { records });
    assert.equal(refusal(due([id('1')])), 'not-due');
    assert.equal(refusal(due([id('4')])), 'not-due');
    assert.equal(ask(admin('ward'), 'due').due!.length, 1);
    ledger.time += HOUR_MS;
    output(due([id('4')]));
    assert.deepEqual(ask(admin('ward'), 'due').due, []);
    const { erasedAt } = ask(admin('ward'), 'record', { record: id('4') });
    assert.equal(erasedAt, ledger.time);
  });

  it('lists what is held as due from when it is released on', () => {
    addRecord(id('4'), 'clinic', HOUR_MS);
    const due = () => ask(admin('ward'), 'due').due;
    const records = [id('4')];
    const [court, bureau] = ['court', 'lab'].map((name) => holder(name, 'judge', 'guardian'));
    output(call(court!, 'hold', { records }));
    output(call(bureau!, 'hold', { records }));
    assert.deepEqual(due(), []);
    ledger.time += 2 * HOUR_MS;
    assert.equal(refusal(call(admin('clinic'), 'eraseDue', { records })), 'held');
    output(call(court!, 'release', { records }));
    assert.deepEqual(due(), []);
    ledger.time += HOUR_MS;
    output(call(bureau!, 'release', { records }));
    assert.deepEqual(due(), [timedId(ledger.time, id('4'))]);
    output(call(admin('clinic'), 'eraseDue', { records }));
    assert.deepEqual(due(), []);
    // Before its time is over it keeps that.
    addRecord(id('5'), 'clinic', HOUR_MS);
    const before = due();
    output(call(court!, 'hold', { records: [id('5')] }));
    output(call(court!, 'release', { records: [id('5')] }));
    assert.deepEqual(due(), before);
  });

  it('keeps a dispute of a member until that member settles it', () => {
    const record = id('1');
    const raise = (member: string) =>
      call(admin(member), 'dispute', { record, reason: 'not-delivered' });
    output(raise('lab'));
    assert.equal(refusal(raise('lab')), 'disputed-already');
    output(raise('ward'));
    assert.equal(refusal(call(admin('court'), 'settle', { record })), 'not-disputed');
    output(call(admin('lab'), 'settle', { record }));
    const { disputes } = ask(admin('clinic'), 'record', { record });
    assert.deepEqual(
      disputes!.map(({ member, settledAt }) => [member, settledAt]),
      [
        ['lab', ledger.time],
        ['ward', null],
      ],
    );
    output(raise('lab'));
  });

  it('opens records in an emergency by two approvers besides who asks, and tells each owner', () => {
    const doctor = holder('lab', 'doctor', 'responder');
    const records = [id('1'), id('3')];
    const asked = output(call(doctor, 'requestEmergency', { records, hours: 2 })) as object;
    const approve = (caller: Caller) => call(caller, 'approveEmergency', asked);
    assert.equal(refusal(approve(doctor)), 'forbidden: approver');
    const both = { ...doctor, roles: [...doctor.roles, 'confidential.approver'] };
    assert.equal(refusal(approve(both)), 'own-request');
    const first = holder('ward', 'chief', 'approver');
    assert.deepEqual(output(approve(first)), { approvals: 1, grant: null });
    assert.equal(refusal(approve(first)), 'approved-already');
    const opened = approve(holder('court', 'chief', 'approver'));
    assert.ok(opened.ok);
    const told = opened.events.map(({ type, data }) => [type, (data as { owner: string }).owner]);
    assert.deepEqual(told, [
      ['confidential.emergency-access', 'clinic'],
      ['confidential.emergency-access', 'ward'],
    ]);
    const { grant } = opened.output as { grant: string };
    const nurse = holder('lab', 'nurse', 'reader');
    output(call(nurse, 'read', { grant, records: [id('1')] }));
    assert.equal(refusal(call(nurse, 'read', { grant, records: [id('2')] })), 'not-covered');
    assert.equal(refusal(approve(holder('clinic', 'chief', 'approver'))), 'approved-already');
    ledger.time += 2 * HOUR_MS;
    assert.equal(refusal(call(nurse, 'read', { grant, records: [id('1')] })), 'expired');
  });
});
