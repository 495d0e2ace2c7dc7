/**
 * Doors of the gateway besides the API: `…/nodes/<member>/peer` for nodes elsewhere, whose messages the
 * member's node itself checks, `…/join/hosted` for members to be that want their node made here, and
 * `…/join/own-account` with `…/code/` for those that make it in an account of their own.
 */
import { type Context, Hono } from 'hono';
import { requestHeaders } from '../../node/request-context.ts';
import { readUpTo } from '../../shared/api/body.ts';
import { methodRouter } from '../../shared/api/method-router.ts';
import {
  type ApiLog,
  consortiumPath,
  mayDrive,
  PEER_PATHS,
  peerDoor,
} from '../../shared/api/node-api.ts';
import { codePath } from '../../shared/api/own-account.ts';
import { problem } from '../../shared/api/problem.ts';
import { relayDoor } from '../../shared/api/relay.ts';
import { kindOf } from '../../shared/consensus/message.ts';
import { MemberIdSchema } from '../../shared/ledger/genesis.ts';
import { functionName, onboardingFunction, relayFunction } from '../function-name.ts';

/** What an invocation of another function can carry, in base64 and with its headers. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/** What a member to be sends. */
const JOIN_BYTES_MAX = 64 * 1024;

export interface DoorsOptions {
  readonly consortium: string;
  /** HTTP to functions: their names are the hosts. */
  readonly fetch: typeof globalThis.fetch;
  readonly log: ApiLog;
  /** Where nodes without an inbound port connect. */
  readonly socket: string;
}

const tooLarge = (): Response =>
  problem('payload-too-large', 'No message of a node is that large.', {
    expected: MESSAGE_BYTES_MAX,
  });

/** Whether a path is one of the doors. */
export const isDoor = (path: string): boolean =>
  /^\/v1\/consortia\/[^/]+\/(nodes\/[^/]+\/peer(\/tidings)?|join\/(hosted|own-account)|code\/[^/]+|relay(\/.*)?)$/.test(
    path,
  );

/** Builds the app of the doors; other paths are not its own. */
export function doors({ consortium, fetch, log, socket }: DoorsOptions): Hono {
  const app = new Hono({ router: methodRouter() });
  app.onError((error) => {
    log.error({ err: error }, 'a door failed');
    return problem('bad-gateway', 'What is behind this door did not answer; send the same again.');
  });
  const peers = PEER_PATHS.map((path) => `${peerDoor(consortium, ':member')}${path}`);
  app.on('POST', peers, async (c) => {
    const member = c.req.param('member') ?? '';
    if (!MemberIdSchema.safeParse(member).success) {
      return problem('not-found', 'No member has such an id.');
    }
    const message = await readUpTo(c.req.raw, MESSAGE_BYTES_MAX);
    if (!message) return tooLarge();
    if (kindOf(message) === undefined) {
      return problem('bad-request', 'This is no message of a node.');
    }
    const entry = mayDrive(message) ? 'client' : 'peer';
    return fetch(`https://${functionName(consortium, member, entry)}/peer`, {
      method: 'POST',
      headers: {
        ...requestHeaders(),
        authorization: c.req.header('authorization') ?? '',
        'content-type': c.req.header('content-type') ?? '',
      },
      body: message,
    });
  });
  // Where nodes without an inbound port connect, and what is said to them.
  app.get(`${consortiumPath(consortium)}/relay`, (c) => c.json({ socket }));
  app.on(['GET', 'POST'], `${relayDoor(consortium, ':member')}/*`, async (c) => {
    const { method, headers } = c.req.raw;
    const { pathname, search } = new URL(c.req.url);
    const path = pathname.slice(`${consortiumPath(consortium)}/relay`.length);
    const body = method === 'GET' ? undefined : await readUpTo(c.req.raw, MESSAGE_BYTES_MAX);
    if (method !== 'GET' && !body) return tooLarge();
    return fetch(`https://${relayFunction(consortium)}${path}${search}`, {
      method,
      headers: {
        authorization: headers.get('authorization') ?? '',
        'content-type': headers.get('content-type') ?? '',
      },
      ...(body && { body: body as Uint8Array<ArrayBuffer> }),
    });
  });
  const onboarding = async (c: Context, path: string): Promise<Response> => {
    const { method, headers } = c.req.raw;
    const body = method === 'GET' ? undefined : await readUpTo(c.req.raw, JOIN_BYTES_MAX);
    if (method !== 'GET' && !body) {
      return problem('payload-too-large', 'No request to join is that large.', {
        expected: JOIN_BYTES_MAX,
      });
    }
    return fetch(`https://${onboardingFunction(consortium)}${path}`, {
      method,
      headers: {
        ...requestHeaders(),
        authorization: headers.get('authorization') ?? '',
        'content-type': headers.get('content-type') ?? '',
      },
      ...(body && { body }),
    });
  };
  const join = `${consortiumPath(consortium)}/join`;
  app.on(['GET', 'POST', 'DELETE'], `${join}/hosted`, (c) => onboarding(c, '/'));
  app.get(`${join}/own-account`, (c) => onboarding(c, `/own-account${new URL(c.req.url).search}`));
  app.get(`${codePath(consortium)}/:name`, (c) => {
    const name = encodeURIComponent(c.req.param('name') ?? '');
    return onboarding(c, `/code/${name}`);
  });
  return app;
}
