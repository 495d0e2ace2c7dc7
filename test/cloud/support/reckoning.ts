/**
 * The reckoning after a bad day: all nodes are level and idle, and whatever was acknowledged stands on the
 * ledger once, with a receipt from every node that verifies offline.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { GetQueueAttributesCommand, ListQueuesCommand } from '@aws-sdk/client-sqs';
import { dynamoMempoolStore } from '../../../functions/dynamodb/mempool-store.ts';
import { call } from '../../../node/gateway-call.ts';
import type { Digest } from '../../../shared/bytes/digest.ts';
import { verifyReceipt } from '../../../shared/proof/verify.ts';
import type { Clients } from './clients.ts';
import { CONSORTIUM, type FaultyConsortium, MEMBERS, type Member } from './consortium.ts';
import { eventually } from './eventually.ts';

interface Block {
  readonly id: Digest;
  readonly height: number;
  readonly transactions: readonly Digest[];
}

/** Within this everything ends that was under way: the longest wait of an alarm, and its work. */
const SETTLED_MS = 60_000;

/** Checks all that clients were told. The faults are over. */
export async function reckon(consortium: FaultyConsortium, ...all: Clients[]): Promise<void> {
  await settled(consortium);
  const [blocks, ...others] = await Promise.all(
    MEMBERS.map((member) => blocksOf(consortium, member)),
  );
  for (const theirs of others) assert.deepEqual(theirs, blocks);
  const places = new Map<Digest, number>();
  for (const { height, transactions } of blocks!) {
    for (const id of transactions) {
      assert.ok(!places.has(id), `${id} stands on the ledger twice`);
      places.set(id, height);
    }
  }
  const ledger = ((await ask(consortium, 'tax-bureau', '')) as { ledger: Digest }).ledger;
  for (const clients of all) {
    const references = clients.acknowledged.map(({ reference }) => reference);
    assert.equal(new Set(references).size, references.length);
    // A payment that was sent many times is one transaction.
    assert.equal(new Set(clients.acknowledged.map(({ id }) => id)).size, references.length);
    for (const id of clients.held) assert.ok(places.has(id), `${id} was held, and is nowhere`);
    for (const { id, height } of clients.acknowledged) assert.equal(places.get(id), height);
    await Promise.all(MEMBERS.map((member) => checkReceipts(consortium, member, ledger, clients)));
  }
}

/** A member's node proves all that clients were told. */
async function checkReceipts(
  consortium: FaultyConsortium,
  member: Member,
  ledger: Digest,
  { acknowledged }: Clients,
): Promise<void> {
  for (const { id, height, index } of acknowledged) {
    const receipt = await ask(consortium, member, `/transactions/${id}/receipt`);
    const verdict = verifyReceipt(receipt, ledger);
    assert.equal(verdict.verdict, 'VALID');
    if (verdict.verdict !== 'VALID') continue;
    assert.deepEqual([verdict.block.header.height, verdict.index], [height, index]);
    assert.equal(verdict.result.status, 'committed');
  }
}

/** Waits until all nodes have the same head, hold nothing, and no alarm waits in the queue. */
export async function settled(consortium: FaultyConsortium): Promise<void> {
  let last: unknown;
  try {
    await eventually(async () => {
      const [heads, held, queued] = await Promise.all([
        Promise.all(MEMBERS.map((member) => ask(consortium, member, '/blocks/head'))),
        Promise.all(MEMBERS.map((member) => heldBy(consortium, member))),
        queuedAlarms(consortium),
      ]);
      const ids = (heads as { id: Digest; height: number }[]).map(({ id, height }) => ({
        height,
        id,
      }));
      last = { ids, held, queued };
      const isLevel = new Set(ids.map(({ id }) => id)).size === 1;
      if (isLevel && held.every((count) => count === 0) && queued === 0) return true;
      await delay(300);
      return false;
    }, SETTLED_MS);
  } catch {
    assert.fail(`not settled: ${JSON.stringify(last)}`);
  }
}

const ask = ({ cloud }: FaultyConsortium, member: Member, path: string): Promise<unknown> =>
  call({ url: cloud.url, consortium: CONSORTIUM, key: cloud.ring.keys[`${member}/admin`] }, path);

async function blocksOf(consortium: FaultyConsortium, member: Member): Promise<Block[]> {
  const blocks: Block[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = (await ask(
      consortium,
      member,
      `/blocks?limit=100${cursor && `&cursor=${cursor}`}`,
    )) as { blocks: Block[]; next: string | null };
    blocks.push(...page.blocks);
    cursor = page.next;
  }
  return blocks.reverse();
}

/** How many transactions a node holds, as its table says: the node hears nothing of it. */
export async function heldBy(
  { dynamodb, tableOf }: FaultyConsortium,
  member: Member,
): Promise<number> {
  const table = { client: dynamodb, name: tableOf(member) };
  return (await dynamoMempoolStore(table).list()).length;
}

/** Messages in the alarm queue, due or not, or at the alarm function. */
async function queuedAlarms({ sqs }: FaultyConsortium): Promise<number> {
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}));
  const names = [
    'ApproximateNumberOfMessages',
    'ApproximateNumberOfMessagesDelayed',
    'ApproximateNumberOfMessagesNotVisible',
  ] as const;
  const counts = QueueUrls.map(async (QueueUrl) => {
    const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...names] });
    const { Attributes = {} } = await sqs.send(command);
    return names.reduce((sum, name) => sum + Number(Attributes[name] ?? 0), 0);
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}
