/** Reads of final blocks and what they left behind. They need no lock: all of it is immutable. */
import { type Cbor, decodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { toHex } from '../bytes/text.ts';
import type { TreeRoot } from '../execution/state-tree.ts';
import { type Block, decodeBlock, decodeHeader, type Header } from '../ledger/block.ts';
import { decodeQc, type QuorumCertificate } from '../ledger/certificate.ts';
import { decodeResult, type TransactionResult } from '../ledger/result.ts';
import { itemName } from './items.ts';
import type { Replica } from './replica.ts';

/** The final block at a height from 1 to the head's; block 0 has no body. */
export const finalBlock = async (replica: Replica, height: number): Promise<Block> =>
  decodeBlock(await finalBlockBytes(replica, height));

/** The same as it is stored and travels. */
export async function finalBlockBytes(replica: Replica, height: number): Promise<Uint8Array> {
  const [id] = await replica.ports.state.items([itemName.blockAt(height)]);
  const bytes = id && (await replica.ports.blocks.get(toHex(id) as Digest));
  if (!bytes) throw new Error(`the store lacks the final block ${height}`);
  return bytes;
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
  const names = [itemName.header(height), itemName.blockAt(height)];
  const [header, id] = await replica.ports.state.items(names);
  if (header) return decodeHeader(header);
  const bytes = id && (await replica.ports.blocks.get(toHex(id) as Digest));
  if (!bytes) throw new Error(`the store lacks the final block ${height}`);
  return decodeBlock(bytes).header;
}

/** The state tree after a final block. The root page's version is that of the last change. */
export async function treeAt(replica: Replica, height: number): Promise<TreeRoot> {
  if (height === replica.head.header.height) return replica.head.tree;
  const [item] = await replica.ports.state.items([itemName.tree(height)]);
  if (!item) throw new Error(`the store lacks the tree root of block ${height}`);
  const [hash, version] = decodeCbor(item) as [Uint8Array, number | null];
  return { hash: toHex(hash) as Digest, version };
}

/** Why a final block is final: the headers from its child on, and the certificate of the last. */
export async function finalityItem(
  replica: Replica,
  height: number,
): Promise<{ readonly descendants: readonly Uint8Array[]; readonly qc: QuorumCertificate }> {
  const [bytes] = await replica.ports.state.items([itemName.finality(height)]);
  if (!bytes) throw new Error(`the store lacks the finality proof of block ${height}`);
  const [descendants, qc] = decodeCbor(bytes) as [Uint8Array[], Cbor];
  return { descendants, qc: decodeQc(qc) };
}

/** Encoded results of final blocks by height; an empty list for a block without transactions. */
export async function finalResults(
  replica: Replica,
  heights: readonly number[],
): Promise<Uint8Array[][]> {
  const items = await replica.ports.state.items(heights.map((height) => itemName.results(height)));
  return items.map((bytes) => (bytes ? (decodeCbor(bytes) as Uint8Array[]) : []));
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
  place: { readonly height: number; readonly index: number },
): Promise<{ readonly result: TransactionResult; readonly time: number }> {
  const [results, block] = await Promise.all([
    finalResults(replica, [place.height]),
    finalBlock(replica, place.height),
  ]);
  return { result: decodeResult(results[0]![place.index]!), time: block.header.time };
}
