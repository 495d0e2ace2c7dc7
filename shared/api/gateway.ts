/**
 * The gateway: finds the tenant behind an API key and passes the request to that member's node, and
 * the answer back, streaming, unparsed and unlogged. It holds no consortium data and can sign
 * nothing. Anonymous calls go to any healthy node.
 */
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { MemberIdSchema } from '../ledger/genesis.ts';
import { refuseEncoded } from './body.ts';
import { chooseLanguage } from './docs-text.ts';
import { forward, type Route } from './forward.ts';
import { consortiumHealth, type NodeProbe } from './gateway-health.ts';
import { parseInvitationToken } from './join.ts';
import { JOIN_PAGE_POLICY, joinPage } from './join-page.ts';
import { ANONYMOUS } from './meter.ts';
import { limitResponse } from './metering.ts';
import { methodRouter } from './method-router.ts';
import { type ApiLog, consortiumPath } from './node-api.ts';
import { noSuchPath, problem } from './problem.ts';
import { type InRequest, withRequestId } from './request-id.ts';
import { type Rotation, rotation as rotationOf, type Upstream } from './rotation.ts';
import { type ApiKeyDirectory, bearerToken, parseApiKey, unknownKey } from './tenant.ts';
import type { TokenBuckets } from './token-bucket.ts';
import { looksLikeJwt, routedMember, type TokenRoute } from './token-issuer.ts';

export interface GatewayOptions {
  readonly consortium: string;
  /** Each member and the base URL of its node's API. */
  readonly members: readonly { readonly id: string; readonly endpoint: string }[];
  /**
   * Where the API of a member is that is not listed, because it joined later, or whose node is not where it was
   * (`hasMoved`). Rejects where nobody can say.
   */
  readonly nodeOf?: (member: string, hasMoved?: boolean) => Promise<string | undefined>;
  /** The members' hashed keys; without them the nodes alone tell good keys from bad. */
  readonly keys?: ApiKeyDirectory;
  /** To which member tokens of an issuer go; others say so in `Fuqi-Member`. */
  readonly tokenRoutes?: readonly TokenRoute[];
  readonly log?: ApiLog;
  readonly inRequest?: InRequest;
  /** Holds what each tenant may send through, where keys are known here; anonymous callers share one. */
  readonly rate?: {
    readonly requestsPerSecond: number;
    readonly buckets: TokenBuckets;
  };
  /** How requests leave; the platform's `fetch` unless a host brings its own. */
  readonly fetch?: typeof globalThis.fetch;
  /** How long a node may take until its answer begins; longer than the longest wait. */
  readonly timeoutMs?: number;
  /** The largest request body that is passed on. */
  readonly bodyBytesMax?: number;
}

interface GatewayEnv {
  Variables: { requestId: string };
}

/** Builds the gateway's app. */
export function gatewayApp(options: GatewayOptions): Hono<GatewayEnv> {
  const { consortium, log } = options;
  const rotation = rotationOf(options.members);
  const probe: NodeProbe = { fetch: options.fetch ?? globalThis.fetch, members: options.members };
  const app = new Hono<GatewayEnv>({ router: methodRouter() });
  app.use(
    cors({
      origin: '*',
      allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'],
      allowHeaders: [
        'authorization',
        'content-type',
        'fuqi-member',
        'idempotency-key',
        'last-event-id',
        'prefer',
        'traceparent',
        'x-request-id',
      ],
      exposeHeaders: [
        'link',
        'location',
        'preference-applied',
        'retry-after',
        'www-authenticate',
        'x-request-id',
      ],
      maxAge: 3600,
    }),
  );
  app.use(withRequestId(options.inRequest));
  app.use((c, next) => Promise.resolve(refuseEncoded(c.req.raw) ?? next()));
  app.onError((error, c) => {
    const id = c.get('requestId');
    log?.error({ requestId: id, method: c.req.method, path: c.req.path, err: error }, 'fault');
    return problem('internal', 'The gateway failed on this request; its log has the request id.');
  });
  app.notFound((c) => noSuchPath(c.req.path));
  const pass = async (request: Request, id: string): Promise<Response> => {
    const route = await routeOf(request, options, rotation);
    return route instanceof Response
      ? route
      : forward(request, route, { ...options, requestId: id, rotation });
  };
  app.get('/', (c) => c.redirect('/docs'));
  app.get('/healthz', async (c) => {
    const health = await consortiumHealth(consortium, probe);
    return c.json(health, health.status === 'down' ? 503 : 200, { 'cache-control': 'no-store' });
  });
  app.get('/openapi.json', (c) => pass(c.req.raw, c.get('requestId')));
  app.get('/docs', (c) => pass(c.req.raw, c.get('requestId')));
  // The link of an invitation, opened in a browser; with a key or a token it is a call.
  app.get(`${consortiumPath(consortium)}/join`, async (c, next) => {
    const header = (name: string): string | undefined => c.req.header(name);
    const isPage = header('accept')?.includes('text/html') && !header('authorization');
    if (!isPage) return next();
    const language = chooseLanguage(c.req.query('lang'), header('accept-language'));
    return c.html(await joinPage(consortium, language), 200, {
      'cache-control': 'no-store',
      'content-language': language,
      vary: 'accept, accept-language, authorization',
      'referrer-policy': 'no-referrer',
      'content-security-policy': JOIN_PAGE_POLICY,
    });
  });
  app.all('/v1/consortia/:consortium/*', (c) => {
    const got = c.req.param('consortium');
    return got === consortium
      ? pass(c.req.raw, c.get('requestId'))
      : problem('wrong-consortium', 'This gateway serves another consortium.', {
          got,
          expected: consortium,
        });
  });
  return app;
}

async function laterMember(
  member: string | undefined,
  { nodeOf, log }: GatewayOptions,
): Promise<Upstream | undefined | Response> {
  if (member === undefined || !nodeOf) return undefined;
  try {
    const endpoint = await nodeOf(member);
    return endpoint === undefined ? undefined : { member, endpoint };
  } catch (error) {
    log?.error({ member, err: error }, 'a member could not be looked for');
    const text = `No node could say where that of ${member} is. Send the same again in a moment.`;
    return problem('unavailable', text, {}, { 'retry-after': '1' });
  }
}

async function routeOf(
  request: Request,
  options: GatewayOptions,
  rotation: Rotation,
): Promise<Route | Response> {
  const token = bearerToken(request);
  if (token instanceof Response) return token;
  if (token === undefined) {
    return tooFast(ANONYMOUS, options) ?? { tenant: undefined, others: rotation.order() };
  }
  if (looksLikeJwt(token)) return tokenRoute(request, token, options, rotation);
  const invited = parseInvitationToken(token)?.inviter;
  const issuer = options.keys ? options.keys.find(token)?.member : parseApiKey(token)?.member;
  const member = invited ?? issuer;
  const tenant = rotation.of(member) ?? (await laterMember(member, options));
  if (tenant instanceof Response) return tenant;
  if (!tenant) return unknownKey();
  const payer = invited === undefined ? tenant.member : ANONYMOUS;
  const refused = options.keys && tooFast(payer, options);
  return refused ?? { tenant, others: rotation.order().filter((other) => other !== tenant) };
}

/**
 * A token of an issuer goes to the member that its caller names, or that the issuer's tokens belong to. Only
 * the member's node can tell whether it is good; nobody else is shown it.
 */
async function tokenRoute(
  request: Request,
  token: string,
  options: GatewayOptions,
  rotation: Rotation,
): Promise<Route | Response> {
  const named = request.headers.get('fuqi-member') ?? undefined;
  const isId = MemberIdSchema.safeParse(named).success;
  const member =
    named === undefined ? routedMember(token, options.tokenRoutes ?? []) : isId ? named : undefined;
  const tenant = rotation.of(member) ?? (await laterMember(member, options));
  if (tenant instanceof Response) return tenant;
  if (tenant) return { tenant, others: rotation.order().filter((other) => other !== tenant) };
  return problem(
    'token-issuer',
    'The gateway can’t tell whose token this is; name its member in the header Fuqi-Member.',
    named === undefined ? {} : { got: named },
    { 'www-authenticate': 'Bearer realm="fuqi", error="invalid_token"' },
  );
}

/** The refusal of a request that is one too many; a key must be known to be good before it counts. */
function tooFast(tenant: string, { rate }: GatewayOptions): Response | undefined {
  if (!rate) return undefined;
  const now = Date.now();
  const freesAt = rate.buckets.take(tenant, now);
  if (freesAt === null) return undefined;
  const { requestsPerSecond: value } = rate;
  return limitResponse({ name: 'requestsPerSecond', value, now, freesAt });
}
