/**
 * Reads of final blocks and what they left behind, proven where that is at hand (`proven.ts`). They need no lock: all of
 * it is immutable.
 */
import { type Cbor, decodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { toHex } from '../bytes/text.ts';
import type { TreeRoot } from '../execution/state-tree.ts';
import { type Block, decodeBlock, decodeHeader, type Header } from '../ledger/block.ts';
import { decodeQc, type QuorumCertificate } from '../ledger/certificate.ts';
import { decodeResult, type TransactionResult } from '../ledger/result.ts';
import { itemName } from './items.ts';
import { damaged, proveBlock, proveHeader, proveId, proveResults, readable } from './proven.ts';
import type { Replica } from './replica.ts';

/** The final block at a height from 1 to the head's; block 0 has no body. */
export async function finalBlock(replica: Replica, height: number): Promise<Block> {
  const { id, bytes } = await storedBlock(replica, height);
  const block = readable(replica, `block ${height}`, () => decodeBlock(bytes));
  proveBlock(replica, height, id, block);
  return block;
}

/** The same as it is stored and travels; whoever gets it checks the body. */
export const finalBlockBytes = async (replica: Replica, height: number): Promise<Uint8Array> =>
  (await storedBlock(replica, height)).bytes;

async function storedBlock(replica: Replica, height: number) {
  const [found] = await replica.ports.state.items([itemName.blockAt(height)]);
  if (!found) throw damaged(replica, `the id of block ${height} is missing`);
  const id = toHex(found) as Digest;
  proveId(replica, height, id);
  const bytes = await replica.ports.blocks.get(id);
  if (!bytes) throw damaged(replica, `the body of block ${height} is missing`);
  return { id, bytes };
}

/** Blocks that are read side by side. */
const TOGETHER = 16;

/** The final blocks from one height to another, both included, in order and in handfuls. */
export async function* finalBlocks(
  replica: Replica,
  from: number,
  to: number,
): AsyncGenerator<readonly Block[]> {
  for (let height = from; height <= to; height += TOGETHER) {
    const count = Math.min(TOGETHER, to - height + 1);
    const heights = Array.from({ length: count }, (_, index) => height + index);
    yield await Promise.all(heights.map((at) => finalBlock(replica, at)));
  }
}

/** The header of a final block from `retained.state` on, also where its body is not kept. */
export async function finalHeader(replica: Replica, height: number): Promise<Header> {
  if (height === replica.head.header.height) return replica.head.header;
  const names = [itemName.header(height), itemName.blockAt(height)];
  const [header, found] = await replica.ports.state.items(names);
  if (!header) return (await finalBlock(replica, height)).header;
  if (!found) throw damaged(replica, `the id of block ${height} is missing`);
  const id = toHex(found) as Digest;
  proveId(replica, height, id);
  const decoded = readable(replica, `the header of block ${height}`, () => decodeHeader(header));
  proveHeader(replica, height, id, decoded);
  return decoded;
}

/** The state tree after a final block. The root page's version is that of the last change. */
export async function treeAt(replica: Replica, height: number): Promise<TreeRoot> {
  if (height === replica.head.header.height) return replica.head.tree;
  const [item] = await replica.ports.state.items([itemName.tree(height)]);
  if (!item) throw damaged(replica, `the tree root of block ${height} is missing`);
  const [hash, version] = decodeCbor(item) as [Uint8Array, number | null];
  const root = { hash: toHex(hash) as Digest, version };
  if (replica.ports.state.now && (await finalHeader(replica, height)).stateRoot !== root.hash) {
    throw damaged(replica, `the tree root of block ${height} is not its header’s`);
  }
  return root;
}

/** Why a final block is final: the headers from its child on, and the certificate of the last. */
export async function finalityItem(
  replica: Replica,
  height: number,
): Promise<{ readonly descendants: readonly Uint8Array[]; readonly qc: QuorumCertificate }> {
  const [bytes] = await replica.ports.state.items([itemName.finality(height)]);
  if (!bytes) throw damaged(replica, `the finality proof of block ${height} is missing`);
  const [descendants, qc] = decodeCbor(bytes) as [Uint8Array[], Cbor];
  return { descendants, qc: decodeQc(qc) };
}

/** Encoded results of final blocks by height; an empty list for a block without transactions. */
export async function finalResults(
  replica: Replica,
  heights: readonly number[],
): Promise<Uint8Array[][]> {
  const items = await replica.ports.state.items(heights.map((height) => itemName.results(height)));
  const all = items.map((bytes, index) =>
    readable(replica, `the results of block ${heights[index]}`, () =>
      bytes ? (decodeCbor(bytes) as Uint8Array[]) : [],
    ),
  );
  if (!replica.ports.state.now) return all;
  for (const [index, height] of heights.entries()) {
    if (replica.proven.results.get(height)) continue;
    proveResults(replica, await finalHeader(replica, height), all[index]!);
  }
  return all;
}

/** Where a final transaction stands; undefined where it is not final. */
export async function placeOf(
  replica: Replica,
  id: Digest,
): Promise<{ readonly height: number; readonly index: number } | undefined> {
  const [bytes] = await replica.ports.state.items([itemName.transaction(id)]);
  if (!bytes) return undefined;
  const [height, index] = decodeCbor(bytes) as [number, number];
  // A torn write may have left the place above the head: that one is not final.
  return height <= replica.head.header.height! ? { height, index } : undefined;
}

/** The result of a final transaction with the time of its block. */
export async function finalResult(
  replica: Replica,
  id: Digest,
  place: { readonly height: number; readonly index: number },
): Promise<{ readonly result: TransactionResult; readonly time: number }> {
  const [results, block] = await Promise.all([
    finalResults(replica, [place.height]),
    finalBlock(replica, place.height),
  ]);
  const encoded = results[0]![place.index];
  const result = encoded && decodeResult(encoded);
  if (result?.transaction !== id) {
    throw damaged(replica, `the place of the transaction ${id} is another’s`);
  }
  return { result, time: block.header.time };
}
