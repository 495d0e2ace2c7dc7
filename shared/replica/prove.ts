/** Makes receipts and state proofs from what final blocks left behind. */
import { decodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { parseJsonJws } from '../bytes/jws.ts';
import { inclusionPath, leafHash } from '../bytes/merkle.ts';
import { fromUtf8, toBase64Url } from '../bytes/text.ts';
import { SYSTEM_KEYS } from '../contract/system-records.ts';
import { proveKey } from '../execution/state-tree.ts';
import { Misses } from '../execution/view.ts';
import { encodeHeader, type Header } from '../ledger/block.ts';
import type { Evidence, EvidenceProof } from '../ledger/evidence.ts';
import type {
  Anchor,
  EpochHandover,
  FinalityProof,
  Receipt,
  RecoveryHandover,
  StateEntryProof,
  StateProof,
} from '../ledger/receipt.ts';
import { agreementKeyId, parseAgreement } from '../ledger/recovery.ts';
import { Rejected } from '../ledger/rejection.ts';
import { decodeTransaction, transactionToJson } from '../ledger/transaction.ts';
import { decodeHandover, finalityToJson, handoverToJson } from './handover.ts';
import { decodeEpoch } from './head.ts';
import { finalBlock, finalHeader, finalityItem, finalResults, placeOf, treeAt } from './history.ts';
import { itemName } from './items.ts';
import { damaged, proveReceipt, readable } from './proven.ts';
import type { Replica } from './replica.ts';

/** The receipt of a final transaction; undefined where it is not final, or its block is not kept. */
export async function receiptOf(replica: Replica, id: Digest): Promise<Receipt | undefined> {
  const place = await placeOf(replica, id);
  if (!place || place.height < replica.retained.bodies) return undefined;
  const { height, index } = place;
  const block = await finalBlock(replica, height);
  const [results] = await finalResults(replica, [height]);
  const encoded = block.transactions[index];
  const transaction = encoded && decodeTransaction(encoded);
  if (!transaction || transaction instanceof Rejected || transaction.id !== id) {
    throw damaged(replica, `the place of the transaction ${id} is another’s`);
  }
  const size = block.transactions.length;
  const proof = (leaves: readonly Uint8Array[]) => ({
    index,
    size,
    path: inclusionPath(leaves.map(leafHash), index),
  });
  const receipt: Receipt = {
    format: 'fuqi-receipt-1',
    ledger: replica.ledger,
    transaction: { id, jws: transactionToJson(transaction), inclusion: proof(block.transactions) },
    result: { encoded: toBase64Url(results![index]!), inclusion: proof(results!) },
    anchor: await anchorOf(replica, block.header),
  };
  proveReceipt(replica, receipt);
  return receipt;
}

/** A proof of a key's value, or absence, in the state after a final block (from height 1 on). */
export async function stateProofOf(
  replica: Replica,
  key: string,
  height: number,
): Promise<StateProof> {
  const entry = await entryProofOf(replica, key, height);
  const anchor = await anchorOf(replica, await finalHeader(replica, height));
  return { format: 'fuqi-state-1', ledger: replica.ledger, ...entry, anchor };
}

/** The same without what makes the block final. */
async function entryProofOf(
  replica: Replica,
  key: string,
  height: number,
): Promise<StateEntryProof> {
  const tree = await treeAt(replica, height);
  const [value] = await replica.ports.state.get([key], height);
  const base = replica.final.base([]);
  for (;;) {
    const proven = readable(replica, `the state tree above ${key}`, () =>
      proveKey(tree, key, (name) => base.page(name)),
    );
    if (!('missing' in proven)) {
      if (proven.present !== (value !== undefined)) {
        throw damaged(replica, `the state at ${key} is not what the state tree says`);
      }
      const { siblings, other } = proven;
      return { key, value: value ? toBase64Url(value) : null, siblings, other };
    }
    const misses = new Misses();
    for (const name of proven.missing) misses.pages.add(name);
    await base.fetch(misses);
  }
}

async function anchorOf(replica: Replica, header: Header): Promise<Anchor> {
  const finality = await finalityOf(replica, header);
  return { finality, genesis: replica.genesis, handovers: await handovers(replica, header.epoch) };
}

/** The hand-overs from the genesis document's validators to those of an epoch. */
async function handovers(replica: Replica, last: number): Promise<Anchor['handovers']> {
  const made: Anchor['handovers'][number][] = [];
  for (let epoch = 2; epoch <= last; epoch++) made.push(await handoverTo(replica, epoch));
  return made;
}

/** Recorded evidence of double signing as a file of its own; undefined where the ledger has none of that id. */
export async function evidenceProofOf(
  replica: Replica,
  id: string,
): Promise<EvidenceProof | undefined> {
  const stored = await replica.final.read(SYSTEM_KEYS.offence(id));
  if (!stored) return undefined;
  const { member, epoch, round, statements } = decodeCbor(stored) as unknown as Evidence;
  return {
    format: 'fuqi-evidence-1',
    ledger: replica.ledger,
    evidence: { member, epoch, round, statements },
    genesis: replica.genesis,
    handovers: await handovers(replica, epoch),
  };
}

/** The hand-over to an epoch that this node was in, or was shown a chain of hand-overs to. */
async function handoverTo(
  replica: Replica,
  number: number,
): Promise<EpochHandover | RecoveryHandover> {
  const [stored, epoch, before, agreed] = await replica.ports.state.items([
    itemName.handover(number),
    itemName.epoch(number),
    itemName.epoch(number - 1),
    itemName.agreement(number),
  ]);
  if (stored) return handoverToJson(decodeHandover(stored, replica.ledger));
  if (!epoch || !before || !agreed) throw new Error(`the store lacks the items of epoch ${number}`);
  const agreement: unknown = JSON.parse(fromUtf8(agreed)!);
  const signed = parseAgreement(agreement);
  if (typeof signed === 'string') throw new Error(signed);
  const { height } = signed.agreement;
  const recovery = await recoveryFrom(replica, agreement, height);
  // An epoch without a block of its own was handed over to by this same block.
  if (decodeEpoch(before).start === decodeEpoch(epoch).start) return recovery;
  return { ...recovery, finality: await finalityOf(replica, await finalHeader(replica, height)) };
}

async function recoveryFrom(
  replica: Replica,
  agreement: unknown,
  height: number,
): Promise<RecoveryHandover> {
  const jws = parseJsonJws(agreement)!;
  const keyIds = new Set(jws.signatures.map((_, index) => agreementKeyId(jws, index)!));
  const prove = (key: string) => entryProofOf(replica, key, height);
  return {
    agreement,
    membership: await prove(SYSTEM_KEYS.membership),
    keys: await Promise.all([...keyIds].map((keyId) => prove(SYSTEM_KEYS.key(keyId)))),
  };
}

async function finalityOf(replica: Replica, header: Header): Promise<FinalityProof> {
  const { descendants, qc } = await finalityItem(replica, header.height!);
  return finalityToJson({ header: encodeHeader(header), descendants, certificate: qc });
}
