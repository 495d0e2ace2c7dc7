/** Attachments of a vault: uploaded, attached, fetched, erased, at whichever moment something happens between. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { memoryAttachmentStore } from '../../node/memory/attachment-store.ts';
import { memoryVaultStore } from '../../node/memory/vault-store.ts';
import { openVault } from '../../node/vault/vault.ts';
import { vaultKeyOf } from '../../node/vault/vault-key.ts';
import type { Cbor } from '../../shared/bytes/cbor.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { splitArguments } from '../../shared/contract/confidential.ts';
import { type Attachment, partsOf } from '../../shared/ledger/attachment.ts';
import type { Arguments } from '../../shared/ledger/disclosure.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { DamagedAttachment, UPLOADS_MAX } from '../../shared/ports/attachment-keeper.ts';
import type { KeptValues } from '../../shared/ports/value-keeper.ts';
import { fileOf, MIDDLING, partOf, upload } from '../support/attachment.ts';
import { deal } from '../support/deal-contract.ts';
import { signBody, testKey } from '../support/local-network.ts';

const LEDGER = '1'.repeat(64) as Digest;
const signer = testKey();

function valuesOf(papers: readonly Attachment[], number = 1): KeptValues {
  const call = { deal: `d-${number}`, buyer: 'beta', papers: papers as unknown as Cbor };
  const { input } = deal.transactions.file!;
  const { args, disclosures } = splitArguments(input, call as unknown as Arguments, () =>
    randomBytes(16),
  );
  const body = { ledger: LEDGER, contract: 'deal', method: 'file', args, nonce: 'n', notAfter: 9 };
  const transaction = parseTransaction(signBody(signer, body));
  assert.ok(!(transaction instanceof Rejected));
  return { transaction, disclosures: disclosures.map(({ text }) => text) };
}

function vaultWith() {
  const [entries, parts] = [new Map<string, Uint8Array>(), new Map<string, Uint8Array>()];
  const key = vaultKeyOf(testKey().privateKey);
  const [store, blobs] = [memoryVaultStore(entries), memoryAttachmentStore(parts)];
  return { entries, parts, store, blobs, key, vault: openVault(store, blobs, [key]) };
}

/** All that rests in a vault, as text. */
const legible = ({ entries, parts }: ReturnType<typeof vaultWith>): string =>
  [...entries, ...parts]
    .map(([name, bytes]) => `${name} ${Buffer.from(bytes).toString('latin1')}`)
    .join('\n');

describe('an upload', () => {
  it('is complete when all parts are there, in whichever order, and again', async () => {
    const own = vaultWith();
    const { attachments } = own.vault;
    const file = fileOf(MIDDLING);
    const { bytes: _, ...ahead } = file;
    const name = (await attachments.begin({ ...ahead, name: 'canary.pdf' }, 1000))!;
    for (const part of [2, 0, 2]) {
      assert.equal(await attachments.put(name, part, partOf(file, part)), 'kept');
    }
    assert.deepEqual(await attachments.complete(name), { missing: [1] });
    assert.deepEqual(await attachments.put(name, 1, partOf(file, 2)), {
      expected: LIMITS.attachmentPartBytes,
    });
    assert.deepEqual(await attachments.put(name, 3, partOf(file, 2)), { expected: 0 });
    assert.equal(await attachments.put(name, 1, partOf(file, 1)), 'kept');
    const attachment = (await attachments.complete(name)) as Attachment;
    assert.equal(attachment.digest, file.digest);
    assert.equal(attachment.name, 'canary.pdf');
    assert.deepEqual(await attachments.complete(name), attachment);
    assert.equal(await attachments.put(name, 1, partOf(file, 1)), 'completed');
    assert.equal(await attachments.put('0'.repeat(32), 0, partOf(file, 0)), 'unknown-upload');
    assert.equal(await attachments.complete('0'.repeat(32)), 'unknown-upload');
    const rested = legible(own);
    for (const hidden of ['canary', attachment.key, file.digest]) {
      assert.ok(!rested.includes(hidden), `${hidden} rests in clear`);
    }
  });

  it('stays what it is where a part that was given up comes late: the same bytes seal alike', async () => {
    const own = vaultWith();
    const file = fileOf(1000);
    const { bytes: _, ...ahead } = file;
    const name = (await own.vault.attachments.begin(ahead, 1))!;
    const sealed = async (): Promise<string> => {
      await own.vault.attachments.put(name, 0, file.bytes);
      return Buffer.from([...own.parts.values()][0]!).toString('hex');
    };
    assert.equal(await sealed(), await sealed());
    // By another key they don't.
    const other = vaultWith();
    await upload(other.vault.attachments, file);
    assert.notEqual(Buffer.from([...other.parts.values()][0]!).toString('hex'), await sealed());
  });

  it('of another file than was named is refused, and gone', async () => {
    const own = vaultWith();
    const { attachments } = own.vault;
    const file = fileOf(500);
    const { bytes: _, ...ahead } = file;
    const name = (await attachments.begin(ahead, 1000))!;
    await attachments.put(name, 0, fileOf(500, 'other').bytes);
    assert.equal(await attachments.complete(name), 'other-file');
    assert.equal(await attachments.complete(name), 'unknown-upload');
    assert.equal(own.entries.size + own.parts.size, 0);
  });

  it('is one of a bounded number', async () => {
    const { attachments } = vaultWith().vault;
    const { bytes: _, ...ahead } = fileOf(5);
    for (let count = 0; count < UPLOADS_MAX; count++) assert.ok(await attachments.begin(ahead, 1));
    assert.equal(await attachments.begin(ahead, 1), undefined);
    await attachments.sweep(2);
    assert.ok(await attachments.begin(ahead, 1));
  });
});

describe('an attachment', () => {
  it('belongs to each transaction that names it by itself', async () => {
    const own = vaultWith();
    const { attachments } = own.vault;
    const file = fileOf(MIDDLING);
    const attachment = await upload(attachments, file);
    const all = [1, 2].map((number) => valuesOf([attachment], number));
    for (const values of all) {
      const attached = { transaction: values.transaction.id, attachment };
      assert.equal(await attachments.holds(attached), false);
      assert.equal(await attachments.attach(attached, 2000), true);
      assert.equal(await attachments.attach(attached, 2000), true);
      await own.vault.keep(values);
    }
    assert.deepEqual(await attachments.wanted({ limit: 9 }), []);
    assert.equal(own.parts.size, 6);
    const [one, two] = all.map(({ transaction }) => transaction.id) as [Digest, Digest];
    await own.vault.erase([one]);
    assert.equal(own.parts.size, 3);
    assert.equal(await attachments.holds({ transaction: one, attachment }), false);
    for (let part = 0; part < 3; part++) {
      const sealed = await attachments.sealedPart({ transaction: two, attachment }, part);
      const opened = attachments.open(attachment, part, sealed!);
      assert.ok(Buffer.compare(opened, partOf(file, part)) === 0);
    }
    await own.vault.erase([two]);
    assert.equal(own.parts.size, 0);
  });

  it('that was not uploaded here is not attached', async () => {
    const attachment = await upload(vaultWith().vault.attachments, fileOf(10));
    const { attachments } = vaultWith().vault;
    const { id: transaction } = valuesOf([attachment]).transaction;
    assert.equal(await attachments.attach({ transaction, attachment }, 1), false);
  });

  it('opens in its place, with its key, unchanged, and not otherwise', async () => {
    const { attachments } = vaultWith().vault;
    const attachment = await upload(attachments, fileOf(MIDDLING));
    const { id: transaction } = valuesOf([attachment]).transaction;
    await attachments.attach({ transaction, attachment }, 1);
    const sealed = (await attachments.sealedPart({ transaction, attachment }, 1))!;
    assert.ok(attachments.open(attachment, 1, sealed));
    const changed = Uint8Array.from(sealed);
    changed[100]! ^= 1;
    const refused: [Attachment, number, Uint8Array][] = [
      [attachment, 0, sealed],
      [attachment, 2, sealed],
      [attachment, 1, changed],
      [attachment, 1, sealed.subarray(0, -1)],
      [attachment, 1, new Uint8Array(3)],
      [{ ...attachment, key: randomBytes(32).toString('base64url') }, 1, sealed],
      [{ ...attachment, size: 5 * LIMITS.attachmentPartBytes }, 1, sealed],
    ];
    for (const args of refused) {
      assert.throws(() => attachments.open(...args), DamagedAttachment);
    }
  });

  it('is wanted where values that came name it, until its parts came and are it', async () => {
    const [from, to] = [vaultWith(), vaultWith()];
    const file = fileOf(MIDDLING);
    const attachment = await upload(from.vault.attachments, file);
    const values = valuesOf([attachment]);
    const attached = { transaction: values.transaction.id, attachment };
    await from.vault.attachments.attach(attached, 1);
    await to.vault.keep(values);
    await to.vault.keep(values);
    const [wanted, ...others] = await to.vault.attachments.wanted({ limit: 9 });
    assert.deepEqual(wanted, { ...attached, since: 9 });
    assert.equal(others.length, 0);
    assert.deepEqual(await to.vault.attachments.missing(attached), [0, 1, 2]);
    const send = async (part: number): Promise<void> => {
      const sealed = (await from.vault.attachments.sealedPart(attached, part))!;
      assert.equal(await to.vault.attachments.take(attached, part, sealed), true);
    };
    await send(2);
    await send(0);
    assert.deepEqual(await to.vault.attachments.missing(attached), [1]);
    // Somebody gives something else.
    await to.vault.attachments.take(attached, 1, new Uint8Array(50));
    assert.equal(await to.vault.attachments.taken(attached, 5), 'others');
    assert.equal(await to.vault.attachments.holds(attached), false);
    for (const part of [0, 1, 2]) await send(part);
    assert.equal(await to.vault.attachments.taken(attached, 5), 'kept');
    assert.equal(await to.vault.attachments.holds(attached), true);
    assert.deepEqual(await to.vault.attachments.wanted({ limit: 9 }), []);
    assert.ok(!legible(to).includes('canary'));
    await to.vault.erase([attached.transaction]);
    assert.equal(to.parts.size, 0);
    assert.deepEqual(
      [...to.entries.keys()].filter((name) => !name.startsWith('open/')),
      [`gone/${attached.transaction}`],
    );
  });

  it('whose value is false is wanted no more, once what was sealed is here', async () => {
    const [from, to] = [vaultWith(), vaultWith()];
    const attachment = await upload(from.vault.attachments, fileOf(700));
    const liar = { ...attachment, digest: 'ab'.repeat(32) as Digest };
    const values = valuesOf([liar]);
    const attached = { transaction: values.transaction.id, attachment: liar };
    await from.vault.attachments.attach(attached, 1);
    await to.vault.keep(values);
    const sealed = (await from.vault.attachments.sealedPart(attached, 0))!;
    await to.vault.attachments.take(attached, 0, sealed);
    assert.equal(await to.vault.attachments.taken(attached, 5), 'false');
    assert.equal(await to.vault.attachments.holds(attached), false);
    assert.deepEqual(await to.vault.attachments.wanted({ limit: 9 }), []);
    assert.equal(to.parts.size, 0);
  });

  it('leaves nothing where its values are erased, at whichever moment', async () => {
    const from = vaultWith();
    const attachment = await upload(from.vault.attachments, fileOf(MIDDLING));
    const values = valuesOf([attachment]);
    const { id: transaction } = values.transaction;
    const attached = { transaction, attachment };
    await from.vault.attachments.attach(attached, 1);
    const parts = await Promise.all(
      [0, 1, 2].map((part) => from.vault.attachments.sealedPart(attached, part)),
    );
    for (let step = 1; ; step++) {
      const to = vaultWith();
      let left = step;
      const first = async (): Promise<void> => {
        if (--left === 0) await to.vault.erase([transaction]);
      };
      const erasing = openVault(
        {
          ...to.store,
          get: (name) => first().then(() => to.store.get(name)),
          write: (changes) => first().then(() => to.store.write(changes)),
        },
        {
          ...to.blobs,
          put: (...args) => first().then(() => to.blobs.put(...args)),
        },
        [to.key],
      );
      await erasing.keep(values);
      for (const [part, sealed] of parts.entries()) {
        await erasing.attachments.take(attached, part, sealed!);
      }
      await erasing.attachments.taken(attached, 5);
      if (left > 0) {
        assert.ok(await to.vault.attachments.holds(attached));
        assert.ok(step > 10, 'all moments were tried');
        break;
      }
      assert.equal(to.parts.size, 0, `parts are left after step ${step}`);
      const stays = [...to.entries.keys()].filter((name) => !name.startsWith('open/'));
      assert.deepEqual(stays, [`gone/${transaction}`], `entries are left after step ${step}`);
    }
  });

  it('is swept where it was never named, or its transaction came to nothing', async () => {
    const own = vaultWith();
    const { attachments } = own.vault;
    const [used, unused, lost] = await Promise.all(
      [1, 2, 3].map((size) => upload(attachments, fileOf(size * 100))),
    );
    const kept = valuesOf([used!]);
    await attachments.attach({ transaction: kept.transaction.id, attachment: used! }, 1000);
    await own.vault.keep(kept);
    // A node that ended before it kept the values.
    const { id: ended } = valuesOf([lost!], 2).transaction;
    await attachments.attach({ transaction: ended, attachment: lost! }, 1000);
    await attachments.sweep(1000);
    assert.equal(own.parts.size, 3);
    await attachments.sweep(1001);
    assert.equal(own.parts.size, 1);
    const { id: transaction } = kept.transaction;
    assert.ok(await attachments.holds({ transaction, attachment: used! }));
    const late = { transaction: valuesOf([unused!], 3).transaction.id, attachment: unused! };
    assert.equal(await attachments.attach(late, 2000), false);
    assert.deepEqual([...own.entries.keys()].map((name) => name.split('/')[0]).sort(), [
      'attached',
      'open',
      'values',
    ]);
  });

  it('outlives a rotation of the vault key', async () => {
    const own = vaultWith();
    const file = fileOf(MIDDLING);
    const { bytes: _, ...ahead } = file;
    const under = (await own.vault.attachments.begin(ahead, 1))!;
    const attachment = await upload(own.vault.attachments, file);
    const values = valuesOf([attachment]);
    const attached = { transaction: values.transaction.id, attachment };
    await own.vault.attachments.attach(attached, 1);
    await own.vault.keep(values);
    const next = vaultKeyOf(testKey().privateKey);
    await openVault(own.store, own.blobs, [next, own.key]).rewrap();
    const rotated = openVault(own.store, own.blobs, [next]);
    for (let part = 0; part < partsOf(file.size); part++) {
      await rotated.attachments.put(under, part, partOf(file, part));
    }
    assert.equal(((await rotated.attachments.complete(under)) as Attachment).digest, file.digest);
    const sealed = await rotated.attachments.sealedPart(attached, 0);
    assert.ok(rotated.attachments.open(attachment, 0, sealed!));
    assert.deepEqual((await rotated.read(attached.transaction))?.disclosures, values.disclosures);
  });
});
