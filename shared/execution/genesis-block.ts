/** Block 0: the state that the genesis document describes, and the first epoch. */
import { encodeCbor } from '../bytes/cbor.ts';
import { taggedDigest, ZERO_DIGEST } from '../bytes/digest.ts';
import { merkleRoot } from '../bytes/merkle.ts';
import { EVERYBODY } from '../consensus/leaders.ts';
import { validatorSetOf, validatorsHash } from '../consensus/validators.ts';
import { genesisState } from '../contract/genesis-state.ts';
import { encodeHeader, type Header } from '../ledger/block.ts';
import { type Genesis, ledgerId } from '../ledger/genesis.ts';
import { type Epoch, observersOf } from './block-execution.ts';
import type { ChainPoint } from './execute-block.ts';
import { type Page, updateTree } from './state-tree.ts';

/** What a ledger starts from: a function of the genesis document alone. */
export interface GenesisBlock {
  readonly point: ChainPoint;
  readonly epoch: Epoch;
  readonly values: ReadonlyMap<string, Uint8Array>;
  readonly pages: ReadonlyMap<string, Page>;
}

/** Derives block 0. Throws an Error where the document contradicts itself. */
export function genesisBlock(genesis: Genesis): GenesisBlock {
  const ledger = ledgerId(genesis);
  const values = new Map(genesisState(genesis).map(([key, value]) => [key, encodeCbor(value)]));
  const updated = updateTree({ hash: ZERO_DIGEST, version: null }, 0, values, () => undefined);
  if ('missing' in updated) throw new Error('an empty tree has no pages to miss');
  const { parameters, members } = genesis;
  const set = validatorSetOf(ledger, 1, parameters.tenureRounds, members);
  const epoch: Epoch = { set, parameters, observers: observersOf(members), amendments: [] };
  const header: Header = {
    ledger,
    epoch: 1,
    round: 0,
    height: 0,
    parent: ZERO_DIGEST,
    parentRound: 0,
    author: '',
    time: genesis.time,
    transactionsRoot: merkleRoot([]),
    resultsRoot: merkleRoot([]),
    stateRoot: updated.root.hash,
    historyRoot: merkleRoot([]),
    validatorsHash: validatorsHash(epoch.set),
    nextValidatorsHash: null,
  };
  const id = taggedDigest('fuqi/v1/header', encodeHeader(header));
  const history = { size: 0, peaks: [] };
  return {
    point: { id, header, tree: updated.root, history, next: null, leaders: EVERYBODY },
    epoch,
    values,
    pages: updated.pages,
  };
}
