/** Calls of the command line to a gateway. A refusal is thrown as a `UserError` with what it says. */
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

/** GET, or POST where there is a body, unless told; `path` is under the consortium, or absolute with `root`. */
export async function call(
  target: Target,
  path: string,
  {
    body,
    type = 'application/json',
    root = false,
    headers = {},
    method = body === undefined ? 'GET' : 'POST',
  }: {
    readonly body?: string;
    readonly method?: 'DELETE' | 'GET' | 'POST';
    readonly type?: string;
    readonly root?: boolean;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): Promise<unknown> {
  const base = root ? '' : `/v1/consortia/${target.consortium}`;
  const url = `${target.url.replace(/\/+$/, '')}${base}${path}`;
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: {
        ...headers,
        ...(target.key === undefined ? {} : { authorization: `Bearer ${target.key}` }),
        ...(body === undefined ? {} : { 'content-type': type }),
      },
      ...(body === undefined ? {} : { body }),
    });
  } catch {
    throw new UserError(
      `Nothing answers at ${target.url}: start it with "npx fuqi up", or name another --url.`,
    );
  }
  const text = await response.text();
  // Health says so with a document of its own.
  if (response.ok || (root && response.status === 503)) {
    try {
      return JSON.parse(text);
    } catch {
      throw new UserError(`${url} answered with something that is not JSON.`);
    }
  }
  throw new CallRefused(response.status, describeProblem(response.status, text));
}

function describeProblem(status: number, text: string): string {
  try {
    const { title, detail, pointer, got, expected, errors, reason } = JSON.parse(text);
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
