/**
 * From a parent and transactions to a header: executes, updates the state tree, and derives every
 * root. Building a block and checking one are the same computation; checking compares the headers.
 * Like `BlockExecution`, it is called again with what it lacked until it answers.
 */
import type { Digest } from '../bytes/digest.ts';
import {
  appendLeaf,
  type Frontier,
  frontierRoot,
  leafHash,
  merkleRoot,
  type NodeHash,
} from '../bytes/merkle.ts';
import { fromHex } from '../bytes/text.ts';
import { type Leaders, leadersAfter } from '../consensus/leaders.ts';
import { validatorsHash } from '../consensus/validators.ts';
import type { Catalog } from '../contract/catalog.ts';
import type { Header } from '../ledger/block.ts';
import { Rejected } from '../ledger/rejection.ts';
import { encodeResult, type TransactionResult } from '../ledger/result.ts';
import type { Transaction } from '../ledger/transaction.ts';
import {
  type Ancestry,
  BlockExecution,
  type BlockOutcome,
  type Epoch,
  type ExecutionMode,
} from './block-execution.ts';
import { type Page, type TreeRoot, updateTree } from './state-tree.ts';
import type { Layer, Misses } from './view.ts';

/** A block as its children see it. */
export interface ChainPoint {
  readonly id: Digest;
  readonly header: Header;
  readonly tree: TreeRoot;
  /** The ids of all blocks before this one. */
  readonly history: Frontier;
  /** The next epoch, from an epoch's last block on. */
  readonly next: Epoch | null;
  /** Who of the epoch's leaders is passed over in the rounds after this block. */
  readonly leaders: Leaders;
}

/** What executing a block gives, apart from its id. */
export interface Execution {
  readonly header: Header;
  readonly tree: TreeRoot;
  readonly history: Frontier;
  readonly next: Epoch | null;
  readonly leaders: Leaders;
  readonly transactions: readonly Transaction[];
  readonly results: readonly TransactionResult[];
  readonly encodedResults: readonly Uint8Array[];
  readonly dropped: BlockOutcome['dropped'];
  readonly writes: Layer;
  readonly pages: ReadonlyMap<string, Page>;
  readonly historyNodes: readonly NodeHash[];
}

/** Where a block stands: what the leader chooses besides the transactions. */
export interface Place {
  readonly round: number;
  readonly parentRound: number;
  readonly author: string;
  readonly time: number;
}

/** Executes a block on its parent. */
export class BlockRun {
  readonly #parent: ChainPoint;
  readonly #epoch: Epoch;
  readonly #place: Place;
  readonly #ancestry: Ancestry;
  readonly #height: number;
  readonly #execution: BlockExecution;
  readonly #leaders: Leaders;
  #outcome: BlockOutcome | undefined;

  constructor(options: {
    readonly parent: ChainPoint;
    readonly epoch: Epoch;
    readonly place: Place;
    readonly catalog: Catalog;
    readonly ancestry: Ancestry;
    readonly mode: ExecutionMode;
    readonly candidates: readonly Transaction[];
  }) {
    const { parent, epoch, place } = options;
    this.#leaders = leadersAfter(epoch.set, parent.leaders, place);
    if (parent.header.height === null) throw new Error('executing on a block without a height');
    this.#parent = parent;
    this.#epoch = epoch;
    this.#place = place;
    this.#ancestry = options.ancestry;
    this.#height = parent.header.height + 1;
    this.#execution = new BlockExecution({
      facts: {
        ledger: epoch.set.ledger,
        epoch: epoch.set.epoch,
        height: this.#height,
        time: place.time,
        windowMs: epoch.parameters.transactionWindowMs,
      },
      leaders: this.#leaders === parent.leaders ? null : this.#leaders,
      amendments: parent.header.epoch < epoch.set.epoch ? epoch.amendments : null,
      catalog: options.catalog,
      ancestry: options.ancestry,
      mode: options.mode,
      candidates: options.candidates,
    });
  }

  /** The execution; undefined where `misses` is to be fetched; `Rejected` for an invalid block. */
  run(misses: Misses): Execution | Rejected | undefined {
    if (!this.#outcome) {
      const outcome = this.#execution.run(misses);
      if (!outcome || outcome instanceof Rejected) return outcome;
      this.#outcome = outcome;
    }
    const { transactions, results, writes, next, dropped } = this.#outcome;
    const updated = updateTree(this.#parent.tree, this.#height, writes, (name) =>
      this.#ancestry.base.page(name),
    );
    if ('missing' in updated) {
      for (const name of updated.missing) misses.pages.add(name);
      return undefined;
    }
    const { frontier: history, nodes } = appendLeaf(
      this.#parent.history,
      leafHash(fromHex(this.#parent.id)),
    );
    const encodedResults = results.map(encodeResult);
    const header: Header = {
      ledger: this.#epoch.set.ledger,
      epoch: this.#epoch.set.epoch,
      round: this.#place.round,
      height: this.#height,
      parent: this.#parent.id,
      parentRound: this.#place.parentRound,
      author: this.#place.author,
      time: this.#place.time,
      transactionsRoot: merkleRoot(transactions.map(({ bytes }) => leafHash(bytes))),
      resultsRoot: merkleRoot(encodedResults.map(leafHash)),
      stateRoot: updated.root.hash,
      historyRoot: frontierRoot(history),
      validatorsHash: validatorsHash(this.#epoch.set),
      nextValidatorsHash: next && validatorsHash(next.set),
    };
    return {
      header,
      tree: updated.root,
      history,
      next,
      leaders: this.#leaders,
      transactions,
      results,
      encodedResults,
      dropped,
      writes,
      pages: updated.pages,
      historyNodes: nodes,
    };
  }
}

const EMPTY_ROOT = merkleRoot([]);

/**
 * The header of a block after an epoch's last one, in the same epoch: no transactions, no height,
 * every root as before. It only serves to commit the last block.
 */
export function closingHeader(parent: ChainPoint, epoch: Epoch, place: Place): Header {
  const { stateRoot, historyRoot } = parent.header;
  return {
    ledger: epoch.set.ledger,
    epoch: epoch.set.epoch,
    round: place.round,
    height: null,
    parent: parent.id,
    parentRound: place.parentRound,
    author: place.author,
    time: place.time,
    transactionsRoot: EMPTY_ROOT,
    resultsRoot: EMPTY_ROOT,
    stateRoot,
    historyRoot,
    validatorsHash: validatorsHash(epoch.set),
    nextValidatorsHash: null,
  };
}
