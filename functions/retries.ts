/**
 * How calls of AWS services are repeated when they are throttled or fail for a moment: soon and often, with
 * jitter, because a round of the protocol waits a few seconds only. The SDK's own way (a throttled call
 * waits half a second on average, and three attempts are all) makes a throttled table look like a dead
 * leader. Its bucket of retry tokens stays: an environment whose calls fail in numbers stops repeating.
 */
import { StandardRetryStrategy } from '@smithy/core/retry';

type Given = Parameters<StandardRetryStrategy['refreshRetryTokenForRetry']>;

const ATTEMPTS_MAX = 8;
const PAUSE_MS = 50;
const PAUSE_MS_MAX = 1000;
/** One that did not answer in time had its time: again, and the caller's is over. */
const TIMEOUT_ATTEMPTS_MAX = 2;

/** The pause before a repetition: up to 50, 100, 200 … 1,000 ms. */
const backoff = {
  setDelayBase() {},
  computeNextBackoffDelay: (repetitions: number) =>
    Math.random() * Math.min(PAUSE_MS * 2 ** repetitions, PAUSE_MS_MAX),
};

class Retries extends StandardRetryStrategy {
  readonly #timeoutAttemptsMax: number;

  constructor(timeoutAttemptsMax: number) {
    super({ maxAttempts: ATTEMPTS_MAX, backoff });
    this.#timeoutAttemptsMax = timeoutAttemptsMax;
  }

  override async refreshRetryTokenForRetry(token: Given[0], failure: Given[1]) {
    const attempts = token.getRetryCount() + 1;
    const isTimeout = (failure.error as Error | undefined)?.name === 'TimeoutError';
    if (isTimeout && attempts >= this.#timeoutAttemptsMax) throw new Error('not in time');
    return super.refreshRetryTokenForRetry(token, failure);
  }
}

/** For calls of tables, keys and queues: repeating one is harmless. */
export const serviceRetries = (): StandardRetryStrategy => new Retries(TIMEOUT_ATTEMPTS_MAX);

/** For messages to other nodes, which may arrive twice; one that takes its whole time is not repeated. */
export const messageRetries = (): StandardRetryStrategy => new Retries(1);

class ThrottleRetries extends Retries {
  override async refreshRetryTokenForRetry(token: Given[0], failure: Given[1]) {
    if (failure.errorType !== 'THROTTLING') throw new Error('it may have been taken');
    return super.refreshRetryTokenForRetry(token, failure);
  }
}

/** For requests that must not be made twice: only what was refused before it began is repeated. */
export const requestRetries = (): StandardRetryStrategy => new ThrottleRetries(1);
