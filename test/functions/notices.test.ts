/** What a node tells its operator at the end of an invocation, and in which form. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { type Notice, notifier } from '../../functions/metrics.ts';
import { noticeTroubles, type Seen } from '../../functions/node/notices.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];

/** Alpha's replica at a height of 100, and what differs from a quiet one. */
function replica(differs: {
  rings?: number;
  height?: number;
  heights?: Record<string, number>;
  missing?: string[];
}): Seen {
  const { rings = 0, height = 100, heights = {}, missing = [] } = differs;
  return {
    member: 'alpha',
    rings,
    mempool: { size: 3 },
    head: { header: { height } },
    heights: new Map(Object.entries(heights)),
    missing: new Set(missing),
    epoch: { set: { validators: MEMBERS.map((member) => ({ member })) } },
  } as unknown as Seen;
}

function told(seen: Seen, remainingMs = 20_000): Record<string, Readonly<Record<string, unknown>>> {
  const said: [Notice, Readonly<Record<string, unknown>>][] = [];
  noticeTroubles((notice, fields) => said.push([notice, fields]), seen, remainingMs);
  return Object.fromEntries(said);
}

describe('what a node notices', () => {
  it('is nothing where all is well', () => {
    assert.deepEqual(told(replica({})), {});
    const near = { beta: 100, gamma: 99, delta: 92 };
    assert.deepEqual(told(replica({ rings: 3, heights: near })), {});
  });

  it('is that nothing is committed while transactions wait', () => {
    const { CommitWaits } = told(replica({ rings: 4 }));
    assert.deepEqual(CommitWaits, { rings: 4, height: 100, pending: 3, missing: [] });
  });

  it('is a validator far behind, or one that does not answer', () => {
    assert.deepEqual(told(replica({ heights: { beta: 91 }, missing: ['delta', 'an-observer'] })), {
      ReplicaBehind: { height: 100, behind: [{ member: 'beta', lag: 9 }], silent: ['delta'] },
    });
  });

  it('is that itself is behind, which no f liars can make it believe', () => {
    assert.deepEqual(told(replica({ heights: { beta: 1_000_000 } })), {});
    const { ReplicaBehind } = told(replica({ heights: { beta: 109, gamma: 109, delta: 109 } }));
    assert.deepEqual(ReplicaBehind!.behind, [{ member: 'alpha', lag: 9 }]);
  });

  it('is an invocation that had hardly any time left', () => {
    assert.deepEqual(told(replica({}), 999), { NearTimeout: { remainingMs: 999 } });
  });
});

describe('a notice', () => {
  it('is a log line in the embedded metric format, once in a while', () => {
    const lines: string[] = [];
    const log = pino({ name: 'peer' }, { write: (line: string) => lines.push(line) });
    const clock = { now: 1_700_000_000_000 };
    const notify = notifier(log, 'shenzhen-invoice', () => clock.now);
    notify('CannotSign', { sentence: 'The key is gone.' });
    notify('CannotSign', { sentence: 'The key is gone.' });
    notify('CommitWaits', { rings: 4 });
    clock.now += 30_000;
    notify('CannotSign', { sentence: 'The key is gone.' });
    const said = lines.map((line) => JSON.parse(line));
    assert.deepEqual(
      said.map(({ level, CannotSign, CommitWaits }) => [level, CannotSign, CommitWaits]),
      [
        [60, 1, undefined],
        [40, undefined, 1],
        [60, 1, undefined],
      ],
    );
    const [{ _aws, sentence, msg }] = said;
    assert.deepEqual(_aws, {
      Timestamp: 1_700_000_000_000,
      CloudWatchMetrics: [
        {
          Namespace: 'Fuqi/shenzhen-invoice',
          Dimensions: [[]],
          Metrics: [{ Name: 'CannotSign', Unit: 'Count' }],
        },
      ],
    });
    assert.deepEqual([sentence, msg], ['The key is gone.', 'a key can’t be used']);
  });
});
