/**
 * The gateway's function: passes clients' requests to the function of their member's node. It reads no
 * node's table and can sign nothing.
 */
import { LambdaClient } from '@aws-sdk/client-lambda';
import { Hono } from 'hono';
import { handle } from 'hono/aws-lambda';
import { z } from 'zod';
import { inRequest } from '../../node/request-context.ts';
import { gatewayApp } from '../../shared/api/gateway.ts';
import { requestAbout } from '../../shared/api/request-id.ts';
import { fromEnvironment } from '../environment.ts';
import { functionName } from '../function-name.ts';
import { BODY_BYTES_MAX, invokeFetch } from '../invoke-fetch.ts';
import { functionLog } from '../log.ts';
import { doors, isDoor } from './doors.ts';
import { functionOrWeb, laterMembers } from './later-members.ts';

/** The longest wait of a call, and what its node needs besides. */
const NODE_MS = 29_000;

const consortium = fromEnvironment('FUQI_CONSORTIUM');
const members = z.array(z.string()).parse(JSON.parse(fromEnvironment('FUQI_MEMBERS')));
const tokenRoutes = z
  .array(z.object({ issuer: z.string(), audience: z.string(), member: z.string() }))
  .parse(JSON.parse(process.env.FUQI_TOKEN_ROUTES ?? '[]'));
const log = functionLog('gateway');
const client = new LambdaClient({ maxAttempts: 1, requestHandler: { requestTimeout: NODE_MS } });

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
  timeoutMs: NODE_MS,
  bodyBytesMax: BODY_BYTES_MAX,
});
const besides = doors({ consortium, fetch, log });
const app = new Hono().all('*', (c) => (isDoor(c.req.path) ? besides : api).fetch(c.req.raw));
const answer = handle(app);

export const handler: typeof answer = async (event, context) => {
  const headers = (event.headers ?? {}) as Record<string, string | undefined>;
  const about = requestAbout((name) => headers[name]);
  return inRequest(about, () => {
    log.info({ invocation: context?.awsRequestId }, 'request');
    // The same id from here on, however it came.
    return answer(
      { ...event, headers: { ...headers, 'x-request-id': about.requestId } } as typeof event,
      context,
    );
  });
};
