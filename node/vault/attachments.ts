/**
 * The attachments of a vault (`shared/ports/attachment-keeper.ts`): what belongs to which transaction stands in the vault's
 * store; the sealed parts lie in a store of their own, by names that are random.
 */
import type { Digest } from '../../shared/bytes/digest.ts';
import { fromBase64Url, fromUtf8, utf8 } from '../../shared/bytes/text.ts';
import { type Attachment, partsOf } from '../../shared/ledger/attachment.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';
import type { Attached, AttachmentKeeper, Wanted } from '../../shared/ports/attachment-keeper.ts';
import type { AttachmentStore } from '../../shared/ports/attachment-store.ts';
import { attachmentsOf, type KeptValues } from '../../shared/ports/value-keeper.ts';
import type { VaultChange, VaultStore } from '../../shared/ports/vault-store.ts';
import { entriesOf } from './entries-of.ts';
import {
  copyParts,
  decodePlace,
  digestsOf,
  encodePlace,
  missingParts,
  newName,
  openPart,
  type Place,
} from './sealed-parts.ts';
import { openUploads } from './uploads.ts';
import type { VaultKey } from './vault-key.ts';

/** Of an attachment that is here: where its parts are. */
const ATTACHED = 'attached/';
/** Of one that is not, or not whole: by which name its parts are kept. */
const WANTED = 'wanted/';
/** Of a transaction that has attachments and whose values are not kept yet: since when. */
const AHEAD = 'attaching/';

const entryOf = (prefix: string, { transaction, attachment }: Attached): string =>
  `${prefix}${transaction}/${attachment.sealed}`;

/** What the vault itself needs of its attachments, besides. */
export interface VaultAttachments extends AttachmentKeeper {
  /** What is written together with values: what they name and is not here is wanted from then on. */
  changesWith(values: KeptValues): Promise<readonly VaultChange[]>;
  /** Removes what belongs to a transaction. May be interrupted and done again. */
  remove(transaction: Digest): Promise<void>;
  /** Where files are that are here: transactions', and those that none has taken yet. */
  places(): AsyncIterable<Pick<Place, 'name' | 'size'>>;
}

/** Opens the attachments of a vault; `read` answers a transaction's values, `isGone` whether they were erased. */
export function openAttachments(
  store: VaultStore,
  blobs: AttachmentStore,
  keys: readonly [VaultKey, ...VaultKey[]],
  read: (id: Digest) => Promise<KeptValues | undefined>,
  isGone: (id: Digest) => Promise<boolean>,
): VaultAttachments {
  const uploads = openUploads(store, blobs, keys);
  const placeOf = async (attached: Attached): Promise<Place | undefined> => {
    const found = await store.get(entryOf(ATTACHED, attached));
    return found && decodePlace(found);
  };
  const wantedAs = async (attached: Attached): Promise<string | undefined> => {
    const found = await store.get(entryOf(WANTED, attached));
    return found && fromUtf8(found);
  };
  const remove = async (transaction: Digest): Promise<void> => {
    for await (const { name, bytes } of entriesOf(store, `${ATTACHED}${transaction}/`)) {
      const place = decodePlace(bytes);
      await blobs.remove(place.name, partsOf(place.size));
      await store.write([{ name, bytes: null }]);
    }
    for await (const { name, bytes } of entriesOf(store, `${WANTED}${transaction}/`)) {
      // What comes from now on is not taken.
      await store.write([{ name, bytes: null }]);
      await blobs.remove(fromUtf8(bytes)!, partsOf(LIMITS.attachmentBytesMax));
    }
    await store.write([{ name: `${AHEAD}${transaction}`, bytes: null }]);
  };
  return {
    begin: uploads.begin,
    put: uploads.put,
    complete: uploads.complete,
    async attach(attached, now) {
      if (await placeOf(attached)) return true;
      const { transaction, attachment } = attached;
      const taken = await uploads.takeFor(attachment.sealed, transaction);
      if (!taken) return false;
      const { place, isOwn } = taken;
      const name = isOwn ? place.name : newName();
      if (!isOwn && !(await copyParts(blobs, place, name))) return false;
      const bytes = encodePlace({ name, size: place.size, at: now });
      await store.write([
        { name: `${AHEAD}${transaction}`, bytes: utf8(String(now)) },
        { name: entryOf(ATTACHED, attached), bytes },
      ]);
      return true;
    },
    holds: async (attached) => (await placeOf(attached)) !== undefined,
    async sealedPart(attached, part) {
      const place = await placeOf(attached);
      return place && part < partsOf(place.size) ? blobs.get(place.name, part) : undefined;
    },
    open: ({ key, size }, part, sealed) => openPart(fromBase64Url(key)!, size, part, sealed),
    async wanted({ after, limit }) {
      const found: Wanted[] = [];
      const from = after && entryOf(WANTED, after);
      for await (const { name } of entriesOf(store, WANTED, from)) {
        const [, transaction, sealed] = name.split('/') as [string, Digest, string];
        const values = await read(transaction);
        const attachment = values && namedIn(values).find((one) => one.sealed === sealed);
        if (!attachment) continue;
        found.push({ transaction, attachment, since: values.transaction.body.notAfter });
        if (found.length === limit) break;
      }
      return found;
    },
    async missing(attached) {
      const name = await wantedAs(attached);
      return name ? missingParts(blobs, { name, size: attached.attachment.size }) : [];
    },
    async take(attached, part, sealed) {
      const name = await wantedAs(attached);
      if (!name) return false;
      await blobs.put(name, part, sealed);
      if (await wantedAs(attached)) return true;
      // Erased while this was written.
      await blobs.remove(name, part + 1);
      return false;
    },
    async taken(attached, now) {
      const { transaction, attachment } = attached;
      const name = await wantedAs(attached);
      if (!name) return 'false';
      const { size } = attachment;
      const digests = await digestsOf(blobs, { name, size }, fromBase64Url(attachment.key)!);
      if (digests?.sealed !== attachment.sealed) {
        await blobs.remove(name, partsOf(size));
        return 'others';
      }
      const isRight = digests.file === attachment.digest;
      const bytes = encodePlace({ name, size, at: now });
      await store.write([
        { name: entryOf(WANTED, attached), bytes: null },
        ...(isRight ? [{ name: entryOf(ATTACHED, attached), bytes }] : []),
      ]);
      if (!isRight) await blobs.remove(name, partsOf(size));
      // Erased while this was written: one of the two sees the other's.
      if (await isGone(transaction)) await remove(transaction);
      return isRight ? 'kept' : 'false';
    },
    async changesWith(values) {
      const { id: transaction } = values.transaction;
      const named = namedIn(values);
      const changes: VaultChange[] = [];
      if (named.length > 0) changes.push({ name: `${AHEAD}${transaction}`, bytes: null });
      for (const attachment of named) {
        const attached = { transaction, attachment };
        if ((await placeOf(attached)) || (await wantedAs(attached))) continue;
        changes.push({ name: entryOf(WANTED, attached), bytes: utf8(newName()) });
      }
      return changes;
    },
    remove,
    async *places() {
      for await (const { bytes } of entriesOf(store, ATTACHED)) yield decodePlace(bytes);
      yield* uploads.places();
    },
    async sweep(before) {
      await uploads.sweep(before);
      for await (const { name, bytes } of entriesOf(store, AHEAD)) {
        const transaction = name.slice(AHEAD.length) as Digest;
        if (Number(fromUtf8(bytes)) < before && !(await read(transaction))) {
          await remove(transaction);
        }
      }
    },
  };
}

/** As many of them as a transaction may have: of whoever sends more the first are taken. */
const namedIn = (values: KeptValues): readonly Attachment[] =>
  attachmentsOf(values).slice(0, LIMITS.attachmentsMax);
