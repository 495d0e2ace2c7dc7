/** The head record and the epoch items as bytes. */
import { type Cbor, decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import type { Frontier } from '../bytes/merkle.ts';
import { fromHex, toHex } from '../bytes/text.ts';
import { decodeValidators, encodeValidators } from '../consensus/validators.ts';
import type { Epoch } from '../execution/block-execution.ts';
import type { ChainPoint } from '../execution/execute-block.ts';
import type { TreeRoot } from '../execution/state-tree.ts';
import { decodeHeader, encodeHeader, type Header } from '../ledger/block.ts';
import type { ConsensusParameters } from '../ledger/limits.ts';

/** What the head record says: the last final block and what its child needs of it. */
export interface StoredHead {
  readonly id: Digest;
  readonly header: Header;
  readonly tree: TreeRoot;
  readonly history: Frontier;
  /** The epoch of the next block. */
  readonly epoch: number;
  /**
   * Height of the block whose state was taken last by a snapshot; 0 where none was. Pages of the state tree
   * that a snapshot left have other names than those that execution leaves.
   */
  readonly snapshot: number;
}

/** CBOR of the head record; `next` is the epoch of the next block where it is not the head's own. */
export function encodeHead(head: Omit<ChainPoint, 'leaders'>, snapshot: number): Uint8Array {
  return encodeCbor([
    fromHex(head.id),
    encodeHeader(head.header),
    [fromHex(head.tree.hash), head.tree.version],
    [head.history.size, head.history.peaks.map(fromHex)],
    head.next ? head.next.set.epoch : head.header.epoch,
    snapshot,
  ]);
}

/** Reverses `encodeHead`. */
export function decodeHead(bytes: Uint8Array): StoredHead {
  // A record of before there were snapshot heights in it ends with the epoch.
  const [id, header, tree, history, epoch, snapshot = 0] = decodeCbor(bytes) as [
    Uint8Array,
    Uint8Array,
    [Uint8Array, number | null],
    [number, Uint8Array[]],
    number,
    number?,
  ];
  return {
    id: toHex(id) as Digest,
    header: decodeHeader(header),
    tree: { hash: toHex(tree[0]) as Digest, version: tree[1] },
    history: { size: history[0], peaks: history[1].map((peak) => toHex(peak) as Digest) },
    epoch,
    snapshot,
  };
}

/** CBOR of an epoch with the final block that it starts from. */
export function encodeEpoch(
  { set, parameters, observers, amendments }: Epoch,
  start: Digest,
): Uint8Array {
  return encodeCbor([
    fromHex(start),
    fromHex(set.ledger),
    set.epoch,
    encodeValidators(set.validators),
    parameters as unknown as Cbor,
    observers,
    amendments as readonly Cbor[],
  ]);
}

/** Reverses `encodeEpoch`. */
export function decodeEpoch(bytes: Uint8Array): { start: Digest; epoch: Epoch } {
  const [start, ledger, number, validators, parameters, observers, amendments] = decodeCbor(
    bytes,
  ) as [Uint8Array, Uint8Array, number, Cbor, Cbor, string[], [string, Uint8Array][]];
  const consensus = parameters as unknown as ConsensusParameters;
  const { tenureRounds } = consensus;
  return {
    start: toHex(start) as Digest,
    epoch: {
      set: {
        ledger: toHex(ledger) as Digest,
        epoch: number,
        tenureRounds,
        validators: decodeValidators(validators),
      },
      parameters: consensus,
      observers,
      amendments,
    },
  };
}
