/**
 * Health of a consortium as its gateway sees it: the head of each node and how far it lags behind
 * the highest. Asks every node, briefly; holds nothing between two requests.
 */
import type { NodeHealth } from './health.ts';
import type { UnwritableHealth } from './store-faults.ts';

export interface NodeProbe {
  readonly fetch: typeof globalThis.fetch;
  readonly members: readonly { readonly id: string; readonly endpoint: string }[];
}

export interface ConsortiumHealth {
  /** `ok`: all nodes serve; `degraded`: some do; `down`: none does. */
  readonly status: 'ok' | 'degraded' | 'down';
  readonly consortium: string;
  readonly height: number | null;
  readonly nodes: readonly NodeLine[];
}

type NodeLine =
  | { readonly member: string; readonly status: 'down' }
  | (Omit<UnwritableHealth, 'consortium' | 'ledger'> & { readonly lag: number })
  | (Omit<NodeHealth, 'consortium' | 'ledger'> & {
      /** Blocks behind the highest head seen. */
      readonly lag: number;
    });

const PROBE_MS = 2000;

/** Probes all nodes at once. */
export async function consortiumHealth(
  consortium: string,
  { fetch, members }: NodeProbe,
): Promise<ConsortiumHealth> {
  const answers = await Promise.all(
    members.map(async ({ id, endpoint }) => ({ id, health: await ask(fetch, endpoint) })),
  );
  const healths = answers.flatMap(({ health }) => health ?? []);
  const highest = Math.max(...healths.map(({ height }) => height));
  const serving = healths.filter(({ status }) => status === 'ok').length;
  return {
    status: serving === members.length ? 'ok' : serving > 0 ? 'degraded' : 'down',
    consortium,
    height: healths.length > 0 ? highest : null,
    nodes: answers.map(({ id, health }): NodeLine => {
      if (!health) return { member: id, status: 'down' };
      const { consortium: _consortium, ledger: _ledger, ...line } = health;
      return { ...line, member: id, lag: highest - health.height };
    }),
  };
}

async function ask(
  fetch: typeof globalThis.fetch,
  endpoint: string,
): Promise<NodeHealth | UnwritableHealth | undefined> {
  try {
    const url = `${endpoint.replace(/\/+$/, '')}/healthz`;
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) });
    const health = (await response.json()) as NodeHealth | UnwritableHealth;
    return Number.isSafeInteger(health.height) ? health : undefined;
  } catch {
    return undefined;
  }
}
