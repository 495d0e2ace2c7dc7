/**
 * `GET …/usage`: what a member used, by days, for its own administrators. What stands on the ledger is
 * counted from the ledger itself; requests and reads are what this node counted.
 */
import { z } from 'zod';
import type { LedgerUsageStore } from '../ports/ledger-usage-store.ts';
import { readQuery } from './body.ts';
import { refuseOthers } from './member-admin.ts';
import { dayOf } from './meter.ts';
import type { ApiContext, NodeApi } from './node-api.ts';
import { problem } from './problem.ts';

/** What a host gives for it. */
export interface UsageSource {
  /** Counts on, and says how far the count is. */
  tally(isOver: () => boolean): Promise<{ readonly to: number; readonly head: number }>;
  readonly ledger: LedgerUsageStore['read'];
  /** Bytes of the node's whole store, all members' blocks and state included; as far as its host knows. */
  storeBytes(): Promise<number>;
}

/** Longer counts go on with the next call. */
const TALLY_MS = 5000;
const DAY_MS = 24 * 3600 * 1000;
const DAYS_DEFAULT = 30;
const DAYS_MAX = 400;

const day = z.iso.date('expected a day, YYYY-MM-DD');
const QuerySchema = z.strictObject({ from: day.optional(), to: day.optional() });

const NONE = {
  committed: 0,
  refused: 0,
  bytes: 0,
  requests: 0,
  reads: 0,
  transactions: 0,
  bytesIn: 0,
};
type Numbers = typeof NONE;

/** `GET …/usage?from=YYYY-MM-DD&to=YYYY-MM-DD`; the last 30 days unless told. */
export async function getUsage(c: ApiContext, node: NodeApi): Promise<Response> {
  const { meter, usage, service } = node;
  const refused = await refuseOthers(c, node);
  if (refused) return refused;
  if (!meter || !usage) return problem('not-found', 'This node counts nothing.');
  const query = readQuery(c.req.raw, QuerySchema);
  if (query instanceof Response) return query;
  const today = Date.now();
  const to = query.to ?? dayOf(today);
  const from = query.from ?? dayOf(Date.parse(to) - (DAYS_DEFAULT - 1) * DAY_MS);
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (days < 1 || days > DAYS_MAX) {
    const detail = `expected 1 to ${DAYS_MAX} days from "from" to "to"`;
    return problem('bad-request', `Parameter "from": ${detail}.`, {
      errors: [{ parameter: 'from', detail }],
    });
  }
  const tally = await usage.tally(() => Date.now() - today > TALLY_MS);
  const [ledger, counted, storeBytes] = await Promise.all([
    usage.ledger(from, to),
    meter.usage(service.member, from, to),
    usage.storeBytes(),
  ]);
  const byDay = new Map<string, Numbers & { storedBytes?: number }>();
  for (const { day: of, committed, refused: refusals, bytes, storedBytes } of ledger) {
    byDay.set(of, { ...NONE, committed, refused: refusals, bytes, storedBytes });
  }
  for (const { day: of, requests, reads, transactions, bytesIn } of counted) {
    byDay.set(of, { ...NONE, ...byDay.get(of), requests, reads, transactions, bytesIn });
  }
  const rows = [...byDay].sort(([a], [b]) => (a < b ? -1 : 1));
  return c.json(
    {
      member: service.member,
      from,
      to,
      days: rows.map(([of, numbers]) => ({ day: of, ...numbers })),
      total: rows.reduce((sum, [, numbers]) => added(sum, numbers), NONE),
      storeBytes,
      ledger: { countedTo: tally.to, head: tally.head, complete: tally.to >= tally.head },
    },
    200,
    { 'cache-control': 'no-store' },
  );
}

const added = (sum: Numbers, numbers: Numbers): Numbers => ({
  committed: sum.committed + numbers.committed,
  refused: sum.refused + numbers.refused,
  bytes: sum.bytes + numbers.bytes,
  requests: sum.requests + numbers.requests,
  reads: sum.reads + numbers.reads,
  transactions: sum.transactions + numbers.transactions,
  bytesIn: sum.bytesIn + numbers.bytesIn,
});
