/**
 * Checks what a store holds against nothing but the ledger id. At every start, the head: its finality proof through
 * all hand-overs from genesis, and what its record says beside. After a restore also all block ids against the head's
 * history root; in full also every block's body, results and finality proof, where its transactions are said to
 * stand, the root of the state after it, the whole present state and its tree. Older versions of single values are
 * proven when they are read.
 */
import { sha256Hex } from '../shared/bytes/crypto.ts';
import type { Digest } from '../shared/bytes/digest.ts';
import { frontierRoot, leafHash, merkleRoot } from '../shared/bytes/merkle.ts';
import { toHex } from '../shared/bytes/text.ts';
import { validatorsHash } from '../shared/consensus/validators.ts';
import { genesisBlock } from '../shared/execution/genesis-block.ts';
import {
  EMPTY_TREE,
  type Page,
  proveKey,
  updateTree,
  verifyKey,
} from '../shared/execution/state-tree.ts';
import { Misses } from '../shared/execution/view.ts';
import { blockId } from '../shared/ledger/block.ts';
import { Rejected } from '../shared/ledger/rejection.ts';
import { decodeTransaction, type Transaction } from '../shared/ledger/transaction.ts';
import type { StateEntry } from '../shared/ports/state-store.ts';
import { verifyStateProof } from '../shared/proof/verify-state.ts';
import { finalBlock, finalResults, placeOf } from '../shared/replica/history.ts';
import { itemName } from '../shared/replica/items.ts';
import { stateProofOf } from '../shared/replica/prove.ts';
import { proveId } from '../shared/replica/proven.ts';
import type { Replica } from '../shared/replica/replica.ts';
import type { Manifest } from './backup-manifest.ts';
import { UserError } from './user-error.ts';

/** How much was checked. */
export interface Checked {
  readonly height: number;
  readonly head: Digest;
  /** Block ids that the head's history covers and the store keeps, the head's included. */
  readonly blocks: number;
  /** Bodies and state entries that were read and checked; undefined where only the head was. */
  readonly bodies?: number;
  readonly entries?: number;
}

const PROVEN_KEY = 'governance/epoch/current';
const BATCH = 1000;

/** Throws a `UserError` that says what does not hold; a backup's manifest names a block that has to be there. */
export async function verifyStore(
  replica: Replica,
  full: boolean,
  manifest?: Pick<Manifest, 'height' | 'head'>,
): Promise<Checked> {
  const { head, retained } = replica;
  const height = head.header.height!;
  await verifyHead(replica);
  const from = retained.state;
  const ids = await blockIds(replica, from, height);
  const idAt = (at: number): Digest | undefined => ids[at - from];
  demand(
    manifest === undefined || idAt(manifest.height) === manifest.head,
    `block ${manifest?.height} is not the manifest's head`,
  );
  demand(idAt(height) === head.id, 'the head is not the last block of the index');
  if (from === 0) {
    const leaves = ids.slice(0, height).map((id) => leafHash(Buffer.from(id, 'hex')));
    const root = merkleRoot(leaves);
    demand(root === head.header.historyRoot, 'the block ids do not make the head’s history root');
  } else for (const [index, id] of ids.entries()) proveId(replica, from + index, id);
  const checked = { height, head: head.id, blocks: ids.length };
  if (!full) return checked;
  const first = Math.max(1, retained.bodies);
  for (let at = first; at <= height; at++) await verifyBody(replica, at, idAt(at)!);
  const bodies = height + 1 - first;
  return { ...checked, bodies, entries: await verifyState(replica, height) };
}

/**
 * Proves the head final, and what its record says beside it: the state's root, the history, the validators of the
 * next block. Throws a `UserError` that says what does not hold.
 */
export async function verifyHead(replica: Replica): Promise<void> {
  const { id, header, tree, history } = replica.head;
  const height = header.height!;
  demand(blockId(header) === id, 'the head has another id');
  demand(tree.hash === header.stateRoot, 'the root of the state tree is not the head’s');
  if (height > 0) await verifyFinal(replica, height, id);
  else {
    const { point } = genesisBlock(replica.genesis);
    demand(id === point.id, 'block 0 is not that of the genesis document');
  }
  demand(
    history.size === height && frontierRoot(history) === header.historyRoot,
    'the history is not the head’s',
  );
  verifyNext(replica);
}

/** The validators of the next block are those that the head names, where no agreement of members came between. */
function verifyNext({ head: { header }, epoch: { set } }: Replica): void {
  const expected = set.epoch === header.epoch ? header.validatorsHash : header.nextValidatorsHash;
  if (expected === null || set.epoch > header.epoch + 1) return;
  demand(validatorsHash(set) === expected, 'the validators are not those that the head names');
}

async function blockIds({ ports }: Replica, from: number, to: number): Promise<Digest[]> {
  const ids: Digest[] = [];
  while (ids.length <= to - from) {
    const start = from + ids.length;
    const count = Math.min(BATCH, to + 1 - start);
    const names = Array.from({ length: count }, (_, index) => itemName.blockAt(start + index));
    for (const bytes of await ports.state.items(names)) {
      demand(bytes !== undefined, `block ${from + ids.length} is missing`);
      ids.push(toHex(bytes!) as Digest);
    }
  }
  return ids;
}

/** The same check that anybody makes of a state proof: finality, hand-overs from genesis, the state root. */
async function verifyFinal(replica: Replica, height: number, id: Digest): Promise<void> {
  const proof = JSON.parse(JSON.stringify(await stateProofOf(replica, PROVEN_KEY, height)));
  const verdict = verifyStateProof(proof, replica.ledger);
  if (verdict.verdict !== 'VALID') {
    demand(false, `the proof of block ${height} is ${verdict.verdict} (${verdict.reason})`);
    return;
  }
  demand(verdict.block.id === id, `the proof of block ${height} is another block’s`);
}

async function verifyBody(replica: Replica, height: number, id: Digest): Promise<void> {
  const block = await finalBlock(replica, height);
  const { header, transactions } = block;
  const [results] = await finalResults(replica, [height]);
  const rootOf = (leaves: readonly Uint8Array[]): Digest => merkleRoot(leaves.map(leafHash));
  demand(block.id === id && blockId(header) === id, `block ${height} has another id`);
  await verifyFinal(replica, height, id);
  demand(
    rootOf(transactions) === header.transactionsRoot,
    `the transactions of block ${height} differ`,
  );
  demand(rootOf(results!) === header.resultsRoot, `the results of block ${height} differ`);
  for (const [index, bytes] of transactions.entries()) {
    const transaction = decodeTransaction(bytes);
    demand(!(transaction instanceof Rejected), `a transaction of block ${height} can't be read`);
    const place = await placeOf(replica, (transaction as Transaction).id);
    const isThere = place?.height === height && place.index === index;
    demand(isThere, `the place of transaction ${index} of block ${height} is missing or another`);
  }
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
  if (!holds) throw new UserError(`The store does not hold: ${says}.`);
}
