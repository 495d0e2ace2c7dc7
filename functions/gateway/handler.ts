/**
 * The gateway's function: passes clients' requests to the function of their member's node. It reads no
 * node's table and can sign nothing.
 */
import { LambdaClient } from '@aws-sdk/client-lambda';
import { Hono } from 'hono';
import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import { z } from 'zod';
import { inRequest } from '../../node/request-context.ts';
import { gatewayApp } from '../../shared/api/gateway.ts';
import { methodRouter } from '../../shared/api/method-router.ts';
import { requestAbout } from '../../shared/api/request-id.ts';
import { meter, metered } from '../billing/metered-handler.ts';
import { DEADLINES, givesUpAfter } from '../deadlines.ts';
import { fromEnvironment } from '../environment.ts';
import { functionName } from '../function-name.ts';
import { BODY_BYTES_MAX, invokeFetch } from '../invoke-fetch.ts';
import { functionLog } from '../log.ts';
import { requestRetries } from '../retries.ts';
import { doors, isDoor } from './doors.ts';
import { functionOrWeb, laterMembers } from './later-members.ts';

const consortium = fromEnvironment('FUQI_CONSORTIUM');
const members = z.array(z.string()).parse(JSON.parse(fromEnvironment('FUQI_MEMBERS')));
const tokenRoutes = z
  .array(z.object({ issuer: z.string(), audience: z.string(), member: z.string() }))
  .parse(JSON.parse(process.env.FUQI_TOKEN_ROUTES ?? '[]'));
const log = functionLog('gateway');
const client = meter.client(
  new LambdaClient({
    retryStrategy: requestRetries(),
    requestHandler: givesUpAfter(DEADLINES.node),
  }),
);

const fetch = functionOrWeb(invokeFetch(client));
const nodeAt = (member: string) => `https://${functionName(consortium, member, 'client')}`;
const nodeOf = laterMembers({ consortium, nodeAt, askFirst: members, fetch, log });
const api = gatewayApp({
  consortium,
  members: members.map((id) => ({ id, endpoint: nodeAt(id) })),
  nodeOf,
  tokenRoutes,
  log,
  fetch,
  timeoutMs: DEADLINES.node,
  bodyBytesMax: BODY_BYTES_MAX,
});
const besides = doors({ consortium, fetch, log, socket: fromEnvironment('FUQI_RELAY') });
const app = new Hono({ router: methodRouter() }).all('*', (c) =>
  (isDoor(c.req.path) ? besides : api).fetch(c.req.raw),
);
const answer = handle(app);

/** API Gateway bills a request for each so many bytes. */
const API_CHUNK_BYTES = 512 * 1024;

export const handler = metered(log, async (event: LambdaEvent, context: LambdaContext) => {
  const headers = (event.headers ?? {}) as Record<string, string | undefined>;
  const about = requestAbout((name) => headers[name]);
  const result = await inRequest(about, () => {
    log.info({ invocation: context.awsRequestId }, 'request');
    // The same id from here on, however it came.
    const named = { ...event, headers: { ...headers, 'x-request-id': about.requestId } };
    return answer(named as typeof event, context);
  });
  const sent = result.body.length;
  const bytes = sent + (event.body?.length ?? 0);
  meter.count('api.requests', Math.max(1, Math.ceil(bytes / API_CHUNK_BYTES)));
  meter.count('internet.bytes', sent);
  return result;
});
