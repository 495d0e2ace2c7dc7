/**
 * What became of a transaction in its block. The encoded result is a leaf of the block's results
 * tree, so outputs and events are as provable as the transaction itself.
 */
import { type Cbor, decodeCbor, encodeCbor, type Value } from '../bytes/cbor.ts';
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
  const [id, committed, value, events] = decodeCbor(bytes) as [
    Uint8Array,
    boolean,
    Value,
    [string, Value][],
  ];
  const transaction = toHex(id) as Digest;
  if (!committed) {
    return { transaction, status: 'rejected', rejection: value as unknown as Rejection };
  }
  return {
    transaction,
    status: 'committed',
    output: value,
    events: events.map(([type, data]) => ({ type, data })),
  };
}
