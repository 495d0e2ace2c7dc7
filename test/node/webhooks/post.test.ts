/** Where webhooks may go: nowhere that is not public, however it is written or resolved. */
import assert from 'node:assert/strict';
import type dns from 'node:dns';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { PostClosed, webhookPost } from '../../../node/webhooks/post.ts';

const LOOPBACK = ['127.0.0.0/8', '::1/128'];
const BODY = '{"a":"发票"}';

let server: Server;
let port: number;
let connections = 0;
let answer: RequestListener;
before(async () => {
  server = createServer((request, response) => answer(request, response));
  server.on('connection', () => {
    connections++;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
after(() => {
  server.closeAllConnections();
  server.close();
});

/** A resolver that answers the same addresses for every name. */
const resolvingTo = (...addresses: string[]) =>
  ((_name: string, _options: object, callback: (error: null, found: object[]) => void) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )) as unknown as typeof dns.lookup;

const headers = { 'content-type': 'application/json' };

describe('what posts webhooks', () => {
  it('takes no address that is not public, in whatever form', () => {
    const { refuses } = webhookPost({ allowed: [] });
    for (const host of [
      ...['127.0.0.1', '127.1', '2130706433', '0x7f.0.0.1', '0.0.0.0', '[::1]', '[::]'],
      ...['10.0.0.1', '172.16.0.1', '192.168.1.1', '100.64.0.1', '169.254.169.254'],
      ...['[fc00::1]', '[fe80::1]', '[::ffff:10.0.0.1]', '[::ffff:a00:1]', '[fd00:ec2::254]'],
      ...['224.0.0.1', '255.255.255.255', '[ff02::1]', '192.0.2.1', '[2001:db8::1]'],
      ...['[64:ff9b::a00:1]', '[64:ff9b:1::a00:1]', '[2002:a00:1::]', '[::127.0.0.1]'],
      ...['[::ffff:0:127.0.0.1]', '[2001::1]', '[fec0::1]', '[100::1]', '[3fff::1]'],
      ...['192.0.0.8', '198.18.0.1', '192.88.99.1', '240.0.0.1'],
    ]) {
      assert.match(refuses(`https://${host}/x`) ?? 'taken', /not public/, host);
    }
    assert.equal(refuses('https://8.8.8.8/x'), undefined);
    assert.equal(refuses('https://[2606:4700::1111]/x'), undefined);
    assert.equal(refuses('https://erp.example/x'), undefined);
  });

  it('takes plain HTTP, and addresses that are not public, only where they are allowed', () => {
    const { refuses } = webhookPost({ allowed: ['10.1.0.0/16'] });
    assert.equal(refuses('http://10.1.2.3/x'), undefined);
    assert.equal(refuses('https://10.1.2.3/x'), undefined);
    assert.match(refuses('https://10.2.0.1/x') ?? '', /not public/);
    assert.match(refuses('http://8.8.8.8/x') ?? '', /https/);
    assert.match(webhookPost({ allowed: [] }).refuses('http://erp.example/x') ?? '', /https/);
    assert.match(refuses('https://user:secret@erp.example/x') ?? '', /user name/);
  });

  it('connects to no such address that a name resolves to', async () => {
    const before = connections;
    for (const addresses of [['127.0.0.1'], ['::ffff:127.0.0.1'], ['10.0.0.1', '127.0.0.1']]) {
      const sender = webhookPost({ allowed: [], resolve: resolvingTo(...addresses) });
      await assert.rejects(
        sender.post(`https://erp.example:${port}/`, headers, BODY),
        /not public/,
      );
      // Plain HTTP to a name: only where what it resolves to is allowed.
      const other = webhookPost({
        allowed: ['10.9.0.0/16'],
        resolve: resolvingTo(...addresses),
      });
      await assert.rejects(other.post(`http://erp.example:${port}/`, headers, BODY), /not public/);
    }
    assert.equal(connections, before);
  });

  it('posts the body, and answers the status', async () => {
    const seen: string[] = [];
    answer = async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      seen.push(`${request.method} ${request.url} ${request.headers['content-type']} ${body}`);
      response.writeHead(202).end('taken');
    };
    const sender = webhookPost({ allowed: LOOPBACK, resolve: resolvingTo('127.0.0.1') });
    assert.equal(await sender.post(`http://erp.example:${port}/in?a=1`, headers, BODY), 202);
    assert.deepEqual(seen, [`POST /in?a=1 application/json ${BODY}`]);
    sender.close();
  });

  it('follows no redirect', async () => {
    const paths: (string | undefined)[] = [];
    answer = (request, response) => {
      paths.push(request.url);
      response.writeHead(302, { location: `http://127.0.0.1:${port}/inside` }).end();
    };
    const sender = webhookPost({ allowed: LOOPBACK });
    assert.equal(await sender.post(`http://127.0.0.1:${port}/outside`, headers, BODY), 302);
    assert.deepEqual(paths, ['/outside']);
    sender.close();
  });

  it('waits for no endpoint that hangs', async () => {
    answer = () => {};
    const sender = webhookPost({ allowed: LOOPBACK, timeoutMs: 50 });
    await assert.rejects(
      sender.post(`http://127.0.0.1:${port}/`, headers, BODY),
      /no answer within 0.05 seconds/,
    );
    sender.close();
  });

  it('does not take a kept connection that was closed meanwhile for an endpoint that is away', async () => {
    answer = (request, response) => {
      request.resume();
      response.end();
    };
    const sender = webhookPost({ allowed: LOOPBACK });
    const url = `http://127.0.0.1:${port}/`;
    assert.equal(await sender.post(url, headers, BODY), 200);
    // It hangs up on what it is sent next, without having said so before.
    let isFirst = true;
    answer = (request, response) => {
      if (isFirst) request.socket.destroy();
      else response.end();
      isFirst = false;
    };
    assert.equal(await sender.post(url, headers, BODY), 200);
    sender.close();
  });

  it('ends what is under way when it is closed, and blames nobody', async () => {
    const sender = webhookPost({ allowed: LOOPBACK });
    const arrived = new Promise<void>((resolve) => {
      answer = () => resolve();
    });
    const posted = sender.post(`http://127.0.0.1:${port}/`, headers, BODY);
    const rejected = assert.rejects(posted, PostClosed);
    await arrived;
    sender.close();
    await rejected;
    await assert.rejects(sender.post(`http://127.0.0.1:${port}/`, headers, BODY), PostClosed);
  });

  it('says why there is no connection', async () => {
    const sender = webhookPost({ allowed: LOOPBACK });
    await assert.rejects(sender.post('http://127.0.0.1:1/', headers, BODY), /ECONNREFUSED/);
  });
});
