/**
 * The relay's function. A node without an inbound port holds a WebSocket open, which is billed by the
 * minute and costs next to nothing; a message for it rings there. Whoever sends waits here for the reply,
 * which the node brings by a request of its own.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  ApiGatewayManagementApiClient,
  GoneException,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { Hono } from 'hono';
import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import { z } from 'zod';
import { CBOR_TYPE } from '../../node/token-peers.ts';
import { methodRouter } from '../../shared/api/method-router.ts';
import { problem } from '../../shared/api/problem.ts';
import { RELAY_AUDIENCE, type Ring } from '../../shared/api/relay.ts';
import { bearerToken } from '../../shared/api/tenant.ts';
import { DEADLINES, givesUpAfter } from '../deadlines.ts';
import { fromEnvironment } from '../environment.ts';
import { functionLog } from '../log.ts';
import { connectionOf, keep, kept, noteConnection } from './mailbox.ts';
import { relayMembers } from './relay-members.ts';

/** Shorter than what the sender waits for. */
const REPLY_MS = 11_000;
const POLL_MS = 40;
/** A node that has to be started says who the members are. */
const MEMBERS_MS = 10_000;
/** A frame of API Gateway's has 32 KB at the most; base64 takes a third more. */
const RUNG_BYTES_MAX = 16 * 1024;

interface SocketEvent {
  readonly requestContext: {
    readonly routeKey: string;
    readonly connectionId: string;
  };
  readonly headers?: Readonly<Record<string, string>>;
}

const log = functionLog('relay');
const requestHandler = givesUpAfter(DEADLINES.service);
const consortium = fromEnvironment('FUQI_CONSORTIUM');
const dynamodb = new DynamoDBClient({ requestHandler });
const mailbox = { client: dynamodb, name: fromEnvironment('FUQI_MAILBOX') };
const callback = z
  .object({ apiId: z.string(), stage: z.string(), url: z.url() })
  .parse(JSON.parse(fromEnvironment('FUQI_SOCKET')));
// Where services are elsewhere (an emulator), API Gateway's own host names lead nowhere.
const elsewhere = process.env.AWS_ENDPOINT_URL;
const sockets = new ApiGatewayManagementApiClient({
  requestHandler,
  endpoint: elsewhere
    ? `${elsewhere}/_aws/execute-api/${callback.apiId}/${callback.stage}`
    : callback.url,
});
const issuerOf = relayMembers({
  consortium,
  directory: { client: dynamodb, name: fromEnvironment('FUQI_DIRECTORY') },
  lambda: new LambdaClient({ maxAttempts: 1, requestHandler: givesUpAfter(MEMBERS_MS) }),
});

const app = new Hono({ router: methodRouter() });
app.onError((error) => {
  log.error({ err: error }, 'request failed');
  return problem('unavailable', 'The relay failed on this message.');
});
/** A message for a member's node, as to any endpoint. */
app.on('POST', ['/:member/peer', '/:member/peer/tidings'], async (c) => {
  const member = c.req.param('member');
  const authorization = c.req.header('authorization') ?? '';
  if (!(await issuer(c.req.raw, member))) return refused();
  const connection = await connectionOf(mailbox, member);
  if (!connection) return absent(member);
  const id = crypto.randomUUID();
  const message = new Uint8Array(await c.req.arrayBuffer());
  const isSmall = message.length <= RUNG_BYTES_MAX;
  if (!isSmall) await keep(mailbox, `message#${member}#${id}`, message);
  const ring: Ring = {
    id,
    authorization,
    ...(isSmall && { message: Buffer.from(message).toString('base64') }),
  };
  try {
    const Data = JSON.stringify(ring);
    await sockets.send(new PostToConnectionCommand({ ConnectionId: connection, Data }));
  } catch (error) {
    if (error instanceof GoneException) return absent(member);
    throw error;
  }
  const deadline = Date.now() + REPLY_MS;
  for (;;) {
    const reply = await kept(mailbox, `reply#${member}#${id}`);
    if (reply) {
      return new Response(reply.bytes, {
        status: Number(reply.word),
        headers: { 'content-type': CBOR_TYPE },
      });
    }
    if (Date.now() > deadline) {
      return problem('gateway-timeout', `The node of ${member} did not answer in time.`);
    }
    await delay(POLL_MS);
  }
});
/** The node fetches what was too large to ring, and brings its reply. */
app.get('/:member/messages/:id', async (c) => {
  const { member, id } = c.req.param();
  if ((await issuer(c.req.raw, RELAY_AUDIENCE)) !== member) return refused();
  const message = await kept(mailbox, `message#${member}#${id}`);
  return message
    ? new Response(message.bytes, { headers: { 'content-type': CBOR_TYPE } })
    : problem('not-found', 'There is no such message any more.');
});
app.post('/:member/replies/:id', async (c) => {
  const { member, id } = c.req.param();
  if ((await issuer(c.req.raw, RELAY_AUDIENCE)) !== member) return refused();
  const status = z.coerce.number().int().min(200).max(599).safeParse(c.req.query('status'));
  if (!status.success) return problem('bad-request', 'Parameter "status": the reply’s status.');
  const bytes = new Uint8Array(await c.req.arrayBuffer());
  await keep(mailbox, `reply#${member}#${id}`, bytes, String(status.data));
  return new Response(null, { status: 204 });
});
const answerRequest = handle(app);

export async function handler(event: LambdaEvent | SocketEvent, context: LambdaContext) {
  if (!('routeKey' in event.requestContext) || !('connectionId' in event.requestContext)) {
    log.info({ invocation: context.awsRequestId }, 'request');
    return answerRequest(event as LambdaEvent, context);
  }
  const { requestContext, headers } = event as SocketEvent;
  const { routeKey, connectionId } = requestContext;
  log.info({ invocation: context.awsRequestId, routeKey }, 'socket');
  // A member's node shows that it is that; others are let go, and what they say is not read.
  if (routeKey !== '$connect') return { statusCode: 200 };
  const authorization = headers?.authorization ?? headers?.Authorization;
  const request = new Request('https://relay/', {
    ...(authorization && { headers: { authorization } }),
  });
  const member = await issuer(request, RELAY_AUDIENCE);
  if (!member) return { statusCode: 401 };
  await noteConnection(mailbox, member, connectionId);
  log.info({ member }, 'connected');
  return { statusCode: 200 };
}

/** The member whose node made the token of a request, for this audience; undefined where it is no good. */
async function issuer(request: Request, audience: string): Promise<string | undefined> {
  const token = bearerToken(request);
  if (token === undefined || token instanceof Response) return undefined;
  return issuerOf(token, audience);
}

const refused = (): Response =>
  problem('unauthorized', 'The request carries no good token of a member’s node.');
const absent = (member: string): Response =>
  problem('unavailable', `The node of ${member} is not connected to the relay.`);
