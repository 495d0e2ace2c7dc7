/** What the tax bureau is told of confidential invoices: sums that always add up, and alerts when something begins. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type Happening,
  happeningOf,
  type Issued,
  regionOf,
} from '../../../workloads/einvoice-watch/happenings.ts';
import { type Change, WatchedInvoices } from '../../../workloads/einvoice-watch/invoices.ts';
import { DEFAULT_RULES, type Rules, Watch } from '../../../workloads/einvoice-watch/rules.ts';
import { Totals } from '../../../workloads/einvoice-watch/totals.ts';
import { Windows } from '../../../workloads/einvoice-watch/windows.ts';
import type { TaxGroup } from '../../../workloads/invoice/tax.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const START = Date.parse('2026-11-27T08:00:00Z');

const group = (net: number, rateBp = 1300): TaxGroup => ({
  ...{ category: 'standard', rateBp, net },
  tax: Math.round((net * rateBp) / 10_000),
});
const issued = (number: string, more: Partial<Issued> = {}): Issued => ({
  ...{ what: 'issued', at: START, number, seller: 'corner-shop', buyer: 'buyer-co' },
  ...{ region: '440300', currency: 'CNY', groups: [group(10_000)], sameness: number, ...more },
});
const limit = (amount: number, at = START): Happening => ({
  ...{ what: 'credit-limit-set', at, merchant: 'corner-shop', currency: 'CNY', limit: amount },
});
const row = (standing: string, invoices: number, net: number, tax: number) => ({
  ...{ merchant: 'corner-shop', region: '440300', currency: 'CNY', rate: 'standard/1300' },
  ...{ standing, invoices, net, tax },
});

/** Runs happenings through invoices and sums. */
function summed(list: readonly Happening[]) {
  const invoices = new WatchedInvoices();
  const totals = new Totals();
  const minutes = list.flatMap((one) => totals.add(one.at, invoices.apply(one)) ?? []);
  return { invoices, totals, minutes };
}

/** What is told of, by the rule's name and where it is about an invoice, its number. */
function alerts(list: readonly Happening[], rules: Rules = DEFAULT_RULES): string[] {
  const invoices = new WatchedInvoices();
  const watch = new Watch(rules, invoices);
  return list.flatMap((one) => {
    invoices.apply(one);
    return watch.see(one).map(({ alert, number = '' }) => `${alert} ${number}`.trim());
  });
}

describe('sums', () => {
  it('have notes to invoices elsewhere beside those of invoices, of which they take nothing', () => {
    const { what: _, sameness: __, ...note } = issued('2', { groups: [group(4000)] });
    const { totals, invoices } = summed([issued('1'), { ...note, what: 'credit-noted' }]);
    assert.deepEqual(totals.rows(), [
      row('credit-noted', 1, 4000, 520),
      row('issued', 1, 10_000, 1300),
    ]);
    assert.equal(invoices.outstanding('corner-shop', 'CNY'), 11_300);
  });

  it('move with an invoice from where it stands to where it stands next', () => {
    const { totals, invoices } = summed([
      issued('1'),
      issued('2'),
      { what: 'claimed', at: START, claim: 'c', numbers: ['1'] },
      { what: 'reversed-in-part', at: START, number: '2', groups: [group(4000)] },
    ]);
    assert.deepEqual(totals.rows(), [
      row('claimed', 1, 10_000, 1300),
      row('issued', 1, 6000, 780),
      row('reversed', 0, 4000, 520),
    ]);
    assert.equal(invoices.outstanding('corner-shop', 'CNY'), 11_300 + 6780);
  });

  it('are told of a minute once it is over', () => {
    const { minutes, totals } = summed([
      issued('1'),
      issued('2', { at: START + MINUTE - 1 }),
      { what: 'reversed', at: START + MINUTE, number: '1' },
    ]);
    assert.deepEqual(minutes, [
      { minute: '2026-11-27T08:00:00.000Z', changes: [row('issued', 2, 20_000, 2600)] },
    ]);
    assert.equal(totals.endMinute(START + 2 * MINUTE - 1), undefined);
    assert.deepEqual(totals.endMinute(START + 2 * MINUTE), {
      minute: '2026-11-27T08:01:00.000Z',
      changes: [row('issued', -1, -10_000, -1300), row('reversed', 1, 10_000, 1300)],
    });
  });

  it('leave out what was declared or taken back of what takes credit', () => {
    const { invoices } = summed([
      issued('1'),
      issued('2'),
      { what: 'declared', at: START, seller: 'corner-shop', numbers: ['1'] },
      // Its credit was given back.
      { what: 'reversed', at: START, number: '1' },
      { what: 'reversed-in-part', at: START, number: '2', groups: [group(4000)] },
      { what: 'declared', at: START, seller: 'corner-shop', numbers: ['2'] },
    ]);
    assert.equal(invoices.outstanding('corner-shop', 'CNY'), 0);
  });

  it('count each invoice once and each amount somewhere, whatever happens', () => {
    const numbers = ['1', '2', '3', '4'];
    const step = fc.record({
      number: fc.constantFrom(...numbers),
      what: fc.constantFrom('claimed', 'approved', 'refused', 'credited', 'reversed', 'part'),
      after: fc.integer({ min: 0, max: 90_000 }),
    });
    const run = fc.property(fc.array(step, { size: 'max', maxLength: 60 }), (steps) => {
      let at = START;
      const open = new Map(numbers.map((number) => [number, 10_000]));
      const list: Happening[] = numbers.map((number) =>
        issued(number, { groups: [group(10_000), group(500, 600)] }),
      );
      for (const { number, what, after } of steps) {
        at += after;
        const left = open.get(number)!;
        if (left === 0) continue;
        if (what === 'part') {
          if (left <= 1000) continue;
          open.set(number, left - 1000);
          list.push({ what: 'reversed-in-part', at, number, groups: [group(1000)] });
        } else {
          if (what === 'reversed') open.set(number, 0);
          list.push({ what, at, number, claim: 'c', numbers: [number] } as Happening);
        }
      }
      const { totals, minutes } = summed(list);
      const sum = (rows: readonly Change[], of: 'invoices' | 'net' | 'tax') =>
        rows.reduce((all, each) => all + each[of], 0);
      const rows = totals.rows();
      assert.equal(sum(rows, 'invoices'), numbers.length);
      assert.equal(sum(rows, 'net'), numbers.length * 10_500);
      assert.ok(rows.every(({ net, tax, invoices }) => net >= 0 && tax >= 0 && invoices >= 0));
      // The minutes come to the same as all time.
      const last = totals.endMinute(at + MINUTE);
      const changes = [...minutes, ...(last ? [last] : [])].flatMap((one) => one.changes);
      for (const one of rows) {
        const same = changes.filter(
          ({ rate, standing }) => rate === one.rate && standing === one.standing,
        );
        assert.equal(sum(same, 'net'), one.net);
        assert.equal(sum(same, 'invoices'), one.invoices);
      }
    });
    fc.assert(run, { numRuns: 100 });
  });
});

describe('alerts', () => {
  it('tell of a limit that is nearly used, when it comes to be and not again while it is', () => {
    const told = alerts([
      limit(30_000),
      issued('1'),
      issued('2'),
      // 11,300 each: the third would be over the limit, so it was raised.
      limit(34_000),
      issued('3'),
      issued('4', { groups: [group(50)] }),
      { what: 'reversed', at: START, number: '1' },
      issued('5'),
    ]);
    assert.deepEqual(told, ['limitNearlyUsed', 'limitNearlyUsed']);
    assert.deepEqual(alerts([issued('1'), limit(11_300), limit(20_000), limit(12_000)]), [
      ...['limitNearlyUsed', 'limitNearlyUsed'],
    ]);
  });

  it('tell of bursts', () => {
    const rules = { burst: { invoices: 3, minutes: 1 } };
    const at = (...seconds: number[]) =>
      seconds.map((second, index) => issued(`${index}`, { at: START + second * 1000 }));
    assert.deepEqual(alerts(at(0, 30, 60, 90, 120), rules), []);
    assert.deepEqual(alerts(at(0, 30, 59, 60, 61), rules), ['burst']);
    assert.deepEqual(alerts(at(0, 1, 2, 100, 200, 201, 202), rules), ['burst', 'burst']);
  });

  it('tell of the same lines for the same buyer within the window', () => {
    const again = (number: string, day: number) =>
      issued(number, { sameness: 'same', at: START + day * DAY });
    const rules = { sameLines: { days: 30 } };
    assert.deepEqual(alerts([again('1', 0), again('2', 29)], rules), ['sameLines 2']);
    assert.deepEqual(alerts([again('1', 0), issued('2'), again('3', 31)], rules), []);
  });

  it('tell of invoices that lead back to where they began', () => {
    const sale = (number: string, seller: string, buyer: string | null, day = 0) =>
      issued(number, { seller, buyer, at: START + day * DAY });
    const rules = { circle: { members: 3, days: 90 } };
    const ring = [sale('1', 'a', 'b'), sale('2', 'b', 'c'), sale('3', 'c', 'a')];
    assert.deepEqual(alerts(ring, rules), ['circle 3']);
    assert.deepEqual(alerts([sale('1', 'a', 'b'), sale('2', 'b', 'a')], rules), ['circle 2']);
    assert.deepEqual(alerts([sale('1', 'a', 'b'), sale('2', 'c', 'a')], rules), []);
    const old = [sale('1', 'a', 'b'), sale('2', 'b', 'c'), sale('3', 'c', 'a', 91)];
    assert.deepEqual(alerts(old, rules), []);
    const long = [...ring.slice(0, 2), sale('3', 'c', 'd'), sale('4', 'd', 'a')];
    assert.deepEqual(alerts(long, rules), []);
    assert.deepEqual(alerts(long, { circle: { members: 4, days: 90 } }), ['circle 4']);
    assert.deepEqual(alerts([sale('1', 'a', 'a'), sale('2', 'a', null)], rules), []);
  });

  it('tell of a merchant that takes much back', () => {
    const rules = { reversals: { share: 0.5, invoices: 4, days: 30 } };
    const reversed = (number: string): Happening => ({ what: 'reversed', at: START, number });
    const four = ['1', '2', '3', '4'].map((number) => issued(number));
    assert.deepEqual(alerts([...four, reversed('1')], rules), []);
    assert.deepEqual(alerts([...four, reversed('1'), reversed('2'), reversed('3')], rules), [
      'reversals',
    ]);
    assert.deepEqual(alerts([...four.slice(1), reversed('2'), reversed('3')], rules), []);
  });

  it('are those that the rules name', () => {
    assert.deepEqual(alerts([limit(1), issued('1'), issued('2', { sameness: '1' })], {}), []);
  });
});

describe('what an event means', () => {
  const event = { type: 'issued', at: START, transaction: 'ab'.repeat(32), data: { number: '1' } };
  const values = {
    ...{ seller: { name: '巷口便利店', taxId: '91440300MA5FABCD7X' }, buyer: { name: 'Buyer' } },
    ...{ lines: [{ description: 'Tea', net: 100, rateBp: 1300, tax: 13 }], to: 'buyer-co' },
  };
  const invoice = { seller: 'corner-shop', currency: 'CNY' };

  it('is read from its hidden values', () => {
    const happening = happeningOf(event, values, invoice) as Issued;
    assert.deepEqual(
      [happening.region, happening.buyer, happening.groups],
      ['440300', 'buyer-co', [group(100)]],
    );
    const sameness = (more: object) =>
      (happeningOf(event, { ...values, ...more }, invoice) as Issued).sameness;
    assert.equal(sameness({ to: undefined }), happening.sameness);
    assert.notEqual(sameness({ buyer: { name: 'Other' } }), happening.sameness);
  });

  it('of a note to an invoice elsewhere is whose it is, and what it takes back', () => {
    const happening = happeningOf({ ...event, type: 'credit-noted' }, values, invoice);
    assert.deepEqual(happening, {
      ...{ what: 'credit-noted', at: START, number: '1', ...invoice },
      ...{ buyer: 'buyer-co', region: '440300', groups: [group(100)] },
    });
  });

  it('is unknown without them, and says so', () => {
    for (const type of ['issued', 'reversed-in-part', 'credit-noted', 'credit-limit-set']) {
      const happening = happeningOf({ ...event, type }, undefined, invoice);
      assert.deepEqual(happening, {
        ...{ what: 'unknown', at: START, event: type, transaction: event.transaction },
      });
    }
    assert.equal(
      happeningOf({ ...event, type: 'numbers-allotted' }, undefined, undefined),
      undefined,
    );
    // A later happening of such an invoice changes no sum.
    assert.deepEqual(summed([{ what: 'reversed', at: START, number: '1' }]).totals.rows(), []);
  });

  it('names the region of a taxpayer’s number', () => {
    assert.equal(regionOf('91440300MA5FABCD7X'), '440300');
    assert.equal(regionOf('440301123456789'), '440301');
    for (const none of [undefined, '', 'DE123456789', '9144030'])
      assert.equal(regionOf(none), null);
  });
});

it('windows count what lies within them, as many as there are', () => {
  const run = fc.property(
    fc.array(fc.integer({ min: 0, max: 30 }), { size: 'max', maxLength: 400 }),
    fc.integer({ min: 1, max: 100 }),
    (pauses, length) => {
      const windows = new Windows();
      const times: number[] = [];
      let now = 0;
      for (const pause of pauses) {
        now += pause;
        times.push(now);
        windows.add('key', now);
        const since = now - length;
        assert.equal(windows.count('key', since), times.filter((at) => at > since).length);
      }
      assert.equal(windows.count('other', 0), 0);
    },
  );
  fc.assert(run);
});
