/**
 * What a node answers where its store is at fault. While it can't be written the node is there, and says why it
 * does nothing; what was under way when that began may have been taken, so only what counts once may be sent
 * again. What is damaged is not served.
 */
import { Hono } from 'hono';
import type { StoreFault } from '../ports/store-fault.ts';
import { mayRepeat } from './forward.ts';
import type { NodeHealth } from './health.ts';
import { type ApiEnv, timeText } from './node-api.ts';
import { problem } from './problem.ts';
import { type InRequest, withRequestId } from './request-id.ts';

/** What such a node says at `GET /healthz`, with status 503. */
export interface UnwritableHealth
  extends Pick<NodeHealth, 'member' | 'consortium' | 'ledger' | 'height' | 'headId' | 'headTime'> {
  readonly status: 'store-unwritable';
  /** Why, in a few words with the system's code. */
  readonly reason: string;
  readonly since: string;
  /** When it looked for room last. */
  readonly checked: string;
}

/** What a node found of its store that is not what was written. */
export interface StoreDamage {
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

export interface Standstill {
  /** Where the node stood when it began. */
  readonly last: Pick<UnwritableHealth, 'member' | 'consortium' | 'ledger'> & {
    readonly height: number;
    readonly headId: string;
    /** Milliseconds since 1970. */
    readonly headTime: number;
  };
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Why, and when that was looked at last. */
  readonly finding: () => { readonly reason: string; readonly checkedAt: number };
  readonly inRequest?: InRequest;
}

/** Refuses everything but `GET /healthz`. */
export function unwritableApp({ last, since, finding, inRequest }: Standstill): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.use(withRequestId(inRequest));
  app.get('/healthz', (c) => {
    const { reason, checkedAt } = finding();
    const health: UnwritableHealth = {
      status: 'store-unwritable',
      reason,
      since: timeText(since),
      checked: timeText(checkedAt),
      ...last,
      headTime: timeText(last.headTime),
    };
    return c.json(health, 503, { 'cache-control': 'no-store' });
  });
  app.all('*', () => unwritableProblem());
  return app;
}

/** The refusal of a request that came while the store can't be written: nothing of it was done. */
const unwritableProblem = (): Response =>
  problem(
    'store-unwritable',
    'This node’s store can’t be written, so nothing was taken: GET /healthz says why. Send the same again later, or to another node.',
  );

/** The refusal of a request that met a fault of the store; `repeats` where it counts once however often it is sent. */
export const storeProblem = ({ code }: StoreFault, repeats: boolean): Response =>
  code === 'damaged' ? damagedProblem() : interrupted(repeats);

/** The refusal of a request that was under way when the store failed. */
export const interruptedProblem = (request: Request): Response => interrupted(mayRepeat(request));

function interrupted(repeats: boolean): Response {
  const retry = repeats ? 'same' : 'none';
  const next =
    retry === 'same'
      ? 'Send the same again later.'
      : 'It may have been taken: look before you send it again, and send an Idempotency-Key next time.';
  return problem('store-unwritable', `This node’s store can’t be written any more. ${next}`, {
    retry,
  });
}

/** One that would have to read what is damaged. */
const damagedProblem = (): Response =>
  problem(
    'store-damaged',
    'What this node has stored of this is damaged, so it is not served: its log and GET /healthz say what. Ask another member’s node.',
  );
