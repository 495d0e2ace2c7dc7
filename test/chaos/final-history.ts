/** The final history as one node tells it after a run: blocks, and every transaction's proven result. */
import { Agent, request } from 'undici';
import type { Digest } from '../../shared/bytes/digest.ts';
import type { Header } from '../../shared/ledger/block.ts';
import { type ProvenReceipt, verifyReceipt } from '../../shared/proof/verify.ts';
import { BASE, type Consortium } from './consortium.ts';
import type { History, SeenEvent } from './history.ts';

export interface FinalBlock {
  readonly id: Digest;
  readonly height: number;
  readonly header: Header;
  readonly transactions: readonly Digest[];
}

const PAGE = 100;
/** Requests to one node at once. */
const AT_ONCE = 6;

/** Reads one node; must be closed. */
export class NodeReader {
  readonly #agent = new Agent();
  readonly #url: string;
  readonly #ledger: Digest;
  readonly member: string;
  /** The height of its oldest block, once they were read. */
  oldest = 0;

  constructor(consortium: Consortium, member: string) {
    this.member = member;
    this.#url = `${consortium.urlOf(member)}${BASE}`;
    this.#ledger = consortium.ledger;
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers of any shape.
  async get(route: string): Promise<{ status: number; body: any; link: string }> {
    const response = await request(`${this.#url}${route}`, { dispatcher: this.#agent });
    const link = String(response.headers.link ?? '');
    return { status: response.statusCode, body: await response.body.json(), link };
  }

  /** All blocks that it keeps, in the order of heights: one that took a snapshot has no older ones. */
  async blocks(): Promise<FinalBlock[]> {
    const blocks: FinalBlock[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body } = await this.get(`/blocks?limit=${PAGE}${cursor && `&cursor=${cursor}`}`);
      blocks.push(...body.blocks);
      cursor = body.next;
    }
    blocks.reverse();
    this.oldest = blocks[0]!.height;
    return blocks;
  }

  /** All events, in order. */
  async events(): Promise<(SeenEvent & { readonly type: string })[]> {
    const events: (SeenEvent & { readonly type: string })[] = [];
    for (let query = '?limit=1000'; ; ) {
      const { body, link } = await this.get(`/events${query}`);
      events.push(...body);
      if (body.length === 0) return events;
      query = /\?[^>]*/.exec(link)![0];
    }
  }

  /** Receipts of transactions in these blocks, each verified offline; what fails is a violation. */
  async receipts(
    blocks: readonly FinalBlock[],
    history: History,
  ): Promise<Map<Digest, ProvenReceipt>> {
    const kept = blocks.filter(({ height }) => height >= this.oldest);
    const ids = kept.flatMap(({ transactions }) => transactions);
    const proven = new Map<Digest, ProvenReceipt>();
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < ids.length) {
        const id = ids[next++]!;
        const { status, body } = await this.get(`/transactions/${id}/receipt`);
        const verdict = status === 200 ? verifyReceipt(body, this.#ledger) : undefined;
        if (verdict?.verdict === 'VALID') proven.set(id, verdict);
        else {
          const why = JSON.stringify(verdict ?? body);
          history.violation(`${this.member} has no good receipt of ${id}: ${why}`);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return proven;
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}
