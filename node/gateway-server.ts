/** The gateway as a process: it knows where the members' nodes are, and their hashed API keys. */
import type { Logger } from 'pino';
import { gatewayApp } from '../shared/api/gateway.ts';
import { tokenBuckets } from '../shared/api/token-bucket.ts';
import { openApiKeys } from './api-keys.ts';
import { besides, GatewayConfigSchema, loadJson } from './config.ts';
import { type Listening, listen } from './listen.ts';
import { nodeFetch } from './node-fetch.ts';
import { inRequest } from './request-context.ts';

/** Less than a node's: the one who waits for the client is the one who says so. */
const BODY_IDLE_MS = 15_000;

/** Starts the gateway that a configuration file describes. */
export async function startGateway(configFile: string, log: Logger): Promise<Listening> {
  const config = loadJson(configFile, GatewayConfigSchema, 'gateway configuration');
  const keys = openApiKeys(config.apiKeys.map((file) => besides(configFile, file)));
  const { consortium, members, limits, tokenRoutes } = config;
  const rate = limits && {
    ...limits,
    buckets: tokenBuckets(limits.requestsPerSecond, limits.burst),
  };
  const outgoing = nodeFetch();
  const app = gatewayApp({
    inRequest,
    fetch: outgoing.fetch,
    consortium,
    members,
    keys,
    log,
    ...(rate && { rate }),
    ...(tokenRoutes && { tokenRoutes }),
  });
  const listening = await listen((request) => app.fetch(request), {
    ...config.listen,
    bodyIdleMs: BODY_IDLE_MS,
    log,
  });
  log.info({ url: listening.url, consortium }, 'gateway started');
  return {
    ...listening,
    async close() {
      await listening.close();
      await outgoing.close();
    },
  };
}
