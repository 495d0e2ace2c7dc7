/**
 * `GET /openapi.json` and `GET /docs` of a node: built from the contracts that are active now.
 */
import type { Context } from 'hono';
import { docsPage } from './docs-page.ts';
import { chooseLanguage } from './docs-text.ts';
import type { ApiEnv, NodeApi } from './node-api.ts';
import { type OpenapiDocument, openapiDocument } from './openapi.ts';

/** The document for machines. */
export async function getOpenapi(c: Context<ApiEnv>, node: NodeApi): Promise<Response> {
  return c.json(await currentDocument(node), 200, { 'cache-control': 'no-cache' });
}

/** The page for people, in the language they ask for. */
export async function getDocs(c: Context<ApiEnv>, node: NodeApi): Promise<Response> {
  const language = chooseLanguage(c.req.query('lang'), c.req.header('accept-language'));
  const page = docsPage(await currentDocument(node), language, originOf(c));
  return c.html(page, 200, {
    'cache-control': 'no-cache',
    'content-language': language,
    vary: 'accept-language',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  });
}

const currentDocument = async ({ service }: NodeApi): Promise<OpenapiDocument> =>
  openapiDocument(service.genesis, await service.activeContracts());

/** Where the reader reached this page; a gateway says so in the forwarded headers. */
function originOf(c: Context<ApiEnv>): string {
  const url = new URL(c.req.url);
  const host = c.req.header('x-forwarded-host') ?? url.host;
  const protocol = c.req.header('x-forwarded-proto') ?? url.protocol.slice(0, -1);
  const plain = /^[A-Za-z0-9.:[\]-]+$/.test(host) && /^https?$/.test(protocol);
  return plain ? `${protocol}://${host}` : 'http://127.0.0.1:8080';
}
