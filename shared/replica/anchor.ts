/**
 * Anchors: a final block whose state a node takes, with why it is final. They are checked against the
 * validator set of their epoch, which the chain of hand-overs leads to; nothing else is believed.
 */
import { decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import { byteString, list, natural } from '../bytes/cbor-shape.ts';
import type { Digest } from '../bytes/digest.ts';
import { type Frontier, frontierPlaces, frontierRoot } from '../bytes/merkle.ts';
import { fromHex, toHex } from '../bytes/text.ts';
import { type ValidatorSet, type VerifiedQc, verifyQc } from '../consensus/validators.ts';
import { blockId, decodeBlock, decodeHeader, encodeHeader, type Header } from '../ledger/block.ts';
import { decodeQc, encodeQc, type QuorumCertificate } from '../ledger/certificate.ts';
import { check } from '../proof/check.ts';
import { verifyFinality } from '../proof/verify.ts';
import { decodeFinality, encodeFinality, type Finality } from './handover.ts';
import { finalHeader, finalityItem } from './history.ts';
import { itemName } from './items.ts';
import type { Replica } from './replica.ts';

export interface Anchor {
  readonly header: Header;
  readonly finality: Finality;
  /** The block's own certificate: what its child extends. */
  readonly qc: QuorumCertificate;
  /** The peaks of the tree of all earlier block ids. */
  readonly peaks: readonly Digest[];
}

/** An anchor that was checked. */
export interface CheckedAnchor extends Anchor {
  readonly id: Digest;
  readonly height: number;
  readonly qc: VerifiedQc;
  readonly history: Frontier;
}

/** CBOR of an anchor. */
export const encodeAnchor = ({ finality, qc, peaks }: Anchor): Uint8Array =>
  encodeCbor([encodeFinality(finality), encodeQc(qc), peaks.map(fromHex)]);

/** Reverses `encodeAnchor`; throws an Error on any other structure. Nothing is checked yet. */
export function decodeAnchor(bytes: Uint8Array): Anchor {
  const [finalityItem, qc, peaks] = list(decodeCbor(bytes), 3);
  const finality = decodeFinality(finalityItem);
  return {
    header: decodeHeader(finality.header),
    finality,
    qc: decodeQc(qc!),
    peaks: list(peaks).map((peak) => toHex(byteString(peak, 32)) as Digest),
  };
}

/** Checks an anchor against the validators of its epoch; throws an Error that says what is wrong. */
export function checkAnchor(anchor: Anchor, set: ValidatorSet): CheckedAnchor {
  const { header, id } = verifyFinality(anchor.finality, set);
  const height = natural(header.height!);
  check(height > 0, 'an anchor at block 0, which nobody needs');
  check(header.nextValidatorsHash === null, 'an anchor at an epoch’s end');
  check(anchor.qc.block === id && anchor.qc.round === header.round, 'another block’s certificate');
  const qc = verifyQc(set, anchor.qc);
  check(qc, 'the block’s certificate lacks a quorum of good signatures');
  const history = { size: height, peaks: anchor.peaks };
  check(history.peaks.length === frontierPlaces(height).length, 'a history of another length');
  check(frontierRoot(history) === header.historyRoot, 'another history than the block’s');
  return { ...anchor, header, id, height, qc, history };
}

/** Blocks below the head that are looked at for one that an anchor can stand on. */
const TRIES = 16;

/**
 * The anchor at the newest final block of this node that does not end its epoch; undefined where this
 * node has none.
 */
export async function newestAnchor(replica: Replica): Promise<Anchor | undefined> {
  const head = replica.head.header.height!;
  for (let height = head; height > Math.max(0, head - TRIES); height--) {
    if (height < replica.retained.state) return undefined;
    const header = await finalHeader(replica, height);
    if (header.nextValidatorsHash !== null) continue;
    const { descendants, qc: certificate } = await finalityItem(replica, height);
    const child = await replica.ports.blocks.get(blockId(decodeHeader(descendants[0]!)));
    // The block that this node's own snapshot stands on has no child here at first.
    if (!child) continue;
    const finality = { header: encodeHeader(header), descendants, certificate };
    const peaks = await peaksAt(replica, height);
    return { header, finality, qc: decodeBlock(child).qc, peaks };
  }
  return undefined;
}

async function peaksAt(replica: Replica, size: number): Promise<Digest[]> {
  const names = frontierPlaces(size).map(({ level, index }) => itemName.history(level, index));
  const items = await replica.ports.state.items(names);
  return items.map((item, index) => {
    if (!item) throw new Error(`the store lacks ${names[index]}`);
    return toHex(item) as Digest;
  });
}
