/** A vault goes from one node of its member to another: whatever is done to it meanwhile, the other one ends up with the same. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { lmdbStores } from '../../node/lmdb/stores.ts';
import { memoryAttachmentStore } from '../../node/memory/attachment-store.ts';
import { memoryVaultStore } from '../../node/memory/vault-store.ts';
import { openVault, type Vault } from '../../node/vault/vault.ts';
import { vaultKeyOf } from '../../node/vault/vault-key.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { splitArguments } from '../../shared/contract/confidential.ts';
import type { Attachment } from '../../shared/ledger/attachment.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { BadEnvelope, ForAnotherKey, type KeptValues } from '../../shared/ports/value-keeper.ts';
import { deal } from '../support/deal-contract.ts';
import { signBody, testKey } from '../support/local-network.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const LEDGER = '1'.repeat(64) as Digest;
const signer = testKey();
const NOW = 1_800_000_000_000;

function valuesOf(method: 'make' | 'file', call: Record<string, unknown>): KeptValues {
  const { args, disclosures } = splitArguments(
    deal.transactions[method]!.input,
    call as never,
    () => randomBytes(16),
  );
  const body = { ledger: LEDGER, contract: 'deal', method, args, nonce: 'n', notAfter: NOW };
  const transaction = parseTransaction(signBody(signer, body));
  assert.ok(!(transaction instanceof Rejected));
  return { transaction, disclosures: disclosures.map(({ text }) => text) };
}

const made = (number: number, remark = 'canary remark'): KeptValues =>
  valuesOf('make', { deal: `d-${number}`, buyer: 'canary-buyer', price: 250_00, remark });

const newVault = (): Vault =>
  openVault(memoryVaultStore(), memoryAttachmentStore(), [vaultKeyOf(testKey().privateKey)]);

/** What `shared/replica/take-vault.ts` does, without messages in between. */
async function copy(from: Vault, to: Vault): Promise<number> {
  const [theirs, ours] = await Promise.all(
    [from, to].map(async ({ move }) => {
      const all = await move.listed(undefined, 10_000);
      return new Map(all.map(({ name, tag }) => [name, Buffer.from(tag).toString('hex')]));
    }),
  );
  let lacking = [...theirs!].filter(([name, tag]) => ours!.get(name) !== tag).map(([name]) => name);
  const count = lacking.length;
  while (lacking.length > 0) {
    const taken = await to.move.take(await from.move.give(lacking, to.key));
    assert.deepEqual(taken, lacking.slice(0, taken.length));
    lacking = lacking.slice(taken.length);
  }
  await to.move.drop([...ours!.keys()].filter((name) => !theirs!.has(name)));
  for await (const part of to.move.lackingParts()) {
    const sealed = await from.move.part(part);
    if (sealed) await to.move.putPart(part, sealed);
  }
  return count;
}

async function uploaded(vault: Vault, content: Buffer): Promise<Attachment> {
  const digest = createHash('sha256').update(content).digest('hex') as Digest;
  const file = { digest, size: content.length, mediaType: 'application/pdf' };
  const upload = (await vault.attachments.begin(file, NOW))!;
  await vault.attachments.put(upload, 0, content);
  const attachment = await vault.attachments.complete(upload);
  assert.ok(typeof attachment === 'object' && 'sealed' in attachment);
  return attachment;
}

const open = async () => 'open' as const;
const taker = (number: number) => ({
  id: String(number).padStart(64, '0') as Digest,
  notAfter: NOW,
});
const taking = (amount: number) => [{ name: 'limit', amount, max: 100, reason: 'too much' }];

describe('a vault that another node takes over', () => {
  it('has there what it had here: values, files, deliveries, tallies, names of calls, marks of what is erased', async () => {
    const old = newVault();
    const content = Buffer.from('canary paper');
    const paper = await uploaded(old, content);
    const filed = valuesOf('file', { deal: 'd-1', buyer: 'canary-buyer', papers: [paper] });
    assert.ok(
      await old.attachments.attach({ transaction: filed.transaction.id, attachment: paper }, NOW),
    );
    const due = [{ to: 'beta', fields: ['buyer', 'papers'] }];
    const call = { keyId: 'key', nonce: 'first' };
    await old.keep(filed, { due, call });
    await old.name(call, filed.transaction.id, undefined);
    const gone = made(2);
    await old.keep(gone);
    await old.erase([gone.transaction.id]);
    await old.setErasedUpTo('place');
    assert.equal(await old.reserve(taker(1), taking(70), open), undefined);
    // Another one is sent, and not completed yet.
    const size = content.length;
    const digest = 'a'.repeat(64) as Digest;
    const upload = (await old.attachments.begin({ digest, size, mediaType: 'text/plain' }, NOW))!;
    await old.attachments.put(upload, 0, content);

    const next = newVault();
    await copy(old, next);
    const { id } = filed.transaction;
    assert.deepEqual((await next.read(id))?.disclosures, filed.disclosures);
    assert.deepEqual(
      (await next.deliveries({ limit: 9 })).map(({ to, transaction }) => [to, transaction]),
      [['beta', id]],
    );
    assert.equal(await next.called(call), id);
    assert.equal(await next.keep(gone), false);
    assert.equal(await next.erasedUpTo(), 'place');
    assert.equal(await next.reserve(taker(2), taking(31), open), 'too much');
    assert.equal(await next.reserve(taker(2), taking(30), open), undefined);
    const attached = { transaction: id, attachment: paper };
    const sealed = (await next.attachments.sealedPart(attached, 0))!;
    assert.deepEqual(Buffer.from(next.attachments.open(paper, 0, sealed)), content);
    assert.equal(await next.attachments.complete(upload), 'other-file');
  });

  it('is the same there after any changes in between, and only what changed is copied again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('keep', 'erase', 'reserve', 'copy'), fc.nat(5)), {
          size: 'max',
          maxLength: 30,
        }),
        async (steps) => {
          const [old, next] = [newVault(), newVault()];
          const all = Array.from({ length: 6 }, (_, number) => made(number));
          for (const [step, number] of steps) {
            const one = all[number]!;
            if (step === 'keep') await old.keep(one, { due: [{ to: 'beta', fields: ['price'] }] });
            else if (step === 'erase') await old.erase([one.transaction.id]);
            else if (step === 'reserve') await old.reserve(taker(number), taking(number), open);
            else await copy(old, next);
          }
          await copy(old, next);
          assert.equal(await copy(old, next), 0);
          const listings = await Promise.all(
            [old, next].map(({ move }) => move.listed(undefined, 999)),
          );
          assert.deepEqual(listings[0], listings[1]);
          const held = await Promise.all([old, next].map((vault) => vault.held({ limit: 99 })));
          assert.deepEqual(
            held[0]!.map(({ disclosures }) => disclosures),
            held[1]!.map(({ disclosures }) => disclosures),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  it('goes in envelopes that only the other key opens, as much in each as fits', async () => {
    const [old, next] = [newVault(), newVault()];
    for (let number = 0; number < 4; number++) await old.keep(made(number, 'x'.repeat(200_000)));
    const names = (await old.move.listed(undefined, 99)).map(({ name }) => name);
    const envelope = await old.move.give(names, next.key);
    assert.ok(envelope.length < 768 * 1024, String(envelope.length));
    await assert.rejects(newVault().move.take(envelope), ForAnotherKey);
    // Nor is it values that somebody delivers.
    await assert.rejects(next.unwrap(envelope), BadEnvelope);
    assert.ok((await next.move.take(envelope)).length < names.length);
    await copy(old, next);
    assert.equal((await next.held({ limit: 9 })).length, 4);
  });

  it('rests in LMDB as well', async () => {
    const stores = lmdbStores(temporaryFolder(), () => {});
    const old = newVault();
    const next = openVault(stores.vault, stores.attachments, [vaultKeyOf(testKey().privateKey)]);
    for (let number = 0; number < 120; number++) await old.keep(made(number));
    await copy(old, next);
    assert.equal((await next.held({ limit: 999 })).length, 120);
    assert.equal(await copy(old, next), 0);
    await stores.close();
  });
});
