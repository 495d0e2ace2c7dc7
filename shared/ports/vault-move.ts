/**
 * A vault on its way to the node that its member moves to: entries as they rest, each with a tag that changes when its content
 * does, so that they are copied while the old node still works with them, and what changed since is copied again.
 *
 * The law:
 * - `listed` answers names and tags in the order of names, after one, at the most `limit`. Two vaults whose listings are the
 *   same hold the same.
 * - `give` encrypts entries to another vault key: of the names as many of the first as fit an envelope, at least one; it says
 *   of one that is not there that it isn't. `take` puts them in the place of what is here, sealed by this vault's key, and
 *   answers the names; it throws `BadEnvelope` for what another key was meant to open.
 * - `lackingParts` answers the parts of files that entries here name and that are not here.
 */
import type { PublicJwk } from '../bytes/crypto.ts';

export interface VaultListing {
  readonly name: string;
  readonly tag: Uint8Array;
}

/** A part of a file, by the name that it is stored under. */
export interface StoredPart {
  readonly name: string;
  readonly part: number;
}

export interface VaultMove {
  listed(after: string | undefined, limit: number): Promise<readonly VaultListing[]>;
  give(names: readonly string[], to: PublicJwk): Promise<Uint8Array>;
  take(envelope: Uint8Array): Promise<readonly string[]>;
  drop(names: readonly string[]): Promise<void>;
  lackingParts(): AsyncIterable<StoredPart>;
  part(stored: StoredPart): Promise<Uint8Array | undefined>;
  putPart(stored: StoredPart, sealed: Uint8Array): Promise<void>;
}
