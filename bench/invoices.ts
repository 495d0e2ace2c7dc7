/**
 * `npm run bench:invoices`: the same payments and invoices written to the public contract `invoice` and to `einvoice`, whose
 * amounts and parties the tax bureau's node endorses and each party alone reads: a bureau, a payment platform, two shops and a
 * buyer, each with a node that signs for its clients. Prints JSON lines.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { createHistogram } from 'node:perf_hooks';
import { Command } from 'commander';
import { Client } from 'undici';
import { textDigest } from '../shared/contract/text-digest.ts';
import { withTotals } from '../workloads/invoice/tax.ts';
import { print, round, startDescribed } from './local/consortium.ts';
import { send } from './local/load.ts';

const options = new Command()
  .option('--clients <number>', 'clients', '64')
  .option('--invoices <number>', 'payments, and invoices, of each contract', '1500')
  .option('--warm <number>', 'as many of each before, which count for nothing', '400')
  .option('--port <number>', 'the first port', '9680')
  .parse()
  .opts<{ clients: string; invoices: string; warm: string; port: string }>();
const [clients, invoices, warm] = [options.clients, options.invoices, options.warm].map(Number) as [
  number,
  number,
  number,
];

const NAME = 'invoices';
const SHOPS = ['shop-1', 'shop-2'];
const rolesIn = (role: string): string[] => [`invoice.${role}`, `einvoice.${role}`];
const members = {
  bureau: rolesIn('tax-bureau'),
  platform: rolesIn('payment-platform'),
  ...Object.fromEntries(SHOPS.map((shop) => [shop, rolesIn('seller')])),
  buyer: rolesIn('employee'),
};
const consortium = await startDescribed(
  {
    format: 'fuqi-local-1',
    name: NAME,
    members: Object.entries(members).map(([id, roles]) => ({
      id,
      name: id,
      identities: { desk: roles },
    })),
  },
  Number(options.port),
);

/** Calls a member's node as its desk; answers the contract's output. */
async function call(member: string, connection: Client, at: string, body: object) {
  const { status, text } = await send(connection, {
    method: 'POST',
    path: `/v1/consortia/${NAME}${at}`,
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${consortium.keyOf(member, 'desk')}`,
      prefer: 'wait=25',
    },
    body: JSON.stringify(body),
  });
  if (status !== 200) throw new Error(`${at} answered ${status}: ${text}`);
  return JSON.parse(text).output;
}

const connect = (member: string): Client =>
  new Client(consortium.nodeProcesses.find(({ name }) => name === member)!.url);

/** Closed-loop clients at the nodes of `at`, until all of `work` is done; prints a line where it has a name. */
async function measured<T>(
  name: string | undefined,
  at: readonly string[],
  work: readonly T[],
  one: (member: string, connection: Client, item: T) => Promise<unknown>,
): Promise<void> {
  const latency = createHistogram();
  const queues = new Map(
    at.map((member, index) => [member, work.filter((_, n) => n % at.length === index)]),
  );
  const from = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async (_, index) => {
      const member = at[index % at.length]!;
      const connection = connect(member);
      for (
        let item = queues.get(member)!.pop();
        item !== undefined;
        item = queues.get(member)!.pop()
      ) {
        const sent = performance.now();
        await one(member, connection, item);
        latency.record(Math.max(1, Math.round((performance.now() - sent) * 1000)));
      }
      await connection.close();
    }),
  );
  const tps = Math.round((work.length * 1000) / (performance.now() - from));
  if (name === undefined) return;
  const [, kind] = name.split('.') as [string, string];
  const ofPublic = publicTps.get(kind);
  if (ofPublic === undefined) publicTps.set(kind, tps);
  const [p50_ms, p99_ms] = [50, 99].map((part) => round(latency.percentile(part) / 1000));
  const share = ofPublic !== undefined && { percent_of_public: round((100 * tps) / ofPublic) };
  print({ name, clients, txs: work.length, tps, ...share, p50_ms, p99_ms });
}
const publicTps = new Map<string, number>();

const LINES = [
  {
    description: 'Cold drinks',
    quantity: '10',
    unitPrice: '10.00',
    net: 10_000,
    rateBp: 1300,
    tax: 1300,
  },
  {
    description: 'A straw hat',
    quantity: '1',
    unitPrice: '25.00',
    net: 2500,
    rateBp: 1300,
    tax: 325,
  },
];
const documentOf = (seller: string) =>
  withTotals({
    currency: 'CNY',
    seller: { name: seller, taxId: '91440300MA5EXAMPLE' },
    buyer: { name: 'Works of the South', taxId: '91440300MA5SAMPLE2' },
    issuedOn: '2026-11-27',
    rounding: 'per-line',
    lines: LINES,
  });

interface Payment {
  readonly id: string;
  readonly shop: string;
  readonly amount: number;
}
const { gross } = documentOf(SHOPS[0]!);
// Of each shop in turn, as the clients are.
const paymentsOf = (count: number): Payment[] =>
  Array.from({ length: count }, (_, index) => ({
    id: randomUUID(),
    shop: SHOPS[index % SHOPS.length]!,
    amount: gross,
  }));

/** What each contract calls the same things. */
const CONTRACTS = {
  invoice: {
    base: '',
    payment: ({ id, shop, amount }: Payment) => ({ reference: id, payee: shop, amount }),
    invoice: ({ id, shop }: Payment) => ({
      document: documentOf(shop),
      payments: [id],
      buyer: 'buyer',
    }),
  },
  einvoice: {
    base: '/einvoices',
    payment: ({ id, shop, amount }: Payment) => ({
      ...{ id, reference: `wx-${id}`, payee: shop, currency: 'CNY', amount },
    }),
    invoice({ id, shop }: Payment) {
      const document = documentOf(shop);
      const checkCode = Array.from({ length: 20 }, () => randomInt(10)).join('');
      const check = textDigest(`${document.issuedOn} ${checkCode}`);
      return { ...document, payments: [id], check, checkCode, to: 'buyer' };
    },
  },
} as const;

async function setUp(base: string): Promise<void> {
  const connection = connect('bureau');
  for (const [index, merchant] of SHOPS.entries()) {
    const [from, to] = [index * 1e7 + 1, (index + 1) * 1e7].map((n) => String(n).padStart(20, '0'));
    await call('bureau', connection, `${base}/allotments`, { merchant, from, to });
    const limit = 900_000_000_000;
    await call('bureau', connection, `${base}/credit-limits`, { merchant, currency: 'CNY', limit });
  }
  await connection.close();
}

async function write(
  contract: keyof typeof CONTRACTS,
  count: number,
  isWarm: boolean,
): Promise<void> {
  const { base, payment, invoice } = CONTRACTS[contract];
  const payments = paymentsOf(count);
  const named = (kind: string) => (isWarm ? undefined : `${contract}.${kind}`);
  await measured(named('recordPayment'), ['platform'], payments, (member, connection, one) =>
    call(member, connection, `${base}/payments`, payment(one)),
  );
  const at = base === '' ? '/invoices' : base;
  await measured(named('issue'), SHOPS, payments, (member, connection, one) =>
    call(member, connection, at, invoice(one)),
  );
}

try {
  for (const contract of ['invoice', 'einvoice'] as const) await setUp(CONTRACTS[contract].base);
  // The engine compiles what is hot; that takes it out of the lines.
  for (const contract of ['invoice', 'einvoice'] as const) await write(contract, warm, true);
  for (const contract of ['invoice', 'einvoice'] as const) await write(contract, invoices, false);
} finally {
  await consortium.stop();
}
