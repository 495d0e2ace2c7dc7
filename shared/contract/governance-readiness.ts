/**
 * The joiner syncs before it votes: an action that gives a vote to a node, or to a node's new key,
 * waits until that node has signed with that key that it has a recent final block.
 */
import { jwkThumbprint, type PublicJwk, verifyEs256 } from '../bytes/crypto.ts';
import type { Digest } from '../bytes/digest.ts';
import { fromBase64Url } from '../bytes/text.ts';
import { readinessDigest } from '../ledger/readiness.ts';
import type { Context } from './context.ts';
import type { Action, actionRecords, Reader } from './governance-action.ts';

type Records = typeof actionRecords;

/** A statement of readiness counts for this long: votes may follow it. */
const READY_MS = 3600 * 1000;

/** A node that has to be ready. */
export interface AwaitedNode {
  readonly member: string;
  readonly key: PublicJwk;
}

/** What of an action waits for a node: a member is added at once, and gets its vote later. */
export const waitingPart = (action: Action): Action =>
  action.kind === 'add-member'
    ? { kind: 'set-validator', member: action.member.id, validator: true }
    : action;

/** The node that an action gives a vote to; undefined where nobody has to be ready. */
export function awaitedNode(context: Reader, action: Action): AwaitedNode | undefined {
  switch (action.kind) {
    case 'set-validator':
      return action.validator ? currentNode(context, action.member) : undefined;
    case 'replace-validator':
      return currentNode(context, action.by);
    case 'replace-node-key': {
      const { member, nodeKey: key } = action;
      return context.get('member', member)?.validator ? { member, key } : undefined;
    }
    // Without a vote too: it takes over the vault of the node that its member leaves, while both are heard.
    case 'change-hosting':
      return { member: action.member, key: action.nodeKey };
    default:
      return undefined;
  }
}

function currentNode(context: Reader, member: string): AwaitedNode {
  return { member, key: context.get('member', member)!.nodeKey };
}

/** Whether the node proved lately that it follows. */
export function isReady(context: Context<Records>, { key }: AwaitedNode): boolean {
  const ready = context.get('ready', jwkThumbprint(key));
  return ready !== undefined && context.time - ready.time <= READY_MS;
}

/** What a node says and signs. */
export interface ReadyStatement {
  readonly member: string;
  readonly height: number;
  readonly block: string;
  readonly keyId: string;
  readonly signature: string;
}

/** Why a statement of readiness is not good, as one of the reasons of `ready`; undefined: it is. */
export function flawOf(
  context: Reader & { readonly ledger: Digest; readonly time: number },
  { member, height, block, keyId, signature }: ReadyStatement,
): { readonly reason: string; readonly message: string } | undefined {
  const record = context.get('member', member);
  const awaited = context.get('awaited', keyId);
  const key =
    awaited?.member === member ? awaited.key : record?.active ? record.nodeKey : undefined;
  if (!record?.active || !key || jwkThumbprint(key) !== keyId) {
    const message = `No vote has been about the node key ${keyId} of ${member}.`;
    return { reason: 'unknown-key', message };
  }
  const statement = { ledger: context.ledger, member, height, block: block as Digest };
  const bytes = fromBase64Url(signature);
  if (!bytes || !verifyEs256(key, readinessDigest(statement), bytes)) {
    return { reason: 'bad-signature', message: 'The node key did not sign this statement.' };
  }
  // Ids of recent blocks' transactions stand in the state for as long as they are recent, and some blocks longer.
  const recent = context.lookup('ledger', 'recent', String(height).padStart(16, '0'));
  if (!recent || (recent as [until: number])[0] < context.time) {
    const message = `Block ${height} is none of the recent ones with transactions.`;
    return { reason: 'not-recent', message };
  }
  return undefined;
}
