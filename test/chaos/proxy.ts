/**
 * A TCP proxy between two nodes, one way round: `from` reaches `to` through it. Requests and replies
 * can be held back apart from each other, all connections can be refused, bytes can be late.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** How a link misbehaves; `{}` is a good one. */
export interface Trouble {
  /** What `from` sends is kept until the link is good again, even where `from` has given up by then. */
  readonly holdRequests?: boolean;
  /** `to` hears and acts, `from` gets no answer. */
  readonly holdReplies?: boolean;
  /** Connections are cut and refused. */
  readonly refuse?: boolean;
  readonly delayMs?: number;
}

export class Link {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #trouble: Trouble = {};
  #changed: (() => void)[] = [];

  private constructor(port: number) {
    this.#server = createServer((socket) => this.#accept(socket, port));
  }

  /** Opens a link to a port of this machine. */
  static async open(port: number): Promise<Link> {
    const link = new Link(port);
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Sets how it behaves from now on; what was held back is delivered late. */
  set(trouble: Trouble): void {
    this.#trouble = trouble;
    if (trouble.refuse) for (const socket of this.#sockets) socket.destroy();
    for (const wake of this.#changed.splice(0)) wake();
  }

  close(): void {
    this.#server.close();
    this.set({ refuse: true });
  }

  #accept(near: Socket, port: number): void {
    if (this.#trouble.refuse) {
      near.destroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    this.#pass(near, far, 'holdRequests');
    this.#pass(far, near, 'holdReplies');
  }

  #pass(source: Socket, target: Socket, hold: 'holdRequests' | 'holdReplies'): void {
    this.#sockets.add(source);
    source.setNoDelay(true);
    // One after the other, so that no byte overtakes another.
    let last: Promise<void> = Promise.resolve();
    const inTurn = (act: () => void): void => {
      const dueAt = Date.now() + (this.#trouble.delayMs ?? 0);
      last = last.then(async () => {
        const early = dueAt - Date.now();
        if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
        while (this.#trouble[hold]) {
          await new Promise<void>((resolve) => this.#changed.push(resolve));
        }
        if (!target.destroyed) act();
      });
    };
    source.on('data', (chunk) => inTurn(() => target.write(chunk)));
    source.on('end', () => inTurn(() => target.end()));
    source.on('error', () => target.destroy());
    source.on('close', () => {
      this.#sockets.delete(source);
      inTurn(() => target.destroy());
    });
  }
}
