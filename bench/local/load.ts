/** Clients that pay: each sends a payment, waits until it is final, and sends the next. */
import { randomBytes } from 'node:crypto';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'undici';
import { signTransaction } from '../../node/key-file.ts';
import { BASE, type BenchConsortium, type Target } from './consortium.ts';

const PAYEE = 'member-1';
const WAIT = 'wait=25';

export interface LoadOptions {
  /** The nodes sign for their clients, which call with API keys. */
  readonly custodial?: boolean | undefined;
  /** The clients call the gateway, which knows by their keys whose node to ask. */
  readonly throughGateway?: boolean | undefined;
  /** Payments a second that all clients together start, at the most; as many as they can unless told. */
  readonly perSecond?: number | undefined;
  /** Told of each payment that was committed. */
  readonly onPaid?: (paid: { readonly reference: string; readonly id: string }) => void;
}

/** What a closed loop took. */
export interface LoopFigures {
  readonly seconds: number;
  /** Microseconds from sending to the final answer. */
  readonly latency: RecordableHistogram;
}

export interface LoadFigures extends LoopFigures {
  /** Payments that were answered "pending" first, and were final later. */
  readonly late: number;
}

/** How many transactions a line of a benchmark has, of `txs` that were asked for: of one client, a tenth. */
export const transactionsOf = (count: number, txs: string): number =>
  count === 1 ? Math.ceil(Number(txs) / 10) : Number(txs);

/** Commits `total` payments by `count` clients, spread over the nodes' own APIs. Throws where one fails. */
export async function load(
  { ledger, targets, gateway }: Pick<BenchConsortium, 'ledger' | 'targets' | 'gateway'>,
  count: number,
  total: number,
  { custodial, throughGateway, perSecond, onPaid }: LoadOptions = {},
): Promise<LoadFigures> {
  const label = randomBytes(6).toString('hex');
  let late = 0;
  const from = performance.now();
  const targetOf = (index: number): Target => targets[index % targets.length]!;
  const urlOf = (index: number): string => (throughGateway ? gateway : targetOf(index).process).url;
  const figures = await closedLoop(count, total, urlOf, async (connection, index, number) => {
    if (perSecond !== undefined) {
      const due = from + (number * 1000) / perSecond - performance.now();
      if (due > 0) await delay(due);
    }
    const args = paymentOf(label, number);
    const request = custodial
      ? custodialRequest(targetOf(index), args)
      : signedRequest(targetOf(index), args, ledger);
    const sent = performance.now();
    let { status, text } = await send(connection, { method: 'POST', ...request });
    if (status === 202) {
      late++;
      ({ status, text } = await untilFinal(connection, JSON.parse(text).id));
    }
    if (status !== 200) throw new Error(`a payment ended with ${status}: ${text}`);
    if (onPaid) onPaid({ reference: args.reference, id: JSON.parse(text).id });
    return sent;
  });
  return { ...figures, late };
}

/**
 * So many clients, each with a connection of its own, do the next thing when the last one is done, until `total` are. `once` is
 * told whose client it is for, and the number of what is to be done, and answers when it was sent (`performance.now()`).
 */
export async function closedLoop(
  count: number,
  total: number,
  urlOf: (index: number) => string,
  once: (connection: Client, index: number, number: number) => Promise<number>,
): Promise<LoopFigures> {
  const latency = createHistogram();
  let next = 0;
  const from = performance.now();
  const client = async (_: unknown, index: number): Promise<void> => {
    const connection = new Client(urlOf(index));
    while (next < total) {
      const sent = await once(connection, index, next++);
      latency.record(Math.max(1, Math.round((performance.now() - sent) * 1000)));
    }
    await connection.close();
  };
  await Promise.all(Array.from({ length: count }, client));
  return { seconds: (performance.now() - from) / 1000, latency };
}

const LATE_MS_MAX = 120_000;
const LOOK_MS = 200;

/** Asks for a held payment until it is committed; throws where it is not. */
async function untilFinal(
  connection: Client,
  id: string,
): Promise<{ status: number; text: string }> {
  const until = performance.now() + LATE_MS_MAX;
  for (;;) {
    const path = `${BASE}/transactions/${id}`;
    const answer = await send(connection, { method: 'GET', path, headers: {} });
    const { status } = JSON.parse(answer.text);
    if (status === 'committed') return answer;
    if (status !== 'pending' || performance.now() > until) {
      throw new Error(`a payment that was held ended with ${answer.text}`);
    }
    await delay(LOOK_MS);
  }
}

interface Payment {
  readonly reference: string;
  readonly payee: string;
  readonly currency: string;
  readonly amount: number;
}

interface Post {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A payment as its payer's platform signs it: a compact JWS. */
export const signedPayment = (
  key: Target['key'],
  ledger: BenchConsortium['ledger'],
  args: Payment,
): string =>
  signTransaction(key, {
    ledger,
    contract: 'invoice',
    method: 'recordPayment',
    args: { ...args },
    nonce: args.reference,
    notAfter: Date.now() + 120_000,
  });

/** The payment of a number, among those that a label stands for. */
export const paymentOf = (label: string, number: number): Payment => ({
  reference: `${label}-${number}`,
  payee: PAYEE,
  currency: 'CNY',
  amount: 100 + number,
});

function signedRequest({ key }: Target, args: Payment, ledger: BenchConsortium['ledger']): Post {
  const body = signedPayment(key, ledger, args);
  const headers = { 'content-type': 'application/jose', prefer: WAIT };
  return { path: `${BASE}/transactions`, headers, body };
}

function custodialRequest({ apiKey }: Target, args: Payment): Post {
  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${apiKey}`,
    prefer: WAIT,
  };
  return { path: `${BASE}/payments`, headers, body: JSON.stringify(args) };
}

/** Sends a request and reads the answer, without a stream for each: the client shares the machine. */
export function send(
  connection: Client,
  request: Omit<Post, 'body'> & { readonly method: 'GET' | 'POST'; readonly body?: string },
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let text = '';
    connection.dispatch(request, {
      onRequestStart() {},
      onResponseStart(_, statusCode) {
        status = statusCode;
      },
      onResponseData(_, chunk) {
        text += chunk.toString('latin1');
      },
      onResponseEnd() {
        resolve({ status, text });
      },
      onResponseError(_, error) {
        reject(error);
      },
    });
  });
}
