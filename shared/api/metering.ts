/** Where requests meet the meter: refused with 429 and `Retry-After` before work is done for them. */
import type { MiddlewareHandler } from 'hono';
import { Rejected } from '../ledger/rejection.ts';
import type { TransactionStatus } from './ledger-service.ts';
import { ANONYMOUS } from './meter.ts';
import type { ApiContext, ApiEnv, NodeApi } from './node-api.ts';
import { type ProblemDocument, problemResponse } from './problem.ts';
import { type LimitReached, limitProblem, retryAfterSeconds } from './tenant-limits.ts';

/** Whose limits a request counts against. */
export const payerOf = (c: ApiContext): string => c.get('tenant')?.member ?? ANONYMOUS;

export const limitResponse = (reached: LimitReached): Response =>
  problemResponse(limitProblem(reached), { 'retry-after': String(retryAfterSeconds(reached)) });

/** Lets a request through, or refuses it; counts reads. After the tenant is known. */
export const metered =
  ({ meter }: NodeApi): MiddlewareHandler<ApiEnv> =>
  async (c, next) => {
    if (!meter) return next();
    const payer = payerOf(c);
    const reached = meter.admit(payer);
    if (reached) return limitResponse(reached);
    const reads = c.req.method === 'GET' || c.req.method === 'HEAD';
    const counted = reads ? meter.read(payer) : undefined;
    await next();
    await counted;
  };

/** Counts a transaction before it is taken on; the refusal where it is one too many. */
export async function chargeTransaction(
  c: ApiContext,
  { meter }: NodeApi,
  bytes: number,
): Promise<LimitReached | undefined> {
  return meter?.transaction(payerOf(c), bytes);
}

/** Counts a file before it is taken on; the refusal where it is too large for what is left. */
export async function chargeFile(
  c: ApiContext,
  { meter }: NodeApi,
  bytes: number,
): Promise<Response | undefined> {
  const reached = await meter?.file(payerOf(c), bytes);
  return reached && limitResponse(reached);
}

/** Takes back what was counted for a file that the node had no room for. */
export const unchargeFile = (c: ApiContext, { meter }: NodeApi, bytes: number): void =>
  meter?.giveBack(payerOf(c), bytes, 'file');

/** A line of a batch is counted as a transaction is. */
export async function refuseLine(
  c: ApiContext,
  node: NodeApi,
  bytes: number,
): Promise<ProblemDocument | undefined> {
  const reached = await chargeTransaction(c, node, bytes);
  return reached && limitProblem(reached);
}

/** Takes back what was counted for a transaction that the node had no room for. */
export function uncharge(
  c: ApiContext,
  { meter }: NodeApi,
  bytes: number,
  outcome: TransactionStatus | Rejected,
): void {
  const isFull = outcome instanceof Rejected && outcome.rejection.code === 'mempool-full';
  if (isFull) meter?.giveBack(payerOf(c), bytes);
}
