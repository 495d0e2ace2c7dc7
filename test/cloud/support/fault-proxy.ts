/**
 * An HTTP proxy in front of the AWS emulator, which the deployed functions take for AWS: they call it with
 * the real SDK, and it answers what it is told to (a service's own error, no answer, a late one), or ends
 * the process that called. Everything else goes through, byte for byte, so that signatures hold.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type ServiceError, sendError, sendPart } from './service-errors.ts';
import { killOwner } from './socket-owner.ts';

/** A call of a function to a service. */
export interface ServiceCall {
  readonly service: 'dynamodb' | 'kms' | 'lambda' | 'sqs' | 'other';
  /** Such as `PutItem`; of Lambda always `Invoke`. */
  readonly operation: string;
  /** The function that is invoked. */
  readonly invoked: string | undefined;
  /** The function that calls; undefined where it is not one of those that were named. */
  readonly caller: string | undefined;
  readonly body: Buffer;
}

/** What happens to a call instead of, before or after its way to the service. */
export type Fault =
  | { readonly kind: 'error'; readonly error: ServiceError }
  /** The service acts, nobody hears of it. */
  | { readonly kind: 'lose-reply' }
  /** The connection is cut before the service hears of the call. */
  | { readonly kind: 'cut' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** The service never hears of it, and the caller no answer. */
  | { readonly kind: 'hang' }
  /** DynamoDB leaves half of a batch over. */
  | { readonly kind: 'partial' }
  /** `kill -9` for the process that calls, before or after the service acted. */
  | { readonly kind: 'kill'; readonly when: 'before' | 'after' };

/** Decides about each call, in the order in which they arrive. */
export type FaultPlan = (call: ServiceCall) => Fault | undefined;

export class FaultProxy {
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #target: number;
  readonly #callers = new Map<string, string>();
  /** What was done, by kind. */
  readonly counts = new Map<string, number>();
  plan: FaultPlan = () => undefined;
  /** Is told of each call that got through, with its answer. */
  heard: (call: ServiceCall, reply: Buffer) => void = () => undefined;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((incoming, outgoing) => void this.#serve(incoming, outgoing));
    this.#server.keepAliveTimeout = 60_000;
  }

  /** Opens one in front of a port of this machine. */
  static async open(target: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Learns which functions call: the emulator derives a function's access key from its name and role. */
  know(functions: readonly { name: string; arn: string; role: string }[]): void {
    for (const { name, arn, role } of functions) {
      const digest = createHash('sha256').update(`${arn}:${role}`).digest('hex');
      this.#callers.set(`ASIA${digest.slice(0, 16).toUpperCase()}`, name);
    }
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const call = this.#callOf(incoming, Buffer.concat(chunks));
      const fault = this.plan(call);
      if (fault) this.#count(`${call.service} ${fault.kind}`);
      if (fault?.kind === 'error') return sendError(outgoing, call, fault.error);
      if (fault?.kind === 'hang') return;
      if (fault?.kind === 'cut') return void incoming.socket.destroy();
      if (fault?.kind === 'kill' && fault.when === 'before') {
        killOwner(incoming.socket);
        return void incoming.socket.destroy();
      }
      if (fault?.kind === 'delay') await delay(fault.ms);
      const { status, headers, body } = await this.#pass(incoming, call.body);
      this.heard(call, body);
      if (fault?.kind === 'kill') killOwner(incoming.socket);
      if (fault?.kind === 'kill' || fault?.kind === 'lose-reply') {
        return void incoming.socket.destroy();
      }
      if (fault?.kind === 'partial') return sendPart(outgoing, call, body);
      outgoing.writeHead(status, headers);
      outgoing.end(body);
    } catch {
      incoming.socket.destroy();
    }
  }

  async #pass({ method, url, rawHeaders }: IncomingMessage, body: Buffer) {
    const outgoing = request({
      agent: this.#agent,
      host: '127.0.0.1',
      port: this.#target,
      method,
      path: url,
      headers: rawHeaders,
      setHost: false,
    });
    outgoing.end(body);
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of reply) chunks.push(chunk as Buffer);
    const headers = reply.rawHeaders.filter((_, at) => {
      const name = reply.rawHeaders[at - (at % 2)]!.toLowerCase();
      return name !== 'transfer-encoding' && name !== 'connection' && name !== 'keep-alive';
    });
    return { status: reply.statusCode!, headers, body: Buffer.concat(chunks) };
  }

  #callOf({ headers, url = '/' }: IncomingMessage, body: Buffer): ServiceCall {
    const credential = /Credential=([^/]+)/.exec(headers.authorization ?? '')?.[1];
    const caller = credential ? this.#callers.get(credential) : undefined;
    const invoked = /\/functions\/([^/]+)\/invocations/.exec(url)?.[1];
    const about = { caller, body, invoked: invoked && decodeURIComponent(invoked) };
    if (invoked) return { ...about, service: 'lambda', operation: 'Invoke' };
    const [prefix = '', operation = ''] = String(headers['x-amz-target'] ?? '').split('.');
    const service = prefix.startsWith('DynamoDB')
      ? 'dynamodb'
      : prefix === 'TrentService'
        ? 'kms'
        : prefix === 'AmazonSQS'
          ? 'sqs'
          : 'other';
    return { ...about, service, operation };
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}
