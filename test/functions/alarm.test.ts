/** The alarm function with a Lambda that is an HTTP server of this test: what it wakes, what it leaves in the queue. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, it } from 'node:test';
import type { NodeEvent } from '../../functions/node/node-alarm.ts';

const woken: { name: string; event: NodeEvent }[] = [];
let unreachable: string | undefined;
let server: Server;
let handler: typeof import('../../functions/alarm/handler.ts').handler;

before(async () => {
  server = createServer((request, response) => {
    const name = /functions\/([^/]+)\/invocations/.exec(request.url!)![1]!;
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      woken.push({ name, event: JSON.parse(body) as NodeEvent });
      response.writeHead(name === unreachable ? 404 : 202).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'nobody',
    AWS_SECRET_ACCESS_KEY: 'nothing',
  });
  ({ handler } = await import('../../functions/alarm/handler.ts'));
});
beforeEach(() => {
  woken.length = 0;
  unreachable = undefined;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const alarm = (height: number): NodeEvent => ({
  kind: 'alarm',
  waited: { rings: 1, height, round: 1 },
});
const record = (messageId: string, message: object, received = 1) => ({
  messageId,
  body: JSON.stringify(message),
  attributes: { ApproximateReceiveCount: String(received) },
});
const rung = (name: string, event: NodeEvent) => ({ function: name, event });
const failed = (name: string, event: NodeEvent) => ({
  requestContext: { functionArn: `arn:aws:lambda:eu-central-1:111122223333:function:${name}` },
  requestPayload: event,
});
const deliver = async (...Records: ReturnType<typeof record>[]): Promise<string[]> => {
  const { batchItemFailures } = (await handler({ Records }, {
    getRemainingTimeInMillis: () => 10_000,
  } as never)) as { batchItemFailures: { itemIdentifier: string }[] };
  return batchItemFailures.map(({ itemIdentifier }) => itemIdentifier).sort();
};

it('wakes each function once, for the longest wait of its alarms', async () => {
  const left = await deliver(
    record('1', rung('a', alarm(3))),
    record('2', rung('a', alarm(5))),
    record('3', rung('a', { kind: 'wake' })),
    record('4', rung('b', { kind: 'wake' })),
  );
  assert.deepEqual(left, []);
  const sorted = woken.sort((one, other) => (one.name < other.name ? -1 : 1));
  assert.deepEqual(sorted, [
    { name: 'a', event: alarm(5) },
    { name: 'b', event: { kind: 'wake' } },
  ]);
});

it('tells a function of its webhooks besides', async () => {
  const left = await deliver(
    record('1', rung('a', { kind: 'webhooks' })),
    record('2', rung('a', alarm(5))),
    record('3', rung('a', { kind: 'webhooks' })),
  );
  assert.deepEqual(left, []);
  const sorted = woken.sort((one, other) => (one.event.kind < other.event.kind ? -1 : 1));
  assert.deepEqual(sorted, [
    { name: 'a', event: alarm(5) },
    { name: 'a', event: { kind: 'webhooks' } },
  ]);
});

it('leaves all messages of a function that it could not wake in the queue, and no others', async () => {
  unreachable = 'a';
  const left = await deliver(
    record('1', rung('a', alarm(3))),
    record('2', rung('b', alarm(3))),
    record('3', rung('a', alarm(4))),
  );
  assert.deepEqual(left, ['1', '3']);
});

it('takes what a node has just failed to do when it is delivered again', async () => {
  assert.deepEqual(await deliver(record('1', failed('a', alarm(3)))), ['1']);
  assert.deepEqual(woken, []);
  assert.deepEqual(await deliver(record('1', failed('a', alarm(3)), 2)), []);
  assert.deepEqual(woken, [{ name: 'a', event: alarm(3) }]);
});

it('is not kept from waking others by a message that it can’t read', async () => {
  const unreadable = { ...record('1', {}), body: 'no JSON' };
  assert.deepEqual(await deliver(unreadable, record('2', rung('a', alarm(3)))), ['1']);
  assert.deepEqual(woken, [{ name: 'a', event: alarm(3) }]);
});
