/** Files of confidential fields over HTTP: sent in parts, read by whoever reads the fields, and by nobody else. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { memoryUsageStore } from '../../node/memory/usage-store.ts';
import { meter } from '../../shared/api/meter.ts';
import { NO_TENANT_LIMITS } from '../../shared/api/tenant-limits.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { type Attachment, partsOf } from '../../shared/ledger/attachment.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';
import { contracts } from '../../workloads/catalog.ts';
import { fileOf, MIDDLING, partOf, type TestFile } from '../support/attachment.ts';
import { dealCatalog } from '../support/deal-contract.ts';
import { BASE, json, type NodeApis, openNodeApis } from '../support/node-api.ts';
import { until } from '../support/until.ts';

const all = catalog([...contracts.entries, ...dealCatalog.entries]);
const IDENTITIES = [
  { member: 'alpha', name: 'clerk', roles: [] },
  { member: 'alpha', name: 'other', roles: [] },
  { member: 'delta', name: 'auditor', roles: ['deal.auditor'] },
];
const KEYED = [
  'alpha/clerk',
  'alpha/other',
  'alpha/admin',
  'beta/admin',
  'gamma/admin',
  'delta/admin',
];
const PART = LIMITS.attachmentPartBytes;

let apis: NodeApis;
let number = 0;
let deal = '';

const memberOf = (key: string): string => key.split('/')[0]!;
const call = (key: string, path: string, init: RequestInit = {}, member = memberOf(key)) => {
  const headers = new Headers(init.headers);
  headers.set('authorization', `Bearer ${apis.keys.get(key)}`);
  return apis.app(member).request(`${BASE}${path}`, { ...init, headers });
};
const post = (key: string, path: string, body: object) =>
  call(key, path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=10' },
    body: JSON.stringify(body),
  });
const put = (key: string, path: string, body: Uint8Array) =>
  call(key, path, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: Uint8Array.from(body),
  });

async function send(file: TestFile, key = 'alpha/clerk', name = 'papers.pdf'): Promise<Attachment> {
  const { bytes: _, ...ahead } = file;
  const begun = await post(key, '/attachments', { ...ahead, name });
  assert.equal(begun.status, 201);
  const { upload, parts, partBytes } = await json(begun);
  assert.deepEqual([parts, partBytes], [partsOf(file.size), PART]);
  const sent = Array.from({ length: parts }, (_, part) =>
    put(key, `/attachments/${upload}/parts/${part}`, partOf(file, part)),
  );
  for (const response of await Promise.all(sent)) assert.equal(response.status, 204);
  const complete = await post(key, `/attachments/${upload}/complete`, {});
  assert.equal(complete.status, 200);
  return (await json(complete)).attachment;
}

const filed = (...papers: Attachment[]) =>
  post('alpha/clerk', `/deals/${deal}/papers`, { buyer: 'beta', papers });

async function idOf(...papers: Attachment[]): Promise<string> {
  const response = await filed(...papers);
  const answer = await json(response);
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer.id;
}

const read = (key: string, id: string, file: TestFile, range?: string, query = '') =>
  call(key, `/transactions/${id}/attachments/${file.digest}${query}`, {
    headers: range === undefined ? {} : { range },
  });

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());

describe('an attachment', () => {
  before(async () => {
    apis = await openNodeApis(all, IDENTITIES, KEYED, {}, true);
  });
  after(() => apis.close());
  beforeEach(() => {
    deal = `d-${number++}`;
  });

  it('is read by whoever signed and by the reader of its field, and by no other', async () => {
    const file = fileOf(MIDDLING);
    const id = await idOf(await send(file));
    for (const key of ['alpha/clerk', 'alpha/admin', 'beta/admin', 'delta/admin']) {
      const response = await read(key, id, file);
      assert.equal(response.status, 200, key);
      assert.equal(response.headers.get('content-length'), String(file.size));
      assert.equal(response.headers.get('content-type'), 'application/octet-stream');
      assert.equal(response.headers.get('cache-control'), 'no-store');
      assert.match(response.headers.get('content-disposition')!, /filename\*=UTF-8''papers\.pdf/);
      const digest = Buffer.from(file.digest, 'hex').toString('base64');
      assert.equal(response.headers.get('repr-digest'), `sha-256=:${digest}:`);
      assert.equal(sha256(await bytesOf(response)), file.digest);
    }
    for (const [key, status] of [
      ['alpha/other', 403],
      ['gamma/admin', 404],
    ] as const) {
      assert.equal((await read(key, id, file)).status, status, key);
    }
    const open = await apis
      .app('alpha')
      .request(`${BASE}/transactions/${id}/attachments/${file.digest}`);
    assert.equal(open.status, 401);
    assert.equal((await read('alpha/clerk', id, fileOf(3))).status, 404);
  });

  it('comes to the reader’s vault by itself, sealed', async () => {
    const file = fileOf(MIDDLING + 7);
    const attachment = await send(file);
    const id = await idOf(attachment);
    const { attachments } = apis.network.vaultOf('beta');
    const attached = { transaction: id as never, attachment };
    await until(() => attachments.holds(attached));
    assert.equal(await apis.network.vaultOf('gamma').attachments.holds(attached), false);
    const sealed = (await attachments.sealedPart(attached, 0))!;
    assert.ok(!Buffer.from(sealed).includes('canary'));
  });

  it('is read in ranges', async () => {
    const file = fileOf(MIDDLING + 100, 'abcdefghijklm');
    const id = await idOf(await send(file));
    for (const [range, first, last] of [
      ['bytes=0-9', 0, 9],
      [`bytes=${PART - 5}-${PART + 4}`, PART - 5, PART + 4],
      [`bytes=${2 * PART}-`, 2 * PART, file.size - 1],
      ['bytes=-7', file.size - 7, file.size - 1],
      [`bytes=5-${file.size * 2}`, 5, file.size - 1],
    ] as const) {
      const response = await read('alpha/clerk', id, file, range);
      assert.equal(response.status, 206, range);
      assert.equal(response.headers.get('content-range'), `bytes ${first}-${last}/${file.size}`);
      const bytes = await bytesOf(response);
      assert.ok(Buffer.compare(bytes, file.bytes.subarray(first, last + 1)) === 0, range);
    }
    const outside = await read('alpha/clerk', id, file, `bytes=${file.size}-`);
    assert.equal(outside.status, 416);
    assert.equal(outside.headers.get('content-range'), `bytes */${file.size}`);
    // What is no range of bytes asks for the whole (RFC 9110 §14.2).
    for (const range of ['bytes=5-2', 'lines=1-2', 'bytes=0-1,5-6', 'bytes=-']) {
      assert.equal((await read('alpha/clerk', id, file, range)).status, 200, range);
    }
  });

  it('is read in ranges only where a host bounds its answers', async () => {
    const file = fileOf(MIDDLING);
    const id = await idOf(await send(file));
    const headers = { authorization: `Bearer ${apis.keys.get('alpha/clerk')}` };
    const app = apis.app('alpha', { answerBytesMax: 1000 });
    const url = `${BASE}/transactions/${id}/attachments/${file.digest}`;
    const whole = await app.request(url, { headers });
    assert.equal(whole.status, 400);
    assert.equal((await json(whole)).code, 'range-needed');
    const some = await app.request(url, { headers: { ...headers, range: 'bytes=100-' } });
    assert.equal(some.status, 206);
    assert.equal(some.headers.get('content-range'), `bytes 100-1099/${file.size}`);
    assert.equal((await bytesOf(some)).length, 1000);
  });

  it('of another member is read under its grant, and not without, nor when that is revoked', async () => {
    const file = fileOf(MIDDLING + 3);
    const attachment = await send(file);
    const id = await idOf(attachment);
    const granted = await json(
      await post('alpha/admin', '/grants', {
        ...{ reader: 'gamma', records: [id], fields: ['papers'], purpose: 'audit' },
        notAfter: Date.now() + 600_000,
      }),
    );
    const { grant } = granted.output;
    assert.ok(grant, JSON.stringify(granted));
    const given = await read('gamma/admin', id, file, undefined, `?grant=${grant}`);
    assert.equal(given.status, 200);
    assert.equal(sha256(await bytesOf(given)), file.digest);
    const attached = { transaction: id as never, attachment };
    assert.equal(await apis.network.vaultOf('gamma').attachments.holds(attached), false);
    const accesses = await json(await call('alpha/admin', '/accesses'));
    assert.ok(accesses.output.accesses.some((one: { grant: string }) => one.grant === grant));
    await post('alpha/admin', `/grants/${grant}/revoke`, {});
    const refused = await read('gamma/admin', id, file, undefined, `?grant=${grant}`);
    assert.equal((await json(refused)).code, 'not-granted');
  });

  it('is erased with its values, at every holder', async () => {
    const file = fileOf(MIDDLING + 9);
    const attachment = await send(file);
    const id = await idOf(attachment);
    const attached = { transaction: id as never, attachment };
    const holds = (member: string) => apis.network.vaultOf(member).attachments.holds(attached);
    await until(() => holds('beta'));
    assert.equal((await post('alpha/admin', '/erasures', { records: [id] })).status, 200);
    for (const member of ['alpha', 'beta']) await until(async () => !(await holds(member)));
    for (const key of ['alpha/admin', 'beta/admin']) {
      const gone = await read(key, id, file);
      assert.equal(gone.status, 410);
      assert.equal((await json(gone)).code, 'erased');
    }
  });

  it('that was not uploaded, or are too many, lead to no transaction', async () => {
    const attachment = await send(fileOf(20), 'alpha/clerk');
    const unknown = { ...attachment, sealed: 'ab'.repeat(32) } as Attachment;
    const refused = await filed(attachment, unknown);
    assert.equal(refused.status, 422);
    assert.equal((await json(refused)).code, 'unknown-attachment');
    const files = await Promise.all(
      Array.from({ length: LIMITS.attachmentsMax + 1 }, (_, size) => send(fileOf(30 + size))),
    );
    const many = await filed(...files);
    assert.equal((await json(many)).code, 'limit-exceeded');
    assert.equal((await filed(...files.slice(1))).status, 200);
    // Elsewhere it was uploaded; here it was not.
    const theirs = await send(fileOf(25), 'beta/admin');
    assert.equal((await json(await filed(theirs))).code, 'unknown-attachment');
    const bad = await filed({ ...attachment, key: 'short' });
    assert.equal((await json(bad)).code, 'invalid-arguments');
  });

  it('is refused where the upload is not what was said', async () => {
    const file = fileOf(MIDDLING);
    const { bytes: _, ...ahead } = file;
    const said: [object, string][] = [
      [{ ...ahead, size: 0 }, '/size'],
      [{ ...ahead, size: LIMITS.attachmentBytesMax + 1 }, '/size'],
      [{ ...ahead, digest: 'abc' }, '/digest'],
      [{ ...ahead, mediaType: 'pdf' }, '/mediaType'],
      [{ ...ahead, mediaType: 'text/html; charset="x"\r\n' }, '/mediaType'],
      [{ ...ahead, key: 'mine' }, ''],
    ];
    for (const [body, pointer] of said) {
      const refused = await post('alpha/clerk', '/attachments', body);
      assert.equal(refused.status, 400);
      assert.equal((await json(refused)).errors[0].pointer, pointer);
    }
    const { upload } = await json(await post('alpha/clerk', '/attachments', ahead));
    const at = (part: number | string) => `/attachments/${upload}/parts/${part}`;
    const short = await put('alpha/clerk', at(0), partOf(file, 2));
    assert.deepEqual([short.status, (await json(short)).expected], [400, PART]);
    const long = await put('alpha/clerk', at(0), new Uint8Array(PART + 1));
    assert.equal(long.status, 413);
    for (const part of [3, 'x', '-1', '01']) {
      assert.equal((await put('alpha/clerk', at(part), partOf(file, 0))).status, 404);
    }
    await put('alpha/clerk', at(1), partOf(file, 1));
    const incomplete = await post('alpha/clerk', `/attachments/${upload}/complete`, {});
    assert.equal(incomplete.status, 409);
    const { code, got } = await json(incomplete);
    assert.deepEqual([code, got], ['upload-incomplete', [0, 2]]);
    for (const part of [0, 2]) {
      await put(
        'alpha/clerk',
        at(part),
        Uint8Array.from(partOf(file, part), (byte) => byte ^ 1),
      );
    }
    const other = await post('alpha/clerk', `/attachments/${upload}/complete`, {});
    assert.equal((await json(other)).code, 'upload-mismatch');
    assert.equal((await put('alpha/clerk', at(0), partOf(file, 0))).status, 404);
    const elsewhere = await call('beta/admin', '/attachments', { method: 'POST' }, 'alpha');
    assert.equal(elsewhere.status, 403);
  });

  it('is listed with what its readers hold: named at all of them, and here once it was fetched', async () => {
    const attachment = await send(fileOf(3000));
    const id = await idOf(attachment);
    const filesOf = async (member: string) => {
      const { records } = await json(await call(`${member}/admin`, '/vault?limit=200'));
      const found = (records as { transaction: string; attachments?: object }[]).find(
        ({ transaction }) => transaction === id,
      );
      return found?.attachments;
    };
    assert.deepEqual(await filesOf('alpha'), { named: 1, here: 1 });
    const { attachments } = apis.network.vaultOf('beta');
    // The values are there before the file is.
    const before = await filesOf('beta');
    const there = await attachments.holds({ transaction: id as never, attachment });
    assert.ok(there || (before as { here: number }).here === 0);
    await until(() => attachments.holds({ transaction: id as never, attachment }));
    assert.deepEqual(await filesOf('beta'), { named: 1, here: 1 });
    assert.equal(await filesOf('gamma'), undefined);
  });

  it('counts among what its member may store, from when it is announced', async () => {
    const limits = { ...NO_TENANT_LIMITS, storedBytes: 10_000 };
    const store = memoryUsageStore();
    const app = apis.app('alpha', { meter: meter({ store, limits, now: Date.now }) });
    const announce = async (size: number) => {
      const { bytes: _, ...ahead } = fileOf(size);
      const answer = await app.request(`${BASE}/attachments`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${apis.keys.get('alpha/clerk')}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify(ahead),
      });
      return { status: answer.status, body: await json(answer) };
    };
    assert.equal((await announce(6000)).status, 201);
    const refused = await announce(4001);
    assert.deepEqual([refused.status, refused.body.code], [429, 'quota-exceeded']);
    const { name, value } = refused.body.limit;
    assert.deepEqual([name, value], ['storedBytes', 10_000]);
    assert.equal((await announce(4000)).status, 201);
    assert.equal((await announce(1)).status, 429);
  });

  it('keeps its key and its name out of the ledger, and out of what others hold', async () => {
    const attachment = await send(fileOf(5000), 'alpha/clerk', 'canary-name.pdf');
    const id = await idOf(attachment);
    const { attachments } = apis.network.vaultOf('beta');
    await until(() => attachments.holds({ transaction: id as never, attachment }));
    for (const member of ['alpha', 'beta', 'gamma', 'delta']) {
      const rested = [...apis.network.vaultEntries(member)].map(
        ([name, bytes]) => `${name} ${Buffer.from(bytes).toString('latin1')}`,
      );
      for (const hidden of ['canary', attachment.key, attachment.digest]) {
        assert.ok(!rested.join().includes(hidden), `${member} has ${hidden}`);
      }
    }
    const block = await call('gamma/admin', `/transactions/${id}/receipt`);
    const text = await block.text();
    for (const hidden of ['canary', attachment.key, attachment.digest, attachment.sealed]) {
      assert.ok(!text.includes(hidden));
    }
  });
});
