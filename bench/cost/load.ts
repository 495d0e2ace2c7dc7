/** What the cost bench does to a consortium: lone payments, and batches of signed ones. */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type { Cloud } from '../../infra/emulator/consortium.ts';
import { call } from '../../node/gateway-call.ts';
import { publicJwkOf, signTransaction } from '../../node/key-file.ts';
import type { Digest } from '../../shared/bytes/digest.ts';

const PLATFORM = 'payment-platform';
/** The platform pays the shop; both stand in the example's file. */
const PAYEE = 'corner-shop';
const VALID_MS = 120_000;

export class Load {
  readonly #cloud: Cloud;
  readonly #key: KeyObject;
  readonly #ledger: Digest;

  private constructor(cloud: Cloud, key: KeyObject, ledger: Digest) {
    this.#cloud = cloud;
    this.#key = key;
    this.#ledger = ledger;
  }

  /** Registers a key of the payment platform's for signed transactions. */
  static async open(cloud: Cloud): Promise<Load> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = publicJwkOf(privateKey);
    const roles = ['invoice.payment-platform'];
    const target = (name: string) => ({
      url: cloud.url,
      consortium: cloud.ring.consortium,
      key: cloud.ring.keys[name],
    });
    await call(target(`${PLATFORM}/admin`), '/identities', {
      body: JSON.stringify({ name: 'bench', jwk, roles }),
    });
    const { ledger } = (await call(target(`${PLATFORM}/admin`), '')) as { ledger: Digest };
    return new Load(cloud, privateKey, ledger);
  }

  /** The member that leads the current round. */
  async leader(): Promise<string> {
    const { leader } = (await this.#get(PLATFORM, '/consensus')) as { leader: string };
    return leader;
  }

  /** Transactions in each block above a height, and the head's height. */
  async blocksAbove(height: number): Promise<{ height: number; blocks: number[] }> {
    const { blocks } = (await this.#get(PLATFORM, '/blocks?limit=50')) as {
      blocks: { height: number; transactionCount: number }[];
    };
    const added = blocks.filter((block) => block.height > height).reverse();
    return {
      height: blocks[0]!.height,
      blocks: added.map(({ transactionCount }) => transactionCount),
    };
  }

  /** One payment through the member's own API and custodial key, until it is final; ms. */
  async pay(): Promise<number> {
    const { url, ring } = this.#cloud;
    const target = { url, consortium: ring.consortium, key: ring.keys[`${PLATFORM}/platform`] };
    const body = JSON.stringify({
      ...payment(),
      reference: `lone-${randomBytes(6).toString('hex')}`,
    });
    const from = performance.now();
    await call(target, '/payments', { body });
    return performance.now() - from;
  }

  /** Signed payments in one request to a member's node, until all are final; ms. */
  async batch(member: string, count: number): Promise<number> {
    const label = randomBytes(6).toString('hex');
    const notAfter = Date.now() + VALID_MS;
    const lines = Array.from({ length: count }, (_, index) =>
      signTransaction(this.#key, {
        ledger: this.#ledger,
        contract: 'invoice',
        method: 'recordPayment',
        args: { ...payment(), reference: `${label}-${index}` },
        nonce: `${label}${index}`,
        notAfter,
      }),
    );
    const { url, ring } = this.#cloud;
    const from = performance.now();
    const response = await fetch(`${url}/v1/consortia/${ring.consortium}/transactions/batch`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${ring.keys[`${member}/admin`]}`,
        'content-type': 'application/x-ndjson',
        prefer: 'wait=25',
      },
      body: lines.join('\n'),
    });
    const text = await response.text();
    const ms = performance.now() - from;
    const results = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { status?: string });
    const other = results.find(({ status }) => status !== 'committed');
    if (results.length !== count || other) {
      throw new Error(`a batch of ${count} ended with ${JSON.stringify(other ?? text)}`);
    }
    return ms;
  }

  #get(member: string, path: string): Promise<unknown> {
    const { url, ring } = this.#cloud;
    return call({ url, consortium: ring.consortium, key: ring.keys[`${member}/admin`] }, path);
  }
}

const payment = () => ({ payee: PAYEE, currency: 'CNY', amount: 100 });
