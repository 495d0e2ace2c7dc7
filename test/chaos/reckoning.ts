/**
 * The reckoning after a run: everything that anybody was told is checked against the final history of
 * every node. What is wrong goes into the record's violations.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Digest } from '../../shared/bytes/digest.ts';
import type { ProvenReceipt } from '../../shared/proof/verify.ts';
import { type Consortium, MEMBERS } from './consortium.ts';
import { type FinalBlock, NodeReader } from './final-history.ts';
import type { Call, History, LocalRead, SeenEvent, Session } from './history.ts';
import { byKey, isLinearizable } from './linearizability.ts';
import {
  apply,
  EMPTY,
  type Input,
  type Output,
  REGISTER,
  type Register,
  sameOutput,
} from './register-contract.ts';

/** What was checked. */
export interface Reckoning {
  readonly height: number;
  readonly transactions: number;
  readonly receipts: number;
  readonly events: number;
  readonly registers: number;
}

/** Checks a run whose consortium is whole and quiet again. */
export async function reckon(consortium: Consortium, history: History): Promise<Reckoning> {
  const readers = MEMBERS.map((member) => new NodeReader(consortium, member));
  try {
    const kept = new Map<NodeReader, FinalBlock[]>();
    for (const reader of readers) kept.set(reader, await reader.blocks());
    // One that lost its store a long way behind took a snapshot, and keeps no older blocks.
    const whole = readers.filter(({ oldest }) => oldest === 0);
    const blocks = kept.get(whole[0]!)!;
    for (const [reader, theirs] of kept) sameBlocks(blocks, theirs, reader, history);
    const ids = onceEach(blocks, history);
    const receipts = await Promise.all(
      readers.map(async (reader) => [reader, await reader.receipts(blocks, history)] as const),
    );
    for (const [reader, proven] of receipts) checkAcknowledged(proven, reader, history);
    const proven = new Map(receipts).get(whole[0]!)!;
    checkEnds(new Set(ids), history);
    await checkAccepted(readers, history);
    const replayed = replay(blocks, proven, history);
    checkReads(replayed, history);
    const registers = checkLinearizable(history);
    const events = await checkEvents(whole, history);
    checkPages(blocks, history);
    return {
      height: blocks.length - 1,
      transactions: ids.length,
      receipts: receipts.reduce((sum, [, { size }]) => sum + size, 0),
      events,
      registers,
    };
  } finally {
    await Promise.all(readers.map((reader) => reader.close()));
  }
}

/** A node's blocks are the newest of the whole history: headers hold state root, results and history. */
function sameBlocks(
  ours: readonly FinalBlock[],
  theirs: readonly FinalBlock[],
  { member, oldest }: NodeReader,
  history: History,
): void {
  if (oldest > 0) history.count(`${member} keeps no blocks before a snapshot`);
  if (oldest + theirs.length !== ours.length) {
    history.violation(`${member} has ${theirs.length} blocks from ${oldest} of ${ours.length}`);
  }
  for (const block of theirs) {
    if (isDeepStrictEqual(block, ours[block.height])) continue;
    history.violation(`${member} has another block at height ${block.height}`);
    return;
  }
}

/** The ids of all transactions in order; each stands in one block, once. */
function onceEach(blocks: readonly FinalBlock[], history: History): Digest[] {
  const seen = new Set<Digest>();
  for (const [height, block] of blocks.entries()) {
    if (block.height !== height) history.violation(`block ${height} says height ${block.height}`);
    for (const id of block.transactions) {
      if (seen.has(id)) history.violation(`${id} is on the ledger twice, again at ${height}`);
      seen.add(id);
    }
  }
  return [...seen];
}

/** What was acknowledged is what a node proves. */
function checkAcknowledged(
  proven: ReadonlyMap<Digest, ProvenReceipt>,
  { oldest }: NodeReader,
  history: History,
): void {
  for (const { id, place, returned } of history.calls) {
    if (!returned || !place || place.height < oldest) continue;
    const receipt = proven.get(id!);
    if (!receipt) {
      history.violation(
        `${id} was acknowledged at height ${place.height} and is not on the ledger`,
      );
      continue;
    }
    const { height } = receipt.block.header;
    const isSame =
      height === place.height &&
      receipt.index === place.index &&
      sameOutput(outputOf(receipt), returned.output);
    if (!isSame) {
      const said = JSON.stringify({ place, output: returned.output });
      const is = JSON.stringify({ height, index: receipt.index, output: outputOf(receipt) });
      history.violation(`${id} was acknowledged as ${said}, proven is ${is}`);
    }
  }
}

function outputOf({ result }: ProvenReceipt): Output {
  if (result.status === 'committed') return { before: result.output as unknown as Register };
  return { found: String(result.rejection.got) };
}

/** What a node called expired is not on the ledger. */
function checkEnds(onLedger: ReadonlySet<Digest>, history: History): void {
  for (const { id, expired } of history.calls) {
    if (expired && id && onLedger.has(id))
      history.violation(`${id} was called expired and is committed`);
  }
}

/** What a node held (202) has ended, also where its client never learned how. */
async function checkAccepted(readers: readonly NodeReader[], history: History): Promise<void> {
  const open = history.calls.filter(({ id, accepted, returned }) => id && accepted && !returned);
  for (const { id } of open) {
    for (const reader of readers) {
      const { body } = await reader.get(`/transactions/${id}`);
      if (body.status === 'pending')
        history.violation(`${id} is still pending on ${reader.member}`);
    }
  }
}

/** A register's value from a height on. */
type Versions = Map<string, { readonly height: number; readonly register: Register }[]>;

/** Runs the final history through the model: every result has to be the model's. */
function replay(
  blocks: readonly FinalBlock[],
  proven: ReadonlyMap<Digest, ProvenReceipt>,
  history: History,
): Versions {
  const versions: Versions = new Map();
  for (const { height, transactions } of blocks) {
    for (const id of transactions) {
      const receipt = proven.get(id);
      if (!receipt) continue;
      const { method, args } = receipt.transaction.body;
      const input = { method, ...(args as object) } as Input;
      const list = versions.get(input.key) ?? [];
      versions.set(input.key, list);
      const { output, after } = apply(list.at(-1)?.register ?? EMPTY, input);
      if (!sameOutput(output, outputOf(receipt))) {
        history.violation(
          `${id} at height ${height} answered ${JSON.stringify(outputOf(receipt))}, not ${JSON.stringify(output)}`,
        );
      }
      if (after !== list.at(-1)?.register) list.push({ height, register: after });
    }
  }
  return versions;
}

/** A node's own reads: right for the height that they state, and a node's heights never go back for a client. */
function checkReads(versions: Versions, history: History): void {
  const highest = new Map<string, number>();
  for (const read of history.reads) {
    const { client, member, key, height, register, isAtHead, losses } = read;
    const due =
      versions.get(key)?.findLast((version) => version.height <= height)?.register ?? EMPTY;
    if (!isDeepStrictEqual(register, due)) {
      history.violation(`${describe(read)}, the history says ${JSON.stringify(due)}`);
    }
    if (!isAtHead) continue;
    const name = `${client} at ${member}, store ${losses}`;
    const before = highest.get(name) ?? 0;
    if (height < before) history.violation(`${describe(read)} after height ${before}`);
    highest.set(name, height);
  }
}

const describe = ({ client, member, key, height, register }: LocalRead): string =>
  `${member} told ${client} that ${key} is ${JSON.stringify(register)} at ${height}`;

/** Every register on its own; answers how many there were. */
function checkLinearizable(history: History): number {
  const known = history.calls.filter(({ expired }) => !expired);
  const parts = byKey<Input, Output>(known);
  for (const [key, calls] of parts) {
    if (!isLinearizable(calls, REGISTER)) {
      history.violation(
        `register ${key} is not linearizable: ${JSON.stringify(calls satisfies readonly Pick<Call, 'input'>[])}`,
      );
    }
  }
  return parts.size;
}

type TypedEvent = SeenEvent & { readonly type: string };

/** Every stream and every poller saw the final events after its cursor, each once, in order, without a gap. */
async function checkEvents(readers: readonly NodeReader[], history: History): Promise<number> {
  const [final, ...others] = await Promise.all(readers.map((reader) => reader.events()));
  const names = (events: readonly SeenEvent[]): string[] =>
    events.map(({ cursor, id }) => `${cursor} ${id}`);
  const due = names(final!);
  for (const [index, events] of others.entries()) {
    if (!isDeepStrictEqual(names(events), due))
      history.violation(`${readers[index + 1]!.member} tells other events`);
  }
  if (new Set(due).size !== due.length) history.violation('an event stands in the history twice');
  for (const [name, sessions] of history.subscriptions) {
    const types = sessions[0]?.types;
    const seen = names(sessions.flatMap(({ events }) => events));
    sameEvents(name, seen, names(selected(final!, types)), history);
  }
  for (const session of history.replays) checkSession(session, final!, names, history);
  return due.length;
}

const selected = (events: readonly TypedEvent[], types: readonly string[] | undefined) =>
  types ? events.filter(({ type }) => types.includes(type.replace(/^fuqi\./, ''))) : events;

function sameEvents(
  name: string,
  seen: readonly string[],
  due: readonly string[],
  history: History,
): void {
  const at = due.findIndex((event, index) => event !== seen[index]);
  if (at < 0 && seen.length === due.length) return;
  history.violation(
    `${name} saw ${seen.length} of ${due.length} events; number ${at} is ${seen[at]}, expected ${due[at]}`,
  );
}

function checkSession(
  { after, events }: Session,
  final: readonly TypedEvent[],
  names: (events: readonly SeenEvent[]) => string[],
  history: History,
): void {
  const from = after === undefined ? 0 : final.findIndex(({ cursor }) => cursor === after) + 1;
  const due = final.slice(from, from + events.length);
  sameEvents(`a stream after ${after}`, names(events), names(due), history);
}

/** Pages of blocks, taken while blocks arrived: of the final history, and no height skipped or repeated. */
function checkPages(blocks: readonly FinalBlock[], history: History): void {
  for (const page of history.pages) {
    for (const [index, { height, id }] of page.entries()) {
      const before = page[index - 1];
      if (before && height !== before.height - 1) {
        history.violation(`pages of blocks went from height ${before.height} to ${height}`);
      }
      if (blocks[height]?.id !== id) history.violation(`a page showed another block ${height}`);
    }
  }
}
