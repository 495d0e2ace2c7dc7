import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { memoryStores } from '../../node/memory/stores.ts';
import { openStoreIdentity, writeIdentity } from '../../node/store-identity.ts';
import { expectChange, markedHeads, recordDigest } from '../../node/store-mark.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const fileOf = (name: string): string => path.join(folder, name, 'identity');
const digests = (text = '') => {
  const digest = recordDigest(Buffer.from(text));
  return { headDigest: digest, safetyDigest: digest };
};
const EMPTY = { head: 0, safety: 0, store: undefined, ...digests() };
const holds = (store: string, version = 5) => ({
  ...{ head: version, safety: version, store },
  ...digests(`${version}`),
});

const failed = (error: unknown): never => assert.fail(String(error));

/** The identity of a store that was opened and used. */
function settled(file: string): string {
  const store = openStoreIdentity(file, EMPTY);
  store.claim();
  store.settle();
  return store.identity;
}

async function mark(file: string, identity: string, version: number): Promise<void> {
  const known = { head: version, safety: version, ...digests(`${version}`) };
  await markedHeads(memoryStores().heads, file, identity, known, failed).close();
}

describe('the identity of a store', () => {
  it('is made once and stays', () => {
    const file = fileOf('stays');
    const identity = settled(file);
    assert.equal(readFileSync(file, 'utf8'), `${identity}\n`);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const again = openStoreIdentity(file, holds(identity));
    again.claim();
    again.settle();
    assert.deepEqual([again.identity, again.restored], [identity, undefined]);
  });

  it('is kept by a first start that was cut short before or after the store was made', () => {
    const file = fileOf('cut-short');
    const first = openStoreIdentity(file, EMPTY);
    first.claim();
    for (const found of [EMPTY, holds(first.identity, 1)]) {
      const again = openStoreIdentity(file, found);
      assert.deepEqual([again.identity, again.restored], [first.identity, undefined]);
    }
  });

  for (const [what, found, why] of [
    ['an emptied data folder', () => EMPTY, /lost or emptied/],
    ['a data folder of another store', () => holds('another'), /another store identity/],
    ['a store without its safety record', () => ({ ...EMPTY, head: 3 }), /record is missing/],
  ] as const) {
    it(`is a new one for ${what}, and its reason survives a start that was cut short`, () => {
      const file = fileOf(what.replaceAll(' ', '-'));
      const before = settled(file);
      const store = openStoreIdentity(file, found());
      assert.match(store.restored!, why);
      assert.notEqual(store.identity, before);
      assert.equal(
        openStoreIdentity(file, holds(before)).restored,
        undefined,
        'nothing is claimed yet',
      );
      store.claim();
      const again = openStoreIdentity(file, holds(store.identity));
      assert.ok(again.restored);
      assert.equal(again.identity, store.identity);
      again.settle();
      assert.equal(openStoreIdentity(file, holds(store.identity)).restored, undefined);
    });
  }

  it('is a new one for a store that came without, and where its operator says so', () => {
    const file = fileOf('missing');
    assert.match(openStoreIdentity(file, holds('another')).restored!, /is missing/);
    const identity = settled(file);
    const declared = openStoreIdentity(file, holds(identity), true);
    assert.match(declared.restored!, /--restored/);
    assert.notEqual(declared.identity, identity);
  });

  it('is a new one for an older copy of the store, as far as its mark was written', async () => {
    const file = fileOf('older');
    const identity = settled(file);
    await mark(file, identity, 7);
    assert.equal(openStoreIdentity(file, holds(identity, 7)).restored, undefined);
    assert.match(openStoreIdentity(file, holds(identity, 6)).restored!, /older copy/);
    // A crash leaves a mark that is behind; so does a command of the operator's.
    await expectChange(file);
    for (const version of [7, 8]) {
      assert.equal(openStoreIdentity(file, holds(identity, version)).restored, undefined);
    }
    await mark(file, 'the identity before', 9);
    assert.equal(openStoreIdentity(file, holds(identity, 8)).restored, undefined);
    writeFileSync(`${file}.mark`, '{');
    assert.equal(openStoreIdentity(file, holds(identity, 8)).restored, undefined);
  });

  it('is refused where a record is not the one that the node left', async () => {
    const file = fileOf('forged');
    const identity = settled(file);
    await mark(file, identity, 7);
    const refused = (found: object, pattern: RegExp) =>
      assert.throws(() => openStoreIdentity(file, { ...holds(identity, 7), ...found }), pattern);
    refused(digests('forged'), /tampered with: its safety record \(version 7\)/);
    refused({ headDigest: digests('forged').headDigest }, /its head record/);
    // Nobody but the node writes records, and it had ended.
    refused(
      { ...holds(identity, 8) },
      /version 8\) is not the one that its node left \(version 7\)/,
    );
    await expectChange(file);
    refused(digests('forged'), /tampered with: its safety record/);
  });

  it('says that the operator accepts a loss only until the store was opened', () => {
    const file = fileOf('accepted');
    settled(file);
    writeIdentity(file, 'restored-store', 'accepted');
    const store = openStoreIdentity(file, holds('restored-store'));
    assert.deepEqual([store.identity, store.acceptLoss], ['restored-store', true]);
    store.settle();
    assert.equal(openStoreIdentity(file, holds('restored-store')).acceptLoss, false);
    assert.equal(openStoreIdentity(file, EMPTY).acceptLoss, false);
  });

  it('is refused where its file is damaged, and may be removed then', () => {
    const file = fileOf('damaged');
    settled(file);
    for (const text of ['\n', 'old 12\n']) {
      writeFileSync(file, text);
      assert.throws(() => openStoreIdentity(file, holds('x')), /is (empty|damaged): remove it/);
    }
    rmSync(file);
    assert.ok(openStoreIdentity(file, holds('x')).restored);
  });
});

describe('the mark of a store', () => {
  it('follows what was swapped, and is written at the end', async () => {
    const file = fileOf('marked');
    const identity = settled(file);
    const heads = markedHeads(memoryStores().heads, file, identity, EMPTY, failed);
    const bytes = Uint8Array.of(1);
    assert.ok(await heads.swap('safety', 0, { version: 1, bytes }));
    assert.ok(await heads.swap('safety', 1, { version: 2, bytes }));
    assert.ok(!(await heads.swap('safety', 1, { version: 2, bytes })));
    assert.ok(await heads.swap('head', 0, { version: 1, bytes }));
    await heads.close();
    const written = JSON.parse(readFileSync(`${file}.mark`, 'utf8'));
    const digest = recordDigest(bytes);
    assert.deepEqual(written, {
      ...{ identity, head: 1, safety: 2, ended: true },
      ...{ headDigest: digest, safetyDigest: digest },
    });
  });
});
