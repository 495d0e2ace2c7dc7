/**
 * A node's proof that it follows the ledger, for the vote that waits for it. Signed outside the safety
 * record: it promises nothing about any round.
 */
import { decodeCbor } from '../bytes/cbor.ts';
import { jwkThumbprint, type PublicJwk } from '../bytes/crypto.ts';
import { toBase64Url } from '../bytes/text.ts';
import { type AwaitedRecord, type MemberRecord, SYSTEM_KEYS } from '../contract/system-records.ts';
import { prefixRange } from '../execution/view.ts';
import { faultsTolerated } from '../ledger/quorum.ts';
import { readinessDigest } from '../ledger/readiness.ts';
import { finalBlock } from './history.ts';
import type { Replica } from './replica.ts';

/** A node that is further behind than this, in blocks, does not call itself ready. */
const LAG_MAX = 8;
/** Blocks without transactions are few: a burst ends with one. */
const LOOK_BACK = 64;
const AWAITED_MAX = 1024;

/** The arguments of `governance.ready`. */
export interface ReadyArguments {
  readonly member: string;
  readonly height: number;
  readonly block: string;
  readonly keyId: string;
  readonly signature: string;
}

/**
 * Signs this node's readiness with the key that a vote waits for, or else with the member's key on
 * the ledger. Answers a sentence where it is not ready.
 */
export async function proveReadiness(replica: Replica): Promise<ReadyArguments | string> {
  const { member, ledger, ports } = replica;
  const behind = lagOf(replica);
  if (behind > LAG_MAX) return `This node is ${behind} blocks behind.`;
  const key = await awaitedKey(replica);
  if (!key)
    return 'This node holds no node key of its member, as far as it has followed the ledger.';
  const block = await lastFullBlock(replica);
  if (!block) return 'There is no block with transactions yet.';
  const statement = { ledger, member, ...block };
  const signature = toBase64Url(await ports.signer.sign(readinessDigest(statement), key));
  return { member, ...block, keyId: jwkThumbprint(key), signature };
}

/** The key of this member that an approved proposal waits for, if this node holds it; else its present one. */
async function awaitedKey(replica: Replica): Promise<PublicJwk | undefined> {
  const { member, ports, head } = replica;
  const range = prefixRange(SYSTEM_KEYS.awaited(''), AWAITED_MAX);
  const entries = await ports.state.scan(range, head.header.height!);
  for (const { value } of entries) {
    const awaited = decodeCbor(value) as unknown as AwaitedRecord;
    if (awaited.member === member && ports.signer.holds(awaited.key)) return awaited.key;
  }
  const bytes = await replica.final.read(SYSTEM_KEYS.member(member));
  const record = bytes && (decodeCbor(bytes) as unknown as MemberRecord);
  return record?.active && ports.signer.holds(record.nodeKey) ? record.nodeKey : undefined;
}

async function lastFullBlock(replica: Replica) {
  const head = replica.head.header.height!;
  for (let height = head; height > Math.max(0, head - LOOK_BACK); height--) {
    const { id, transactions } = await finalBlock(replica, height);
    if (transactions.length > 0) return { height, block: id };
  }
  return undefined;
}

/** How many final blocks this node lacks: by the f+1st highest head, which no f liars can raise. */
function lagOf({ head, heights, epoch }: Replica): number {
  const { validators } = epoch.set;
  const known = validators.map(({ member }) => heights.get(member) ?? 0).sort((a, b) => b - a);
  return Math.max(0, (known[faultsTolerated(validators.length)] ?? 0) - head.header.height!);
}
