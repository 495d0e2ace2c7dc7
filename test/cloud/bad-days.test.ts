/**
 * Bad days of hosted members, on the emulator with IAM enforced: services that throttle and fail, functions
 * killed at any call, alarms lost, late and repeated, stale leases, a member out of reach, deployments
 * while payments flow. After each: all nodes level and idle, everything acknowledged on the ledger once.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { DeleteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { ListQueuesCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { functionName } from '../../functions/function-name.ts';
import { deploy } from '../../infra/emulator/deploy.ts';
import { call } from '../../node/gateway-call.ts';
import { encodeCbor } from '../../shared/bytes/cbor.ts';
import { Random } from '../support/random.ts';
import {
  CONSORTIUM,
  type FaultyConsortium,
  faultyConsortium,
  MEMBERS,
  type Member,
} from './support/consortium.ts';
import { eventually } from './support/eventually.ts';
import type { Fault, ServiceCall } from './support/fault-proxy.ts';
import { heldBy, reckon, settled } from './support/reckoning.ts';
import { failed, throttled } from './support/service-errors.ts';

/** Cold starts of all functions on two cores must not look like a dead leader. */
const BASE_MS = 5000;
const TENURE = 4;

let consortium: FaultyConsortium;
before(async () => {
  consortium = await faultyConsortium({ tenureRounds: TENURE, baseTimeoutMs: BASE_MS });
});
after(() => consortium?.stop());
afterEach(() => {
  consortium.proxy.plan = () => undefined;
});

/** Whether one of the nodes' functions calls. */
const byNode = ({ caller }: ServiceCall): boolean => /_(client|peer)$/.test(caller ?? '');

describe('services', () => {
  it('throttle one call in ten: nobody notices, and each payment counts once', async () => {
    const { proxy } = consortium;
    const random = new Random(1);
    proxy.counts.clear();
    proxy.plan = (call) => {
      if (!random.chance(0.1)) return undefined;
      if (call.operation.startsWith('Batch') && random.chance(0.5)) return { kind: 'partial' };
      return { kind: 'error', error: throttled(call, random.next()) };
    };
    const clients = consortium.clients();
    await clients.payMany('throttled', 6, 2);
    proxy.plan = () => undefined;
    for (const what of ['dynamodb error', 'dynamodb partial', 'kms error', 'lambda error']) {
      assert.ok(proxy.counts.get(what)! > 0, `${what} was not met`);
    }
    assert.deepEqual([...clients.failures], []);
    await reckon(consortium, clients);
  });

  it('fail, answer late, or act and say nothing', async () => {
    const { proxy } = consortium;
    const random = new Random(2);
    const faults: ((call: ServiceCall) => Fault)[] = [
      (call) => ({ kind: 'error', error: failed(call) }),
      () => ({ kind: 'lose-reply' }),
      () => ({ kind: 'cut' }),
      () => ({ kind: 'delay', ms: 200 }),
    ];
    proxy.plan = (call) =>
      byNode(call) && random.chance(0.06) ? random.pick(faults)(call) : undefined;
    const clients = consortium.clients();
    await clients.payMany('failing', 4, 2);
    proxy.plan = () => undefined;
    await clients.pay('failing-after');
    await reckon(consortium, clients);
  });
});

describe('functions', () => {
  it('are killed at any call to a service, before it or after it', async () => {
    const { proxy } = consortium;
    let calls = 0;
    const clients = consortium.clients();
    proxy.plan = (call) => {
      if (byNode(call)) calls++;
      return undefined;
    };
    await clients.pay('whole');
    const total = calls;
    const random = new Random(3);
    for (let kills = 0; kills < 4; kills++) {
      const at = random.between(1, Math.floor((total * (kills + 1)) / 4));
      const when = random.pick(['before', 'after'] as const);
      calls = 0;
      proxy.plan = (call) => (byNode(call) && ++calls === at ? { kind: 'kill', when } : undefined);
      await clients.pay(`killed-${kills}`);
    }
    proxy.plan = () => undefined;
    await clients.pay('killed-after');
    await reckon(consortium, clients);
  });
});

describe('alarms', () => {
  const wake = async (member: Member, round: number): Promise<void> => {
    const { sqs } = consortium;
    const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}));
    const QueueUrl = QueueUrls.find((url) => url.includes('AlarmQueue'))!;
    const waited = { rings: 6, height: 0, round };
    const message = {
      function: functionName(CONSORTIUM, member, 'client'),
      event: { kind: 'alarm', waited },
    };
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(message) }));
  };

  it('that come twice, and long after, change nothing', async () => {
    const before = await headOf('tax-bureau');
    const all = [...MEMBERS, ...MEMBERS];
    await Promise.all(all.map((member, index) => wake(member, 1 + (index % 2) * 1_000_000)));
    await settled(consortium);
    assert.deepEqual(await headOf('tax-bureau'), before);
    // While there is work, too.
    const clients = consortium.clients();
    await Promise.all([clients.payMany('rung', 2, 1), ...all.map((member) => wake(member, 1))]);
    await reckon(consortium, clients);
  });

  it('are not lost with the invocation that was about to set one', async () => {
    const { proxy } = consortium;
    let kills = 0;
    let isKilling = true;
    // Nothing gets through to other nodes, so that the payments have to wait.
    proxy.plan = (call) => {
      if (call.service === 'lambda' && byNode(call)) return { kind: 'error', error: UNREACHABLE };
      // Each of its invocations: one that an earlier alarm woke may be the first to set one.
      const isOwn = call.caller?.endsWith('payment-platform_client') ?? false;
      if (call.service !== 'sqs' || !isOwn || !isKilling) return undefined;
      kills++;
      return { kind: 'kill', when: 'before' };
    };
    const clients = consortium.clients();
    assert.equal(await clients.leave('alarm-lost'), undefined);
    assert.ok(kills > 0);
    isKilling = false;
    await eventually(async () => (await clients.leave('alarm-set')) !== undefined, 30_000);
    proxy.plan = () => undefined;
    // Nobody asks the node from here on: only its alarm can move it.
    await eventually(async () => (await heldBy(consortium, 'payment-platform')) === 0, 40_000);
    await reckon(consortium, clients);
  });

  it('ring again where the node was out of reach of its table when they rang', async () => {
    const { proxy } = consortium;
    const clients = consortium.clients();
    proxy.plan = (call) =>
      call.service === 'lambda' && byNode(call) ? { kind: 'error', error: UNREACHABLE } : undefined;
    assert.ok(await clients.leave('table-away'));
    let rings = 0;
    proxy.plan = ({ service, caller = '', invoked = '' }) => {
      if (caller.includes('Alarm') && invoked.endsWith('payment-platform_client')) rings++;
      const isOwn = service === 'dynamodb' && caller.endsWith('payment-platform_client');
      return isOwn ? { kind: 'error', error: FORBIDDEN } : undefined;
    };
    // In vain, and again when Lambda has given up and the queue delivers it once more.
    await eventually(() => rings >= 2, 120_000);
    proxy.plan = () => undefined;
    await eventually(async () => (await heldBy(consortium, 'payment-platform')) === 0, 120_000);
    await reckon(consortium, clients);
  });
});

describe('leases', () => {
  it('that a dead invocation left hold nobody up for longer than they last', async () => {
    await Promise.all(MEMBERS.map((member) => lease(member, Date.now() + BASE_MS)));
    const clients = consortium.clients();
    const { elapsedMs } = await clients.pay('stale-lease');
    assert.ok(elapsedMs < 3 * BASE_MS, `${elapsedMs} ms`);
    await reckon(consortium, clients);
  });

  it('that two invocations hold at once waste messages, and no payment', async () => {
    const { proxy, dynamodb, tableOf } = consortium;
    const clients = consortium.clients();
    proxy.plan = (call) =>
      call.invoked?.endsWith('_peer') ? { kind: 'delay', ms: 300 } : undefined;
    const losing = setInterval(() => {
      for (const member of MEMBERS) {
        const Key = { p: { S: 'record#lease' }, s: { S: '-' } };
        void dynamodb.send(new DeleteItemCommand({ TableName: tableOf(member), Key }));
      }
    }, 400);
    await clients.payMany('two-leases', 4, 4).finally(() => clearInterval(losing));
    proxy.plan = () => undefined;
    await reckon(consortium, clients);
  });
});

describe('a member whose functions nobody reaches', () => {
  it('holds nobody up once it was passed over, and votes again when it is back', async () => {
    const { proxy } = consortium;
    const clients = consortium.clients();
    const away = ({ invoked, caller }: ServiceCall): boolean =>
      /_buyer-co_/.test(invoked ?? '') || /_buyer-co_/.test(caller ?? '');
    proxy.plan = (call) => (away(call) ? { kind: 'hang' } : undefined);
    const count = 3 * TENURE;
    await clients.payMany('without', count, 1);
    // By now its tenure has come and gone, it is passed over, and nobody waits for its answers.
    const last = clients.acknowledged.slice(-TENURE).map(({ elapsedMs }) => elapsedMs);
    // An environment that starts anew learns of it by waiting once: the others don't.
    const median = last.sort((a, b) => a - b)[Math.floor(last.length / 2)]!;
    assert.ok(median < BASE_MS, `${last.join(', ')} ms`);
    proxy.plan = () => undefined;
    await clients.pay('back');
    await reckon(consortium, clients);
    // Three of four are a quorum: without another one, its vote is needed.
    proxy.plan = (call) =>
      call.invoked?.includes('_corner-shop_') ? { kind: 'error', error: UNREACHABLE } : undefined;
    await clients.pay('with-its-vote');
    proxy.plan = () => undefined;
    await clients.pay('all-again');
    await reckon(consortium, clients);
  });
});

describe('deployments while payments flow', () => {
  it('of a new version, and back to the one before', async () => {
    const clients = consortium.clients();
    for (const release of ['next', 'local']) {
      let isOver = false;
      const flowing = (async () => {
        for (let n = 0; !isOver; n++) await clients.pay(`deploy-${release}-${n}`);
      })();
      await deployAs(release).finally(() => {
        isOver = true;
      });
      await flowing;
    }
    await reckon(consortium, clients);
  });

  it('twice at once: one of them may be refused, and the consortium goes on', async () => {
    const clients = consortium.clients();
    const ends = await Promise.allSettled([deployAs('left'), deployAs('right')]);
    assert.ok(ends.some(({ status }) => status === 'fulfilled'));
    await clients.pay('after-both');
    await reckon(consortium, clients);
  });
});

const UNREACHABLE = {
  status: 404,
  type: 'ResourceNotFoundException',
  message: 'Function not found',
};
const FORBIDDEN = {
  status: 400,
  type: 'com.amazon.coral.service#AccessDeniedException',
  message: 'You don’t have the permission.',
};

const as = (member: Member) => ({
  url: consortium.cloud.url,
  consortium: CONSORTIUM,
  key: consortium.cloud.ring.keys[`${member}/admin`],
});
const get = (member: Member, route: string) => call(as(member), route);
const headOf = async (member: Member) => (await get(member, '/blocks/head')) as { id: string };

/** Deploys as `cdk deploy` does, with other bundles. */
function deployAs(release: string): Promise<void> {
  const { cloud, file, folder } = consortium;
  return deploy({
    url: cloud.endpoint,
    consortium: file,
    folder: path.join(folder, `deploy-${release}`),
    release,
  });
}

/** Writes a lease that somebody holds who is not there. */
async function lease(member: Member, until: number): Promise<void> {
  const { dynamodb, tableOf } = consortium;
  const TableName = tableOf(member);
  const Key = { p: { S: 'record#lease' }, s: { S: '-' } };
  const { Item } = await dynamodb.send(new GetItemCommand({ TableName, Key }));
  const version = Number(Item?.v?.N ?? 0) + 1;
  await dynamodb.send(
    new PutItemCommand({
      TableName,
      Item: { ...Key, v: { N: `${version}` }, b: { B: encodeCbor(['dead', until]) } },
    }),
  );
}
