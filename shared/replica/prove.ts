/** Makes receipts and state proofs from what final blocks left behind. */
import { decodeLoosely } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { parseJsonJws } from '../bytes/jws.ts';
import { inclusionPath, leafHash } from '../bytes/merkle.ts';
import { fromUtf8, toBase64Url, toHex } from '../bytes/text.ts';
import type { ValidatorSet } from '../consensus/validators.ts';
import { SYSTEM_KEYS } from '../contract/system-records.ts';
import { proveKey, type TreeRoot } from '../execution/state-tree.ts';
import { Misses } from '../execution/view.ts';
import { decodeBlock, encodeHeader, type Header } from '../ledger/block.ts';
import type { QuorumCertificate } from '../ledger/certificate.ts';
import type { Evidence, EvidenceProof } from '../ledger/evidence.ts';
import type {
  Anchor,
  CertificateJson,
  EpochHandover,
  FinalityProof,
  Receipt,
  RecoveryHandover,
  StateEntryProof,
  StateProof,
  ValidatorSetJson,
} from '../ledger/receipt.ts';
import { agreementKeyId } from '../ledger/recovery.ts';
import { Rejected } from '../ledger/rejection.ts';
import { decodeTransaction, transactionToJson } from '../ledger/transaction.ts';
import { decodeEpoch } from './head.ts';
import { finalBlock, finalityItem, finalResults, placeOf } from './history.ts';
import { itemName } from './items.ts';
import type { Replica } from './replica.ts';

/** The receipt of a final transaction; undefined where it is not final. */
export async function receiptOf(replica: Replica, id: Digest): Promise<Receipt | undefined> {
  const place = await placeOf(replica, id);
  if (!place) return undefined;
  const { height, index } = place;
  const block = await finalBlock(replica, height);
  const [results] = await finalResults(replica, [height]);
  const transaction = decodeTransaction(block.transactions[index]!);
  if (transaction instanceof Rejected) throw new Error(`block ${height} holds a damaged ${id}`);
  const size = block.transactions.length;
  const proof = (leaves: readonly Uint8Array[]) => ({
    index,
    size,
    path: inclusionPath(leaves.map(leafHash), index),
  });
  return {
    format: 'fuqi-receipt-1',
    ledger: replica.ledger,
    transaction: { id, jws: transactionToJson(transaction), inclusion: proof(block.transactions) },
    result: { encoded: toBase64Url(results![index]!), inclusion: proof(results!) },
    anchor: await anchorOf(replica, block.header),
  };
}

/** A proof of a key's value, or absence, in the state after a final block (from height 1 on). */
export async function stateProofOf(
  replica: Replica,
  key: string,
  height: number,
): Promise<StateProof> {
  const entry = await entryProofOf(replica, key, height);
  const anchor = await anchorOf(replica, (await finalBlock(replica, height)).header);
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
    const proven = proveKey(tree, key, (name) => base.page(name));
    if (!('missing' in proven)) {
      if (proven.present !== (value !== undefined)) {
        throw new Error(`the state tree and the state differ at ${key}, height ${height}`);
      }
      const { siblings, other } = proven;
      return { key, value: value ? toBase64Url(value) : null, siblings, other };
    }
    const misses = new Misses();
    for (const name of proven.missing) misses.pages.add(name);
    await base.fetch(misses);
  }
}

/** The state tree after a final block. The root page's version is that of the last change. */
async function treeAt(replica: Replica, height: number): Promise<TreeRoot> {
  if (height === replica.head.header.height) return replica.head.tree;
  const [item] = await replica.ports.state.items([itemName.tree(height)]);
  if (!item) throw new Error(`the store lacks the tree root of block ${height}`);
  const [hash, version] = decodeLoosely(item) as [Uint8Array, number | null];
  return { hash: toHex(hash) as Digest, version };
}

async function anchorOf(replica: Replica, header: Header): Promise<Anchor> {
  const finality = await finalityOf(replica, header);
  return { finality, genesis: replica.genesis, handovers: await handovers(replica, header.epoch) };
}

type Handover = EpochHandover | RecoveryHandover;

/** The hand-overs from the genesis document's validators to those of an epoch. */
async function handovers(replica: Replica, last: number): Promise<Handover[]> {
  const made: Handover[] = [];
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
  const { member, epoch, round, statements } = decodeLoosely(stored) as unknown as Evidence;
  return {
    format: 'fuqi-evidence-1',
    ledger: replica.ledger,
    evidence: { member, epoch, round, statements },
    genesis: replica.genesis,
    handovers: await handovers(replica, epoch),
  };
}

async function handoverTo(replica: Replica, number: number): Promise<Handover> {
  const [bytes, before, agreement] = await replica.ports.state.items([
    itemName.epoch(number),
    itemName.epoch(number - 1),
    itemName.agreement(number),
  ]);
  if (!bytes || !before) throw new Error(`the store lacks the items of epoch ${number}`);
  const { start, epoch } = decodeEpoch(bytes);
  const last = await replica.ports.blocks.get(start);
  if (!last) throw new Error(`the store lacks block ${start}`);
  const { header } = decodeBlock(last);
  if (!agreement) {
    const finality = await finalityOf(replica, header);
    return { finality, validators: validatorsToJson(epoch.set) };
  }
  const recovery = await recoveryFrom(replica, JSON.parse(fromUtf8(agreement)!), header.height!);
  // An epoch without a block of its own was handed over to by this same block.
  if (decodeEpoch(before).start === start) return recovery;
  return { ...recovery, finality: await finalityOf(replica, header) };
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
  return {
    header: toBase64Url(encodeHeader(header)),
    descendants: descendants.map(toBase64Url),
    certificate: certificateToJson(qc),
  };
}

/** A certificate as receipts carry it. */
export const certificateToJson = (qc: QuorumCertificate): CertificateJson => ({
  epoch: qc.epoch,
  round: qc.round,
  block: qc.block,
  signatures: qc.signatures.map(({ validator, signature }) => ({
    validator,
    signature: toBase64Url(signature),
  })),
});

/** A validator set as receipts carry it. */
export const validatorsToJson = (set: ValidatorSet): ValidatorSetJson => ({
  epoch: set.epoch,
  tenureRounds: set.tenureRounds,
  validators: set.validators.map(({ member, key }) => ({ member, x: key.x, y: key.y })),
});
