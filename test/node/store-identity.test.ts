import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { openStoreIdentity } from '../../node/store-identity.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const NEW = { storeIsNew: true };
const OLD = { storeIsNew: false };

describe('the identity of a store', () => {
  it('is made once and stays', () => {
    const file = path.join(folder, 'stays', 'identity');
    const { identity, settle } = openStoreIdentity(file, NEW);
    settle();
    assert.equal(readFileSync(file, 'utf8'), `${identity}\n`);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const again = openStoreIdentity(file, OLD);
    again.settle();
    assert.equal(again.identity, identity);
  });

  it('is kept by a first start that was cut short before or after the store was made', () => {
    const file = path.join(folder, 'cut-short');
    const { identity } = openStoreIdentity(file, NEW);
    assert.equal(openStoreIdentity(file, NEW).identity, identity);
    const after = openStoreIdentity(file, OLD);
    assert.equal(after.identity, identity);
    after.settle();
    assert.throws(() => openStoreIdentity(file, NEW), /the data folder is empty/);
  });

  it('refuses an empty data folder once a store was there', () => {
    const file = path.join(folder, 'emptied');
    openStoreIdentity(file, NEW).settle();
    assert.throws(() => openStoreIdentity(file, NEW), /may have voted before/);
  });

  it('refuses a store without its identity, and leaves no other one behind', () => {
    const file = path.join(folder, 'missing');
    for (let attempt = 0; attempt < 2; attempt++)
      assert.throws(() => openStoreIdentity(file, OLD), /missing is missing, but/);
    writeFileSync(file, '\n');
    assert.throws(() => openStoreIdentity(file, OLD), /is empty/);
  });
});
