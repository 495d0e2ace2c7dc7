/**
 * Clients under chaos. Half sign their transactions and send the same one to any node until they learn
 * what became of it; half call through the gateway with an Idempotency-Key. Between calls they read
 * from single nodes.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { openKeyFile, readPassphrase, signTransaction } from '../../node/key-file.ts';
import type { KeyRing } from '../../node/local-layout.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import type { Random } from '../support/random.ts';
import { BASE, type Consortium, IDENTITY, MEMBERS } from './consortium.ts';
import { type Call, clock, type History, type Place, sleep } from './history.ts';
import type { Input, Output } from './register-contract.ts';

/** A client asks this long what became of a call, then counts it as unknown. */
const PATIENCE_MS = 40_000;
const WAIT_S = 5;
const TIMEOUT_MS = 8000;
const KEYS = 3;
/** Registers are used this long: the search for an order is quick where histories are short. */
const KEYS_CHANGE_MS = 10_000;

export interface ClientOptions {
  readonly consortium: Consortium;
  readonly history: History;
  readonly random: Random;
  /** Mean time between a client's calls. */
  readonly thinkMs: number;
  /** The part of the signed transactions that live 2.5 s only. */
  readonly shortLived: number;
  readonly stopped: () => boolean;
}

/** What an answer said of a call. */
type Ended =
  | { readonly kind: 'final'; readonly id: Digest; readonly place: Place; readonly output: Output }
  | { readonly kind: 'expired' }
  | { readonly kind: 'held' }
  | { readonly kind: 'again' };

/** Runs one client until the run is stopped. */
export async function runClient(number: number, options: ClientOptions): Promise<void> {
  const { random, history, stopped, thinkMs } = options;
  const name = `client-${number}`;
  const agent = new Agent({ connections: 4, pipelining: 1 });
  const send = number % 2 === 0 ? await signing(options, agent) : custodial(number, options, agent);
  let lastHeight = 0;
  for (let sequence = 0; !stopped(); sequence++) {
    const key = `r${Math.floor(clock() / KEYS_CHANGE_MS)}-${random.between(1, KEYS)}`;
    const call = await run(chooseInput(key, `${number}.${sequence}`, options), send, options);
    history.calls.push(call);
    if (call.place) lastHeight = Math.max(lastHeight, call.place.height);
    await readLocally(name, key, lastHeight, options, agent);
    if (call.place) await askElsewhere(call.id!, call.place, options, agent);
    await sleep(random.between(0, 2 * thinkMs));
  }
  await agent.destroy();
}

/** Values that some client wrote a moment ago: a compare-and-set that expects one has a chance. */
const recent: string[] = [''];

function chooseInput(key: string, unique: string, { random }: ClientOptions): Input {
  const die = random.next();
  if (die < 0.3) return { key, method: 'read' };
  if (die < 0.6) {
    recent.push(unique);
    if (recent.length > 6) recent.shift();
    return { key, method: 'write', value: unique };
  }
  return { key, method: 'cas', expected: random.pick(recent), value: unique };
}

/** Sends one call once; answers what was said. Throws where nothing was. */
type Send = (attempt: number) => Promise<{ status: number; body: unknown }>;
type Prepare = (input: Input) => { readonly id: Digest | undefined; readonly send: Send };

async function run(input: Input, prepare: Prepare, options: ClientOptions): Promise<Call> {
  const { history, random, stopped } = options;
  const { id, send } = prepare(input);
  const calledAt = clock();
  let accepted = false;
  for (let attempt = 0; clock() < calledAt + PATIENCE_MS; attempt++) {
    let ended: Ended = { kind: 'again' };
    try {
      ended = endOf(await send(attempt), history);
    } catch {
      history.count('request-failed');
    }
    const at = clock();
    if (ended.kind === 'held') accepted = true;
    if (ended.kind === 'expired') return { id, input, calledAt, expired: true, accepted };
    if (ended.kind === 'final') {
      const { place, output } = ended;
      const returned = { at, output };
      return { id: ended.id, input, calledAt, returned, place, expired: false, accepted };
    }
    if (stopped() && attempt > 20) break;
    await sleep(random.between(20, 200));
  }
  return { id, input, calledAt, expired: false, accepted };
}

/** What an answer means, as docs/http.md says. */
// biome-ignore lint/suspicious/noExplicitAny: answers of any shape.
function endOf({ status, body }: { status: number; body: any }, history: History): Ended {
  if (status === 200) {
    const { id, height, index, output } = body;
    return { kind: 'final', id, place: { height, index }, output: { before: output } };
  }
  if (status === 202) return { kind: 'held' };
  if (status === 422 && body.height !== undefined) {
    const { id, height, index } = body;
    if (body.reason !== 'other-value')
      history.violation(`refused in a block: ${JSON.stringify(body)}`);
    return { kind: 'final', id, place: { height, index }, output: { found: body.got } };
  }
  if (body?.code === 'expired') return { kind: 'expired' };
  // Whether it stands in a block that this node has not seen is not known yet: the same is sent again.
  const isLate = status === 409 && body?.code === 'late';
  if (status < 500 && !isLate)
    history.violation(`unexpected answer ${status}: ${JSON.stringify(body)}`);
  history.count(`answer-${status}`);
  return { kind: 'again' };
}

async function post(
  url: string,
  headers: Record<string, string>,
  body: string,
  agent: Agent,
): Promise<{ status: number; body: unknown }> {
  const response = await request(url, {
    method: 'POST',
    headers: { prefer: `wait=${WAIT_S}`, ...headers },
    body,
    dispatcher: agent,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return { status: response.statusCode, body: await response.body.json() };
}

/** Signs with a member's identity and sends to every node in turn, until one knows the end. */
async function signing(
  { consortium, random, shortLived }: ClientOptions,
  agent: Agent,
): Promise<Prepare> {
  const { layout, ledger } = consortium;
  const passphrase = readPassphrase({ env: {}, file: layout.passphrase });
  const owner = random.pick(MEMBERS);
  const key = openKeyFile(layout.member(owner).identityKey(IDENTITY), passphrase);
  return ({ method, ...args }) => {
    // Some live so short that they expire while the ledger stands still.
    const notAfter = Date.now() + (random.chance(shortLived) ? 2500 : 120_000);
    const nonce = `${owner}-${random.next()}`;
    const jws = signTransaction(key, {
      ledger,
      contract: 'register',
      method,
      args,
      nonce,
      notAfter,
    });
    const parsed = parseTransaction(jws);
    if (parsed instanceof Rejected) throw new Error('a client signed what is no transaction');
    const first = random.between(0, MEMBERS.length - 1);
    const send: Send = (attempt) => {
      const member = MEMBERS[(first + attempt) % MEMBERS.length]!;
      const url = `${consortium.urlOf(member)}${BASE}/transactions`;
      return post(url, { 'content-type': 'application/jose' }, jws, agent);
    };
    return { id: parsed.id, send };
  };
}

/** Calls through the gateway; a member's own node signs. */
function custodial(number: number, { consortium, random }: ClientOptions, agent: Agent): Prepare {
  const ring = JSON.parse(readFileSync(consortium.layout.keyRing, 'utf8')) as KeyRing;
  const member = MEMBERS[number % MEMBERS.length]!;
  const authorization = `Bearer ${ring.keys[`${member}/${IDENTITY}`]}`;
  return ({ method, ...args }) => {
    const headers = {
      authorization,
      'content-type': 'application/json',
      'idempotency-key': `${number}-${random.next()}`,
    };
    const url = `${consortium.urlOf()}${BASE}/contracts/register/${method}`;
    return { id: undefined, send: () => post(url, headers, JSON.stringify(args), agent) };
  };
}

/** What any node says of a transaction that ended: the same, or that it doesn't know yet. */
async function askElsewhere(
  id: Digest,
  place: Place,
  { consortium, history, random }: ClientOptions,
  agent: Agent,
): Promise<void> {
  const member = random.pick(MEMBERS);
  try {
    const response = await request(`${consortium.urlOf(member)}${BASE}/transactions/${id}`, {
      dispatcher: agent,
      signal: AbortSignal.timeout(2000),
    });
    // biome-ignore lint/suspicious/noExplicitAny: an answer of any shape.
    const body = (await response.body.json()) as any;
    if (response.statusCode === 404 || body.status === 'pending') {
      history.count('status-not-known-there-yet');
    } else if (history.damaged === member && response.statusCode === 500) {
      history.count('read-of-damaged-value-refused');
    } else if (body.height !== place.height || body.index !== place.index) {
      const at = `${place.height}.${place.index}`;
      history.violation(`${member} said of ${id}, final at ${at}: ${JSON.stringify(body)}`);
    } else history.count('status-confirmed');
  } catch {
    history.count('read-failed');
  }
}

/** Reads a register from one node, at its head or at the height of an earlier answer. */
async function readLocally(
  client: string,
  key: string,
  lastHeight: number,
  { consortium, history, random }: ClientOptions,
  agent: Agent,
): Promise<void> {
  const member = random.pick(MEMBERS);
  const at = random.chance(0.5) ? `?at=${lastHeight}` : '';
  const losses = history.losses.get(member) ?? 0;
  try {
    const response = await request(`${consortium.urlOf(member)}${BASE}/registers/${key}${at}`, {
      dispatcher: agent,
      signal: AbortSignal.timeout(2000),
    });
    // biome-ignore lint/suspicious/noExplicitAny: an answer of any shape.
    const body = (await response.body.json()) as any;
    if (response.statusCode === 200) {
      const { height, output } = body;
      if (at && height !== lastHeight) history.violation(`asked at ${lastHeight}, got ${height}`);
      const isAtHead = !at;
      history.reads.push({ client, member, key, height, register: output, isAtHead, losses });
    } else if (at && response.statusCode === 404) history.count('read-not-final-there-yet');
    else if (history.damaged === member && response.statusCode === 500) {
      history.count('read-of-damaged-value-refused');
    } else history.violation(`a read answered ${response.statusCode}: ${JSON.stringify(body)}`);
  } catch {
    history.count('read-failed');
  }
}
