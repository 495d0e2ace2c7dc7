/**
 * The gateway's function: passes clients' requests to the function of their member's node. It reads no
 * node's table and can sign nothing.
 */
import { LambdaClient } from '@aws-sdk/client-lambda';
import { Hono } from 'hono';
import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import { z } from 'zod';
import { gatewayApp } from '../../shared/api/gateway.ts';
import { meter, metered, meteredLog } from '../billing/metered-handler.ts';
import { DEADLINES, givesUpAfter } from '../deadlines.ts';
import { fromEnvironment } from '../environment.ts';
import { functionName } from '../function-name.ts';
import { invokeFetch } from '../invoke-fetch.ts';
import { doors, isDoor } from './doors.ts';
import { functionOrWeb, laterMembers } from './later-members.ts';

const consortium = fromEnvironment('FUQI_CONSORTIUM');
const members = z.array(z.string()).parse(JSON.parse(fromEnvironment('FUQI_MEMBERS')));
const log = meteredLog({ name: 'gateway', level: process.env.FUQI_LOG_LEVEL ?? 'info' });
const client = meter.client(
  new LambdaClient({ maxAttempts: 1, requestHandler: givesUpAfter(DEADLINES.node) }),
);

const fetch = functionOrWeb(invokeFetch(client));
const nodeAt = (member: string) => `https://${functionName(consortium, member, 'client')}`;
const nodeOf = laterMembers({ consortium, nodeAt, askFirst: members, fetch, log });
const api = gatewayApp({
  consortium,
  members: members.map((id) => ({ id, endpoint: nodeAt(id) })),
  nodeOf,
  log,
  fetch,
  timeoutMs: DEADLINES.node,
});
const besides = doors({ consortium, fetch, log, socket: fromEnvironment('FUQI_RELAY') });
const app = new Hono().all('*', (c) => (isDoor(c.req.path) ? besides : api).fetch(c.req.raw));
const answer = handle(app);

/** API Gateway bills a request for each so many bytes. */
const API_CHUNK_BYTES = 512 * 1024;

export const handler = metered(log, async (event: LambdaEvent, context: LambdaContext) => {
  log.info({ requestId: context.awsRequestId }, 'request');
  const result = await answer(event, context);
  const sent = result.body.length;
  const bytes = sent + (event.body?.length ?? 0);
  meter.count('api.requests', Math.max(1, Math.ceil(bytes / API_CHUNK_BYTES)));
  meter.count('internet.bytes', sent);
  return result;
});
