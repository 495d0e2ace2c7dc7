/**
 * A member's webhooks: where its node sends the ledger's events. Each has a cursor: what comes after it was not
 * taken yet, so nothing is lost while an endpoint is away, and setting the cursor back sends again.
 *
 * The law:
 * - Each event that fits is sent in the order of the ledger until its endpoint takes it, or refuses it for good: then
 *   it is a dead letter, and the next one follows. At least once: after a crash some come again, by the same id.
 * - What `put` and `remove` change is in force for everything that is sent afterwards.
 */

/** What an administrator sets. */
export interface WebhookSettings {
  readonly url: string;
  /** Only events of these types, such as `invoice.issued`; null: of all. */
  readonly types: readonly string[] | null;
  /** Only events whose data has exactly these texts in these fields; null: whatever they have. */
  readonly where: Readonly<Record<string, string>> | null;
  /** Only events of transactions that hide nothing, or whose values the member's node has. */
  readonly shown: boolean;
  /** Nothing is sent until it is set anew. */
  readonly paused: boolean;
}

/** How it goes. */
export interface Webhook extends Omit<WebhookSettings, 'paused'> {
  readonly name: string;
  readonly status: 'active' | 'retrying' | 'paused';
  /** Why nothing is sent, or the last attempt failed. */
  readonly reason: string | null;
  /** Events up to this one were taken, are dead letters or do not fit. */
  readonly cursor: string;
  /** Failed attempts since an event was taken. */
  readonly failures: number;
  /** Milliseconds since 1970, as all times here. */
  readonly retryAt: number | null;
  readonly lastDeliveredAt: number | null;
  readonly deadLetters: number;
}

/** An event that its endpoint refused for good. */
export interface DeadLetter {
  /** The event's cursor. */
  readonly cursor: string;
  readonly reason: string;
  readonly at: number;
  /** The event as it was sent. */
  readonly event: unknown;
}

export interface Webhooks {
  list(): Promise<readonly Webhook[]>;
  get(name: string): Promise<Webhook | undefined>;
  /** Why nothing is sent to such a URL; undefined where something is. */
  refuses(url: string): string | undefined;
  /**
   * Makes a webhook, or changes its settings and resumes it. It begins after `cursor`; one that exists goes on where
   * it was, unless told. Answers the secret where it was made; undefined where there are too many.
   */
  put(
    name: string,
    settings: WebhookSettings,
    start: { readonly cursor: string; readonly isTold: boolean },
  ): Promise<{ readonly webhook: Webhook; readonly secret: string | undefined } | undefined>;
  /** With its dead letters; answers whether there was one. */
  remove(name: string): Promise<boolean>;
  /** Another secret; for a day the old one signs, too. Undefined where there is no such webhook. */
  renewSecret(name: string): Promise<string | undefined>;
  /** Dead letters after a cursor, in the order of the ledger. */
  deadLetters(name: string, after: string | undefined, limit: number): Promise<DeadLetter[]>;
  /** Sends a dead letter again, now; answers why it is still one, null where it was taken, undefined where there is none. */
  redeliver(name: string, cursor: string): Promise<string | null | undefined>;
}

/** How many a member may have. */
export const WEBHOOKS_MAX = 10;
