/** Server-sent events of a real node: no gap, no repeat, clean ends. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { counterCatalog } from '../support/counter-contract.ts';
import { BASE, type NodeApis, openNodeApis } from '../support/node-api.ts';
import { until } from '../support/until.ts';

let apis: NodeApis;
let app: ReturnType<NodeApis['app']>;
before(async () => {
  const user = { member: 'alpha', name: 'user', roles: ['counter.user'] };
  apis = await openNodeApis(counterCatalog, [user], ['alpha/user']);
  app = apis.app('alpha', { heartbeatMs: 30 });
});
after(() => apis.close());

const raise = async (name: string): Promise<void> => {
  const response = await app.request(`${BASE}/counters/${name}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${apis.keys.get('alpha/user')}`,
      'content-type': 'application/json',
    },
    body: '{"by":1}',
  });
  assert.equal(response.status, 200);
};
const listeners = (): number => apis.network.node('alpha').replica.commitListeners.size;

interface Message {
  readonly id: string;
  readonly data?: { readonly data: { readonly value: number } };
}

/** A reader as a browser has one: messages with their ids, and the comments beside them. */
async function open(query = '', headers: Record<string, string> = {}, signal?: AbortSignal) {
  const response = await app.request(`${BASE}/events${query}`, {
    headers: { accept: 'text/event-stream', ...headers },
    ...(signal ? { signal } : {}),
  });
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  const reader = response.body!.getReader();
  const comments: string[] = [];
  const queue: Message[] = [];
  const next = async (): Promise<Message | undefined> => {
    while (queue.length === 0) {
      const { value, done } = await reader.read();
      if (done) return undefined;
      for (const block of Buffer.from(value).toString().split('\n\n')) {
        const id = /^id: (.*)$/m.exec(block)?.[1];
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (id === undefined) comments.push(block);
        else queue.push({ id, ...(data === undefined ? {} : { data: JSON.parse(data) }) });
      }
    }
    return queue.shift();
  };
  return { next, comments, cancel: () => reader.cancel() };
}

test('history and what comes after it arrive once each and in order', async () => {
  await raise('joined');
  const stream = await open();
  const writing = (async () => {
    for (let count = 0; count < 20; count++) await raise('joined');
  })();
  const values: number[] = [];
  while (values.length < 21) values.push((await stream.next())!.data!.data.value);
  await writing;
  await stream.cancel();
  assert.deepEqual(
    values,
    Array.from({ length: 21 }, (_, index) => index + 1),
  );
});

test('a stream resumes after the last id that its reader saw', async () => {
  await raise('resumed');
  const first = await open();
  const { id, data } = (await first.next())!;
  await first.cancel();
  const second = await open('?cursor=0.0.s', { 'last-event-id': id });
  const message = (await second.next())!;
  await second.cancel();
  assert.equal(message.data?.data.value, data!.data.value + 1);
});

test('a filtered stream moves its reader’s cursor past what it leaves out', async () => {
  const stream = await open('?type=counter.lowered');
  const message = (await stream.next())!;
  await stream.cancel();
  assert.equal(message.data, undefined);
  assert.match(message.id, /^\d+\.\d+\.\d+$/);
});

test('a quiet stream says that it is alive', async () => {
  const stream = await open('?from=head');
  const pending = stream.next();
  await until(() => stream.comments.some((line) => line.startsWith(': ')));
  await raise('quiet');
  assert.equal((await pending)?.data?.data.value, 1);
  await stream.cancel();
});

test('a reader that goes away leaves nothing behind', async () => {
  assert.equal(listeners(), 0);
  const faults: string[] = [];
  app = apis.app('alpha', { heartbeatMs: 30, log: { error: (_, what) => faults.push(what) } });
  const cancelled = await open('?from=head');
  const aborter = new AbortController();
  const aborted = await open('?from=head', {}, aborter.signal);
  await until(() => listeners() === 2);
  const reading = cancelled.next();
  await cancelled.cancel();
  assert.equal(await reading, undefined);
  const end = aborted.next();
  aborter.abort();
  await end.catch(() => undefined);
  await until(() => listeners() === 0);
  assert.deepEqual(faults, []);
});

test('a host may bound how long a stream lasts', async () => {
  const bounded = apis.app('alpha', { heartbeatMs: 10, streamMsMax: 50 });
  const response = await bounded.request(`${BASE}/events?from=head`, {
    headers: { accept: 'text/event-stream' },
  });
  assert.match(await response.text(), /^retry: 2000\n\n/);
  assert.equal(listeners(), 0);
});
