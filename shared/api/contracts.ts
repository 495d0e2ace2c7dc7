/**
 * The routes generated from the active contracts' definitions. For a transaction the node signs for
 * the API key's identity (custodial mode) and waits for the commit; a query is answered at a height.
 * What can be refused without a block (schema, role) is refused here, before anything is signed.
 */
import { sha256Hex } from '../bytes/crypto.ts';
import { utf8 } from '../bytes/text.ts';
import type { Caller } from '../contract/context.ts';
import type { Contract } from '../contract/define.ts';
import { LIMITS } from '../ledger/limits.ts';
import { Rejected, type Rejection } from '../ledger/rejection.ts';
import { queryInput, transactionInput } from './arguments.ts';
import { naturalText } from './body.ts';
import { chargeTransaction, limitResponse, uncharge } from './metering.ts';
import type { ApiContext, NodeApi } from './node-api.ts';
import { outcomeResponse } from './outcome.ts';
import { waitPreference } from './prefer.ts';
import { problem, problemResponse, rejectionDocument } from './problem.ts';
import { type ContractCall, type RouteMatch, type RouteTable, routeTable } from './routes.ts';
import { refuseFuture } from './state.ts';
import { keyNeeded, type Tenant } from './tenant.ts';

/** Answers every path that no fixed route has. Made once a node: it keeps the compiled routes. */
export function contractHandler(node: NodeApi): (c: ApiContext) => Promise<Response> {
  const table = currentTable(node);
  return async (c) => {
    const path = `/${new URL(c.req.url).pathname.split('/').slice(4).join('/')}`;
    const matches = (await table()).match(path);
    if (matches.length === 0) {
      return problem('not-found', 'No call has this path; GET /openapi.json lists them all.');
    }
    const verb = c.req.method === 'HEAD' ? 'GET' : c.req.method;
    const match = matches.find(({ route }) => route.verb === verb);
    if (!match) {
      const allow = [...new Set(matches.map(({ route }) => route.verb))].join(', ');
      return problem('method-not-allowed', `This path takes ${allow}.`, {}, { allow });
    }
    return verb === 'POST' ? runTransaction(c, node, match) : runQuery(c, node, match);
  };
}

/** The routes of the contracts active at the head, compiled again when that set changes. */
function currentTable({ service }: NodeApi): () => Promise<RouteTable> {
  let compiled: { readonly of: string; readonly table: RouteTable } | undefined;
  const nameOf = (contracts: readonly Contract[]): string =>
    contracts.map(({ name, version }) => `${name}@${version}`).join();
  return async () => {
    const contracts = await service.activeContracts();
    const of = nameOf(contracts);
    if (compiled?.of !== of) compiled = { of, table: routeTable(contracts) };
    return compiled.table;
  };
}

async function runTransaction(c: ApiContext, node: NodeApi, match: RouteMatch): Promise<Response> {
  const { service } = node;
  const { route } = match;
  const tenant = c.get('tenant');
  if (!tenant) return keyNeeded();
  const caller = await callerOf(tenant, node);
  const refused = caller instanceof Response ? caller : refuseRole(route, caller);
  if (refused) return refused;
  const nonce = idempotencyNonce(c.req.header('idempotency-key'), tenant);
  if (nonce instanceof Response) return nonce;
  const args = await transactionInput(c.req.raw, match);
  if (args instanceof Response) return args;
  const { length } = utf8(JSON.stringify(args));
  const reached = await chargeTransaction(c, node, length);
  if (reached) return limitResponse(reached);
  const { waitMs, applied } = waitPreference(c.req.header('prefer') ?? null, LIMITS.waitMsMax);
  const outcome = await service.submitCustodial(
    tenant.identity,
    {
      contract: route.contract.name,
      method: route.method,
      args,
      ...(nonce === undefined ? {} : { nonce }),
    },
    waitMs,
  );
  uncharge(c, node, length, outcome);
  return outcomeResponse(outcome, service.genesis.consortium, applied);
}

async function runQuery(c: ApiContext, node: NodeApi, match: RouteMatch): Promise<Response> {
  const { service } = node;
  const { route } = match;
  const tenant = c.get('tenant');
  const needsRole = route.definition.roles.length > 0;
  if (needsRole && !tenant) return keyNeeded();
  const caller = tenant && (await callerOf(tenant, node));
  // A key whose identity isn't on the ledger may still read what every reader may.
  if (caller instanceof Response && needsRole) return caller;
  const known = caller instanceof Response ? undefined : caller;
  const refused = known && refuseRole(route, known);
  if (refused) return refused;
  const at = heightAt(c);
  if (at instanceof Response) return at;
  const input = queryInput(c.req.raw, match);
  if (input instanceof Response) return input;
  const future = await refuseFuture(service, at);
  if (future) return future;
  const answer = await service.query(route.contract.name, route.method, input, known, at);
  if (answer instanceof Rejected) return queryRefused(answer.rejection);
  return c.json(answer, 200, { 'cache-control': 'no-cache' });
}

async function callerOf(tenant: Tenant, { service }: NodeApi): Promise<Caller | Response> {
  if (tenant.member !== service.member) {
    return problem(
      'forbidden',
      `This node signs for ${service.member} only; ask the key's member.`,
      {
        got: tenant.member,
        expected: service.member,
      },
    );
  }
  const caller = await service.identity(tenant.identity);
  if (caller) return caller;
  return problem(
    'forbidden',
    `The key's identity "${tenant.identity}" is not registered on the ledger; the member's administrator registers it.`,
    { got: tenant.identity },
  );
}

function refuseRole({ contract, definition }: ContractCall, caller: Caller): Response | undefined {
  const expected = definition.roles.map((role) =>
    role === 'admin' ? role : `${contract.name}.${role}`,
  );
  if (expected.length === 0 || expected.some((role) => caller.roles.includes(role)))
    return undefined;
  return problem(
    'forbidden',
    `The identity "${caller.name}" of ${caller.member} lacks the role for this call; it needs ${expected.join(' or ')}.`,
    { got: caller.roles, expected },
  );
}

/**
 * One key of one identity always gives one nonce, of the 64 characters that a nonce may have; by it
 * the service finds the same call again.
 */
function idempotencyNonce(key: string | undefined, tenant: Tenant): string | undefined | Response {
  if (key === undefined) return undefined;
  if (/^[\x21-\x7e]{1,255}$/.test(key)) {
    return sha256Hex(utf8(JSON.stringify([tenant.member, tenant.identity, key])));
  }
  const detail = 'expected 1 to 255 visible ASCII characters';
  return problem('bad-request', `Header Idempotency-Key: ${detail}.`, {
    errors: [{ parameter: 'Idempotency-Key', detail }],
  });
}

function heightAt(c: ApiContext): number | undefined | Response {
  const texts = new URL(c.req.url).searchParams.getAll('at');
  if (texts.length === 0) return undefined;
  const parsed = naturalText().safeParse(texts.length === 1 ? texts[0] : undefined);
  if (parsed.success) return parsed.data;
  return problem('bad-request', 'Parameter "at": expected one height.', {
    errors: [{ parameter: 'at', detail: 'expected one height' }],
  });
}

/** A query that finds nothing says so by its reason; that is 404, and nothing was recorded. */
function queryRefused(rejection: Rejection): Response {
  const missing = rejection.code === 'contract-rejected' && isMissing(rejection.reason ?? '');
  const status = missing ? 404 : rejection.code === 'contract-error' ? 500 : undefined;
  return problemResponse(rejectionDocument(rejection, {}, status));
}

const isMissing = (reason: string): boolean =>
  reason.startsWith('unknown') || reason.startsWith('no-such') || reason.endsWith('not-found');
