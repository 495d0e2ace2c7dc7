/**
 * A stopped node whose store was tampered with, by a clumsy hand (a flipped byte, a value put in another's place, an
 * older one put back) and by one that makes every checksum right. Its node refuses to start, or to serve what was
 * touched, and says so; `fuqi node check` finds each of them.
 */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { open as openLmdb } from 'lmdb';
import { pino } from 'pino';
import { checkNode } from '../../node/cli/node-check.ts';
import { versionedKey } from '../../node/lmdb/state-key.ts';
import { type LmdbStores, lmdbStores } from '../../node/lmdb/stores.ts';
import { provision } from '../../node/local-provision.ts';
import { startNode } from '../../node/server.ts';
import { UserError } from '../../node/user-error.ts';
import { decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { fromHex, toHex, utf8 } from '../../shared/bytes/text.ts';
import { decodeRecord, encodeRecord } from '../../shared/consensus/record.ts';
import { readEpoch } from '../../shared/replica/durable.ts';
import { decodeHead, encodeEpoch, encodeHead } from '../../shared/replica/head.ts';
import { itemName } from '../../shared/replica/items.ts';
import { fuqi } from '../support/fuqi.ts';
import { testKey } from '../support/local-network.ts';
import { SOLO } from '../support/solo.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const home = temporaryFolder();
const layout = provision(home, SOLO, 1);
const whole = path.dirname(layout.member('all').config);
const older = path.join(home, 'older');
const silent = pino({ level: 'silent' });
const BASE = '/v1/consortia/solo';

/** What the ledger of the test holds: a transaction that more follow, an earlier one’s height, the head’s. */
const known = { transaction: '', place: { height: 0, index: 0 }, earlier: 0, height: 0 };

const paymentOf = (reference: string) => ({
  reference,
  payee: 'all',
  currency: 'CNY',
  amount: 100,
});
const [FIRST, SECOND] = [paymentOf('first'), paymentOf('second')];

before(async () => {
  const config = path.join(whole, 'config.json');
  const { keys } = JSON.parse(readFileSync(layout.keyRing, 'utf8'));
  const changed = JSON.parse(readFileSync(config, 'utf8'));
  changed.listen.port = 0;
  changed.genesis = layout.genesis;
  changed.passphraseFile = layout.passphrase;
  writeFileSync(config, JSON.stringify(changed));
  const use = async (calls: readonly (readonly [string, string, object])[]) => {
    const node = await startNode(config, silent);
    for (const [identity, route, body] of calls) {
      const response = await fetch(`${node.url}${BASE}${route}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${keys[identity]}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const { id, height, index } = (await response.json()) as Record<string, never>;
      assert.equal(response.status, 200);
      if (body === SECOND) Object.assign(known, { transaction: id, place: { height, index } });
      if (body === FIRST) known.earlier = height as unknown as number;
    }
    known.height = node.replica.head.header.height!;
    await node.stop();
  };
  const limit = (amount: number) =>
    ['all/officer', '/credit-limits', { merchant: 'all', currency: 'CNY', limit: amount }] as const;
  const payment = (body: object) => ['all/platform', '/payments', body] as const;
  const range = { merchant: 'all', from: '26440000000000000001', to: '26440000000000009999' };
  await use([['all/officer', '/allotments', range], limit(1000), payment(FIRST)]);
  cpSync(whole, older, { recursive: true });
  await use([limit(2000), payment(SECOND), payment(paymentOf('third'))]);
});

type Raw = ReturnType<ReturnType<typeof openLmdb>['openDB']>;

/** Changes the file by LMDB alone: its owner's tools are not asked. */
async function raw(data: string, table: string, change: (table: Raw) => Promise<unknown>) {
  const root = openLmdb({ path: data, noSubdir: false, maxDbs: 8 });
  const useVersions = table === 'heads';
  const options = { name: table, encoding: 'binary', keyEncoding: 'binary', useVersions } as const;
  await change(root.openDB(options) as Raw);
  await root.close();
}

/** Changes the store by its own adapter: every checksum is right. */
async function cunning(data: string, change: (stores: LmdbStores) => Promise<unknown>) {
  const stores = lmdbStores(data);
  await change(stores);
  await stores.close();
}

/** Flips one bit in the middle of a stored value, wherever it lies in the file. */
async function flip(data: string, table: string, key: Uint8Array): Promise<void> {
  let value = Buffer.alloc(0);
  await raw(data, table, async (from) => {
    value = Buffer.from((from.get(key as never) as unknown as Buffer) ?? []);
  });
  assert.ok(value.length > 8, `${table} has the value`);
  const file = path.join(data, 'data.mdb');
  const bytes = readFileSync(file);
  let found = 0;
  for (let at = bytes.indexOf(value); at >= 0; at = bytes.indexOf(value, at + 1)) {
    bytes[at + Math.floor(value.length / 2)]! ^= 4;
    found++;
  }
  assert.ok(found > 0);
  writeFileSync(file, bytes);
}

/** Copies one entry of a table between two stores, with its checksum and version. */
async function putBack(data: string, table: string, key: Uint8Array): Promise<void> {
  let entry: { value: Buffer; version?: number } | undefined;
  await raw(path.join(older, 'data'), table, async (from) => {
    const { value, version } = from.getEntry(key as never) as { value: Buffer; version?: number };
    entry = { value: Buffer.from(value), ...(version !== undefined && { version }) };
  });
  await raw(data, table, (to) =>
    to.put(key as never, entry!.value as never, entry!.version as never),
  );
}

const item = async (stores: LmdbStores, name: string): Promise<Uint8Array> =>
  (await stores.state.items([name]))[0]!;
const putItem = (stores: LmdbStores, name: string, bytes: Uint8Array): Promise<void> =>
  stores.state.write({ height: 0, values: [], items: [[name, bytes]] });
const idAt = async (stores: LmdbStores, height: number): Promise<Digest> =>
  toHex(await item(stores, itemName.blockAt(height))) as Digest;

/** The height of the newest version of a state key. */
async function heightOf({ state }: LmdbStores, key: string): Promise<number> {
  const at = async (height: number) =>
    toHex((await state.get([key], height))[0] ?? new Uint8Array());
  const newest = await at(known.height);
  let height = known.height;
  while (height > 0 && (await at(height - 1)) === newest) height--;
  return height;
}

const SELLER = 'invoice/seller/all';
const PAYMENT = 'invoice/payment/second';
const block = () => `/blocks/${known.place.height}`;
const transaction = () => `/transactions/${known.transaction}`;
/** A read that needs nothing of what was touched. */
const OTHER = '/genesis';

type Tampering = (data: string, folder: string) => Promise<void>;

/** Reads that are refused. */
const READS: readonly (readonly [what: string, route: () => string, reason: RegExp, Tampering])[] =
  [
    [
      'a flipped bit in the body of a block',
      block,
      /“blocks”/,
      async (data) => {
        let id = '';
        await cunning(data, async (stores) => {
          id = await idAt(stores, known.place.height);
        });
        await flip(data, 'blocks', fromHex(id as Digest));
      },
    ],
    [
      'a flipped bit in a value of the state',
      () => `/state/${PAYMENT}`,
      /“state”/,
      async (data) => {
        let height = 0;
        await cunning(data, async (stores) => {
          height = await heightOf(stores, PAYMENT);
        });
        await flip(data, 'state', versionedKey(PAYMENT, height));
      },
    ],
    [
      'a flipped bit in the results of a block',
      transaction,
      /“items”/,
      (data) => flip(data, 'items', utf8(itemName.results(known.place.height))),
    ],
    [
      'a value in the place of another',
      () => `/state/${PAYMENT}`,
      /“state”/,
      async (data) => {
        const at = async (stores: LmdbStores, name: string) =>
          versionedKey(name, await heightOf(stores, name));
        const keys: Buffer[] = [];
        await cunning(data, async (stores) => {
          keys.push(await at(stores, PAYMENT), await at(stores, 'invoice/payment/third'));
        });
        await raw(data, 'state', (table) =>
          table.put(keys[0] as never, Buffer.from(table.get(keys[1] as never) as never) as never),
        );
      },
    ],
    [
      'another value with a checksum of its own',
      () => `/state/${PAYMENT}`,
      /the state at invoice\/payment\/second is not what the state tree says/,
      (data) =>
        cunning(data, async (stores) => {
          const height = await heightOf(stores, PAYMENT);
          const [third] = await stores.state.get(['invoice/payment/third'], known.height);
          await stores.state.write({ height, values: [[PAYMENT, third!]], items: [] });
        }),
    ],
    [
      'the newest version of a value taken away, so that the one before would be served',
      () => `/state/${SELLER}`,
      /the state at invoice\/seller\/all is not what the state tree says/,
      async (data) => {
        let height = 0;
        await cunning(data, async (stores) => {
          height = await heightOf(stores, SELLER);
        });
        await raw(data, 'state', (table) => table.remove(versionedKey(SELLER, height) as never));
      },
    ],
    [
      'a value that a query reads',
      () => '/payments/second',
      /the state at invoice\/payment\/second/,
      (data) =>
        cunning(data, async (stores) => {
          const height = await heightOf(stores, PAYMENT);
          await stores.state.write({ height, values: [[PAYMENT, null]], items: [] });
        }),
    ],
    [
      'an older page of the state tree in the place of a newer one',
      () => `/state/${PAYMENT}?at=${known.place.height}`,
      /page\/\d+\/ has the hash/,
      (data) => cunning(data, (stores) => putOlderPage(stores, known.place.height)),
    ],
    [
      'another block’s body under a block’s id',
      block,
      /the body of block \d+ is not what its id says/,
      (data) =>
        cunning(data, async (stores) => {
          const [id, other] = [await idAt(stores, known.place.height), await idAt(stores, 2)];
          const bytes = await stores.blocks.get(other);
          await stores.blocks.remove([id]);
          await stores.blocks.put(id, bytes!);
        }),
    ],
    [
      'another block’s id at a height',
      () => '/blocks/3',
      /block 3 is not the one that the head’s history has/,
      (data) =>
        cunning(data, async (stores) =>
          putItem(stores, itemName.blockAt(3), fromHex(await idAt(stores, 2))),
        ),
    ],
    [
      'a block that was taken away',
      block,
      /the body of block \d+ is missing/,
      (data) =>
        cunning(data, async (stores) =>
          stores.blocks.remove([await idAt(stores, known.place.height)]),
        ),
    ],
    [
      'another block’s results',
      transaction,
      /the results of block \d+ are not what its header says/,
      (data) =>
        cunning(data, async (stores) =>
          putItem(
            stores,
            itemName.results(known.place.height),
            await item(stores, itemName.results(known.earlier)),
          ),
        ),
    ],
    [
      'results that were taken away, so that their events would be left out',
      () => '/events',
      /the results of block \d+ are not what its header says/,
      (data) =>
        cunning(data, (stores) => stores.state.removeItems([itemName.results(known.place.height)])),
    ],
    [
      'a transaction that is said to stand elsewhere',
      transaction,
      /the place of the transaction [0-9a-f]{64} is another’s/,
      (data) =>
        cunning(data, (stores) =>
          putItem(stores, itemName.transaction(known.transaction as Digest), encodeCbor([2, 0])),
        ),
    ],
    [
      'another block’s proof of finality',
      () => `${transaction()}/receipt`,
      /the receipt of [0-9a-f]{64} would not verify/,
      (data) =>
        cunning(data, async (stores) =>
          putItem(
            stores,
            itemName.finality(known.place.height),
            await item(stores, itemName.finality(2)),
          ),
        ),
    ],
  ];

/** Changes a record as if it were the next one. */
const nextRecord = (
  data: string,
  name: 'head' | 'safety',
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<void> =>
  cunning(data, async ({ heads }) => {
    const { version, bytes } = (await heads.read(name))!;
    assert.ok(await heads.swap(name, version, { version: version + 1, bytes: change(bytes) }));
  });

const forgeHead = (bytes: Uint8Array): Uint8Array => {
  const { snapshot, ...head } = decodeHead(bytes);
  return encodeHead({ ...head, next: null, header: { ...head.header, time: 1 } }, snapshot);
};

/** Puts the root page of an earlier state in the place of that of the state after a block. */
async function putOlderPage(stores: LmdbStores, height: number): Promise<void> {
  const name = async (at: number): Promise<string> => {
    const root = decodeCbor(await item(stores, itemName.tree(at))) as [unknown, number];
    return `page/${root[1]}/`;
  };
  await putItem(stores, await name(height), await item(stores, await name(known.earlier)));
}

/** Starts that are refused. */
const STARTS: readonly (readonly [what: string, reason: RegExp, Tampering])[] = [
  ['a flipped bit in the head', /“heads”/, (data) => flip(data, 'heads', utf8('head'))],
  ['a flipped bit in the safety record', /“heads”/, (data) => flip(data, 'heads', utf8('safety'))],
  [
    'the head in the place of the safety record',
    /“heads”/,
    (data) =>
      raw(data, 'heads', (table) => {
        const { value, version } = table.getEntry(utf8('head') as never) as never;
        return table.put(utf8('safety') as never, Buffer.from(value) as never, version);
      }),
  ],
  [
    'an older safety record put back',
    /older copy \(safety record \d+, seen \d+\)/,
    (data) => putBack(data, 'heads', utf8('safety')),
  ],
  ['an older head put back', /older copy/, (data) => putBack(data, 'heads', utf8('head'))],
  [
    'a safety record that forgets what was signed',
    /tampered with: its safety record/,
    (data) =>
      nextRecord(data, 'safety', (bytes) => {
        const record = decodeRecord(bytes);
        return encodeRecord({
          ...record,
          version: record.version + 1,
          votedRound: 0,
          statement: null,
        });
      }),
  ],
  [
    'a forged head',
    /tampered with: its head record/,
    (data) => nextRecord(data, 'head', forgeHead),
  ],
  [
    'a forged head, and the mark of what the node left taken away',
    /the head has another id/,
    async (data, folder) => {
      rmSync(path.join(folder, 'store-identity.mark'));
      await nextRecord(data, 'head', forgeHead);
    },
  ],
  [
    'a head that another state stands below, without the mark',
    /the root of the state tree is not the head’s/,
    async (data, folder) => {
      rmSync(path.join(folder, 'store-identity.mark'));
      await nextRecord(data, 'head', (bytes) => {
        const { snapshot, ...head } = decodeHead(bytes);
        const tree = { ...head.tree, hash: head.id };
        return encodeHead({ ...head, next: null, tree }, snapshot);
      });
    },
  ],
  [
    'an older page of the state tree in the place of the newest',
    /page\/\d+\/ has the hash/,
    (data) => cunning(data, (stores) => putOlderPage(stores, known.height)),
  ],
  [
    'a proof of finality that is another block’s, below the head',
    /the proof of block \d+ is INVALID/,
    (data) =>
      cunning(data, async (stores) =>
        putItem(stores, itemName.finality(known.height), await item(stores, itemName.finality(2))),
      ),
  ],
  [
    'other validators',
    /the validators are not those that the head names/,
    (data) =>
      cunning(data, async (stores) => {
        const { start, epoch } = await readEpoch(stores.state, 1);
        const validators = epoch.set.validators.map((one) => ({ ...one, key: testKey().jwk }));
        const forged = { ...epoch, set: { ...epoch.set, validators } };
        await putItem(stores, itemName.epoch(1), encodeEpoch(forged, start));
      }),
  ],
];

/** The node's folder, tampered with. */
async function tampered(what: string, tamper: Tampering): Promise<string> {
  const folder = path.join(home, what.replaceAll(/\W+/g, '-'));
  cpSync(whole, folder, { recursive: true });
  await tamper(path.join(folder, 'data'), folder);
  return path.join(folder, 'config.json');
}

const isFoundByCheck = (config: string): Promise<void> =>
  assert.rejects(checkNode(config), (error: Error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /damaged|does not hold|tampered with|older copy/);
    assert.equal(error.message.split('\n').length, 1, 'it is one sentence');
    return true;
  });

describe('a store that nobody touched', () => {
  it('is proven in full', async () => {
    const { code, stdout } = await fuqi(
      'node',
      'check',
      '--config',
      path.join(whole, 'config.json'),
    );
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^The store holds, up to height ${known.height}\\.\n`));
  });

  it('is said so by an exit code', async () => {
    const config = await tampered('by-the-command', (data) => flip(data, 'heads', utf8('head')));
    const { code, stderr } = await fuqi('node', 'check', '--config', config);
    assert.equal(code, 1);
    assert.match(stderr, /^The node of all can't start: The store is damaged [^\n]*\n$/);
  });
});

describe('what was tampered with is not served', () => {
  for (const [what, route, reason, tamper] of READS) {
    it(what, async () => {
      const config = await tampered(what, tamper);
      await isFoundByCheck(config);
      let log = '';
      const write = (line: string): void => {
        log += line;
      };
      const node = await startNode(config, pino({ level: 'error' }, { write }));
      try {
        const read = (at: string) => fetch(`${node.url}${BASE}${at}`);
        for (let time = 0; time < 2; time++) {
          const refused = await read(route());
          const problem = (await refused.json()) as { code: string; retry: string };
          assert.deepEqual(
            [refused.status, problem.code, problem.retry],
            [500, 'store-damaged', 'none'],
          );
        }
        const said = log
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as { msg: string; reason: string });
        assert.deepEqual([said.length, said[0]!.msg], [1, 'store-damaged'], log);
        assert.match(said[0]!.reason, reason);
        const health = await fetch(`${node.url}/healthz`);
        const found = (await health.json()) as { status: string; reason: string };
        assert.deepEqual([health.status, found.status], [503, 'store-damaged']);
        assert.equal(found.reason, said[0]!.reason);
        assert.equal((await read(OTHER)).status, 200);
      } finally {
        await node.stop();
      }
    });
  }
});

describe('a node does not start on', () => {
  for (const [what, reason, tamper] of STARTS) {
    it(what, async () => {
      const config = await tampered(what, tamper);
      await isFoundByCheck(config);
      await assert.rejects(startNode(config, silent), (error: Error) => {
        assert.match(error.message, reason);
        assert.equal(error.message.split('\n').length, 1, 'it is one sentence');
        return true;
      });
    });
  }
});
