/** Parts of snapshots and catch-up: pages and entries of the state tree, anchors, hand-overs between epochs. */
import assert from 'node:assert/strict';
import { encodeCbor } from '../../../shared/bytes/cbor.ts';
import { ZERO_DIGEST } from '../../../shared/bytes/digest.ts';
import { nodeAt, nodesOf } from '../../../shared/execution/state-page.ts';
import { decodePage, encodePage } from '../../../shared/execution/state-tree.ts';
import { decodeEntry } from '../../../shared/execution/tree-walk.ts';
import { decodeAnchor, encodeAnchor } from '../../../shared/replica/anchor.ts';
import { decodeHandover, encodeHandover } from '../../../shared/replica/handover.ts';
import { accepted, sameBytes } from '../invariant.ts';

export function fuzz(data: Uint8Array): void {
  const page = accepted(() => decodePage(data));
  if (page) {
    sameBytes(encodePage(page), data, 'the page encoded again');
    // The node above all slots is the page's hash, and exists unless the page is empty.
    const isEmpty = nodesOf(page).every((node) => node === null);
    assert.equal((nodeAt(page, 1)?.hash ?? ZERO_DIGEST) === ZERO_DIGEST, isEmpty);
  }
  const entry = accepted(() => decodeEntry(data));
  if (entry) sameBytes(encodeCbor([entry.key, entry.value]), data, 'the entry encoded again');
  const anchor = accepted(() => decodeAnchor(data));
  if (anchor) sameBytes(encodeAnchor(anchor), data, 'the anchor encoded again');
  const handover = accepted(() => decodeHandover(data, ZERO_DIGEST));
  if (handover) sameBytes(encodeHandover(handover), data, 'the hand-over encoded again');
}
