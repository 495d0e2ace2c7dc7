/**
 * A vault as another node of its member takes it over (`shared/ports/vault-move.ts`). Sealed records go with their own keys and
 * stay as they are sealed; all of it in an envelope that only the other vault's key opens.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import { fromUtf8, utf8 } from '../../shared/bytes/text.ts';
import type { AttachmentStore } from '../../shared/ports/attachment-store.ts';
import { BadEnvelope } from '../../shared/ports/value-keeper.ts';
import type { VaultMove } from '../../shared/ports/vault-move.ts';
import {
  VAULT_CHANGES_MAX,
  type VaultChange,
  type VaultStore,
} from '../../shared/ports/vault-store.ts';
import { encryptTo, openEnvelope, VAULT_TYPE } from './envelope.ts';
import { missingParts, type Place } from './sealed-parts.ts';
import { sealedContent, unwrapRecord, wrapRecord } from './sealed-record.ts';
import type { VaultKey } from './vault-key.ts';

const TAG_BYTES = 16;
/** Of entries in one envelope; the first goes in whatever its size. */
const GIVEN_BYTES_MAX = 384 * 1024;

const bytes = z.instanceof(Uint8Array);
const GivenSchema = z
  .array(z.tuple([z.string(), bytes.nullable(), bytes.nullable()]))
  .min(1)
  .max(VAULT_CHANGES_MAX);
/** Name, the record's own key where it is sealed, content; null where there is no such entry. */
type Given = [name: string, key: Uint8Array | null, content: Uint8Array | null];

/** `sealed` are the prefixes of sealed entries; `places`, where files are. */
export function openMove(
  store: VaultStore,
  blobs: AttachmentStore,
  keys: readonly [VaultKey, ...VaultKey[]],
  sealed: readonly string[],
  places: () => AsyncIterable<Pick<Place, 'name' | 'size'>>,
): VaultMove {
  const isSealed = (name: string): boolean => sealed.some((prefix) => name.startsWith(prefix));
  const tagOf = (name: string, entry: Uint8Array): Uint8Array => {
    const content = isSealed(name) ? sealedContent(name, entry) : entry;
    return createHash('sha256').update(content).digest().subarray(0, TAG_BYTES);
  };
  const unwrapped = (name: string, entry: Uint8Array | undefined): Given => {
    if (!entry) return [name, null, null];
    if (!isSealed(name)) return [name, null, entry];
    const { key, content } = unwrapRecord(keys, name, entry);
    return [name, key, content];
  };
  const changeOf = ([name, key, content]: Given): VaultChange => {
    if (!content || !isSealed(name)) return { name, bytes: content };
    if (!key) throw new BadEnvelope('a sealed entry without its key');
    return { name, bytes: wrapRecord(keys[0], name, key, content) };
  };
  return {
    async listed(after, limit) {
      const entries = await store.list({
        prefix: '',
        limit,
        ...(after !== undefined && { after }),
      });
      return entries.map(({ name, bytes: entry }) => ({ name, tag: tagOf(name, entry) }));
    },
    async give(names, to) {
      const given: Given[] = [];
      let size = 0;
      for (const name of names.slice(0, VAULT_CHANGES_MAX)) {
        const one = unwrapped(name, await store.get(name));
        size += name.length + (one[2]?.length ?? 0);
        if (given.length > 0 && size > GIVEN_BYTES_MAX) break;
        given.push(one);
      }
      return utf8(await encryptTo(to, encodeCbor(given), VAULT_TYPE));
    },
    async take(envelope) {
      const content = await openEnvelope(keys, fromUtf8(envelope) ?? '', VAULT_TYPE);
      const given = GivenSchema.parse(decodeCbor(content));
      await store.write(given.map(changeOf));
      return given.map(([name]) => name);
    },
    async drop(names) {
      for (let from = 0; from < names.length; from += VAULT_CHANGES_MAX) {
        const some = names.slice(from, from + VAULT_CHANGES_MAX);
        await store.write(some.map((name) => ({ name, bytes: null })));
      }
    },
    async *lackingParts() {
      for await (const { name, size } of places()) {
        for (const part of await missingParts(blobs, { name, size })) yield { name, part };
      }
    },
    part: ({ name, part }) => blobs.get(name, part),
    putPart: ({ name, part }, content) => blobs.put(name, part, content),
  };
}
