/**
 * One node's HTTP API as a Hono app over web-standard requests: it runs on Node and on functions.
 * Promises a problem document for every refusal, and that faults are logged by request id and never
 * shown. Must not hold ledger state of its own.
 */
import { type Handler, Hono } from 'hono';
import { StoreFault } from '../ports/store-fault.ts';
import {
  getAttachment,
  postAttachment,
  postAttachmentComplete,
  putAttachmentPart,
} from './attachments.ts';
import { postBatch } from './batch.ts';
import { getBlock, getBlocks } from './blocks.ts';
import { refuseEncoded } from './body.ts';
import { contractHandler } from './contracts.ts';
import { getDocs, getOpenapi } from './docs.ts';
import { getEvents } from './events.ts';
import { getEvidenceProof } from './evidence.ts';
import { getExport } from './export.ts';
import { mayRepeat } from './forward.ts';
import { getConsensus, getConsortium, getGenesis, getHealth } from './health.ts';
import { getIssuers, putIssuers } from './issuers.ts';
import { deleteJoin, getJoin, postJoin } from './join.ts';
import { metered } from './metering.ts';
import { methodRouter } from './method-router.ts';
import { type ApiContext, type ApiEnv, consortiumPath, type NodeApi } from './node-api.ts';
import { noSuchPath, problem } from './problem.ts';
import { withRequestId } from './request-id.ts';
import { getState } from './state.ts';
import { storeProblem } from './store-faults.ts';
import { authenticate, refuseReading } from './tenant.ts';
import { getReceipt, getTransaction, postTransaction } from './transactions.ts';
import { getUsage } from './usage.ts';
import { getValues, postValues } from './values.ts';
import { getVault, postVaultRotation } from './vault.ts';
import {
  deleteWebhook,
  getDeadLetters,
  getWebhook,
  getWebhooks,
  postDeadLetter,
  postWebhookSecret,
  putWebhook,
} from './webhooks.ts';

type Answer = (c: ApiContext, node: NodeApi) => Response | Promise<Response>;

/** The fixed routes under `/v1/consortia/{c}`; they win over the contracts' own. */
const FIXED: readonly (readonly [
  verb: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  answer: Answer,
])[] = [
  ['GET', '/', getConsortium],
  ['GET', '/genesis', getGenesis],
  ['GET', '/consensus', getConsensus],
  ['POST', '/transactions', postTransaction],
  ['POST', '/transactions/batch', postBatch],
  ['GET', '/transactions/:id', getTransaction],
  ['GET', '/transactions/:id/receipt', getReceipt],
  ['GET', '/transactions/:id/values', getValues],
  ['GET', '/transactions/:id/attachments/:digest', getAttachment],
  ['POST', '/values', postValues],
  ['POST', '/attachments', postAttachment],
  ['PUT', '/attachments/:upload/parts/:part', putAttachmentPart],
  ['POST', '/attachments/:upload/complete', postAttachmentComplete],
  ['GET', '/blocks', getBlocks],
  ['GET', '/blocks/:height', getBlock],
  ['GET', '/state/*', getState],
  ['GET', '/events', getEvents],
  ['GET', '/evidence/:id/proof', getEvidenceProof],
  ['GET', '/usage', getUsage],
  ['GET', '/export', getExport],
  ['GET', '/vault', getVault],
  ['POST', '/vault/rotation', postVaultRotation],
  ['GET', '/issuers', getIssuers],
  ['PUT', '/issuers', putIssuers],
  ['GET', '/webhooks', getWebhooks],
  ['GET', '/webhooks/:name', getWebhook],
  ['PUT', '/webhooks/:name', putWebhook],
  ['DELETE', '/webhooks/:name', deleteWebhook],
  ['POST', '/webhooks/:name/secret', postWebhookSecret],
  ['GET', '/webhooks/:name/dead-letters', getDeadLetters],
  ['POST', '/webhooks/:name/dead-letters/:cursor', postDeadLetter],
];

/** Builds the app. The host mounts it and adds `/peer` beside it. */
export function nodeApp(node: NodeApi): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>({ router: methodRouter() });
  app.use(withRequestId(node.inRequest));
  app.use((c, next) => Promise.resolve(refuseEncoded(c.req.raw) ?? next()));
  app.onError((error, c) => {
    // Its host says so, once.
    if (error instanceof StoreFault) return storeProblem(error, mayRepeat(c.req.raw));
    const id = c.get('requestId');
    node.log?.error({ requestId: id, method: c.req.method, path: c.req.path, err: error }, 'fault');
    return problem('internal', 'The node failed on this request; its log has the request id.');
  });
  app.notFound((c) => noSuchPath(c.req.path));
  app.get('/healthz', (c) => getHealth(c, node));
  app.get('/openapi.json', (c) => getOpenapi(c, node));
  app.get('/docs', (c) => getDocs(c, node));
  const base = consortiumPath(node.service.genesis.consortium);
  // Whoever joins has no key of a member yet, but an invitation.
  app.get(`${base}/join`, (c) => getJoin(c, node));
  app.post(`${base}/join`, (c) => postJoin(c, node));
  app.delete(`${base}/join`, (c) => deleteJoin(c, node));
  app.route(base, consortiumApp(node));
  app.all('/v1/consortia/:consortium/*', (c) =>
    problem('wrong-consortium', 'This node serves another consortium.', {
      got: c.req.param('consortium'),
      expected: node.service.genesis.consortium,
    }),
  );
  return app;
}

function consortiumApp(node: NodeApi): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.use(async (c, next) => {
    const tenant = await authenticate(c.req.raw, node);
    if (tenant instanceof Response) return tenant;
    c.set('tenant', tenant);
    return refuseReading(node.service.genesis.visibility, tenant) ?? next();
  });
  app.use(metered(node));
  const allowed = new Map<string, string[]>();
  for (const [verb, path, answer] of FIXED) {
    app.on(verb, path, (c) => answer(c, node));
    allowed.set(path, [...(allowed.get(path) ?? []), verb]);
  }
  for (const [path, verbs] of allowed) {
    const allow = verbs.join(', ');
    app.all(path, () => problem('method-not-allowed', `This path takes ${allow}.`, {}, { allow }));
  }
  app.all('/*', contractHandler(node) as Handler<ApiEnv>);
  return app;
}
