/**
 * Headers and blocks. A header is deterministic CBOR; its tagged digest is the block's id.
 * Certificates travel beside the header: no signature enters an id.
 */
import { type Cbor, decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import { type Digest, taggedDigest } from '../bytes/digest.ts';
import { equalBytes, fromHex, toHex } from '../bytes/text.ts';
import {
  decodeQc,
  decodeTc,
  encodeQc,
  encodeTc,
  type QuorumCertificate,
  type TimeoutCertificate,
} from './certificate.ts';

/** A block's header. Digests are hex in memory and 32 bytes in the encoding. */
export interface Header {
  /** Digest of the genesis document: names the ledger. */
  readonly ledger: Digest;
  readonly epoch: number;
  /** Rounds restart at 1 in each epoch. */
  readonly round: number;
  /** Null for the blocks after an epoch's last block: they only serve to commit it. */
  readonly height: number | null;
  /** The certified block that this one extends: the block of its quorum certificate. */
  readonly parent: Digest;
  /** The round of the parent's certificate; 0 for an epoch's first block. */
  readonly parentRound: number;
  /** Member id of the leader. */
  readonly author: string;
  /** Milliseconds since 1970, the leader's, never before the parent's. */
  readonly time: number;
  /** RFC 9162 tree over the encoded transactions. */
  readonly transactionsRoot: Digest;
  /** RFC 9162 tree over the encoded results. */
  readonly resultsRoot: Digest;
  /** Sparse Merkle tree of the state after this block. */
  readonly stateRoot: Digest;
  /** RFC 9162 tree over the ids of all earlier blocks, genesis first. */
  readonly historyRoot: Digest;
  /** Digest of the validator set that certifies this block. */
  readonly validatorsHash: Digest;
  /** Set in an epoch's last block only: digest of the next epoch's validator set. */
  readonly nextValidatorsHash: Digest | null;
}

/** A block as it travels and is stored. */
export interface Block {
  readonly id: Digest;
  readonly header: Header;
  /** Encoded transactions, in the order of execution. */
  readonly transactions: readonly Uint8Array[];
  /** The certificate of the parent. */
  readonly qc: QuorumCertificate;
  /** Where the block's round is not the one after its parent's: why rounds were skipped. */
  readonly tc: TimeoutCertificate | null;
}

// A header is encoded again wherever its id, its block or a proof is made.
const encodedHeaders = new WeakMap<Header, Uint8Array>();

/** Deterministic CBOR of a header: the bytes under the block's id. */
export function encodeHeader(header: Header): Uint8Array {
  const known = encodedHeaders.get(header);
  if (known) return known;
  const bytes = encodeCbor({
    ledger: fromHex(header.ledger),
    epoch: header.epoch,
    round: header.round,
    height: header.height,
    parent: fromHex(header.parent),
    parentRound: header.parentRound,
    author: header.author,
    time: header.time,
    transactionsRoot: fromHex(header.transactionsRoot),
    resultsRoot: fromHex(header.resultsRoot),
    stateRoot: fromHex(header.stateRoot),
    historyRoot: fromHex(header.historyRoot),
    validatorsHash: fromHex(header.validatorsHash),
    nextValidatorsHash: header.nextValidatorsHash && fromHex(header.nextValidatorsHash),
  });
  encodedHeaders.set(header, bytes);
  return bytes;
}

/** The id of the block with this header. */
export const blockId = (header: Header): Digest =>
  taggedDigest('fuqi/v1/header', encodeHeader(header));

const HEADER_FIELDS = 14;

/** Decodes a header; throws an Error where the bytes are none. */
export function decodeHeader(bytes: Uint8Array): Header {
  const map = decodeCbor(bytes) as Record<string, Cbor>;
  if (typeof map !== 'object' || map === null || Object.keys(map).length !== HEADER_FIELDS) {
    throw new Error('not a header');
  }
  const digest = (name: string): Digest => {
    const value = map[name];
    if (!(value instanceof Uint8Array) || value.length !== 32) throw new Error(`header.${name}`);
    return toHex(value) as Digest;
  };
  const natural = (name: string): number => {
    const value = map[name];
    if (typeof value !== 'number' || value < 0) throw new Error(`header.${name}`);
    return value;
  };
  const author = map.author;
  if (typeof author !== 'string') throw new Error('header.author');
  const header: Header = {
    ledger: digest('ledger'),
    epoch: natural('epoch'),
    round: natural('round'),
    height: map.height === null ? null : natural('height'),
    parent: digest('parent'),
    parentRound: natural('parentRound'),
    author,
    time: natural('time'),
    transactionsRoot: digest('transactionsRoot'),
    resultsRoot: digest('resultsRoot'),
    stateRoot: digest('stateRoot'),
    historyRoot: digest('historyRoot'),
    validatorsHash: digest('validatorsHash'),
    nextValidatorsHash: map.nextValidatorsHash === null ? null : digest('nextValidatorsHash'),
  };
  if (!equalBytes(encodeHeader(header), bytes)) throw new Error('a header in another form');
  return header;
}

/** The whole block as one CBOR item, for storage and the wire. */
export function encodeBlock(block: Block): Uint8Array {
  return encodeCbor([
    encodeHeader(block.header),
    block.transactions,
    encodeQc(block.qc),
    block.tc && encodeTc(block.tc),
  ]);
}

const BLOCK_PARTS = 4;

/** Decodes a block and derives its id; throws an Error where the bytes are none. */
export function decodeBlock(bytes: Uint8Array): Block {
  const item = decodeCbor(bytes);
  if (!Array.isArray(item) || item.length !== BLOCK_PARTS) throw new Error('not a block');
  const [headerBytes, transactions, qc, tc] = item as Cbor[];
  if (!(headerBytes instanceof Uint8Array)) throw new Error('not a block');
  if (!Array.isArray(transactions)) throw new Error('block.transactions');
  for (const item of transactions as Cbor[]) {
    if (!(item instanceof Uint8Array)) throw new Error('block.transactions');
  }
  const header = decodeHeader(headerBytes);
  return {
    id: taggedDigest('fuqi/v1/header', headerBytes),
    header,
    transactions: transactions as Uint8Array[],
    qc: decodeQc(qc as Cbor),
    tc: tc === null ? null : decodeTc(tc as Cbor),
  };
}
