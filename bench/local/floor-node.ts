/**
 * A process of `npm run bench:floor`: what no ledger of so many nodes can leave out. It takes clients' signed transactions over
 * HTTP, checks each signature once, and has the first node bring them to all others in batches, in two rounds. Nothing is
 * executed, kept or proven, no node's fault is survived, and the process is no part of the product.
 * Arguments: its number, the ports of all, the clients' key (JWK).
 */
import { once } from 'node:events';
import http from 'node:http';
import net, { type Socket } from 'node:net';
import { type PublicJwk, verifyEs256 } from '../../shared/bytes/crypto.ts';
import { utf8 } from '../../shared/bytes/text.ts';
import { quorumSize } from '../../shared/ledger/quorum.ts';

/** A transaction under the id that its node gave it. */
type Held = readonly [id: string, jws: string];
type Message =
  | { readonly kind: 'forward'; readonly held: readonly Held[] }
  | { readonly kind: 'proposal'; readonly held: readonly Held[] }
  | { readonly kind: 'second' }
  | { readonly kind: 'vote' }
  | { readonly kind: 'committed'; readonly ids: readonly string[] };

const [own = 0, ports, jwk] = process.argv.slice(2).map((text) => JSON.parse(text)) as [
  number,
  readonly number[],
  PublicJwk,
];
const LEADER = 0;
/** Peers listen so far above the clients' port. */
const PEER_OFFSET = 1000;
const quorum = quorumSize(ports.length);

const peers = new Map<number, Socket>();
const waiting = new Map<string, http.ServerResponse>();
/** Checked here already, and still to come back in a proposal. */
const checked = new Set<string>();
let toForward: Held[] = [];
let pool: Held[] = [];
let block: readonly Held[] = [];
let round: 'first' | 'second' | null = null;
let votes = 0;
let number = 0;

function check(jws: string): void {
  const [head = '', payload = '', signature = ''] = jws.split('.');
  const isGood = verifyEs256(jwk, utf8(`${head}.${payload}`), Buffer.from(signature, 'base64url'));
  if (!isGood) throw new Error('a signature that does not check');
  JSON.parse(Buffer.from(payload, 'base64url').toString());
}

function send(socket: Socket, message: Message): void {
  const body = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  socket.write(Buffer.concat([head, body]));
}

function listenTo(socket: Socket): void {
  socket.setNoDelay();
  let held = Buffer.alloc(0);
  socket.on('data', (more) => {
    held = held.length === 0 ? more : Buffer.concat([held, more]);
    while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
      const end = 4 + held.readUInt32BE(0);
      handle(socket, JSON.parse(held.subarray(4, end).toString()) as Message);
      held = held.subarray(end);
    }
  });
}

function handle(socket: Socket, message: Message): void {
  switch (message.kind) {
    case 'forward':
      for (const one of message.held) check(one[1]);
      pool.push(...message.held);
      propose();
      break;
    case 'proposal':
      for (const [id, jws] of message.held) if (!checked.delete(id)) check(jws);
      send(socket, { kind: 'vote' });
      break;
    case 'second':
      send(socket, { kind: 'vote' });
      break;
    case 'vote':
      votes++;
      if (votes === quorum) endRound();
      break;
    case 'committed':
      answer(message.ids);
  }
}

function tell(message: Message): void {
  for (const socket of peers.values()) send(socket, message);
}

function propose(): void {
  if (own !== LEADER || round !== null || pool.length === 0) return;
  [block, pool, round, votes] = [pool, [], 'first', 1];
  tell({ kind: 'proposal', held: block });
}

function endRound(): void {
  if (round === 'first') {
    // Votes of the first round that are late count for the second one: it may only be the faster for it.
    [round, votes] = ['second', 1];
    tell({ kind: 'second' });
    return;
  }
  round = null;
  const ids = block.map(([id]) => id);
  tell({ kind: 'committed', ids });
  answer(ids);
  propose();
}

function answer(ids: readonly string[]): void {
  for (const id of ids) {
    waiting.get(id)?.end(JSON.stringify({ id, status: 'committed' }));
    waiting.delete(id);
  }
}

function forward(): void {
  const held = toForward;
  toForward = [];
  if (own !== LEADER) {
    send(peers.get(LEADER)!, { kind: 'forward', held });
    return;
  }
  pool.push(...held);
  propose();
}

const clients = http.createServer((request, response) => {
  let jws = '';
  request.setEncoding('latin1');
  request.on('data', (text: string) => {
    jws += text;
  });
  request.on('end', () => {
    check(jws);
    const id = `${own}-${number++}`;
    waiting.set(id, response);
    if (own !== LEADER) checked.add(id);
    if (toForward.push([id, jws]) === 1) setImmediate(forward);
  });
});

await once(net.createServer(listenTo).listen(ports[own]! + PEER_OFFSET), 'listening');
process.stdout.write('listening\n');
// Told when all do: the leader connects to everybody, and everybody else to it.
await once(process.stdin, 'data');
for (const [peer, port] of ports.entries()) {
  if (peer === own || (own !== LEADER && peer !== LEADER)) continue;
  const socket = net.connect(port + PEER_OFFSET);
  await once(socket, 'connect');
  listenTo(socket);
  peers.set(peer, socket);
}
clients.listen(ports[own], () => process.stdout.write('ready\n'));
