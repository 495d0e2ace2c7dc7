/** Calls of the command line to a gateway. A refusal is thrown as a `UserError` with what it says. */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { getGlobalDispatcher, RetryAgent, request } from 'undici';
import { UserError } from './user-error.ts';

export interface Target {
  readonly url: string;
  readonly consortium: string;
  readonly key: string | undefined;
}

/** A refusal, and its HTTP status. */
export class CallRefused extends UserError {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * What passes by itself: a limit that was reached, a node or a function that was too slow or is away. A refused
 * connection is none of it: who types a command is to know at once that nothing runs there.
 */
const RETRIES = {
  statusCodes: [429, 502, 503, 504],
  errorCodes: ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'],
  methods: ['DELETE' as const, 'GET' as const, 'POST' as const, 'PUT' as const],
  maxRetries: 4,
  minTimeout: 500,
  maxTimeout: 10_000,
  throwOnError: false,
};

const rootUrl = ({ url }: Target): string => url.replace(/\/+$/, '');

/** The address under which a consortium is. */
export const consortiumUrl = (target: Target): string =>
  `${rootUrl(target)}/v1/consortia/${target.consortium}`;

export interface CallOptions {
  readonly body?: string | Uint8Array;
  readonly method?: 'DELETE' | 'GET' | 'POST' | 'PUT';
  readonly type?: string;
  readonly root?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * GET, or POST where there is a body, unless told; `path` is under the consortium, or absolute with `root`.
 * What passes by itself is tried again for a few seconds, or as long as the gateway says in `Retry-After`; each
 * POST has an idempotency key, so that it counts once. Throws `CallRefused`, or `UserError` where nothing answers.
 */
export async function call(
  target: Target,
  path: string,
  options: CallOptions = {},
): Promise<unknown> {
  const { bytes } = await callForBytes(target, path, options);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new UserError(`${target.url} answered ${path} with something that is not JSON.`);
  }
}

/** The same for an answer that is no JSON: its bytes and headers. */
export async function callForBytes(
  target: Target,
  path: string,
  {
    body,
    type = 'application/json',
    root = false,
    headers = {},
    method = body === undefined ? 'GET' : 'POST',
  }: CallOptions = {},
): Promise<{ readonly bytes: Buffer; readonly headers: IncomingHttpHeaders }> {
  const url = `${root ? rootUrl(target) : consortiumUrl(target)}${path}`;
  let status: number;
  let bytes: Buffer;
  let answered: IncomingHttpHeaders;
  try {
    const retries = root ? { ...RETRIES, statusCodes: [] } : RETRIES;
    const answer = await request(url, {
      method,
      dispatcher: new RetryAgent(getGlobalDispatcher(), retries),
      headers: {
        ...(method === 'POST' && { 'idempotency-key': randomUUID() }),
        ...headers,
        ...(target.key === undefined ? {} : { authorization: `Bearer ${target.key}` }),
        ...(body === undefined ? {} : { 'content-type': type }),
      },
      ...(body === undefined ? {} : { body }),
    });
    status = answer.statusCode;
    answered = answer.headers;
    bytes = Buffer.from(await answer.body.arrayBuffer());
  } catch {
    throw new UserError(
      `Nothing answers at ${target.url}: start it with "npx fuqi up", or name another --url.`,
    );
  }
  // Health says so with a document of its own.
  const isAnswer = (status >= 200 && status < 300) || (root && status === 503);
  if (isAnswer) return { bytes, headers: answered };
  throw new CallRefused(status, describeProblem(status, bytes.toString('utf8')));
}

function describeProblem(status: number, text: string): string {
  try {
    const { title, detail, pointer, got, expected, errors, reason, message } = JSON.parse(text);
    // What stands before the gateway in a cloud has a form of its own.
    if (title === undefined) return `The answer was ${status}: ${message ?? text.slice(0, 200)}`;
    const parts = [`${status} ${title}${reason ? ` (${reason})` : ''}: ${detail}`];
    if (pointer) parts.push(`  at ${pointer}`);
    if (got !== undefined) parts.push(`  found ${JSON.stringify(got)}`);
    if (expected !== undefined) parts.push(`  expected ${JSON.stringify(expected)}`);
    for (const one of errors ?? [])
      parts.push(`  ${[one.pointer, one.message ?? one.detail].filter(Boolean).join(': ')}`);
    return parts.join('\n');
  } catch {
    return `The answer was ${status}: ${text.slice(0, 200)}`;
  }
}
