/**
 * What became of a transaction in its block. The encoded result is a leaf of the block's results
 * tree, so outputs and events are as provable as the transaction itself.
 */
import { type Cbor, decodeCbor, encodeCbor, toValue, type Value } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { fromHex, toHex } from '../bytes/text.ts';
import type { Rejection } from './rejection.ts';

/** An event as a contract emitted it; `type` is `<contract>.<event>`. */
export interface ContractEvent {
  readonly type: string;
  readonly data: Value;
}

/** The result of one transaction. A rejected one changed nothing and emitted nothing. */
export type TransactionResult =
  | {
      readonly transaction: Digest;
      readonly status: 'committed';
      readonly output: Value;
      readonly events: readonly ContractEvent[];
    }
  | {
      readonly transaction: Digest;
      readonly status: 'rejected';
      readonly rejection: Rejection;
    };

/** Deterministic CBOR of a result: [id, true, output, [[type, data], …]] or [id, false, rejection]. */
export function encodeResult(result: TransactionResult): Uint8Array {
  const id = fromHex(result.transaction);
  if (result.status === 'rejected') {
    return encodeCbor([id, false, result.rejection as unknown as Cbor]);
  }
  return encodeCbor([
    id,
    true,
    result.output,
    result.events.map(({ type, data }): Cbor => [type, data]),
  ]);
}

/** Reverses `encodeResult`; throws an Error on any other structure. */
export function decodeResult(bytes: Uint8Array): TransactionResult {
  const item = decodeCbor(bytes);
  if (!Array.isArray(item)) throw new Error('not a result');
  const [id, committed, value, events, ...rest] = item as Cbor[];
  if (!(id instanceof Uint8Array) || id.length !== 32) throw new Error('result.transaction');
  const transaction = toHex(id) as Digest;
  if (committed === false && item.length === 3) {
    return { transaction, status: 'rejected', rejection: decodeRejection(value) };
  }
  if (committed !== true || !Array.isArray(events) || rest.length > 0) {
    throw new Error('not a result');
  }
  return {
    transaction,
    status: 'committed',
    output: toValue(value),
    events: (events as Cbor[]).map(decodeEvent),
  };
}

function decodeRejection(item: Cbor | undefined): Rejection {
  const rejection = toValue(item) as unknown as Rejection | null;
  if (typeof rejection?.code !== 'string' || typeof rejection.message !== 'string') {
    throw new Error('result.rejection');
  }
  return rejection;
}

function decodeEvent(item: Cbor): ContractEvent {
  if (!Array.isArray(item) || item.length !== 2 || typeof item[0] !== 'string') {
    throw new Error('result.events');
  }
  return { type: item[0], data: toValue(item[1]) };
}
