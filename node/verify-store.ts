/**
 * Checks what a restored store holds against nothing but the ledger id: the head's finality proof through
 * all hand-overs from genesis, and all block ids against the head's history root; in full also every
 * block's body and results, the whole state and its tree.
 */
import { sha256Hex } from '../shared/bytes/crypto.ts';
import type { Digest } from '../shared/bytes/digest.ts';
import { leafHash, merkleRoot } from '../shared/bytes/merkle.ts';
import { toHex } from '../shared/bytes/text.ts';
import {
  EMPTY_TREE,
  type Page,
  proveKey,
  updateTree,
  verifyKey,
} from '../shared/execution/state-tree.ts';
import { Misses } from '../shared/execution/view.ts';
import { blockId } from '../shared/ledger/block.ts';
import type { StateEntry } from '../shared/ports/state-store.ts';
import { verifyStateProof } from '../shared/proof/verify-state.ts';
import { finalBlock, finalResults } from '../shared/replica/history.ts';
import { itemName } from '../shared/replica/items.ts';
import { stateProofOf } from '../shared/replica/prove.ts';
import type { Replica } from '../shared/replica/replica.ts';
import type { Manifest } from './backup-manifest.ts';
import { UserError } from './user-error.ts';

/** How much was checked. */
export interface Checked {
  readonly height: number;
  readonly head: Digest;
  /** Block ids that the head's history root covers, the head's included. */
  readonly blocks: number;
  /** Bodies and state entries that were read and checked; undefined where only the head was. */
  readonly bodies?: number;
  readonly entries?: number;
}

const PROVEN_KEY = 'governance/epoch/current';
const BATCH = 1000;

/** Throws a `UserError` that says what does not hold. */
export async function verifyStore(
  replica: Replica,
  manifest: Pick<Manifest, 'height' | 'head'>,
  full: boolean,
): Promise<Checked> {
  const { id: head, header } = replica.head;
  const height = header.height!;
  const ids = await blockIds(replica, height);
  demand(
    ids[manifest.height] === manifest.head,
    `block ${manifest.height} is not the manifest's head`,
  );
  demand(ids[height] === head, 'the head is not the last block of the index');
  if (height > 0) {
    await verifyHead(replica, height);
    const root = merkleRoot(ids.slice(0, height).map((id) => leafHash(Buffer.from(id, 'hex'))));
    demand(root === header.historyRoot, 'the block ids do not make the head’s history root');
  }
  const checked = { height, head, blocks: height + 1 };
  if (!full) return checked;
  for (let at = 1; at <= height; at++) await verifyBody(replica, at, ids[at]!);
  return { ...checked, bodies: height, entries: await verifyState(replica, height) };
}

async function blockIds({ ports }: Replica, height: number): Promise<Digest[]> {
  const ids: Digest[] = [];
  while (ids.length <= height) {
    const count = Math.min(BATCH, height + 1 - ids.length);
    const names = Array.from({ length: count }, (_, index) => itemName.blockAt(ids.length + index));
    for (const bytes of await ports.state.items(names)) {
      if (!bytes) throw new UserError(`The backup does not hold: block ${ids.length} is missing.`);
      ids.push(toHex(bytes) as Digest);
    }
  }
  return ids;
}

/** The same check that anybody makes of a state proof: finality, hand-overs from genesis, the state root. */
async function verifyHead(replica: Replica, height: number): Promise<void> {
  const proof = JSON.parse(JSON.stringify(await stateProofOf(replica, PROVEN_KEY, height)));
  const verdict = verifyStateProof(proof, replica.ledger);
  if (verdict.verdict !== 'VALID') {
    throw new UserError(
      `The backup does not hold: its head's proof is ${verdict.verdict} (${verdict.reason}).`,
    );
  }
  demand(verdict.block.id === replica.head.id, 'the proof is of another block than the head');
}

async function verifyBody(replica: Replica, height: number, id: Digest): Promise<void> {
  const block = await finalBlock(replica, height);
  const { header, transactions } = block;
  const [results] = await finalResults(replica, [height]);
  const rootOf = (leaves: readonly Uint8Array[]): Digest => merkleRoot(leaves.map(leafHash));
  demand(block.id === id && blockId(header) === id, `block ${height} has another id`);
  demand(
    rootOf(transactions) === header.transactionsRoot,
    `the transactions of block ${height} differ`,
  );
  demand(rootOf(results!) === header.resultsRoot, `the results of block ${height} differ`);
}

/** The state makes the head's root from nothing, and every entry is proven by the stored tree. */
async function verifyState(replica: Replica, height: number): Promise<number> {
  const { stateRoot } = replica.head.header;
  const pages = new Map<string, Page>();
  let tree = EMPTY_TREE;
  let entries = 0;
  for (let from = '', version = 1; ; version++) {
    const range = { from, to: '\u{10ffff}', limit: BATCH };
    const batch = await replica.ports.state.scan(range, height);
    if (batch.length === 0) break;
    const changes = new Map(batch.map(({ key, value }) => [key, value]));
    const update = updateTree(tree, version, changes, (name) => pages.get(name));
    if ('missing' in update) throw new Error('a tree made here has all its pages');
    for (const [name, page] of update.pages) pages.set(name, page);
    tree = update.root;
    for (const entry of batch) await verifyEntry(replica, entry);
    entries += batch.length;
    // The first key that can follow: keys hold no NUL.
    from = `${batch.at(-1)!.key}\u0001`;
  }
  demand(tree.hash === stateRoot, 'the state does not make the head’s state root');
  return entries;
}

async function verifyEntry(replica: Replica, { key, value }: StateEntry): Promise<void> {
  const base = replica.final.base([]);
  for (;;) {
    const proof = proveKey(replica.head.tree, key, (name) => base.page(name));
    if ('missing' in proof) {
      const misses = new Misses();
      for (const name of proof.missing) misses.pages.add(name);
      await base.fetch(misses);
      continue;
    }
    const { siblings, other } = proof;
    const root = replica.head.header.stateRoot;
    const valueHash = sha256Hex(value) as Digest;
    return demand(
      verifyKey({ root, key, valueHash, siblings, other }),
      `the state entry ${key} is not proven`,
    );
  }
}

function demand(holds: boolean, says: string): void {
  if (!holds) throw new UserError(`The backup does not hold: ${says}.`);
}
