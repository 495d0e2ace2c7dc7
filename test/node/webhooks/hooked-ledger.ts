/** Webhooks in a vault in memory, over a ledger of made-up events, with a clock and an endpoint that the test sets. */
import assert from 'node:assert/strict';
import { memoryVaultStore } from '../../../node/memory/vault-store.ts';
import { vaultKeyOf } from '../../../node/vault/vault-key.ts';
import { webhookBook } from '../../../node/webhooks/book.ts';
import { type Delivering, deliverWebhook } from '../../../node/webhooks/deliver.ts';
import { webhooks } from '../../../node/webhooks/webhooks.ts';
import { encodeEventCursor, placeOf } from '../../../shared/api/cursor.ts';
import type { EventCursor, EventsSeen, LedgerEvent } from '../../../shared/api/ledger-service.ts';
import type { Digest } from '../../../shared/bytes/digest.ts';
import type { WebhookSettings } from '../../../shared/ports/webhooks.ts';
import { testKey } from '../../support/local-network.ts';

export const SETTINGS: WebhookSettings = {
  url: 'https://erp.example/fuqi',
  types: null,
  where: null,
  shown: false,
  paused: false,
};
export const START = encodeEventCursor({ height: 1, transactionIndex: 0, eventIndex: -1 });

/** What an endpoint answers: a status, or why there is none. */
export type Answer = number | Error;

export interface Sent {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of any shape.
  readonly event: any;
}

/** The events' numbers, as they were sent. */
export const numbersOf = (sent: readonly Sent[]): number[] => sent.map(({ event }) => event.data.n);

export class HookedLedger {
  now = 1_800_000_000_000;
  /** The lowest height whose events are kept. */
  bodies = 0;
  /** Of each attempt, what the endpoint says; called before it counts as sent. */
  answer: (sent: Sent) => Answer | Promise<Answer> = () => 204;
  readonly events: LedgerEvent[] = [];
  /** Heights of events whose values this member is shown, and of the first one whose values may come until a time. */
  readonly shown = new Set<number>();
  waits: { readonly height: number; readonly until: number } | undefined;
  /** Heights of those whose values came late. */
  readonly late: number[] = [];
  readonly sent: Sent[] = [];
  readonly entries = new Map<string, Uint8Array>();
  readonly logged: string[] = [];
  readonly key = vaultKeyOf(testKey().privateKey);
  readonly book = webhookBook(memoryVaultStore(this.entries), [this.key]);
  readonly api = webhooks({
    book: this.book,
    sender: { post: (...call) => this.#post(...call), refuses: () => undefined, close() {} },
    now: () => this.now,
    onChange: () => {},
  });

  /** One event a block. */
  commit(count: number, data: Readonly<Record<string, string>> = {}, type = 'counter.added'): void {
    for (let i = 0; i < count; i++) {
      const height = this.events.length + 1;
      this.events.push({
        ...{ height, transactionIndex: 0, eventIndex: 0, time: this.now, type },
        transaction: height.toString(16).padStart(64, '0'),
        data: { n: height, ...data },
      } as unknown as LedgerEvent);
    }
  }

  /** Delivers once, as after a commit or when it is due. */
  deliver(name = 'erp', others: Partial<Delivering> = {}): Promise<number | null> {
    return deliverWebhook(
      {
        book: this.book,
        service: {
          ledger: 'ab'.repeat(32) as Digest,
          genesis: { consortium: 'demo' } as never,
          events: async (after: EventCursor, limit: number) =>
            this.events.filter(({ height }) => isAfter(height, after)).slice(0, limit),
          shownEvents: async (after, limit, identity, fits) => {
            assert.equal(identity, undefined, 'a webhook is the member’s');
            return this.#shownEvents(after, limit, fits);
          },
          consensus: async () => ({ retained: { state: 0, bodies: this.bodies } }) as never,
        },
        post: (...call) => this.#post(...call),
        now: () => this.now,
        isOver: () => false,
        log: (what, fields) => this.logged.push(`${what} ${JSON.stringify(fields)}`),
        ...others,
      },
      name,
    );
  }

  /** Delivers, and again whenever it wants to be called, until it does no more; answers the times of the calls. */
  async deliverAll(name = 'erp', until = Number.POSITIVE_INFINITY): Promise<number[]> {
    const times: number[] = [];
    for (;;) {
      times.push(this.now);
      const due = await this.deliver(name);
      if (due === null || due > until) return times;
      this.now = Math.max(this.now, due);
    }
  }

  /** As a node does it, but for where it gets it from. */
  #shownEvents(
    after: EventCursor,
    limit: number,
    fits: (event: LedgerEvent) => boolean,
  ): EventsSeen {
    const { late = 0 } = after;
    const came = this.late[late];
    if (came !== undefined) {
      const end = { ...after, late: late + 1 };
      const event = this.events.find(({ height }) => height === came)!;
      return { seen: [{ event, cursor: end, isWanted: true }], end, isEnd: false };
    }
    const next = this.events.filter(({ height }) => isAfter(height, after)).slice(0, limit);
    const { height = Number.POSITIVE_INFINITY, until } = this.waits ?? {};
    const seen = next
      .filter((event) => event.height < height || this.now >= until!)
      .map((event) => ({
        event,
        cursor: { ...placeOf(event), late },
        isWanted: fits(event) && this.shown.has(event.height),
      }));
    const end = seen.at(-1)?.cursor ?? { ...after, late };
    if (seen.length < next.length) return { seen, end, isEnd: true, waitUntil: until! };
    return { seen, end, isEnd: next.length < limit };
  }

  async #post(url: string, headers: Readonly<Record<string, string>>, body: string) {
    const sent = { url, headers, event: JSON.parse(body) };
    const answer = await this.answer(sent);
    this.sent.push(sent);
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

const isAfter = (height: number, after: EventCursor): boolean =>
  height > after.height || (height === after.height && after.eventIndex < 0);
