/**
 * HTTP to another function without a public door: the request travels as the event that API Gateway and
 * function URLs send (payload format 2.0), so that a function has one form of input.
 */
import {
  InvokeCommand,
  type InvokeCommandOutput,
  type LambdaClient,
  ResourceNotFoundException,
} from '@aws-sdk/client-lambda';
import { problem } from '../shared/api/problem.ts';
import { utf8 } from '../shared/bytes/text.ts';
import { DEADLINES } from './deadlines.ts';

/** A synchronous invocation's event and answer, at the most (Lambda's quota). */
export const PAYLOAD_BYTES_MAX = 6 * 1024 * 1024;

/** What of it a body may be: it travels as base64, beside the headers. */
export const BODY_BYTES_MAX = ((PAYLOAD_BYTES_MAX - 64 * 1024) / 4) * 3;

/** What is sent of a request. */
export interface InvokedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}

/**
 * Invokes a function with a request and waits for its response; 421 where it is not there. Throws where
 * the function failed or is throttled; the client's own time-out bounds the wait.
 */
export async function invokeWithRequest(
  client: LambdaClient,
  functionName: string,
  request: InvokedRequest,
  signal?: AbortSignal,
): Promise<Response> {
  const payload = utf8(JSON.stringify(eventOf(functionName, request)));
  if (payload.length > PAYLOAD_BYTES_MAX) throw new Error('the request is larger than an event');
  const invoked = await invoke(client, functionName, payload, signal);
  if (!invoked) {
    return problem(
      'misdirected',
      'Nothing of this name is hosted here: a member that hosts its own node is called there.',
    );
  }
  const { Payload, FunctionError } = invoked;
  if (FunctionError) throw new Error(`the function ${functionName} failed`);
  const result = JSON.parse(
    Buffer.from(Payload ?? new Uint8Array()).toString('utf8'),
  ) as EventResult;
  const { statusCode, headers = {}, body = '', isBase64Encoded = false } = result;
  if (statusCode === undefined) throw new Error(`the function ${functionName} sent no response`);
  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  return new Response(bytes.length > 0 ? bytes : null, {
    status: statusCode,
    headers,
  });
}

/** Undefined where there is no such function. */
async function invoke(
  client: LambdaClient,
  functionName: string,
  payload: Uint8Array,
  signal?: AbortSignal,
): Promise<InvokeCommandOutput | undefined> {
  try {
    return await client.send(
      new InvokeCommand({ FunctionName: functionName, Payload: payload }),
      signal ? { abortSignal: signal } : {},
    );
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

/** Has a function invoked with a request some time soon, at least once; its response goes nowhere. */
export async function handRequestOver(
  client: LambdaClient,
  functionName: string,
  request: InvokedRequest,
): Promise<void> {
  const Payload = utf8(JSON.stringify(eventOf(functionName, request)));
  await client.send(
    new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event', Payload }),
    { abortSignal: AbortSignal.timeout(DEADLINES.wake) },
  );
}

/** The event of a request (payload format 2.0), as far as anything here reads it. */
function eventOf(host: string, { method, path, headers, body }: InvokedRequest) {
  const [rawPath = '/', rawQueryString = ''] = path.split('?', 2);
  return {
    version: '2.0',
    rawPath,
    rawQueryString,
    headers,
    requestContext: { http: { method, path: rawPath }, domainName: host },
    ...(body && { body: Buffer.from(body).toString('base64'), isBase64Encoded: true }),
  };
}

interface EventResult {
  readonly statusCode?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

/** A `fetch` whose host names are functions: `https://<function>/path`. Redirects are not followed. */
export function invokeFetch(client: LambdaClient): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const { hostname, pathname, search } = new URL(request.url);
    const body = request.body ? new Uint8Array(await request.arrayBuffer()) : undefined;
    const { method, headers } = request;
    const sent = { method, path: pathname + search, headers: Object.fromEntries(headers), body };
    return invokeWithRequest(client, hostname, sent, request.signal);
  };
}
