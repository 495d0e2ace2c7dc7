/**
 * A member's webhooks as they rest in its vault, sealed by the vault key: their URLs and secrets are nobody's who reads
 * the store. Each is one record, settings and progress together, which changes by compare-and-swap.
 */
import { z } from 'zod';
import { equalBytes, fromUtf8, utf8 } from '../../shared/bytes/text.ts';
import { VAULT_CHANGES_MAX, type VaultStore } from '../../shared/ports/vault-store.ts';
import type { DeadLetter } from '../../shared/ports/webhooks.ts';
import { openRecord, sealRecord } from '../vault/sealed-record.ts';
import type { VaultKey } from '../vault/vault-key.ts';
import { DEAD_LETTERS, WEBHOOKS } from './entries.ts';

const natural = z.int().min(0);

const RecordSchema = z.strictObject({
  url: z.string(),
  types: z.array(z.string()).nullable(),
  where: z.record(z.string(), z.string()).nullable(),
  /** Records that were made before there was such a choice have none. */
  shown: z.boolean().default(false),
  /** The newest first; an older one until it ends. */
  secrets: z.array(z.strictObject({ secret: z.string(), until: natural.nullable() })).min(1),
  /** Why nothing is sent; null while something is. */
  paused: z.string().nullable(),
  cursor: z.string(),
  /** Failed attempts since an event was taken, and why the last one failed. */
  failures: natural,
  failure: z.string().nullable(),
  /** Nothing is sent before this. */
  retryAt: natural,
  /** Somebody sends until then, or has died. */
  busyUntil: natural,
  lastDeliveredAt: natural.nullable(),
});
export type WebhookRecord = z.infer<typeof RecordSchema>;

/** A record, and what it is swapped for. */
export interface Stored {
  readonly record: WebhookRecord;
  readonly sealed: Uint8Array;
}

const LetterSchema = z.strictObject({ reason: z.string(), at: natural, event: z.unknown() });

/** Others may change a record at the same time; more often than this in a row is a fault. */
const ATTEMPTS_MAX = 100;
const PAGE = VAULT_CHANGES_MAX;

/** The keys are those of the vault: the first one seals. */
export function webhookBook(store: VaultStore, keys: readonly [VaultKey, ...VaultKey[]]) {
  const entryOf = (name: string): string => `${WEBHOOKS}${name}`;
  const sealedJson = (name: string, value: unknown): Uint8Array =>
    sealRecord(keys[0], name, utf8(JSON.stringify(value)));
  const opened = (name: string, sealed: Uint8Array): unknown =>
    JSON.parse(fromUtf8(openRecord(keys, name, sealed))!);

  const read = async (name: string): Promise<Stored | undefined> => {
    const sealed = await store.get(entryOf(name));
    return sealed && { record: RecordSchema.parse(opened(entryOf(name), sealed)), sealed };
  };

  /** Puts a record in the place of another (null: of none); undefined where something else stands there. */
  const swap = async (
    name: string,
    record: WebhookRecord,
    before: Stored | null,
  ): Promise<Stored | undefined> => {
    const sealed = sealedJson(entryOf(name), record);
    const entry = { name: entryOf(name), bytes: sealed };
    const isSwapped = await store.swap(entry, before?.sealed ?? null);
    return isSwapped ? { record, sealed } : undefined;
  };

  return {
    read,
    swap,

    async names(): Promise<string[]> {
      const entries = await store.list({ prefix: WEBHOOKS, limit: PAGE });
      return entries.map(({ name }) => name.slice(WEBHOOKS.length));
    },

    /** Whether the record is as it was read. */
    async isStill(name: string, { sealed }: Stored): Promise<boolean> {
      const now = await store.get(entryOf(name));
      return now !== undefined && equalBytes(now, sealed);
    },

    /** Changes the record as it is then, which ends the lease of whoever sends; answers the new one, undefined where there is none. */
    async change(
      name: string,
      change: (record: WebhookRecord) => WebhookRecord,
    ): Promise<WebhookRecord | undefined> {
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        const stored = await read(name);
        if (!stored) return undefined;
        const record = { ...change(stored.record), busyUntil: 0 };
        if (await swap(name, record, stored)) return record;
      }
      throw new Error(`the webhook ${name} changes all the time`);
    },

    /** Answers whether there was one. */
    async remove(name: string): Promise<boolean> {
      // Also one that no key opens any more.
      if ((await store.get(entryOf(name))) === undefined) return false;
      await store.write([{ name: entryOf(name), bytes: null }]);
      for (;;) {
        const entries = await store.list({ prefix: letterEntry(name, ''), limit: PAGE });
        if (entries.length === 0) return true;
        await store.write(entries.map((entry) => ({ name: entry.name, bytes: null })));
      }
    },

    async addLetter(name: string, { cursor, ...rest }: DeadLetter): Promise<void> {
      const entry = letterEntry(name, ordered(cursor));
      await store.write([{ name: entry, bytes: sealedJson(entry, rest) }]);
    },

    async countLetters(name: string): Promise<number> {
      const prefix = letterEntry(name, '');
      let count = 0;
      let after: string | undefined;
      for (;;) {
        const page = await store.list({ prefix, limit: PAGE, ...(after && { after }) });
        count += page.length;
        if (page.length < PAGE) return count;
        after = page.at(-1)!.name;
      }
    },

    async letter(name: string, cursor: string): Promise<DeadLetter | undefined> {
      const entry = letterEntry(name, ordered(cursor));
      const sealed = await store.get(entry);
      return sealed && { cursor, ...LetterSchema.parse(opened(entry, sealed)) };
    },

    async removeLetter(name: string, cursor: string): Promise<void> {
      await store.write([{ name: letterEntry(name, ordered(cursor)), bytes: null }]);
    },

    async letters(name: string, after: string | undefined, limit: number): Promise<DeadLetter[]> {
      const prefix = letterEntry(name, '');
      const range = { prefix, limit, ...(after && { after: letterEntry(name, ordered(after)) }) };
      return (await store.list(range)).map(({ name: entry, bytes }) => {
        const cursor = unordered(entry.slice(prefix.length));
        return { cursor, ...LetterSchema.parse(opened(entry, bytes)) };
      });
    },
  };
}
export type WebhookBook = ReturnType<typeof webhookBook>;

const letterEntry = (name: string, rest: string): string => `${DEAD_LETTERS}${name}/${rest}`;

const DIGITS = 15;
/** A cursor of an event, so that texts sort as the ledger does; its numbers have 15 digits at the most. */
const ordered = (cursor: string): string =>
  cursor
    .split('.')
    .map((part) => part.padStart(DIGITS, '0'))
    .join('.');
const unordered = (text: string): string =>
  text
    .split('.')
    .map((part) => part.replace(/^0+(?=.)/, ''))
    .join('.');
