import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { memoryStores } from '../../node/memory/stores.ts';
import type { NodeStores } from '../../node/node-stores.ts';
import type { TransactionStatus } from '../../shared/api/ledger-service.ts';
import { decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  type Reply,
  type Request,
} from '../../shared/consensus/message.ts';
import { decodeHeader, encodeHeader } from '../../shared/ledger/block.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction, type Transaction } from '../../shared/ledger/transaction.ts';
import { verifyReceipt } from '../../shared/proof/verify.ts';
import { verifyStateProof } from '../../shared/proof/verify-state.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork, type NetworkOptions } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const OTHERS = ['alpha', 'beta', 'gamma'];
const JOINER = 'delta';
const THRESHOLD = 20;
let network: LocalNetwork;
let events: { member: string; event: string; fields: Record<string, unknown> }[];
afterEach(() => network?.close());

const options = (more: Partial<NetworkOptions> = {}): NetworkOptions => ({
  members: MEMBERS,
  catalog: counterCatalog,
  replica: { catchUp: { snapshotBehind: THRESHOLD, waitMs: 300 } },
  log: (member, event, fields = {}) => events.push({ member, event, fields }),
  ...more,
});

/** Three of four members, which are a quorum; the fourth never started. */
async function openWithoutJoiner(more: Partial<NetworkOptions> = {}): Promise<void> {
  events = [];
  network = new LocalNetwork(options(more));
  for (const member of OTHERS) await network.start(member);
}

function raise(member: string, name: string): Transaction {
  const jws = network.signed(`${member}/admin`, 'counter', 'raise', { name, by: 1 });
  const parsed = parseTransaction(jws);
  assert.ok(!(parsed instanceof Rejected));
  return parsed;
}

async function commit(
  member: string,
  name: string,
): Promise<TransactionStatus & { height: number }> {
  const status = await network.service(member).submit(raise(member, name), 15_000);
  assert.ok(!(status instanceof Rejected) && status.status === 'committed', JSON.stringify(status));
  return status;
}

async function call(member: string, method: string, args: { name: string }): Promise<void> {
  const jws = network.signed(`${member}/admin`, 'counter', method, args);
  const status = await network.service(member).submit(parseTransaction(jws) as Transaction, 15_000);
  assert.ok(!(status instanceof Rejected) && status.status === 'committed', JSON.stringify(status));
}

/** Commits a block after the other, each with some counters of its own. */
async function grow(blocks: number, label = 'c'): Promise<void> {
  for (let block = 0; block < blocks; block++) {
    const some = Array.from({ length: 8 }, (_, index) =>
      commit(OTHERS[index % 3]!, `${label}-${block}-${index}`),
    );
    await Promise.all(some);
  }
}

const heightOf = (member: string): number =>
  network.nodes.get(member)?.replica.head.header.height ?? -1;
const upToDate = (member = JOINER): boolean => heightOf(member) >= heightOf('alpha');
const happened = (event: string, member = JOINER): Record<string, unknown>[] =>
  events
    .filter((each) => each.event === event && each.member === member)
    .map(({ fields }) => fields);

const counterOf = async (member: string, name: string): Promise<number> => {
  const answer = await network.service(member).query('counter', 'read', { name }, undefined);
  return (answer as unknown as { output: { value: number } }).output.value;
};

/** Every live entry of a node's state at its head. */
async function stateOf(member: string): Promise<[string, string][]> {
  const { replica } = network.node(member);
  const range = { from: '', to: '\u{10ffff}', limit: 100_000 };
  const entries = await replica.ports.state.scan(range, replica.head.header.height!);
  return entries.map(({ key, value }) => [key, Buffer.from(value).toString('hex')]);
}

/** The joiner has the same state as the others, commits along, leads, and proves what it has. */
async function assertWhole(): Promise<void> {
  await until(() => upToDate());
  await commit(JOINER, 'after');
  await until(() => new Set(MEMBERS.map(heightOf)).size === 1);
  assert.deepEqual(await stateOf(JOINER), await stateOf('alpha'));
  assert.equal(await counterOf(JOINER, 'after'), 1);
  const { id } = await commit(JOINER, 'after');
  const verdict = verifyReceipt(
    JSON.parse(JSON.stringify(await network.service(JOINER).receipt(id))),
    network.ledger,
  );
  assert.equal(verdict.verdict, 'VALID', JSON.stringify(verdict));
  for (const [key, present] of [
    ['counter/counter/c-0-0', true],
    ['counter/counter/nobody', false],
  ] as const) {
    const state = await network.service(JOINER).state(key, undefined, true);
    assert.ok(!(state instanceof Rejected));
    const proven = verifyStateProof(JSON.parse(JSON.stringify(state.proof)), network.ledger);
    assert.equal(proven.verdict, 'VALID', JSON.stringify(proven));
    assert.equal(proven.verdict === 'VALID' && proven.value !== undefined, present);
  }
}

/** Changes what some members answer to the joiner. */
function lie(
  liars: readonly string[],
  how: (request: Request, reply: Reply) => Partial<Reply>,
): void {
  network.answer = (from, to, request, reply) => {
    if (from !== JOINER || !liars.includes(to)) return reply;
    const honest = decodeReply(reply);
    return encodeReply({ ...honest, ...how(decodeRequest(request), honest) });
  };
}

const states = (reply: Reply, request: Request, change: (parts: Uint8Array[]) => Uint8Array[]) =>
  request.kind === 'state' ? { parts: change([...reply.parts]) } : {};

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = new Uint8Array(bytes);
  copy[at]! ^= 1;
  return copy;
};

const isEntry = (part: Uint8Array): boolean => part[0] === 0x82;

/** An anchor with its header changed. */
function withHeader(part: Uint8Array, change: { height: number }): Uint8Array {
  const [[header, descendants, certificate], qc, peaks] = decodeCbor(part) as never as [
    [Uint8Array, Uint8Array[], never],
    never,
    Uint8Array[],
  ];
  const forged = encodeHeader({ ...decodeHeader(header), ...change });
  return encodeCbor([[forged, descendants, certificate], qc, peaks]);
}

const LIES: Record<string, (request: Request, reply: Reply) => Partial<Reply>> = {
  'another page': (request, reply) =>
    states(reply, request, (parts) =>
      parts.map((part) => (isEntry(part) ? part : flipped(part, part.length - 5))),
    ),
  'another value': (request, reply) =>
    states(reply, request, (parts) =>
      parts.map((part) => (isEntry(part) ? flipped(part, part.length - 1) : part)),
    ),
  'another key’s entry': (request, reply) =>
    states(reply, request, (parts) => {
      const entries = parts.filter(isEntry);
      return parts.map((part) => (isEntry(part) ? entries.at(-1)! : part));
    }),
  'parts cut short': (request, reply) =>
    states(reply, request, (parts) => parts.map((part) => part.subarray(0, part.length >> 1))),
  'one part at a time': (request, reply) => states(reply, request, (parts) => parts.slice(0, 1)),
  'more parts than asked for': (request, reply) =>
    states(reply, request, (parts) => [...parts, ...parts]),
  nothing: () => ({ parts: [], steps: [] }),
  'a forged header': (request, reply) =>
    request.kind === 'anchor' && reply.parts.length > 0
      ? { parts: [withHeader(reply.parts[0]!, { height: 1_000_000 })] }
      : {},
  'a height that nobody has': (_, reply) => ({
    standing: { ...reply.standing, height: reply.standing.height + 1_000_000 },
    parts: [],
    steps: [],
  }),
  'blocks that are none': (_, reply) => ({
    standing: reply.standing,
    steps: [{ block: Uint8Array.of(1, 2, 3) }],
  }),
};

/** A joiner's state syncs end here: its process dies at the `at`-th swap of its records. */
function dyingStores(stores: NodeStores, at: number, after: boolean, die: () => void): NodeStores {
  let swaps = 0;
  const never = new Promise<never>(() => {});
  return {
    ...stores,
    heads: {
      read: (name) => stores.heads.read(name),
      async swap(name, expected, next) {
        const dies = ++swaps === at;
        if (dies && !after) {
          die();
          return never;
        }
        const swapped = await stores.heads.swap(name, expected, next);
        if (!dies) return swapped;
        die();
        return never;
      },
    },
  };
}

describe('catch-up by snapshot', () => {
  it('brings a new node to the state of the others, and it commits along', async () => {
    await openWithoutJoiner();
    await grow(THRESHOLD);
    await network.start(JOINER);
    await assertWhole();
    assert.equal(happened('snapshot-taken').length, 1);
  });

  it('takes blocks, not a snapshot, where it is only a little behind', async () => {
    await openWithoutJoiner();
    await grow(4);
    await network.start(JOINER);
    await assertWhole();
    assert.equal(happened('snapshot-taken').length, 0);
    assert.equal((await network.service(JOINER).block(1))?.header.height, 1);
  });

  it('gives a node that was away what changed, and drops what was deleted meanwhile', async () => {
    events = [];
    network = await LocalNetwork.open(options());
    await grow(THRESHOLD);
    await until(() => upToDate());
    network.stop(JOINER);
    await grow(THRESHOLD / 2, 'd');
    for (let index = 0; index < THRESHOLD / 2; index++) {
      await commit('alpha', 'c-0-0');
      await call('beta', 'forget', { name: `c-1-${index % 8}` });
    }
    await network.start(JOINER);
    await until(() => upToDate());
    const [taken] = happened('snapshot-taken');
    assert.ok(taken, 'it took a snapshot');
    const entries = (await stateOf('alpha')).length;
    assert.ok((taken.parts as number) < entries, `${taken.parts} parts for ${entries} entries`);
    await assertWhole();
  });

  for (const [name, how] of Object.entries(LIES)) {
    it(`survives two members that answer with ${name}`, async () => {
      await openWithoutJoiner();
      await grow(THRESHOLD);
      lie(['alpha', 'beta'], how);
      await network.start(JOINER);
      await until(() => upToDate());
      network.answer = (_from, _to, _request, reply) => reply;
      await assertWhole();
      assert.equal(happened('snapshot-taken').length, 1);
    });
  }

  it('leaves members that stall or vanish for another', async () => {
    await openWithoutJoiner();
    await grow(THRESHOLD);
    let asked = 0;
    network.answer = (from, to, request, reply) => {
      if (from !== JOINER || decodeRequest(request).kind !== 'state') return reply;
      asked++;
      if (to === 'alpha') return new Promise(() => {});
      if (to === 'beta') throw new Error('vanished');
      return reply;
    };
    await network.start(JOINER);
    await assertWhole();
    assert.ok(asked > 0);
    assert.equal(happened('snapshot-taken').length, 1);
  });

  it('tries again where nobody answered, although the ledger is idle', async () => {
    await openWithoutJoiner();
    await grow(THRESHOLD);
    let answers = 3;
    network.answer = (from, _to, _request, reply) => {
      if (from === JOINER && answers-- <= 0) throw new Error('the line is cut');
      return reply;
    };
    await network.start(JOINER);
    await until(() => happened('catch-up-source-left').length >= 3);
    network.answer = (_from, _to, _request, reply) => reply;
    await until(() => upToDate());
    await assertWhole();
  });

  it('goes on where it was after a crash between any two of its durable steps', async () => {
    await openWithoutJoiner();
    await grow(THRESHOLD);
    let died = true;
    for (let at = 1; died; at++) {
      for (const after of [false, true]) {
        events = [];
        died = false;
        const stores = memoryStores();
        const dying = dyingStores(stores, at, after, () => {
          died = true;
          if (network.nodes.has(JOINER)) network.stop(JOINER);
        });
        network.useStores(JOINER, dying);
        void network.start(JOINER).then(() => {
          if (died && network.nodes.has(JOINER)) network.stop(JOINER);
        });
        await until(() => died || upToDate());
        if (died) {
          network.useStores(JOINER, stores);
          await network.start(JOINER);
          await until(() => upToDate());
        }
        await until(async () => network.node(JOINER).replica.syncing === null);
        assert.deepEqual(await stateOf(JOINER), await stateOf('alpha'), `swap ${at}`);
        const begun = happened('snapshot-started').map(({ parts }) => parts as number);
        assert.deepEqual(
          begun,
          [...begun].sort((a, b) => a - b),
          'what was fetched is kept',
        );
        network.stop(JOINER);
      }
    }
  });

  it('turns to a newer block where nobody has the state of the first one any more', async () => {
    await openWithoutJoiner();
    await grow(THRESHOLD);
    let gone = Number.POSITIVE_INFINITY;
    let asked = 0;
    network.answer = async (from, _to, bytes, reply) => {
      const request = decodeRequest(bytes);
      if (from !== JOINER || request.kind !== 'state') return reply;
      if (++asked === 4) {
        gone = request.height;
        await call('alpha', 'forget', { name: 'c-0-1' });
        await grow(2, 'e');
      }
      if (request.height <= gone && asked >= 4)
        return encodeReply({ ...decodeReply(reply), parts: [] });
      return reply;
    };
    await network.start(JOINER);
    await until(() => upToDate());
    const heights = happened('snapshot-started').map(({ height }) => height as number);
    assert.ok(heights.length === 2 && heights[0]! < heights[1]!, heights.join());
    await assertWhole();
  });

  it('still refuses a repeat of what was committed before the snapshot', async () => {
    await openWithoutJoiner();
    const first = raise('alpha', 'once');
    await network.service('alpha').submit(first, 15_000);
    await grow(THRESHOLD);
    await network.start(JOINER);
    await until(() => upToDate());
    const again = await network.service(JOINER).submit(first, 5000);
    assert.ok(!(again instanceof Rejected));
    assert.equal(again.status, 'not-retained');
    assert.equal(await counterOf(JOINER, 'once'), 1);
  });

  it('says precisely what it does not keep', async () => {
    await openWithoutJoiner();
    await grow(THRESHOLD);
    await network.start(JOINER);
    await until(() => upToDate());
    const service = network.service(JOINER);
    const { retained } = await service.consensus();
    assert.equal(retained.bodies, retained.state + 1);
    assert.equal(await service.block(retained.state - 1), undefined);
    assert.equal((await service.block(retained.state))?.transactions, null);
    const listed = await service.blocks(Number.MAX_SAFE_INTEGER, 1000);
    assert.equal(listed.at(-1)?.header.height, retained.state);
    const early = await service.state('counter/counter/c-0-0', retained.state - 1, false);
    assert.ok(early instanceof Rejected);
    assert.equal(early.rejection.code, 'not-retained');
    assert.equal(early.rejection.expected, retained.state);
  });
});
