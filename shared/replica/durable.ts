/** What a node reads of its own durable records: at its start, and after a snapshot. */
import { decodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { decodeLeaders, EVERYBODY } from '../consensus/leaders.ts';
import { decodeRecord } from '../consensus/record.ts';
import { emptyRecord, enterEpoch, type SafetyRecord } from '../consensus/safety.ts';
import { type Epoch, LEADERS_KEY } from '../execution/block-execution.ts';
import type { ChainPoint } from '../execution/execute-block.ts';
import type { Header } from '../ledger/block.ts';
import type { StateStore } from '../ports/state-store.ts';
import { decodeEpoch, decodeHead } from './head.ts';
import { itemName } from './items.ts';
import type { ReplicaOptions } from './replica.ts';
import { type Retained, readRetained } from './retained.ts';

export interface Durable {
  readonly head: ChainPoint;
  readonly headVersion: number;
  readonly snapshot: number;
  readonly epoch: Epoch;
  readonly epochStart: Digest;
  readonly record: SafetyRecord;
  readonly retained: Retained;
}

/** Reads all records; the head must be there. */
export async function readDurable(options: ReplicaOptions): Promise<Durable> {
  const { heads } = options.ports;
  const read = await heads.read('head');
  if (!read) throw new Error('the store has no head');
  const { epoch: number, snapshot, ...head } = decodeHead(read.bytes);
  const [{ epoch, start }, [leaders]] = await Promise.all([
    readEpoch(options.ports.state, number),
    options.ports.state.get([LEADERS_KEY], head.header.height!),
  ]);
  return {
    head: {
      ...head,
      next: null,
      leaders: leaders ? decodeLeaders(decodeCbor(leaders)) : EVERYBODY,
    },
    headVersion: read.version,
    snapshot,
    epoch,
    epochStart: start,
    record: await readRecord(options, head, number, start),
    retained: await readRetained(heads),
  };
}

/** An epoch that this node was in. */
export async function readEpoch(
  state: StateStore,
  number: number,
): Promise<{ readonly start: Digest; readonly epoch: Epoch }> {
  const [bytes] = await state.items([itemName.epoch(number)]);
  if (!bytes) throw new Error(`the store lacks the item of epoch ${number}`);
  return decodeEpoch(bytes);
}

/** The name of no store: a head without a safety record has lost it. */
const NO_STORE = '';

/** The stored safety record, in the epoch that starts from `start`. */
export async function readRecord(
  { ports }: ReplicaOptions,
  head: { readonly id: Digest; readonly header: Header },
  epoch: number,
  start: Digest,
): Promise<SafetyRecord> {
  const bytes = (await ports.heads.read('safety'))?.bytes;
  const stored = bytes ? decodeRecord(bytes) : emptyRecord(NO_STORE, epoch, start);
  // A crash between moving the head over an epoch's end and entering the next one.
  return enterEpoch(stored, epoch, start, head.id === start ? head.header.round : 0);
}
