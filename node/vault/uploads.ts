/**
 * Files on their way into a vault: begun, sent in parts, completed, and a day later forgotten where no transaction took them.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type Cbor, decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import { type Digest, isDigest } from '../../shared/bytes/digest.ts';
import { toBase64Url, utf8 } from '../../shared/bytes/text.ts';
import {
  ATTACHMENT_FORMAT,
  type Attachment,
  AttachmentSchema,
  partSize,
  partsOf,
} from '../../shared/ledger/attachment.ts';
import {
  type CompleteOutcome,
  type FileAhead,
  type PutOutcome,
  UPLOADS_MAX,
} from '../../shared/ports/attachment-keeper.ts';
import type { AttachmentStore } from '../../shared/ports/attachment-store.ts';
import type { VaultStore } from '../../shared/ports/vault-store.ts';
import { entriesOf } from './entries-of.ts';
import {
  decodePlace,
  digestsOf,
  encodePlace,
  missingParts,
  newName,
  type Place,
  sealPart,
} from './sealed-parts.ts';
import { openRecord, sealRecord } from './sealed-record.ts';
import type { VaultKey } from './vault-key.ts';

/** Uploads that are under way, and those that were completed, for whoever asks again; both hold keys, sealed. */
export const UPLOADS = 'uploads/';
export const COMPLETED = 'completed/';
/** By sealed digest: where what was uploaded is. */
const UPLOADED = 'uploaded/';
/** By name: to whom the parts themselves went; everybody else gets a copy. */
const TAKEN = 'taken/';

const KEY_BYTES = 32;
const UploadSchema = z.tuple([
  z.string().refine(isDigest),
  z.number(),
  z.string(),
  z.string().nullable(),
  z.instanceof(Uint8Array),
  z.number(),
]);

/** The uploads of a vault. */
export function openUploads(
  store: VaultStore,
  blobs: AttachmentStore,
  keys: readonly [VaultKey, ...VaultKey[]],
) {
  const readUpload = (entry: string, sealed: Uint8Array) => {
    const content = decodeCbor(openRecord(keys, entry, sealed));
    const [digest, size, mediaType, name, key, at] = UploadSchema.parse(content);
    return { file: { digest, size, mediaType, ...(name !== null && { name }) }, key, at };
  };
  const uploadOf = async (name: string) => {
    const entry = `${UPLOADS}${name}`;
    const sealed = await store.get(entry);
    return sealed && readUpload(entry, sealed);
  };
  const completedOf = async (name: string): Promise<Attachment | undefined> => {
    const entry = `${COMPLETED}${name}`;
    const sealed = await store.get(entry);
    return sealed && AttachmentSchema.parse(decodeCbor(openRecord(keys, entry, sealed)));
  };
  return {
    async begin(
      { digest, size, mediaType, name }: FileAhead,
      now: number,
    ): Promise<string | undefined> {
      const under = await store.list({ prefix: UPLOADS, limit: UPLOADS_MAX });
      if (under.length >= UPLOADS_MAX) return undefined;
      const upload = newName();
      const entry = `${UPLOADS}${upload}`;
      const key = randomBytes(KEY_BYTES);
      const content = encodeCbor([digest, size, mediaType, name ?? null, key, now]);
      await store.write([{ name: entry, bytes: sealRecord(keys[0], entry, content) }]);
      return upload;
    },
    async put(upload: string, part: number, bytes: Uint8Array): Promise<PutOutcome> {
      const found = await uploadOf(upload);
      if (!found) return (await completedOf(upload)) ? 'completed' : 'unknown-upload';
      const { file, key } = found;
      const expected = part < partsOf(file.size) ? partSize(file.size, part) : 0;
      if (bytes.length !== expected || expected === 0) return { expected };
      // A request that was given up may come through after the upload was completed: it brings the same bytes.
      await blobs.put(upload, part, sealPart(key, file.size, part, bytes));
      return 'kept';
    },
    async complete(upload: string): Promise<CompleteOutcome> {
      const found = await uploadOf(upload);
      if (!found) return (await completedOf(upload)) ?? 'unknown-upload';
      const { file, key, at } = found;
      const place: Place = { name: upload, size: file.size, at };
      const digests = await digestsOf(blobs, place, key);
      if (!digests) return { missing: await missingParts(blobs, place) };
      const begun = { name: `${UPLOADS}${upload}`, bytes: null };
      if (digests.file !== file.digest) {
        await store.write([begun]);
        await blobs.remove(upload, partsOf(file.size));
        return 'other-file';
      }
      const { sealed } = digests;
      const attachment: Attachment = {
        format: ATTACHMENT_FORMAT,
        ...file,
        ...{ sealed: sealed as Digest, key: toBase64Url(key) },
      };
      const entry = `${COMPLETED}${upload}`;
      await store.write([
        begun,
        { name: entry, bytes: sealRecord(keys[0], entry, encodeCbor({ ...attachment } as Cbor)) },
        { name: `${UPLOADED}${sealed}`, bytes: encodePlace(place) },
      ]);
      return attachment;
    },
    /** The uploaded attachment of a sealed digest, and whether its parts went to this transaction; else they are to be copied. */
    async takeFor(
      sealed: string,
      transaction: Digest,
    ): Promise<{ readonly place: Place; readonly isOwn: boolean } | undefined> {
      const entry = `${UPLOADED}${sealed}`;
      const uploaded = await store.get(entry);
      if (!uploaded) return undefined;
      const place = decodePlace(uploaded);
      const taken = { name: `${TAKEN}${place.name}`, bytes: utf8(transaction) };
      const isOwn = await store.swap(taken, null);
      // Swept meanwhile: its parts are gone, or another one's.
      if (isOwn && !(await store.get(entry))) return undefined;
      return { place, isOwn };
    },
    /** Where files are that were sent, or are on their way. */
    async *places(): AsyncGenerator<Pick<Place, 'name' | 'size'>> {
      for await (const { name, bytes } of entriesOf(store, UPLOADS)) {
        yield { name: name.slice(UPLOADS.length), size: readUpload(name, bytes).file.size };
      }
      for await (const { bytes } of entriesOf(store, UPLOADED)) yield decodePlace(bytes);
    },
    /** Forgets what was begun before a time, but for parts that a transaction took. */
    async sweep(before: number): Promise<void> {
      for await (const { name, bytes } of entriesOf(store, UPLOADS)) {
        const { file, at } = readUpload(name, bytes);
        if (at >= before) continue;
        await store.write([{ name, bytes: null }]);
        await blobs.remove(name.slice(UPLOADS.length), partsOf(file.size));
      }
      for await (const { name, bytes } of entriesOf(store, UPLOADED)) {
        const place = decodePlace(bytes);
        if (place.at >= before) continue;
        const taken = { name: `${TAKEN}${place.name}`, bytes: utf8('nobody') };
        if (await store.swap(taken, null)) await blobs.remove(place.name, partsOf(place.size));
        await store.write([
          { name, bytes: null },
          { name: `${COMPLETED}${place.name}`, bytes: null },
          { name: taken.name, bytes: null },
        ]);
      }
    },
  };
}
