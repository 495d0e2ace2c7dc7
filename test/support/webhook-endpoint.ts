/** A member's own system that takes webhooks, as a user would write one: it checks each with the specification's library. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export class WebhookEndpoint {
  /** What it answers; below 300 it takes what comes. */
  status = 204;
  secret = '';
  /** The data of the events that it took. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of any shape.
  readonly taken: any[] = [];
  readonly #seen = new Set<string>();
  #server: Server | undefined;
  #port = 0;

  /** Listens on a port of this machine, the same each time; with `hangs` it never answers and calls that. */
  async open(hangs?: () => void): Promise<void> {
    this.#server = createServer(async (request, response) => {
      if (hangs) return hangs();
      let body = '';
      for await (const chunk of request) body += chunk;
      if (this.status < 300) {
        const headers = request.headers as Record<string, string>;
        const { data } = new Webhook(this.secret).verify(body, headers) as { data: object };
        // After a restart the last ones may come again.
        if (!this.#seen.has(headers['webhook-id']!)) this.taken.push(data);
        this.#seen.add(headers['webhook-id']!);
      }
      response.writeHead(this.status).end();
    });
    await new Promise<void>((resolve) => this.#server!.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  close(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}
