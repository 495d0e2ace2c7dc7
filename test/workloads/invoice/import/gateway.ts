/**
 * A small HTTP server that answers like a gateway, over the real invoice contract on a ledger in a
 * map. It has no memory for idempotency keys, so whatever is sent twice arrives twice; faults can be
 * put before or after the call takes effect.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { routeTable } from '../../../../shared/api/routes.ts';
import { invoiceContract } from '../../../../workloads/invoice/contract.ts';
import type { ImportKeys } from '../../../../workloads/invoice/import/ledger-access.ts';
import { Market, type Name } from '../market.ts';

/** What goes wrong: an answer instead of the call, or a call whose answer is lost or a 504. */
export type Fault = { readonly status: number } | 'lost-before' | 'lost-after' | 'late';

const KEYS: Readonly<Record<string, Name>> = Object.fromEntries(
  (
    [
      ['platform', 'platform'],
      ['shop', 'seller'],
      ['works', 'ann'],
      ['works', 'finance'],
    ] as const
  ).map(([member, name], index) => [
    `fuqi_${member}_${String(index).padStart(12, '0')}_${'s'.repeat(43)}`,
    name,
  ]),
);
const [platform, seller, employee, finance] = Object.keys(KEYS) as [string, string, string, string];
export const keys: Required<ImportKeys> = {
  'payment-platform': platform,
  seller,
  employee,
  finance,
};

export class TestGateway {
  readonly market = new Market();
  /** Asked before each call; `count` counts from 1. */
  fault: (call: { readonly count: number; readonly path: string }) => Fault | undefined = () =>
    undefined;
  /** Committed transactions by path without its number, and refused ones by reason. */
  readonly committed = new Map<string, number>();
  readonly rejected = new Map<string, number>();
  calls = 0;
  mostAtOnce = 0;
  #atOnce = 0;
  readonly #routes = routeTable([invoiceContract]);
  readonly #server = createServer((request, response) => {
    this.#answer(request).then(
      (answer) => {
        if (answer === 'lost') return response.destroy();
        response.writeHead(answer.status, { 'content-type': 'application/json' });
        return response.end(JSON.stringify(answer.body));
      },
      (error) =>
        response.writeHead(500).end(JSON.stringify({ code: 'internal', detail: String(error) })),
    );
  });

  async open(): Promise<{ readonly base: string; readonly consortium: string }> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const { port } = this.#server.address() as AddressInfo;
    return { base: `http://127.0.0.1:${port}`, consortium: 'test' };
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage) {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    try {
      const body = await text(request);
      // A round trip through the event loop, so that calls really overlap.
      await new Promise(setImmediate);
      const url = new URL(request.url!, 'http://gateway');
      assert.ok(url.pathname.startsWith('/v1/consortia/test/'));
      const path = url.pathname.slice('/v1/consortia/test'.length);
      const fault = this.fault({ count: ++this.calls, path });
      if (fault === 'lost-before') return 'lost' as const;
      if (typeof fault === 'object') return { status: fault.status, body: {} };
      const answer = this.#call(request, path, url.searchParams, body);
      if (fault === 'lost-after') return 'lost' as const;
      return fault === 'late' ? { status: 504, body: {} } : answer;
    } finally {
      this.#atOnce--;
    }
  }

  #call(request: IncomingMessage, path: string, query: URLSearchParams, body: string) {
    const name = KEYS[request.headers.authorization?.replace('Bearer ', '') ?? ''];
    if (!name) return problem(401, { code: 'unauthorized' });
    const verb = request.method;
    const match = this.#routes.match(path).find(({ route }) => route.verb === verb);
    if (!match) return problem(404, { code: 'not-found' });
    const { route, parameters } = match;
    if (verb === 'GET') {
      const input = { ...Object.fromEntries(query), ...parameters };
      const output = this.market.query(name, route.method, input);
      if (!('refused' in output)) return { status: 200, body: { height: 1, output } };
      return problem(404, { code: 'contract-rejected', reason: String(output.refused) });
    }
    const answer = this.market.call(name, route.method, { ...JSON.parse(body), ...parameters });
    const add = (counts: Map<string, number>, key: string) =>
      counts.set(key, (counts.get(key) ?? 0) + 1);
    if (answer.ok) {
      add(this.committed, route.method);
      const { output } = answer;
      return { status: 200, body: { id: 'f'.repeat(64), status: 'committed', output } };
    }
    const { ok, message: detail, ...more } = answer;
    add(this.rejected, more.reason ?? more.code);
    return problem(more.code === 'forbidden' ? 403 : 422, { detail, ...more });
  }
}

const problem = (status: number, members: object) => ({
  status,
  body: { code: 'unknown', detail: 'refused', ...members },
});
