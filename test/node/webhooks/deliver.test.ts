/** How events reach webhooks: in order, at least once, and what becomes of those that nobody takes. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { PostClosed } from '../../../node/webhooks/post.ts';
import { type Answer, HookedLedger, numbersOf, SETTINGS, START } from './hooked-ledger.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const FROM_START = { cursor: START, isTold: true };

let ledger: HookedLedger;
let secret: string;
beforeEach(async () => {
  ledger = new HookedLedger();
  secret = (await ledger.api.put('erp', SETTINGS, FROM_START))!.secret!;
});

const shown = async () => (await ledger.api.get('erp'))!;
const letterNumbers = async () =>
  (await ledger.api.deadLetters('erp', undefined, 100)).map(
    ({ event }) => (event as { data: { n: number } }).data.n,
  );
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('delivery to a webhook', () => {
  it('sends every event in order, signed, as a CloudEvent', async () => {
    ledger.commit(100);
    assert.equal(await ledger.deliver(), null);
    assert.deepEqual(numbersOf(ledger.sent), range(1, 100));
    const [{ headers, event, url }] = ledger.sent as [(typeof ledger.sent)[0]];
    assert.equal(url, SETTINGS.url);
    assert.equal(event.type, 'fuqi.counter.added');
    assert.equal(headers['webhook-id'], event.id);
    assert.equal(headers['content-type'], 'application/cloudevents+json; charset=utf-8');
    const now = Math.floor(Date.now() / 1000);
    assert.throws(() => new Webhook(secret).verify(JSON.stringify(event), headers), /old|new/);
    ledger.now = now * 1000;
    ledger.commit(1);
    await ledger.deliver();
    const last = ledger.sent.at(-1)!;
    new Webhook(secret).verify(JSON.stringify(last.event), { ...last.headers });
  });

  it('sends what was committed since, once', async () => {
    ledger.commit(3);
    await ledger.deliver();
    assert.equal(await ledger.deliver(), null);
    ledger.commit(2);
    await ledger.deliver();
    assert.deepEqual(numbersOf(ledger.sent), range(1, 5));
    assert.equal((await shown()).lastDeliveredAt, ledger.now);
  });

  it('sends only events of its types whose fields have its values', async () => {
    const settings = { ...SETTINGS, types: ['invoice.issued'], where: { merchant: 'corner-shop' } };
    await ledger.api.put('erp', settings, { cursor: START, isTold: false });
    ledger.commit(40, { merchant: 'corner-shop' });
    ledger.commit(1, { merchant: 'corner-shop' }, 'invoice.issued');
    ledger.commit(1, { merchant: 'other-shop' }, 'invoice.issued');
    ledger.commit(1, {}, 'invoice.issued');
    ledger.commit(1, { merchant: 'corner-shop' }, 'invoice.issued');
    await ledger.deliver();
    assert.deepEqual(numbersOf(ledger.sent), [41, 44]);
    assert.match((await shown()).cursor, /^44\./);
  });

  it('sends only events whose values its member is shown, where it is to', async () => {
    await ledger.api.put('erp', { ...SETTINGS, shown: true, types: ['counter.added'] }, FROM_START);
    ledger.commit(3);
    ledger.commit(1, {}, 'counter.lowered');
    for (const height of [1, 3, 4]) ledger.shown.add(height);
    assert.equal(await ledger.deliver(), null);
    assert.deepEqual(numbersOf(ledger.sent), [1, 3]);
    assert.equal((await shown()).cursor, '4.0.0.0');
    assert.equal((await shown()).shown, true);
  });

  it('looks again when values that it waits for can’t come in time any more', async () => {
    await ledger.api.put('erp', { ...SETTINGS, shown: true }, FROM_START);
    ledger.commit(3);
    for (const height of [1, 3]) ledger.shown.add(height);
    ledger.waits = { height: 2, until: ledger.now + 5 * SECOND };
    assert.equal(await ledger.deliver(), ledger.waits.until);
    assert.deepEqual(numbersOf(ledger.sent), [1]);
    ledger.now = ledger.waits.until;
    assert.equal(await ledger.deliver(), null);
    assert.deepEqual(numbersOf(ledger.sent), [1, 3]);
  });

  it('sends those whose values came late when they came, dead letters included', async () => {
    await ledger.api.put('erp', { ...SETTINGS, shown: true }, FROM_START);
    ledger.commit(3);
    for (const height of [1, 3]) ledger.shown.add(height);
    await ledger.deliver();
    ledger.late.push(2);
    ledger.answer = () => 422;
    await ledger.deliverAll();
    assert.deepEqual(await letterNumbers(), [2]);
    const [letter] = await ledger.api.deadLetters('erp', undefined, 9);
    const { cursor } = letter!;
    assert.equal(cursor, '3.0.0.1');
    assert.equal((await shown()).cursor, cursor);
    ledger.answer = () => 200;
    assert.equal(await ledger.api.redeliver('erp', cursor), null);
    const ids = new Set(
      ledger.sent.filter(({ event }) => event.data.n === 2).map(({ event }) => event.id),
    );
    assert.equal(ids.size, 1);
  });

  it('tries again, later and later, and holds the next events back', async () => {
    ledger.commit(2);
    ledger.answer = () => (ledger.now < began + HOUR ? new Error('the connection failed') : 204);
    const began = ledger.now;
    const times = await ledger.deliverAll();
    const pauses = times.map((time, index) => (time - (times[index - 1] ?? began)) / SECOND);
    assert.deepEqual(pauses, [0, 5, 30, 120, 600, 1800, 3600]);
    assert.deepEqual(numbersOf(ledger.sent), [1, 1, 1, 1, 1, 1, 1, 2]);
    assert.equal((await shown()).status, 'active');
  });

  it('says how it goes, and why', async () => {
    ledger.commit(1);
    ledger.answer = () => 503;
    await ledger.deliver();
    const { status, reason, failures, retryAt } = await shown();
    assert.deepEqual(
      { status, reason, failures, retryAt },
      {
        status: 'retrying',
        reason: 'it answered 503',
        failures: 1,
        retryAt: ledger.now + 5 * SECOND,
      },
    );
    assert.equal(await ledger.deliver(), retryAt, 'no sooner, whoever asks');
    assert.equal(ledger.sent.length, 1);
  });

  it('waits for an endpoint that is away for a day, and loses nothing', async () => {
    ledger.commit(3);
    ledger.answer = () => new Error('the connection failed (ECONNREFUSED)');
    const times = await ledger.deliverAll();
    assert.equal(times.length, 11);
    assert.ok(ledger.now - times[0]! > 23 * HOUR);
    const { status, reason, cursor, deadLetters } = await shown();
    assert.deepEqual([status, cursor, deadLetters], ['paused', START, 0]);
    assert.match(reason!, /^11 attempts failed; .*ECONNREFUSED/);
    ledger.answer = () => 200;
    assert.equal(await ledger.deliver(), null);
    assert.equal(ledger.sent.length, 11, 'nothing is sent while it is paused');
    await ledger.api.put('erp', SETTINGS, { cursor: 'unused', isTold: false });
    await ledger.deliver();
    assert.deepEqual(numbersOf(ledger.sent).slice(11), [1, 2, 3]);
  });

  it('puts aside what an endpoint refuses, and goes on', async () => {
    ledger.commit(3);
    ledger.answer = ({ event }) => (event.data.n === 2 ? 422 : 200);
    await ledger.deliverAll();
    assert.deepEqual(numbersOf(ledger.sent), [1, 2, 2, 2, 2, 3]);
    assert.deepEqual(await letterNumbers(), [2]);
    const [letter] = await ledger.api.deadLetters('erp', undefined, 10);
    assert.equal(letter!.reason, 'it answered 422');
    assert.equal(letter!.cursor, '2.0.0');
    assert.equal((await shown()).status, 'active');
  });

  it('sends a dead letter again when it is told, by the same id', async () => {
    ledger.commit(1);
    ledger.answer = () => 400;
    await ledger.deliverAll();
    assert.equal(await ledger.api.redeliver('erp', '1.0.0'), 'it answered 400');
    assert.deepEqual(await letterNumbers(), [1]);
    ledger.answer = () => 200;
    assert.equal(await ledger.api.redeliver('erp', '1.0.0'), null);
    assert.deepEqual(await letterNumbers(), []);
    assert.equal(await ledger.api.redeliver('erp', '1.0.0'), undefined);
    assert.equal(new Set(ledger.sent.map(({ headers }) => headers['webhook-id'])).size, 1);
  });

  it('stops where an endpoint is gone, or refuses everything', async () => {
    ledger.commit(300);
    ledger.answer = () => 410;
    assert.equal(await ledger.deliver(), null);
    assert.match((await shown()).reason!, /gone/);
    ledger.answer = () => 401;
    await ledger.api.put('erp', SETTINGS, FROM_START);
    await ledger.deliverAll();
    const { status, reason, deadLetters, cursor } = await shown();
    assert.deepEqual([status, deadLetters], ['paused', 200]);
    assert.match(reason!, /200 dead letters/);
    assert.match(cursor, /^200\./, 'the next one is not lost');
  });

  it('sends again from a cursor', async () => {
    ledger.commit(5);
    await ledger.deliver();
    await ledger.api.put('erp', SETTINGS, { cursor: '3.0.0', isTold: true });
    await ledger.deliver();
    assert.deepEqual(numbersOf(ledger.sent), [1, 2, 3, 4, 5, 4, 5]);
    const ids = ledger.sent.map(({ headers }) => headers['webhook-id']);
    assert.equal(ids[3], ids[5], 'by the same ids');
  });

  it('says where events are not kept any more', async () => {
    ledger.commit(5);
    ledger.bodies = 3;
    await ledger.deliver();
    assert.match((await shown()).reason!, /from height 3/);
    assert.deepEqual(ledger.sent, []);
  });

  it('takes new settings from the next event on', async () => {
    ledger.commit(3);
    ledger.answer = async () => {
      ledger.answer = () => 200;
      const settings = { ...SETTINGS, url: 'https://new.example/' };
      await ledger.api.put('erp', settings, { cursor: 'unused', isTold: false });
      return 200;
    };
    await ledger.deliverAll();
    const places = ledger.sent.map(({ url, event }) => `${event.data.n} ${new URL(url).hostname}`);
    // How the first one went was not kept: it comes again.
    const expected = ['1 erp.example', '1 new.example', '2 new.example', '3 new.example'];
    assert.deepEqual(places, expected);
    await ledger.api.remove('erp');
    ledger.commit(1);
    assert.equal(await ledger.deliver(), null);
  });

  it('ends when it is removed, with its dead letters', async () => {
    ledger.commit(3);
    ledger.answer = () => 400;
    await ledger.deliverAll();
    assert.equal(await ledger.api.remove('erp'), true);
    assert.equal(ledger.entries.size, 0);
    assert.equal(await ledger.api.remove('erp'), false);
  });

  it('lets nobody else send at the same time where others may', async () => {
    ledger.commit(3);
    let other: Promise<number | null> | undefined;
    ledger.answer = () => {
      other ??= ledger.deliver('erp', { leaseMs: 60 * SECOND });
      return other.then(() => 200);
    };
    assert.equal(await ledger.deliver('erp', { leaseMs: 60 * SECOND }), null);
    assert.equal(await other, ledger.now + 2 * SECOND, 'it looks again');
    assert.deepEqual(numbersOf(ledger.sent), [1, 2, 3]);
  });

  it('goes on after one that died while it sent, once its lease has ended', async () => {
    ledger.commit(3);
    const died = new PostClosed();
    ledger.answer = ({ event }) => (event.data.n === 2 ? died : 200);
    await assert.rejects(ledger.deliver('erp', { leaseMs: 60 * SECOND }), PostClosed);
    ledger.answer = () => 200;
    const due = await ledger.deliver('erp', { leaseMs: 60 * SECOND });
    assert.equal(due, ledger.now + 2 * SECOND);
    ledger.now += 61 * SECOND;
    assert.equal(await ledger.deliver('erp', { leaseMs: 60 * SECOND }), null);
    assert.deepEqual(numbersOf(ledger.sent), [1, 2, 1, 2, 3]);
    assert.equal((await shown()).failures, 0, 'the endpoint is not to blame');
  });

  it('keeps URL and secret sealed, and logs neither', async () => {
    ledger.commit(1);
    ledger.answer = () => 500;
    await ledger.deliver();
    const stored = [...ledger.entries.values()].map((bytes) =>
      Buffer.from(bytes).toString('latin1'),
    );
    for (const text of [...stored, ...ledger.logged]) {
      assert.doesNotMatch(text, /whsec_|erp\.example/);
      assert.ok(!text.includes(secret.slice(6)));
    }
    assert.equal(ledger.logged.length, 1);
  });

  it('brings each event before the next one or makes it a dead letter, whatever the endpoint answers', async () => {
    const answers = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.constant<Answer>(200) },
        { weight: 2, arbitrary: fc.constantFrom<Answer>(500, 429, new Error('no connection')) },
        { weight: 2, arbitrary: fc.constantFrom<Answer>(400, 404) },
        { weight: 1, arbitrary: fc.constant<Answer>(new PostClosed()) },
      ),
      { size: 'max', maxLength: 120 },
    );
    await fc.assert(
      fc.asyncProperty(answers, async (script) => {
        const one = new HookedLedger();
        await one.api.put('erp', SETTINGS, FROM_START);
        one.commit(40);
        const taken: number[] = [];
        let next = 0;
        one.answer = ({ event }) => {
          const answer = script[next++] ?? 200;
          if (answer === 200) taken.push(event.data.n);
          return answer;
        };
        for (;;) {
          const due = await one.deliver('erp', { leaseMs: 60 * SECOND }).catch(() => one.now + 1);
          if (due !== null) {
            one.now = Math.max(one.now, due);
            continue;
          }
          if ((await one.api.get('erp'))!.status !== 'paused') break;
          // Eleven failures in a row: its administrator resumes it.
          await one.api.put('erp', SETTINGS, { cursor: 'unused', isTold: false });
        }
        assert.equal((await one.api.get('erp'))!.status, 'active');
        const letters = (await one.api.deadLetters('erp', undefined, 100)).map(
          ({ event }) => event,
        );
        const dead = new Set(letters.map((event) => (event as { data: { n: number } }).data.n));
        let up = 0;
        for (const n of taken) {
          // One that came before may come again, but none is passed over.
          for (let passed = up + 1; passed < n; passed++) assert.ok(dead.has(passed), `${passed}`);
          up = Math.max(up, n);
        }
        for (const n of range(1, 40)) assert.ok(taken.includes(n) || dead.has(n), `${n}`);
      }),
      { numRuns: 60, examples: [[Array<Answer>(11).fill(500)]] },
    );
  });
});
