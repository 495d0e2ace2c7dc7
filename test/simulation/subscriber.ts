/**
 * A subscriber of events that lags, takes pages of any size, and changes the node at any cursor: what
 * it saw has to be the final history's events, each once, in order.
 */
import assert from 'node:assert/strict';
import type { EventCursor, LedgerEvent } from '../../shared/api/ledger-service.ts';
import { eventsAfter } from '../../shared/replica/events.ts';
import type { Replica } from '../../shared/replica/replica.ts';

const START: EventCursor = { height: 0, transactionIndex: 0, eventIndex: -1 };

export class Subscriber {
  readonly seen: LedgerEvent[] = [];

  get #cursor(): EventCursor {
    return this.seen.at(-1) ?? START;
  }

  /** Takes one page from a node that may be behind the last one. */
  async poll(replica: Replica, limit: number): Promise<void> {
    // Answered 410: a client turns to a member that keeps what comes next.
    if (this.#cursor.height < replica.retained.bodies) return;
    const from = this.seen.length;
    const page = await eventsAfter(replica, this.#cursor, limit);
    // Another poll may have ended meanwhile: a client that asks twice keeps one answer.
    if (this.seen.length === from) this.seen.push(...page);
  }

  /** At the end: everything, once, in order. */
  async assertComplete(replica: Replica): Promise<void> {
    const all = await eventsAfter(replica, START, Number.MAX_SAFE_INTEGER);
    for (;;) {
      const before = this.seen.length;
      await this.poll(replica, 7);
      if (this.seen.length === before) break;
    }
    assert.deepEqual(this.seen, all, 'events: every one once, in order');
  }
}
