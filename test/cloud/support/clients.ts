/**
 * Clients of a consortium that has a bad day: each payment is sent until its end is known, with one
 * idempotency key, as the importer does. Whatever was answered is written down.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Digest } from '../../../shared/bytes/digest.ts';

const WAIT_S = 10;
const CALL_MS = 45_000;
/** Longer than every back-off of the protocol taken together: then it counts as lost. */
const PATIENCE_MS = 240_000;

export interface Target {
  readonly url: string;
  readonly consortium: string;
  readonly key: string;
}

/** A payment that was acknowledged as final. */
export interface Acknowledged {
  readonly reference: string;
  readonly id: Digest;
  readonly height: number;
  readonly index: number;
  readonly elapsedMs: number;
}

const bodyOf = (reference: string): string =>
  JSON.stringify({ reference, payee: 'corner-shop', currency: 'CNY', amount: 100 });

export class Clients {
  readonly #target: Target;
  readonly acknowledged: Acknowledged[] = [];
  /** Ids that were held durably (202) at some time. */
  readonly held = new Set<Digest>();
  /** Answers that were no end, by status; `0` where there was none. */
  readonly failures = new Map<number, number>();

  constructor(target: Target) {
    this.#target = target;
  }

  /** Sends a payment until it is final. Throws where it was refused, or takes for ever. */
  async pay(reference: string): Promise<Acknowledged> {
    const started = performance.now();
    const body = bodyOf(reference);
    let said = '';
    while (performance.now() < started + PATIENCE_MS) {
      const answer = await this.#call('/payments', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'idempotency-key': reference,
          prefer: `wait=${WAIT_S}`,
        },
        body,
      });
      said = JSON.stringify(answer);
      if (answer.status === 200) {
        const { id, height, index } = answer.body;
        const elapsedMs = performance.now() - started;
        const acknowledged = { reference, id, height, index, elapsedMs };
        this.acknowledged.push(acknowledged);
        return acknowledged;
      }
      if (answer.status === 202) this.held.add(answer.body.id);
      else if (answer.status > 0 && answer.status < 500 && answer.status !== 429) break;
      else this.#failed(answer.status);
      await delay(50 + Math.random() * 200);
    }
    throw new Error(`the payment ${reference} has no end: ${said}`);
  }

  /** Leaves a payment with the node without waiting for its end (202); answers its id. */
  async leave(reference: string): Promise<Digest | undefined> {
    const { status, body } = await this.#call('/payments', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': reference,
        prefer: 'respond-async',
      },
      body: bodyOf(reference),
    });
    if (status !== 202) return undefined;
    this.held.add(body.id);
    return body.id;
  }

  /** So many payments, so many at once. */
  async payMany(name: string, count: number, atOnce: number): Promise<void> {
    let next = 0;
    const client = async (): Promise<void> => {
      while (next < count) await this.pay(`${name}-${next++}`);
    };
    await Promise.all(Array.from({ length: atOnce }, client));
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers of any shape.
  async #call(path: string, init: RequestInit): Promise<{ status: number; body: any }> {
    const { url, consortium, key } = this.#target;
    try {
      const response = await fetch(`${url}/v1/consortia/${consortium}${path}`, {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${key}` },
        signal: AbortSignal.timeout(CALL_MS),
      });
      const text = await response.text();
      return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
    } catch (error) {
      return { status: 0, body: String(error) };
    }
  }

  #failed(status: number): void {
    this.failures.set(status, (this.failures.get(status) ?? 0) + 1);
  }
}
