/** Reads at a steady pace from one node, of a payment that was committed: state, query, proof, receipt. */
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'undici';
import { BASE, type BenchConsortium, round } from './consortium.ts';
import { send } from './load.ts';

/** Milliseconds between two reads of one kind. */
const PACE_MS = 20;

export interface Paid {
  readonly reference: string;
  readonly id: string;
}

const routes = ({ reference, id }: Paid): Record<string, string> => ({
  state: `/state/invoice/payment/${reference}`,
  query: `/payments/${reference}`,
  proof: `/state/invoice/payment/${reference}?proof=true`,
  receipt: `/transactions/${id}/receipt`,
});

/** Reads until `isOver`; answers a line for each kind. Throws where a read fails. */
export async function readMeanwhile(
  { targets }: Pick<BenchConsortium, 'targets'>,
  payments: readonly Paid[],
  isOver: () => boolean,
): Promise<{ read: string; reads: number; p50_ms: number; p99_ms: number }[]> {
  const { process, apiKey } = targets[0]!;
  const headers = { authorization: `Bearer ${apiKey}` };
  const kinds = Object.keys(routes(payments[0]!));
  return Promise.all(
    kinds.map(async (read) => {
      const connection = new Client(process.url);
      const latency = createHistogram();
      for (let number = 0; !isOver(); number++) {
        const route = routes(payments[number % payments.length]!)[read]!;
        const sent = performance.now();
        const { status, text } = await send(connection, {
          method: 'GET',
          path: `${BASE}${route}`,
          headers,
        });
        if (status !== 200) throw new Error(`${route} answered ${status}: ${text}`);
        latency.record(Math.max(1, Math.round((performance.now() - sent) * 1000)));
        await delay(PACE_MS);
      }
      await connection.close();
      return {
        read,
        reads: latency.count,
        p50_ms: round(latency.percentile(50) / 1000),
        p99_ms: round(latency.percentile(99) / 1000),
      };
    }),
  );
}
