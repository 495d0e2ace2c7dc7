/** `fuqi holdings`, against a gateway that answers pages as nodes do. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, it } from 'node:test';
import { fuqi, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const held = (number: number, more: object = {}) => ({
  transaction: String(number).padStart(64, '0'),
  ...{ contract: 'deal', method: 'make', owner: 'shop', fields: ['buyer', 'price'] },
  ...more,
});
const HELD: Readonly<Record<string, object[]>> = {
  'bureau-key': [
    ...Array.from({ length: 200 }, (_, number) => held(number)),
    held(200, { attachments: { named: 2, here: 2 } }),
    held(201, { fields: ['price'] }),
  ],
  'other-key': [],
  'shop-key': [
    held(1, { attachments: { named: 8, here: 7 } }),
    held(2, { method: 'offer', owner: 'bureau' }),
  ],
};

const server = createServer((request, response) => {
  const key = request.headers.authorization!.replace('Bearer ', '');
  const { searchParams } = new URL(request.url!, 'http://gateway');
  const after = searchParams.get('after');
  const all = HELD[key]! as { transaction: string }[];
  const start = after ? all.findIndex(({ transaction }) => transaction === after) + 1 : 0;
  const limit = Number(searchParams.get('limit'));
  const records = all.slice(start, start + limit);
  const next = records.length < limit ? null : records.at(-1)!.transaction;
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ records, next }));
});
await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
after(() => server.close());

const home = temporaryFolder();
mkdirSync(path.join(home, 'deals'));
writeFileSync(
  path.join(home, 'deals/api-keys.json'),
  JSON.stringify({
    ...{ note: '', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    consortium: 'deals',
    keys: {
      'shop/admin': 'shop-key',
      'shop/clerk': 'clerk-key',
      'bureau/admin': 'bureau-key',
      'other/admin': 'other-key',
    },
  }),
);
const own = ['holdings', '--consortium', 'deals', '--home', home];

it('lists what the node of each member holds, all pages of it, by method, owner and fields', async () => {
  const make = { method: 'deal.make', own: false, fields: ['buyer', 'price'], transactions: 201 };
  assert.deepEqual(await fuqiJson(...own), {
    nodes: [
      {
        member: 'bureau',
        holds: [
          { ...make, attachments: { named: 2, here: 2 } },
          { ...make, fields: ['price'], transactions: 1 },
        ],
      },
      { member: 'other', holds: [] },
      {
        member: 'shop',
        holds: [
          { ...make, own: true, transactions: 1, attachments: { named: 8, here: 7 } },
          { ...make, method: 'deal.offer', transactions: 1 },
        ],
      },
    ],
  });
  const { stdout } = await fuqi(...own);
  assert.match(
    stdout,
    /^bureau\n +201 {2}deal\.make {2}of others: buyer, price \(2 of 2 files\)\n/m,
  );
  assert.match(stdout, /^other\n {2}holds no confidential values\n/m);
});

it('says where it has no keys to ask with', async () => {
  const { code, stderr } = await fuqi('holdings', '--consortium', 'none', '--home', home);
  assert.equal(code, 1);
  assert.match(stderr, /no key ring/);
});
