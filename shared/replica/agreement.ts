/**
 * Disaster recovery on one node, while it is stopped: checks an agreement of the members against this
 * node's own ledger and starts the new epoch from the agreed block. It drops no final block.
 */
import { decodeCbor } from '../bytes/cbor.ts';
import { utf8 } from '../bytes/text.ts';
import { type KeyRecord, type MemberRecord, SYSTEM_KEYS } from '../contract/system-records.ts';
import type { Epoch } from '../execution/block-execution.ts';
import { recoveredEpoch } from '../execution/recovery.ts';
import { prefixRange } from '../execution/view.ts';
import { type Genesis, ledgerId } from '../ledger/genesis.ts';
import {
  type AgreementKey,
  agreementKeyId,
  agreementSigners,
  parseAgreement,
  type SignedAgreement,
} from '../ledger/recovery.ts';
import { readEpoch } from './durable.ts';
import { decodeHead, encodeEpoch, encodeHead, type StoredHead } from './head.ts';
import { itemName } from './items.ts';
import type { Ports } from './replica.ts';

const MEMBERS_MAX = 4096;

/** The stores of a stopped node. */
type Stores = Pick<Ports, 'heads' | 'state'>;

/** Where a stopped node stands: what an agreement has to name. */
export interface Standstill {
  readonly head: StoredHead;
  readonly headVersion: number;
  readonly epoch: Epoch;
  /** All members at the head, removed ones included. */
  readonly members: readonly MemberRecord[];
}

/** Reads where a stopped node stands. Throws an Error where its store holds no ledger. */
export async function standstillOf({ heads, state }: Stores): Promise<Standstill> {
  const read = await heads.read('head');
  if (!read) throw new Error('the store holds no ledger');
  const head = decodeHead(read.bytes);
  const { epoch } = await readEpoch(state, head.epoch);
  const range = prefixRange(SYSTEM_KEYS.members, MEMBERS_MAX);
  const entries = await state.scan(range, head.header.height!);
  const members = entries.map(({ value }) => decodeCbor(value) as unknown as MemberRecord);
  return { head, headVersion: read.version, epoch, members };
}

/**
 * Applies an agreement (a general JWS as JSON). Answers the members that signed it; throws an Error of
 * one sentence, and changes nothing, where anything about it is not right for this node.
 */
export async function applyAgreement(
  stores: Stores,
  genesis: Genesis,
  document: unknown,
): Promise<{ readonly signers: readonly string[]; readonly epoch: Epoch }> {
  const signed = parseAgreement(document);
  if (typeof signed === 'string') throw new Error(signed);
  const { agreement } = signed;
  const standstill = await standstillOf(stores);
  const misfit = misfitOf(signed, genesis, standstill);
  if (misfit !== undefined) throw new Error(misfit);
  const members = standstill.members.flatMap(({ id, active }) => (active ? [id] : []));
  const keys = await readKeys(stores, signed, agreement.height);
  const signers = agreementSigners(signed, members, (keyId) => keys.get(keyId));
  if (typeof signers === 'string') throw new Error(signers);
  const epoch = recoveredEpoch(agreement, standstill.epoch, standstill.members);
  if (typeof epoch === 'string') throw new Error(epoch);
  await start(stores, standstill, document, epoch);
  return { signers, epoch };
}

function misfitOf(
  { agreement }: SignedAgreement,
  genesis: Genesis,
  { head }: Standstill,
): string | undefined {
  const { ledger, height, block, epoch } = agreement;
  const own = head.header.height!;
  if (ledger !== ledgerId(genesis) || ledger !== head.header.ledger) {
    return `The agreement is about ledger ${ledger}, this node holds ${head.header.ledger}.`;
  }
  if (own > height) {
    return (
      `This node has the final block ${own}, above the agreed ${height}: it drops none. ` +
      'Agree on the highest final block that any of you has.'
    );
  }
  if (own < height) {
    return (
      `This node’s last final block is ${own}, below the agreed ${height}: ` +
      'start it, let it catch up from a node that has it, stop it, and try again.'
    );
  }
  if (head.id !== block) return `This node’s final block ${own} is ${head.id}, not ${block}.`;
  return head.epoch + 1 === epoch
    ? undefined
    : `This node is in epoch ${head.epoch}; the agreement starts epoch ${epoch}.`;
}

async function readKeys(
  { state }: Stores,
  { jws }: SignedAgreement,
  height: number,
): Promise<Map<string, AgreementKey>> {
  const keyIds = jws.signatures.flatMap((_, index) => agreementKeyId(jws, index) ?? []);
  const values = await state.get(keyIds.map(SYSTEM_KEYS.key), height);
  const keys = new Map<string, AgreementKey>();
  for (const [index, value] of values.entries()) {
    if (value) keys.set(keyIds[index]!, decodeCbor(value) as unknown as KeyRecord);
  }
  return keys;
}

/** What is written first is read by nobody before the head has moved to the new epoch. */
async function start(
  { heads, state }: Stores,
  { head, headVersion }: Standstill,
  document: unknown,
  epoch: Epoch,
): Promise<void> {
  const number = epoch.set.epoch;
  await state.write({
    height: head.header.height!,
    values: [],
    items: [
      [itemName.agreement(number), utf8(JSON.stringify(document))],
      [itemName.epoch(number), encodeEpoch(epoch, head.id)],
    ],
  });
  const version = headVersion + 1;
  const bytes = encodeHead({ ...head, next: epoch }, head.snapshot);
  if (!(await heads.swap('head', headVersion, { version, bytes }))) {
    throw new Error('the head was moved meanwhile: stop the node first');
  }
}
