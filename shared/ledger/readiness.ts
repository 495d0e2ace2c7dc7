/**
 * A node's statement that it follows the ledger: signed with the node key that is to vote, over a
 * final block that the node executed. It proves that the key is in use and the node up to date, and is
 * no consensus statement: its tag keeps it apart from votes.
 */
import { encodeCbor } from '../bytes/cbor.ts';
import { type Digest, taggedDigest } from '../bytes/digest.ts';
import { fromHex } from '../bytes/text.ts';

export interface Readiness {
  readonly ledger: Digest;
  readonly member: string;
  /** A final block with transactions, and its id. */
  readonly height: number;
  readonly block: Digest;
}

/** The 32 bytes that the node key signs. */
export const readinessDigest = ({ ledger, member, height, block }: Readiness): Uint8Array =>
  fromHex(
    taggedDigest('fuqi/v1/ready', encodeCbor([fromHex(ledger), member, height, fromHex(block)])),
  );
