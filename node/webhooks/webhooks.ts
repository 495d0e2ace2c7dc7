/** The webhooks of a node as its API changes and shows them. */
import { decodeEventCursor } from '../../shared/api/cursor.ts';
import {
  WEBHOOKS_MAX,
  type Webhook,
  type WebhookSettings,
  type Webhooks,
} from '../../shared/ports/webhooks.ts';
import type { WebhookBook, WebhookRecord } from './book.ts';
import { sendBody } from './deliver.ts';
import type { WebhookPost } from './post.ts';
import { isTaken, reasonOf } from './schedule.ts';
import { newSecret } from './signature.ts';

/** So long a replaced secret signs, too. */
const OLD_SECRET_MS = 24 * 3600 * 1000;
const PAUSED = 'an administrator paused it';

export interface WebhooksOptions {
  readonly book: WebhookBook;
  readonly sender: WebhookPost;
  readonly now: () => number;
  /** There may be something to send that was not due before. */
  readonly onChange: () => void | Promise<void>;
}

export function webhooks({ book, sender, now, onChange }: WebhooksOptions): Webhooks {
  const shown = async (name: string, record: WebhookRecord): Promise<Webhook> => ({
    name,
    url: record.url,
    types: record.types,
    where: record.where,
    shown: record.shown,
    status: record.paused !== null ? 'paused' : record.failures > 0 ? 'retrying' : 'active',
    reason: record.paused ?? record.failure,
    cursor: record.cursor,
    failures: record.failures,
    retryAt: record.paused === null && record.retryAt > 0 ? record.retryAt : null,
    lastDeliveredAt: record.lastDeliveredAt,
    deadLetters: await book.countLetters(name),
  });
  const get = async (name: string): Promise<Webhook | undefined> => {
    const stored = await book.read(name);
    return stored && shown(name, stored.record);
  };

  return {
    get,
    refuses: sender.refuses,

    async list() {
      const all = await Promise.all((await book.names()).map(get));
      return all.flatMap((webhook) => webhook ?? []);
    },

    async put(name, settings, { cursor, isTold }) {
      const change = (record: WebhookRecord): WebhookRecord => ({
        ...record,
        ...settingsOf(settings),
        ...(isTold && { cursor }),
        failures: 0,
        failure: null,
        retryAt: 0,
      });
      let secret: string | undefined;
      let record = await book.change(name, change);
      if (!record) {
        if ((await book.names()).length >= WEBHOOKS_MAX) return undefined;
        secret = newSecret();
        const made: WebhookRecord = {
          ...settingsOf(settings),
          secrets: [{ secret, until: null }],
          ...{ cursor, failures: 0, failure: null, retryAt: 0, busyUntil: 0 },
          lastDeliveredAt: null,
        };
        // Somebody else may make it at the same moment: whose secret it has got is told to one only.
        if (await book.swap(name, made, null)) record = made;
        else {
          secret = undefined;
          record = (await book.change(name, change)) ?? made;
        }
      }
      await onChange();
      return { webhook: await shown(name, record), secret };
    },

    remove: (name) => book.remove(name),

    async renewSecret(name) {
      const secret = newSecret();
      const record = await book.change(name, (before) => ({
        ...before,
        secrets: [
          { secret, until: null },
          { secret: before.secrets[0]!.secret, until: now() + OLD_SECRET_MS },
        ],
      }));
      if (!record) return undefined;
      await onChange();
      return secret;
    },

    async deadLetters(name, after, limit) {
      return book.letters(name, after, limit);
    },

    async redeliver(name, cursor) {
      if (!decodeEventCursor(cursor)) return undefined;
      const stored = await book.read(name);
      const letter = stored && (await book.letter(name, cursor));
      if (!letter) return undefined;
      const event = letter.event as { id: string };
      const attempt = await sendBody(sender.post, stored.record, event, now());
      if (!isTaken(attempt)) return reasonOf(attempt);
      await book.removeLetter(name, cursor);
      return null;
    },
  };
}

const settingsOf = ({ url, types, where, shown, paused }: WebhookSettings) => ({
  url,
  shown,
  types: types && [...types],
  where: where && { ...where },
  paused: paused ? PAUSED : null,
});
