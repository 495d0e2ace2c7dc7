/** The ledger's events over the API, for commands that follow them. */
import { call, type Target } from './gateway-call.ts';

const PAGE = 200;

/** An event as `GET …/events` tells it. */
export interface ToldEvent {
  readonly type: string;
  /** The transaction. */
  readonly subject: string;
  readonly time: string;
  readonly cursor: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Reads up to the head, what comes meanwhile included. `from`: where to begin, as parameters of `GET …/events`; the
 * beginning of what is kept unless told. Throws `CallRefused`.
 */
export async function* eventsFrom(
  target: Target,
  from: Readonly<Record<string, string>>,
): AsyncGenerator<ToldEvent> {
  let start = new URLSearchParams(from).toString();
  for (;;) {
    const page = (await call(target, `/events?limit=${PAGE}&${start}`)) as ToldEvent[];
    if (page.length === 0) return;
    yield* page;
    start = `cursor=${page.at(-1)!.cursor}`;
  }
}
