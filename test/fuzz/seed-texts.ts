/** Seeds that are texts: requests to the API, documents, and what stands in headers, queries and links. */
import { readFileSync } from 'node:fs';
import { issuePeerToken } from '../../node/peer-token.ts';
import { inputSchema } from '../../shared/api/arguments.ts';
import { contractCalls, routeOf } from '../../shared/api/routes.ts';
import { exampleOf } from '../../shared/api/schema-example.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { contracts } from '../../workloads/catalog.ts';
import { testKeyFrom } from '../support/local-network.ts';
import { SOLO } from '../support/solo.ts';
import { founded, MEMBERS, NOW } from './one-replica.ts';
import { PROOFS } from './proofs.ts';

const BASE = '/v1/consortia/demo';
const INVITATION = `fuqi-invitation_alpha_${'A'.repeat(43)}`;
const LEDGER = 'ab'.repeat(32) as Digest;

/** A request as the target reads it. */
function request(line: string, headers: Readonly<Record<string, string>> = {}, body = ''): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return `${[line, ...lines].join('\n')}\n\n${body}`;
}

/** Every call of the contracts, and of the fixed routes. */
export function requestSeeds(ids: readonly string[]): string[] {
  const json = { 'content-type': 'application/json' };
  const admin = { authorization: 'Bearer admin' };
  const calls = contractCalls(contracts.entries.map(({ contract }) => contract)).map((call) => {
    const { verb, path } = routeOf(call);
    const input = exampleOf(inputSchema(call.definition.input)) as Record<string, unknown>;
    const given = { ...input };
    const at = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      const value = String(given[name] ?? 'x');
      delete given[name];
      return encodeURIComponent(value);
    });
    const isPayment = call.method === 'recordPayment';
    const key = isPayment ? { authorization: 'Bearer platform' } : admin;
    if (verb === 'POST') {
      return request(`POST ${BASE}${at}`, { ...key, ...json }, JSON.stringify(given));
    }
    const query = new URLSearchParams(
      Object.entries(given).map(([name, value]): [string, string] => [name, `${value}`]),
    );
    return request(`GET ${BASE}${at}?${query}`, key);
  });
  const [id = LEDGER] = ids;
  const reads = [
    `${BASE}`,
    `${BASE}/genesis`,
    `${BASE}/consensus`,
    `${BASE}/blocks?limit=2&cursor=b3`,
    `${BASE}/blocks/3`,
    `${BASE}/transactions/${id}`,
    `${BASE}/transactions/${id}/receipt`,
    `${BASE}/state/counter/counter/a?at=2&proof=true`,
    `${BASE}/state/counter/counter/%E5%80%BC?proof=true`,
    `${BASE}/events?cursor=1.0.s&limit=3&type=counter.raised,a.b`,
    `${BASE}/events?from=head`,
    `${BASE}/export?limit=1&cursor=t1.0`,
    `${BASE}/usage?from=2026-01-01&to=2026-02-01`,
    `${BASE}/issuers`,
    `${BASE}/evidence/beta.1.2.vote/proof`,
    `${BASE}/join`,
    '/healthz',
    '/openapi.json',
    '/docs?lang=zh',
    '/v1/consortia/other/blocks',
    '/v2/consortia/demo/blocks',
  ].map((target) => request(`GET ${target}`, admin));
  const jws = signedSeed();
  return [
    ...calls,
    ...reads,
    request(`GET ${BASE}/events`, { accept: 'text/event-stream', 'last-event-id': '1.0.0' }),
    request(
      `POST ${BASE}/transactions`,
      { 'content-type': 'application/jose', prefer: 'wait=5' },
      jws,
    ),
    request(
      `POST ${BASE}/transactions/batch`,
      { 'content-type': 'application/x-ndjson', 'x-request-id': 'request-1' },
      `${jws}\n"${jws}"\n\nnothing\n`,
    ),
    request(`PUT ${BASE}/issuers`, { ...admin, ...json }, JSON.stringify({ issuers: [ISSUER] })),
    request(
      `POST ${BASE}/join`,
      { authorization: `Bearer ${INVITATION}`, ...json },
      JSON.stringify({ member: founded(MEMBERS).genesis.members[1] }),
    ),
    request(`DELETE ${BASE}/join`, { authorization: `Bearer ${INVITATION}` }),
    request(`OPTIONS ${BASE}/blocks`, { authorization: 'Basic eA==', 'content-encoding': 'gzip' }),
  ];
}

function signedSeed(): string {
  const bounds = { nonce: 'n', notAfter: NOW + 1000 };
  return founded(['alpha']).signedAt(
    'alpha/admin',
    'counter',
    'raise',
    { name: 'b', by: 2 },
    bounds,
  );
}

const ISSUER = {
  issuer: 'https://login.example/pool',
  audience: 'fuqi',
  audienceClaim: 'client_id',
  algorithms: ['ES256'],
  identities: [{ claim: 'groups', value: 'sellers', identity: 'seller' }],
};

/** Short texts. */
export function textSeeds(jws: string): string[] {
  const { privateKey: key } = testKeyFrom('fuzz alpha peer');
  return [
    jws,
    issuePeerToken({ key, member: 'beta', audience: 'alpha', ledger: LEDGER, now: 0 }),
    '12.3.4',
    '12.3.s',
    'b17',
    't17.4',
    'wait=10, respond-async; x="y"',
    'wait="5"',
    'request-0001',
    `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`,
    `Bearer fuqi_alpha_${'0'.repeat(12)}_${'A'.repeat(43)}`,
    `fuqi_alpha_${'0'.repeat(12)}_${'A'.repeat(43)}`,
    INVITATION,
    `https://gateway.example/path/v1/consortia/demo/join?ledger=${LEDGER}#${INVITATION}`,
    'AAECAwQFBgc',
    '00ff7f',
  ];
}

/** Documents of every kind that is read from a file or an answer. */
export function documentSeeds(): unknown[] {
  const { genesis } = founded(['alpha']);
  const mapping = readFileSync(
    new URL('../../examples/mapping.example.json', import.meta.url),
    'utf8',
  );
  const agreements = PROOFS.flatMap((proof) => {
    const { anchor } = proof as { anchor?: { handovers: { agreement?: unknown }[] } };
    return (anchor?.handovers ?? []).flatMap(({ agreement }) => agreement ?? []);
  });
  const evidence = PROOFS.flatMap((proof) => ('evidence' in proof ? [proof.evidence] : []));
  return [
    genesis,
    JSON.parse(mapping),
    SOLO,
    ...agreements.slice(0, 1),
    ...evidence,
    [ISSUER],
    { id: crypto.randomUUID(), authorization: 'Bearer a.b.c', message: 'AAEC' },
    {
      format: 'fuqi-node-1',
      member: 'alpha',
      genesis: 'genesis.json',
      data: 'data',
      storeIdentity: 'store-identity',
      listen: { host: '127.0.0.1', port: 8083 },
      peers: { beta: 'https://node.beta.example' },
      gateway: 'https://gateway.example',
      relay: 'wss://relay.example',
      keys: { node: 'n.pem', peer: 'p.pem', identities: { seller: 's.pem' } },
      apiKeys: 'api-keys.json',
      issuers: [ISSUER],
      limits: { requestsPerSecond: 10 },
      retain: { blocks: 1000, days: 2.5 },
    },
    {
      format: 'fuqi-gateway-1',
      consortium: 'demo',
      listen: { host: '::1', port: 0 },
      members: [{ id: 'alpha', endpoint: 'http://127.0.0.1:1' }],
      apiKeys: ['keys.json'],
      tokenRoutes: [{ issuer: 'https://i', audience: 'a', member: 'alpha' }],
      limits: { requestsPerSecond: 1, burst: 2 },
    },
  ];
}
