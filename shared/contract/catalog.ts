/**
 * The contracts whose code a node has, by name, version and code hash. Governance decides which of
 * them are active; a node that lacks the approved code does not vote.
 */
import type { Digest } from '../bytes/digest.ts';
import type { Contract } from './define.ts';

/** A contract with the hash of the source that members approve. */
export interface CatalogEntry {
  readonly contract: Contract;
  readonly codeHash: Digest;
}

/** Looks up a contract's code. */
export interface Catalog {
  readonly entries: readonly CatalogEntry[];
  find(name: string, version: number, codeHash: string): Contract | undefined;
}

/** Builds a catalog. */
export function catalog(entries: readonly CatalogEntry[]): Catalog {
  return {
    entries,
    find: (name, version, codeHash) =>
      entries.find(
        (entry) =>
          entry.contract.name === name &&
          entry.contract.version === version &&
          entry.codeHash === codeHash,
      )?.contract,
  };
}
