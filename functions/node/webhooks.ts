/**
 * Webhooks of a hosted node. After a commit, whichever function of the node made it, a message in the alarm queue has the
 * client function send what is due; where something is to be tried again, another message says when. One of each waits at
 * a time: a record says when it rings, and is written after it was sent, so that a crash between the two makes it ring
 * twice and not never.
 */
import type { VaultKey } from '../../node/vault/vault-key.ts';
import { type WebhookBook, webhookBook } from '../../node/webhooks/book.ts';
import { deliverWebhook } from '../../node/webhooks/deliver.ts';
import { WEBHOOKS } from '../../node/webhooks/entries.ts';
import { ATTEMPT_MS, type WebhookPost, webhookPost } from '../../node/webhooks/post.ts';
import { webhooks } from '../../node/webhooks/webhooks.ts';
import { fromUtf8, utf8 } from '../../shared/bytes/text.ts';
import type { Webhooks } from '../../shared/ports/webhooks.ts';
import { inBackground, type Replica } from '../../shared/replica/replica.ts';
import { ledgerService } from '../../shared/replica/service.ts';
import { DEADLINES } from '../deadlines.ts';
import type { Table } from '../dynamodb/table.ts';
import { dynamoVaultStore } from '../dynamodb/vault-store.ts';
import type { HostedNode } from './cold-start.ts';
import { DELAY_S_MAX, sendEvent } from './node-alarm.ts';

/** What ringing takes of a node. */
type Ringing = Pick<HostedNode, 'table' | 'queue' | 'environment'>;

export interface HostedWebhooks {
  readonly book: WebhookBook;
  readonly sender: WebhookPost;
  readonly api: Webhooks;
}

/** The webhooks in the vault of a node, which rings for them when they are changed. */
export function hostedWebhooks(
  node: Ringing,
  keys: readonly [VaultKey, ...VaultKey[]],
): HostedWebhooks {
  const book = webhookBook(dynamoVaultStore(node.table), keys);
  const sender = webhookPost({ allowed: node.environment.FUQI_WEBHOOK_ADDRESSES });
  const onChange = async (): Promise<void> => {
    const now = Date.now();
    await ringWebhooks(node, now, 'commit');
    // What environments commit that do not know of a new one yet is sent then.
    await ringWebhooks(node, now + KNOWN_MS + 1000, 'change');
  };
  return { book, sender, api: webhooks({ book, sender, now: Date.now, onChange }) };
}

/** Longer than a function that sends has. */
const LEASE_MS = DEADLINES.functions.client + 5000;

/** Sends what is due, until the time for it is up; what is left rings for itself. */
export async function deliverDue(
  node: HostedNode,
  replica: Replica,
  remainingMs: () => number,
): Promise<void> {
  if (!node.webhooks) return;
  const { book, sender } = node.webhooks;
  const delivering = {
    ...{ book, post: sender.post, now: Date.now, leaseMs: LEASE_MS },
    service: ledgerService(replica, node.custody),
    isOver: () => remainingMs() < ATTEMPT_MS + 2 * DEADLINES.reserve,
    log: (what: string, fields: Readonly<Record<string, unknown>>) => node.log.info(fields, what),
  };
  const names = await book.names();
  const dues = await Promise.all(names.map((name) => deliverWebhook(delivering, name)));
  const next = Math.min(...dues.map((due) => due ?? Number.POSITIVE_INFINITY));
  if (Number.isFinite(next)) await ringWebhooks(node, next, 'retry');
}

/** Commits within this are sent together. */
const TOGETHER_MS = 1000;
/** Whether there are webhooks, an execution environment looks no more often than this. */
const KNOWN_MS = 5000;
const known = new WeakMap<Table, { readonly at: number; readonly some: boolean }>();

/** Has what the replica commits sent, where the node has webhooks at all. */
export function followForWebhooks(node: HostedNode, replica: Replica): void {
  const kick = async (): Promise<void> => {
    const { table } = node;
    let knows = known.get(table);
    if (!knows || knows.at < Date.now() - KNOWN_MS) {
      const entries = await dynamoVaultStore(table).list({ prefix: WEBHOOKS, limit: 1 });
      knows = { at: Date.now(), some: entries.length > 0 };
      known.set(table, knows);
    }
    if (knows.some) await ringWebhooks(node, Date.now() + TOGETHER_MS, 'commit');
  };
  const faulted = (error: unknown) => replica.log('webhooks-not-rung', { error: String(error) });
  const kicked = (): void => inBackground(replica, kick().catch(faulted));
  replica.commitListeners.add(kicked);
  replica.valueListeners.add(kicked);
}

/**
 * One message waits after commits, another one for what is to be tried again: commits meanwhile make no more of them. The
 * one after a change must not be taken for an earlier one.
 */
type Cause = 'commit' | 'retry' | 'change';
const ringEntry = (cause: Cause): string => `webhook-ring/${cause}`;
/** One that rings this much later is the same: the queue counts in seconds. */
const SAME_MS = 1000;
/** When the messages ring that wait, as this execution environment knows it. */
const rings = new WeakMap<Table, Map<Cause, number>>();

/** Has the client function look at the webhooks at a time, unless it does so by then already. */
export async function ringWebhooks(
  { table, queue, environment }: Ringing,
  at: number,
  cause: Cause,
): Promise<void> {
  const now = Date.now();
  const isInTime = (due: number | undefined): boolean =>
    due !== undefined && due > now && due <= Math.max(at, now) + SAME_MS;
  const own = rings.get(table) ?? new Map<Cause, number>();
  rings.set(table, own);
  if (isInTime(own.get(cause))) return;
  const store = dynamoVaultStore(table);
  const stored = await store.get(ringEntry(cause));
  const due = stored && Number(fromUtf8(stored));
  if (due !== undefined) own.set(cause, due);
  if (isInTime(due)) return;
  const seconds = Math.min(DELAY_S_MAX, Math.max(0, Math.ceil((at - now) / 1000)));
  await sendEvent({ environment, queue }, { kind: 'webhooks' }, seconds);
  const ringsAt = now + seconds * 1000;
  await store.write([{ name: ringEntry(cause), bytes: utf8(String(ringsAt)) }]);
  own.set(cause, ringsAt);
}
