/** One line of figures: so many transactions by so many clients. */
import { BASE, type BenchConsortium, getJson, round, type Target } from './consortium.ts';
import { type LoadOptions, load } from './load.ts';
import { cpuSeconds, cpuSecondsOf, megabytes, sum } from './process-figures.ts';

/** Commits `total` transactions by `count` clients and says what that took. */
export async function measure(
  consortium: BenchConsortium,
  count: number,
  total: number,
  options: LoadOptions = {},
) {
  const { targets } = consortium;
  const observed = targets[0]!;
  const now = async () => ({
    cpu: cpuSeconds(consortium),
    gatewayCpu: cpuSecondsOf(consortium.gateway),
    height: await heightOf(observed),
  });
  const before = await now();
  const { seconds, latency, late } = await load(consortium, count, total, options);
  const after = await now();
  const batches = await fullBlocks(observed, before.height, after.height);
  return {
    nodes: targets.length,
    clients: count,
    txs: total,
    tps: Math.round(total / seconds),
    p50_ms: round(latency.percentile(50) / 1000),
    p99_ms: round(latency.percentile(99) / 1000),
    ...(late > 0 && { late }),
    cpu_s: round(after.cpu - before.cpu),
    ...(options.throughGateway && { gateway_cpu_s: round(after.gatewayCpu - before.gatewayCpu) }),
    rss_mb: Math.round(sum(targets, (target) => megabytes(target, 'all'))),
    blocks: after.height - before.height,
    mean_batch: round(total / Math.max(1, batches)),
  };
}

const heightOf = async ({ process }: Target): Promise<number> =>
  (await getJson(process, '/healthz')).height;

/** Blocks with transactions among those that were added. */
async function fullBlocks({ process }: Target, from: number, to: number): Promise<number> {
  let full = 0;
  for (let route: string | undefined = `${BASE}/blocks?limit=100`; route; ) {
    const page: { blocks: { height: number; transactionCount: number }[]; next: string | null } =
      await getJson(process, route);
    const added = page.blocks.filter(({ height }) => height > from && height <= to);
    full += added.filter(({ transactionCount }) => transactionCount > 0).length;
    const isDone = (page.blocks.at(-1)?.height ?? 0) <= from || page.next === null;
    route = isDone ? undefined : `${BASE}/blocks?limit=100&cursor=${page.next}`;
  }
  return full;
}
