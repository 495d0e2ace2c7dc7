/** Events for a subscriber who wants those only whose values it is shown: which, in what order, and that none is missed. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeEventCursor, encodeEventCursor, fromHeight } from '../../shared/api/cursor.ts';
import type { EventCursor } from '../../shared/api/ledger-service.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { decodeRequest } from '../../shared/consensus/message.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { onlyFields } from '../../shared/ports/value-keeper.ts';
import { receiveValues } from '../../shared/replica/receive-values.ts';
import { contracts } from '../../workloads/catalog.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { custodialCall } from '../support/custodial-call.ts';
import { dealCatalog } from '../support/deal-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const all = catalog([...contracts.entries, ...counterCatalog.entries, ...dealCatalog.entries]);
// alpha sells to beta, delta audits, gamma is nobody in this.
const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const IDENTITIES = [
  { member: 'alpha', name: 'clerk', roles: ['counter.user'] },
  { member: 'alpha', name: 'other', roles: [] },
  { member: 'delta', name: 'auditor', roles: ['deal.auditor'] },
];
const START = fromHeight(1);

let network: LocalNetwork;
/** Whether values don't reach beta. */
let isHeldBack = false;

async function call(contract: string, method: string, args: Record<string, string | number>) {
  const outcome = await network
    .service('alpha')
    .submitCustodial('clerk', { contract, method, args }, 10_000);
  assert.ok(!(outcome instanceof Rejected), JSON.stringify(outcome));
  assert.equal(outcome.status, 'committed');
  return outcome.id;
}
const make = (deal: string) => call('deal', 'make', { deal, buyer: 'beta', price: 5 });
const offer = (deal: string, buyer = 'beta') => call('deal', 'offer', { deal, buyer, price: 5 });
const raise = () => call('counter', 'raise', { name: 'shared', by: 1 });

/** What a subscriber gets from a place on, until there is no more for now; `until` where it is to look again by itself. */
async function read(member: string, from: EventCursor = START, identity?: string, limit = 7) {
  const told: { transaction: Digest; event: string; cursor: EventCursor }[] = [];
  for (let after = from; ; ) {
    const page = await network
      .service(member)
      .shownEvents(after, limit, identity, ({ type }) => /^(deal|counter)\./.test(type));
    for (const { event, cursor, isWanted } of page.seen) {
      const { transaction, type } = event;
      if (isWanted) told.push({ transaction, event: `${transaction} ${type}`, cursor });
    }
    // As a subscriber keeps it.
    after = decodeEventCursor(encodeEventCursor(page.end))!;
    if (page.isEnd)
      return { told, ids: [...new Set(told.map((one) => one.transaction))], after, ...page };
  }
}
const idsAt = async (member: string, identity?: string) =>
  (await read(member, START, identity)).ids;

const atHeightOf = (member: string) =>
  until(() => {
    const { height } = network.node(member).replica.head.header;
    return height === network.node('alpha').replica.head.header.height;
  });

/** Moves a node's clock. */
function passTime(member: string, ms: number): void {
  const { time } = network.node(member).replica.ports;
  const before = time.now;
  Object.assign(time, { now: () => before() + ms });
}

describe('events whose values one is shown', () => {
  beforeEach(async () => {
    network = await LocalNetwork.open({
      ...{ members: MEMBERS, catalog: all, identities: IDENTITIES, vaults: true },
    });
    isHeldBack = false;
    network.intercept = (_from, to, message) => {
      if (isHeldBack && to === 'beta' && decodeRequest(message).kind === 'values') {
        throw new Error('the connection failed');
      }
      return message;
    };
  });
  afterEach(() => network.close());

  it('are those of calls that hide nothing, and of the values in the member’s vault', async () => {
    const open = await raise();
    const sold = await make('d-1');
    const again = await raise();
    for (const member of MEMBERS) {
      await atHeightOf(member);
      const expected = member === 'gamma' ? [open, again] : [open, sold, again];
      assert.deepEqual(await idsAt(member), expected, member);
    }
    // Among the member's people, those that its vault would answer.
    assert.deepEqual(await idsAt('alpha', 'clerk'), [open, sold, again]);
    assert.deepEqual(await idsAt('alpha', 'admin'), [open, sold, again]);
    assert.deepEqual(await idsAt('alpha', 'other'), [open, again]);
    assert.deepEqual(await idsAt('alpha', 'nobody'), [open, again]);
  });

  it('are none any more once the values are erased', async () => {
    const sold = await make('d-1');
    const kept = await make('d-2');
    await custodialCall(network, 'alpha', 'admin', 'confidential', 'erase', { records: [sold] });
    assert.deepEqual(await idsAt('alpha'), [kept]);
  });

  it('wait for values that may come in time, with those behind them', async () => {
    isHeldBack = true;
    const before = await raise();
    const offered = await offer('d-1');
    const after = await raise();
    await atHeightOf('beta');
    const waiting = await read('beta');
    assert.deepEqual(waiting.ids, [before]);
    const { time } = network.node('beta').replica.ports;
    assert.ok(waiting.waitUntil! > time.now() && waiting.waitUntil! <= time.now() + 60_000);
    // Whoever has them already waits for nothing.
    assert.deepEqual(await idsAt('alpha'), [before, offered, after]);

    const told: number[] = [];
    network.node('beta').replica.valueListeners.add(() => told.push(1));
    isHeldBack = false;
    await until(() => told.length > 0);
    const next = await read('beta', waiting.after);
    assert.deepEqual(next.ids, [offered, after]);
    assert.equal(next.waitUntil, undefined);
    assert.deepEqual((await read('beta', next.after)).ids, []);
  });

  it('of others’ values wait no longer than their contract gives', async () => {
    await offer('d-1');
    const after = await raise();
    await atHeightOf('gamma');
    assert.deepEqual(await idsAt('gamma'), []);
    passTime('gamma', 60_000);
    assert.deepEqual(await idsAt('gamma'), [after]);
  });

  it('are told when the values come after that time', async () => {
    isHeldBack = true;
    const offered = await offer('d-1');
    const after = await raise();
    await atHeightOf('beta');
    passTime('beta', 60_000);
    const first = await read('beta');
    assert.deepEqual(first.ids, [after]);
    isHeldBack = false;
    await until(async () => (await network.vaultOf('beta').lastLate()) > 0);
    const later = await read('beta', first.after);
    assert.deepEqual(later.ids, [offered]);
    assert.deepEqual((await read('beta', later.after)).ids, []);
    const [made, second] = later.told;
    // Whoever stops between the two of them gets both again.
    assert.deepEqual([made!.cursor.late, second!.cursor.late], [0, 1]);
    assert.deepEqual((await read('beta', made!.cursor)).ids, [offered]);
    // Whoever begins now, or was not there yet, gets it in its place.
    assert.deepEqual(await idsAt('beta'), [offered, after]);
    const behind = { ...START, late: 0 };
    assert.deepEqual((await read('beta', behind)).ids, [offered, after]);
  });

  it('are missed by nobody, whenever values come and wherever a subscriber stops', async () => {
    const steps = fc.array(
      fc.constantFrom('make', 'offer', 'offer', 'raise', 'bring', 'time', 'read', 'crash'),
      { maxLength: 25, size: 'max' },
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        run++;
        const own = network.vaultOf('alpha');
        const start = fromHeight(network.node('alpha').replica.head.header.height! + 1);
        isHeldBack = true;
        const due: Digest[] = [];
        const expected: string[] = [];
        const told: string[] = [];
        let kept: EventCursor = start;
        const bring = async (): Promise<void> => {
          const id = due.shift();
          if (!id) return;
          const values = onlyFields((await own.read(id))!, ['buyer']);
          const envelope = await own.wrap(network.vaultKeyOf('beta'), [values]);
          assert.deepEqual(await receiveValues(network.node('beta').replica, envelope), [null]);
        };
        const readOn = async (): Promise<void> => {
          await atHeightOf('beta');
          const page = await read('beta', kept, undefined, 2);
          told.push(...page.told.map(({ event }) => event));
          kept = page.after;
        };
        for (const [index, step] of script.entries()) {
          const name = `d-${run}-${index}`;
          if (step === 'raise') expected.push(`${await raise()} counter.raised`);
          else if (step === 'offer') {
            const id = await offer(name);
            expected.push(`${id} deal.made`, `${id} deal.offered`);
            due.push(id);
          } else if (step === 'make') await offer(name, 'gamma');
          else if (step === 'bring') await bring();
          else if (step === 'time') passTime('beta', 40_000);
          else if (step === 'read') await readOn();
          else {
            // What it was told since it kept its place comes again.
            await atHeightOf('beta');
            const { told: half } = await read('beta', kept, undefined, 3);
            const at = half[Math.floor(half.length / 2)];
            if (at) {
              told.push(...half.slice(0, half.indexOf(at) + 1).map(({ event }) => event));
              kept = at.cursor;
            }
          }
        }
        while (due.length > 0) await bring();
        passTime('beta', 60_000);
        await readOn();
        assert.deepEqual([...new Set(told)].sort(), [...expected].sort());
        isHeldBack = false;
      }),
      { numRuns: 15 },
    );
  });
});
