/** A vault's records: sealed each by itself, for their place, for one member; erased for good. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { memoryAttachmentStore } from '../../node/memory/attachment-store.ts';
import { memoryVaultStore } from '../../node/memory/vault-store.ts';
import { openRecord, sealRecord, UnopenableRecord } from '../../node/vault/sealed-record.ts';
import { openVault } from '../../node/vault/vault.ts';
import { vaultKeyOf } from '../../node/vault/vault-key.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { splitArguments } from '../../shared/contract/confidential.ts';
import { BadDisclosure, makeDisclosure } from '../../shared/ledger/disclosure.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import type { KeptValues } from '../../shared/ports/value-keeper.ts';
import { VAULT_ENTRY_BYTES_MAX } from '../../shared/ports/vault-store.ts';
import { deal } from '../support/deal-contract.ts';
import { signBody, testKey } from '../support/local-network.ts';

const LEDGER = '1'.repeat(64) as Digest;
const { input } = deal.transactions.make!;
const signer = testKey();
const newKey = () => vaultKeyOf(testKey().privateKey);

function valuesOf(number: number, remark = 'canary remark'): KeptValues {
  const call = { deal: `d-${number}`, buyer: 'canary-buyer', price: 250_00, remark };
  const { args, disclosures } = splitArguments(input, call, () => randomBytes(16));
  const body = { ledger: LEDGER, contract: 'deal', method: 'make', args, nonce: 'n', notAfter: 9 };
  const transaction = parseTransaction(signBody(signer, body));
  assert.ok(!(transaction instanceof Rejected));
  return { transaction, disclosures: disclosures.map(({ text }) => text) };
}

function vaultWith(key = newKey()) {
  const entries = new Map<string, Uint8Array>();
  const store = memoryVaultStore(entries);
  return { entries, store, key, vault: openVault(store, memoryAttachmentStore(), [key]) };
}

const legible = (entries: ReadonlyMap<string, Uint8Array>): string =>
  [...entries]
    .map(([name, bytes]) => `${name} ${Buffer.from(bytes).toString('latin1')}`)
    .join('\n');

describe('a vault', () => {
  it('answers what it keeps, and what rests in its store tells nothing of it', async () => {
    const { entries, vault } = vaultWith();
    const values = [1, 2, 3].map((number) => valuesOf(number));
    for (const each of values) await vault.keep(each);
    await vault.keep(values[0]!);
    for (const { transaction, disclosures } of values) {
      const kept = await vault.read(transaction.id);
      assert.equal(kept?.transaction.id, transaction.id);
      assert.deepEqual(kept.disclosures, disclosures);
    }
    assert.deepEqual([...entries.keys()].map((name) => name.split('/')[0]).sort(), [
      'open',
      'open',
      'open',
      'values',
      'values',
      'values',
    ]);
    const text = legible(entries);
    // Neither in clear, nor the texts that are handed on, nor what was signed.
    for (const hidden of [
      'canary',
      '25000',
      values[0]!.disclosures[0]!,
      values[0]!.transaction.payload,
    ]) {
      assert.ok(!text.includes(hidden));
    }
    assert.equal(await vault.read('f'.repeat(64) as Digest), undefined);
  });

  it('takes what the largest transaction discloses', async () => {
    const { entries, vault } = vaultWith();
    const values = valuesOf(1, 'x'.repeat(240 * 1024));
    await vault.keep(values);
    assert.deepEqual((await vault.read(values.transaction.id))?.disclosures, values.disclosures);
    const [sealed] = entries.values();
    assert.ok(sealed!.length <= VAULT_ENTRY_BYTES_MAX);
  });

  it('keeps nothing that is not of the transaction', async () => {
    const { entries, vault } = vaultWith();
    const values = valuesOf(1);
    const { text } = makeDisclosure(randomBytes(16), 'price', 1);
    for (const disclosures of [[text], [...values.disclosures, values.disclosures[0]!], ['e30']]) {
      await assert.rejects(vault.keep({ ...values, disclosures }), BadDisclosure);
    }
    assert.equal(entries.size, 0);
  });

  it('opens by its member’s key only', async () => {
    const { store, vault } = vaultWith();
    const values = valuesOf(1);
    await vault.keep(values);
    const other = openVault(store, memoryAttachmentStore(), [newKey()]);
    await assert.rejects(other.read(values.transaction.id), UnopenableRecord);
  });

  it('is wrapped anew a little at a time, each record once', async () => {
    const { store, key, vault } = vaultWith();
    const values = Array.from({ length: 23 }, (_, number) => valuesOf(number));
    for (const each of values) {
      await vault.keep(each, { due: [{ to: 'buyer', fields: ['price'] }] });
    }
    const next = newKey();
    const rotating = openVault(store, memoryAttachmentStore(), [next, key]);
    let from: string | undefined = '';
    let [sum, turns] = [0, 0];
    while (from !== undefined) {
      let left = 5;
      const turn = await rotating.rewrap({ from, isOver: () => --left < 0 });
      sum += turn.count;
      turns++;
      from = turn.next;
    }
    assert.deepEqual([sum, turns], [46, 10]);
    const rotated = openVault(store, memoryAttachmentStore(), [next]);
    for (const { transaction } of values) assert.ok(await rotated.read(transaction.id));
    assert.equal((await rotated.deliveries({ limit: 99 })).length, 23);
  });

  it('erases: the values are in nothing that it reads, and do not come back with a rotation', async () => {
    const { entries, store, key, vault } = vaultWith();
    const values = Array.from({ length: 120 }, (_, number) => valuesOf(number));
    for (const each of values) await vault.keep(each);
    const ids = values.map(({ transaction }) => transaction.id);
    const erased = ids.slice(0, 110);
    const rotated = openVault(store, memoryAttachmentStore(), [newKey(), key]);
    const [{ count }] = await Promise.all([
      rotated.rewrap(),
      vault.erase([...erased, ...erased, 'f'.repeat(64) as Digest]),
    ]);
    assert.ok(count >= 10);
    const resting = [...entries.keys()].filter((name) => name.startsWith('values/'));
    assert.equal(resting.length, 10);
    for (const id of ids)
      assert.equal((await rotated.read(id)) !== undefined, !erased.includes(id));
  });

  it('keeps nothing of what was erased, at whichever moment it comes', async () => {
    const { entries, store, key, vault } = vaultWith();
    const values = valuesOf(1);
    const { id } = values.transaction;
    // The erasure comes after each of the steps that keeping takes.
    for (let step = 1; ; step++) {
      entries.clear();
      let left = step;
      const erasing = openVault(
        {
          ...store,
          get: async (name) => {
            if (--left === 0) await vault.erase([id]);
            return store.get(name);
          },
          write: async (changes) => {
            if (--left === 0) await vault.erase([id]);
            return store.write(changes);
          },
        },
        memoryAttachmentStore(),
        [key],
      );
      const kept = await erasing.keep(values, { due: [{ to: 'buyer', fields: ['price'] }] });
      if (left > 0) {
        assert.ok(kept && step > 3, 'all moments were tried');
        break;
      }
      assert.equal(kept, false);
      const stays = [...entries.keys()].filter((name) => !name.startsWith('open/'));
      assert.deepEqual(stays, [`gone/${id}`]);
      assert.equal(await vault.read(id), undefined);
      assert.deepEqual(await vault.deliveries({ limit: 9 }), []);
    }
  });

  it('forgets, when its time is over, what came of nothing, and the names of calls', async () => {
    const { entries, vault } = vaultWith();
    const [made, came, late] = [1, 2, 3].map((number) => valuesOf(number));
    const call = (nonce: string) => ({ keyId: 'k', nonce });
    await vault.keep(made!, { call: call('made') });
    await vault.keep(came!, { call: call('came'), due: [{ to: 'buyer', fields: ['price'] }] });
    await vault.keep(late!);
    assert.equal(await vault.name(call('made'), made!.transaction.id, undefined), true);
    assert.equal(await vault.name(call('came'), came!.transaction.id, undefined), true);
    // Another one has the name by now, and keeps it.
    assert.equal(await vault.name(call('came'), late!.transaction.id, undefined), false);
    const { id } = late!.transaction;
    assert.equal(await vault.name(call('came'), id, came!.transaction.id), true);
    const ends = new Map<string, 'committed' | 'open' | 'over'>([
      [made!.transaction.id, 'committed'],
      [came!.transaction.id, 'over'],
      [late!.transaction.id, 'open'],
    ]);
    const outcome = async ({ id }: { id: string }) => ends.get(id)!;
    const { notAfter } = made!.transaction.body;
    const before = [...entries.keys()].sort();
    await vault.settle(notAfter, outcome);
    assert.deepEqual([...entries.keys()].sort(), before, 'it is not too late yet');
    await vault.settle(notAfter + 1, outcome);
    const names = [...entries.keys()].sort();
    assert.deepEqual(
      names.map((name) => name.split('/')[0]),
      ['calls', 'open', 'values', 'values'],
    );
    assert.equal(await vault.called(call('made')), undefined);
    assert.equal(await vault.called(call('came')), id);
    assert.equal(await vault.read(came!.transaction.id), undefined);
    // Nothing stands against its being kept again.
    assert.equal(await vault.keep(came!), true);
  });

  it('says how far the ledger’s erasures were applied to it', async () => {
    const { vault } = vaultWith();
    assert.equal(await vault.erasedUpTo(), undefined);
    await vault.setErasedUpTo('a-place');
    assert.equal(await vault.erasedUpTo(), 'a-place');
  });

  it('says how far its node has looked for what should have come, and what it lacks', async () => {
    const { vault } = vaultWith();
    assert.equal(await vault.deliveriesChecked(), undefined);
    await vault.setDeliveriesChecked({ height: 7, at: 1234 });
    assert.deepEqual(await vault.deliveriesChecked(), { height: 7, at: 1234 });
    const ids = ['a', 'b', 'c'].map((digit) => digit.repeat(64) as Digest);
    for (const id of ids) await vault.setLacking(id, true);
    assert.deepEqual(await vault.lacking({ limit: 2 }), ids.slice(0, 2));
    assert.deepEqual(await vault.lacking({ after: 'b', limit: 2 }), ids.slice(1));
    await vault.setLacking(ids[0]!, false);
    assert.deepEqual(await vault.lacking({ limit: 9 }), ids.slice(1));
  });

  it('numbers what came late, also where several come at once', async () => {
    const { vault } = vaultWith();
    assert.equal(await vault.lastLate(), 0);
    assert.deepEqual(await vault.late({ after: 0, limit: 9 }), []);
    const ids = Array.from({ length: 9 }, (_, index) => `${index}`.repeat(64) as Digest);
    await Promise.all(ids.map((id) => vault.noteLate(id)));
    await vault.noteLate(ids[0]!);
    assert.equal(await vault.lastLate(), 10);
    const all = await vault.late({ after: 0, limit: 20 });
    assert.deepEqual(
      all.map(({ number }) => number),
      Array.from({ length: 10 }, (_, index) => index + 1),
    );
    assert.deepEqual(
      all
        .slice(0, 9)
        .map(({ transaction }) => transaction)
        .sort(),
      ids,
    );
    assert.equal(all[9]!.transaction, ids[0]);
    assert.deepEqual(await vault.late({ after: 8, limit: 1 }), [all[8]]);
  });

  it('is opened by the new key alone once all is wrapped by it; the contents stay as they were', async () => {
    const { entries, store, key, vault } = vaultWith();
    const values = Array.from({ length: 130 }, (_, number) => valuesOf(number));
    for (const each of values) await vault.keep(each);
    const before = new Map(entries);
    const next = newKey();
    const rotating = openVault(store, memoryAttachmentStore(), [next, key]);
    const late = valuesOf(1000);
    await rotating.keep(late);
    assert.deepEqual(await rotating.rewrap(), { count: 130 });
    assert.deepEqual(await rotating.rewrap(), { count: 0 });
    const after = openVault(store, memoryAttachmentStore(), [next]);
    for (const { transaction, disclosures } of [...values, late]) {
      assert.deepEqual((await after.read(transaction.id))?.disclosures, disclosures);
    }
    await assert.rejects(vault.read(values[0]!.transaction.id), UnopenableRecord);
    // A copy of the store from before, as in a backup, opens with the old key still.
    const restored = openVault(memoryVaultStore(before), memoryAttachmentStore(), [key]);
    assert.ok(await restored.read(values[0]!.transaction.id));
  });
});

describe('a sealed record', () => {
  const key = newKey();
  const content = Buffer.from('canary content');

  it('is another one each time, and opens again', () => {
    const [once, again] = [0, 1].map(() => sealRecord(key, 'values/a', content));
    assert.notDeepEqual(once, again);
    assert.deepEqual(Buffer.from(openRecord([newKey(), key], 'values/a', once!)), content);
  });

  it('opens in its own place only, and not with a bit changed or cut off, and the refusal tells nothing', () => {
    const sealed = sealRecord(key, 'values/a', content);
    const refused = (name: string, bytes: Uint8Array): void => {
      assert.throws(
        () => openRecord([key], name, bytes),
        (error) => error instanceof UnopenableRecord && !error.message.includes('canary'),
      );
    };
    refused('values/b', sealed);
    fc.assert(
      fc.property(fc.nat(sealed.length * 8 - 1), (bit) => {
        const changed = Uint8Array.from(sealed);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        refused('values/a', changed);
      }),
      { numRuns: 300 },
    );
    for (let length = 0; length < sealed.length; length += 5) {
      refused('values/a', sealed.subarray(0, length));
    }
  });
});
