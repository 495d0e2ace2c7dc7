/**
 * Calls to a gateway, as the importer needs them: waits for the commit, and tries again after 429,
 * 502, 503, 504 and network faults with an idempotency key, so that a repeated call counts once.
 * Refusals come back as values; what no document is to blame for is thrown as a `GatewayFault`.
 * Must not put an API key into a message.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

export interface GatewayOptions {
  /** Such as `http://127.0.0.1:8080`. */
  readonly base: string;
  readonly consortium: string;
  /** Tries of one call before the import stops; it can be resumed. */
  readonly attemptsMax?: number;
  readonly backOffMs?: number;
  readonly backOffMsMax?: number;
  /** How long one call may take: a commit within 25 s and some more for the way. */
  readonly timeoutMs?: number;
  /** Hears of each transaction that was committed, with the time that it took. */
  readonly onCommit?: (elapsedMs: number) => void;
}

const ProblemSchema = z.object({
  code: z.string(),
  detail: z.string(),
  reason: z.string().optional(),
  got: z.unknown().optional(),
  expected: z.unknown().optional(),
  id: z.string().optional(),
});
/** A problem document (RFC 9457), as far as the importer looks at it. */
export type Problem = z.infer<typeof ProblemSchema>;

const StatusSchema = z.object({
  id: z.string(),
  status: z.enum(['pending', 'committed', 'rejected', 'expired']),
  output: z.unknown().optional(),
  rejection: z
    .object({
      code: z.string(),
      message: z.string(),
      reason: z.string().optional(),
      got: z.unknown().optional(),
      expected: z.unknown().optional(),
    })
    .optional(),
});

export type Outcome =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly problem: Problem };

/** The gateway, a key or the set-up is at fault, not a document: the import stops and can go on later. */
export class GatewayFault extends Error {}

export interface PostCall {
  /** The API key. */
  readonly key: string;
  readonly path: string;
  readonly body: object;
  /** Names this one intent. */
  readonly idempotencyKey: string;
  /** Looks, before a second try, whether the first was committed although nobody said so. */
  readonly recheck?: () => Promise<Outcome | undefined>;
}

export interface GatewayClient {
  /** Submits a transaction and waits until it is final. */
  post(call: PostCall): Promise<Outcome>;
  /** Asks a query; undefined where nothing is found. */
  get(key: string, path: string): Promise<unknown>;
  /** The confidential fields of a transaction; undefined where the key's identity is shown none. */
  values(key: string, transaction: string): Promise<Readonly<Record<string, unknown>> | undefined>;
}

interface Answer {
  readonly status: number;
  readonly json: unknown;
}

const WAIT_SECONDS = 25;
/** Refusals that a document is to blame for; others would meet every document alike. */
const DOCUMENT_CODES = new Set([
  'invalid-arguments',
  'contract-rejected',
  'contract-error',
  'endorsement-refused',
  'limit-exceeded',
  'too-large',
  'payload-too-large',
]);
const RETRIED = new Set([429, 502, 503, 504]);

export function gatewayClient(options: GatewayOptions): GatewayClient {
  const { base, consortium, attemptsMax = 10, backOffMs = 200, backOffMsMax = 5000 } = options;
  const { timeoutMs = (WAIT_SECONDS + 15) * 1000, onCommit = () => {} } = options;
  const root = `${base.replace(/\/+$/, '')}/v1/consortia/${encodeURIComponent(consortium)}`;

  /** One call, again and again until it is answered for good. */
  async function call(
    key: string,
    path: string,
    init: RequestInit,
    recheck: PostCall['recheck'] = async () => undefined,
  ): Promise<Answer | { readonly found: Outcome }> {
    const headers = { ...init.headers, authorization: `Bearer ${key}` };
    let last = '';
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      let retryAfterMs = 0;
      try {
        const signal = AbortSignal.timeout(timeoutMs);
        const response = await fetch(`${root}${path}`, { ...init, headers, signal });
        const text = await response.text();
        if (!RETRIED.has(response.status)) return { status: response.status, json: parsed(text) };
        last = `it answered ${response.status}`;
        retryAfterMs = Number(response.headers.get('retry-after') ?? 0) * 1000 || 0;
      } catch (error) {
        last = networkCause(error);
      }
      // Up to half is chance, so that many calls which failed together don't return together.
      const backOff = Math.min(backOffMs * 2 ** (attempt - 1), backOffMsMax);
      const pause = Math.max(backOff, Math.min(retryAfterMs, backOffMsMax));
      if (attempt === attemptsMax) break;
      await sleep(pause * (0.5 + Math.random() / 2));
      const found = await recheck();
      if (found) return { found };
    }
    throw new GatewayFault(
      `${base} did not take ${path} after ${attemptsMax} tries (${last}); run the import again to go on`,
    );
  }

  async function ask(key: string, path: string): Promise<Answer> {
    return (await call(key, path, { method: 'GET' })) as Answer;
  }

  /** Waits for the end of a transaction that the node holds. */
  async function settled(key: string, id: string): Promise<z.infer<typeof StatusSchema>> {
    for (let pause = 50; ; pause = Math.min(pause * 2, backOffMsMax)) {
      await sleep(pause);
      const answer = await ask(key, `/transactions/${id}`);
      const status = StatusSchema.safeParse(answer.json);
      // Another node may not have heard of it yet; it will, or the transaction expires.
      if (answer.status === 404) continue;
      if (!status.success) throw unexpected(answer, `/transactions/${id}`);
      if (status.data.status !== 'pending') return status.data;
    }
  }

  return {
    async post({ key, path, body, idempotencyKey, recheck }) {
      for (let attempt = 1; attempt <= attemptsMax; attempt++) {
        const started = performance.now();
        const headers = {
          'content-type': 'application/json',
          prefer: `wait=${WAIT_SECONDS}`,
          // An expired transaction is over for good: the next try is a new one.
          'idempotency-key': attempt === 1 ? idempotencyKey : `${idempotencyKey}.${attempt}`,
        };
        const init = { method: 'POST', headers, body: JSON.stringify(body) };
        const answer = await call(key, path, init, recheck);
        if ('found' in answer) return answer.found;
        const outcome = await finalOutcome(key, path, answer);
        if (outcome === 'expired') continue;
        if (outcome.ok) onCommit(performance.now() - started);
        return outcome;
      }
      throw new GatewayFault(`${path} expired ${attemptsMax} times without a commit`);
    },
    async get(key, path) {
      const answer = await ask(key, path);
      if (answer.status === 404 && isQueryMiss(answer)) return undefined;
      if (answer.status !== 200) throw unexpected(answer, path);
      return (answer.json as { output?: unknown }).output;
    },
    async values(key, transaction) {
      const path = `/transactions/${transaction}/values`;
      const answer = await ask(key, path);
      if ([403, 404, 410].includes(answer.status)) return undefined;
      if (answer.status !== 200) throw unexpected(answer, path);
      return (answer.json as { fields: Readonly<Record<string, unknown>> }).fields;
    },
  };

  async function finalOutcome(
    key: string,
    path: string,
    answer: Answer,
  ): Promise<Outcome | 'expired'> {
    if (answer.status === 200 || answer.status === 202) {
      const status = StatusSchema.safeParse(answer.json);
      if (!status.success) throw unexpected(answer, path);
      return outcomeOf(
        status.data.status === 'pending' ? await settled(key, status.data.id) : status.data,
      );
    }
    const problem = ProblemSchema.safeParse(answer.json);
    if (!problem.success) throw unexpected(answer, path);
    const { code, id } = problem.data;
    if (code === 'expired') return 'expired';
    // The same transaction arrived twice: what became of the first one counts.
    if (code === 'duplicate' && id !== undefined) return outcomeOf(await settled(key, id));
    if (DOCUMENT_CODES.has(code)) return { ok: false, problem: problem.data };
    throw unexpected(answer, path);
  }
}

function outcomeOf(status: z.infer<typeof StatusSchema>): Outcome | 'expired' {
  if (status.status === 'expired') return 'expired';
  if (status.status === 'committed') return { ok: true, output: status.output };
  const { code = 'rejected', message = '', ...more } = status.rejection ?? {};
  return { ok: false, problem: { code, detail: message, ...more } };
}

/** A query that found nothing, as against a path that doesn't exist. */
const isQueryMiss = ({ json }: Answer): boolean =>
  ProblemSchema.safeParse(json).data?.code === 'contract-rejected';

function unexpected({ status, json }: Answer, path: string): GatewayFault {
  const problem = ProblemSchema.safeParse(json).data;
  const said = problem ? `${problem.code}: ${problem.detail}` : 'no problem document';
  return new GatewayFault(`${path} was answered ${status} (${said})`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function networkCause(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code;
    if (at.name === 'TimeoutError') return 'no answer in time';
  }
  return 'network fault';
}
