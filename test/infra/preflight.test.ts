/** What a deployment says of its account before it makes anything. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { accountFacts } from '../../infra/account-facts.ts';
import {
  EMULATOR_CREDENTIALS,
  EMULATOR_REGION,
  startEmulator,
} from '../../infra/emulator/emulator.ts';
import { type AccountFacts, concurrencyOf, judge, type Plan } from '../../infra/preflight.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const GOOD: AccountFacts = {
  region: 'ap-east-1',
  concurrency: { limit: 1000, unreserved: 1000 },
  reservedAlready: 0,
  signaturesPerSecond: 1000,
  tables: { count: 3, limit: 2500 },
  roles: { count: 20, limit: 1000 },
  isRecorded: true,
  unread: [],
};
const PLAN: Plan = { members: 4, reservedPerMember: 10, isUpdate: false };

const said = (differs: Partial<AccountFacts>, plan = PLAN) => {
  const findings = judge({ ...GOOD, ...differs }, plan);
  const of = (level: string) =>
    findings.filter((one) => one.level === level).map(({ text }) => text);
  return { stop: of('stop'), warn: of('warn'), fine: of('fine') };
};

describe('the check of an account', () => {
  it('finds nothing wrong with a usual one', () => {
    const { stop, warn, fine } = said({});
    assert.deepEqual([stop, warn], [[], []]);
    assert.match(fine[0]!, /960 environments stay free beside the votes' 40, room for 477 calls/);
    assert.match(fine[1]!, /1000 ECC signatures a second, 125 lone commits/);
  });

  it('stops a new account, with what to raise to how much', () => {
    const { stop } = said({ concurrency: { limit: 10, unreserved: 10 } });
    assert.equal(stop.length, 1);
    assert.match(stop[0]!, /reserve 40, and 100 must stay free for the rest: 140 are needed/);
    assert.match(stop[0]!, /--quota-code L-B99A9384 --desired-value 1000 --region ap-east-1$/);
  });

  it('counts what others reserve, and not twice what the consortium does', () => {
    const { stop } = said({ concurrency: { limit: 1000, unreserved: 139 } });
    assert.match(stop[0]!, /861 of them reserved by others.* 1001 are needed/);
    assert.match(stop[0]!, /--desired-value 1001 /);
    const again = { concurrency: { limit: 1000, unreserved: 100 }, reservedAlready: 40 };
    assert.deepEqual(said(again, { ...PLAN, isUpdate: true }).stop, []);
    assert.equal(said({ concurrency: { limit: 140, unreserved: 140 } }).stop.length, 0);
    assert.equal(said({ concurrency: { limit: 139, unreserved: 139 } }).stop.length, 1);
  });

  it('never promises more calls than the free environments hold', () => {
    for (const unreserved of [0, 5, 6, 7, 100, 960]) {
      const { waitingCalls } = concurrencyOf(PLAN, unreserved);
      assert.ok(waitingCalls === 0 || 2 * waitingCalls + 6 <= unreserved);
    }
  });

  it('stops where tables or roles have no room, but not an update, which makes none', () => {
    const full = { tables: { count: 2496, limit: 2500 }, roles: { count: 990, limit: 1000 } };
    const { stop } = said(full);
    assert.match(
      stop[0]!,
      /DynamoDB tables: 2496 of 2500, 5 more are made\. Raise it: .* dynamodb /,
    );
    assert.match(stop[1]!, /IAM roles: 990 of 1000, 11 more are made\. Raise it: .*us-east-1$/);
    assert.deepEqual(said(full, { ...PLAN, isUpdate: true }).stop, []);
    const exact = { tables: { count: 2495, limit: 2500 }, roles: { count: 989, limit: 1000 } };
    assert.deepEqual(said(exact).stop, []);
  });

  it('warns of slow signatures, of a silent CloudTrail, and of what it could not read', () => {
    assert.match(
      said({ signaturesPerSecond: 79 }).warn[0]!,
      /9 lone commits .* to 1000 in Service Quotas/,
    );
    assert.match(said({ isRecorded: false }).warn[0]!, /No CloudTrail trail .* ap-east-1/);
    assert.deepEqual(said({ unread: ['KMS’s request rate (AccessDenied)'] }).warn, [
      'not checked: KMS’s request rate (AccessDenied)',
    ]);
  });
});

describe('an account as it is', () => {
  it('is read with the SDK, a starving one and one with room', async () => {
    for (const concurrency of [10, 1000]) {
      const environment = { LAMBDA_ACCOUNT_CONCURRENCY: String(concurrency) };
      const emulator = await startEmulator({ folder: temporaryFolder(), environment });
      after(emulator.stop);
      const { isUpdate, ...facts } = await accountFacts(['fuqi-a_b_peer'], {
        endpoint: emulator.url,
        region: EMULATOR_REGION,
        credentials: EMULATOR_CREDENTIALS,
      });
      assert.equal(isUpdate, false);
      assert.deepEqual(facts.concurrency, { limit: concurrency, unreserved: concurrency });
      assert.deepEqual(facts.tables, { count: 0, limit: 2500 });
      assert.equal(facts.isRecorded, false);
      assert.ok(facts.roles && facts.roles.limit >= 1000);
      // The emulator has no Service Quotas: that is said, and stops nothing.
      assert.equal(facts.unread.length, 1);
      assert.match(facts.unread[0]!, /^KMS’s request rate/);
      const stops = judge(facts, PLAN).filter(({ level }) => level === 'stop');
      assert.equal(stops.length, concurrency === 10 ? 1 : 0);
    }
  });
});
