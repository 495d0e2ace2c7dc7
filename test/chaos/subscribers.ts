/**
 * Readers of events and pages under chaos: streams that break off, lag and go on at another node from
 * the last cursor; streams that begin at any earlier cursor; pollers that follow `Link: rel="next"`;
 * pages of blocks, each page from another node.
 */
import { Agent, request } from 'undici';
import type { Random } from '../support/random.ts';
import { BASE, type Consortium, MEMBERS } from './consortium.ts';
import { type History, type SeenBlock, type SeenEvent, sleep } from './history.ts';

export interface SubscriberOptions {
  readonly consortium: Consortium;
  readonly history: History;
  readonly random: Random;
  readonly stopped: () => boolean;
}

const GONE = 410;

/** A node's API, or at times the gateway, which goes to any node. */
const anyUrl = ({ consortium, random }: SubscriberOptions): string =>
  consortium.urlOf(random.chance(0.2) ? undefined : random.pick(MEMBERS));

/**
 * Follows the events from genesis, session after session, until the run is stopped and `isComplete`
 * says that the last cursor of the history has been seen.
 */
export async function runSubscriber(
  name: string,
  types: readonly string[] | undefined,
  options: SubscriberOptions,
  isComplete: (cursor: string | undefined) => boolean,
): Promise<void> {
  const { history, random, stopped } = options;
  const sessions = history.subscriptions.get(name) ?? [];
  history.subscriptions.set(name, sessions);
  let cursor = sessions.at(-1)?.end;
  while (!(stopped() && isComplete(cursor))) {
    const forMs = stopped() ? 1000 : random.between(300, 8000);
    const session = await readStream(anyUrl(options), cursor, types, forMs, options);
    sessions.push(session);
    cursor = session.end;
    history.count('stream-sessions');
    await sleep(random.between(0, 300));
  }
}

/** Begins again and again at a cursor that the first subscriber has seen, and reads on for a while. */
export async function runReplays(first: string, options: SubscriberOptions): Promise<void> {
  const { history, random, stopped } = options;
  while (!stopped()) {
    const session = random.pick(history.subscriptions.get(first) ?? [undefined as never]);
    const after = session?.events.length ? random.pick(session.events).cursor : undefined;
    history.replays.push(
      await readStream(anyUrl(options), after, undefined, random.between(200, 2000), options),
    );
    await sleep(random.between(500, 2000));
  }
}

/** Reads a stream for a time, then drops it without a word. At times it stops taking what comes. */
async function readStream(
  url: string,
  after: string | undefined,
  types: readonly string[] | undefined,
  forMs: number,
  { random, history }: SubscriberOptions,
): Promise<History['replays'][number]> {
  const events: SeenEvent[] = [];
  let end = after;
  const agent = new Agent();
  const filter = types ? `?type=${types.join()}` : '';
  const lagsAt = random.chance(0.3) ? random.between(1, 30) : Number.POSITIVE_INFINITY;
  try {
    const { statusCode, body } = await request(`${url}${BASE}/events${filter}`, {
      dispatcher: agent,
      signal: AbortSignal.timeout(forMs),
      headers: { accept: 'text/event-stream', ...(after ? { 'last-event-id': after } : {}) },
    });
    if (statusCode !== 200) {
      // A node that took a snapshot has not the whole history, and says so: the next one is asked.
      if (statusCode < 500 && statusCode !== GONE) {
        history.violation(`a stream answered ${statusCode}`);
      }
      await body.dump();
    } else {
      for await (const message of messages(body)) {
        if (message.id !== undefined) end = message.id;
        if (message.data !== undefined) {
          const { cursor, id } = JSON.parse(message.data) as SeenEvent;
          if (cursor !== message.id) history.violation(`message ${message.id} holds ${cursor}`);
          events.push({ cursor, id });
        }
        if (events.length === lagsAt) await sleep(random.between(200, forMs));
      }
    }
  } catch {
    // It ends by being cut off: by us, or by the nemesis.
  } finally {
    await agent.destroy();
  }
  return { after, end, types, events };
}

interface Message {
  readonly id?: string;
  readonly data?: string;
}

/** The whole messages of a stream (WHATWG HTML §9.2.6); one that was cut off is none. */
async function* messages(body: AsyncIterable<Uint8Array>): AsyncGenerator<Message> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = parts.pop()!;
    for (const part of parts) {
      const message: { id?: string; data?: string } = {};
      for (const line of part.split('\n')) {
        if (line.startsWith('id: ')) message.id = line.slice(4);
        if (line.startsWith('data: ')) message.data = line.slice(6);
      }
      yield message;
    }
  }
}

/** Polls pages of events by the `next` link, each page from any node. */
export async function runPoller(
  name: string,
  options: SubscriberOptions,
  isComplete: (cursor: string | undefined) => boolean,
): Promise<void> {
  const { history, random, stopped } = options;
  const sessions = history.subscriptions.get(name) ?? [];
  history.subscriptions.set(name, sessions);
  let end: string | undefined;
  let next = `${BASE}/events?limit=9`;
  while (!(stopped() && isComplete(end))) {
    try {
      const response = await fetch(`${anyUrl(options)}${next}`, {
        signal: AbortSignal.timeout(2000),
      });
      if (response.ok) {
        const events = (await response.json()) as SeenEvent[];
        next = /^<(.*)>; rel="next"$/.exec(response.headers.get('link') ?? '')![1]!;
        const after = end;
        end = events.at(-1)?.cursor ?? end;
        sessions.push({
          after,
          end,
          types: undefined,
          events: events.map(({ cursor, id }) => ({ cursor, id })),
        });
        history.count('event-pages');
        if (events.length > 0) continue;
      } else if (response.status < 500 && response.status !== GONE)
        history.violation(`a page of events answered ${response.status}`);
    } catch {
      history.count('page-failed');
    }
    await sleep(random.between(50, stopped() ? 100 : 600));
  }
}

/** Pages backwards through the blocks from the head, each page from any node, while blocks arrive. */
export async function runPager(options: SubscriberOptions): Promise<void> {
  const { history, random, stopped } = options;
  while (!stopped()) {
    const blocks: SeenBlock[] = [];
    let cursor: string | null | undefined;
    for (let pages = random.between(2, 12); pages > 0 && cursor !== null && !stopped(); ) {
      const query = `limit=${random.between(1, 9)}${cursor ? `&cursor=${cursor}` : ''}`;
      try {
        const response = await fetch(`${anyUrl(options)}${BASE}/blocks?${query}`, {
          signal: AbortSignal.timeout(2000),
        });
        if (response.ok) {
          const page = (await response.json()) as { blocks: SeenBlock[]; next: string | null };
          blocks.push(...page.blocks.map(({ height, id }) => ({ height, id })));
          cursor = page.next;
          pages--;
          history.count('block-pages');
        } else if (response.status < 500 && response.status !== GONE)
          history.violation(`a page of blocks answered ${response.status}`);
      } catch {
        history.count('page-failed');
      }
      await sleep(random.between(20, 300));
    }
    history.pages.push(blocks);
  }
}
