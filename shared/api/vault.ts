/** A node's vault over HTTP, for the member's administrators: what it holds, and another key for it. No value is shown. */
import { isDigest } from '../bytes/digest.ts';
import { Rejected } from '../ledger/rejection.ts';
import type { LedgerService } from './ledger-service.ts';
import { refuseOthers } from './member-admin.ts';
import { type ApiContext, type NodeApi, timeText } from './node-api.ts';
import { problem, problemResponse, rejectionDocument } from './problem.ts';

const LIMIT = 50;
const LIMIT_MAX = 200;

/** How far another vault key has come. */
export interface VaultRotation {
  /**
   * `prepared`: the node seals with it; `registered`: others encrypt to it, too; `done`: all that rests is wrapped by it, and
   * the old one is gone.
   */
  readonly state: 'prepared' | 'registered' | 'done';
  /** Its thumbprint. */
  readonly keyId: string;
  /** From when on asking again takes it further. */
  readonly again?: number;
}

/** Of a node whose keys are no files of its operator's. */
export interface VaultKeys {
  /** Begins another vault key, or takes the one under way as far as it goes now; `identity` is the administrator that asks. */
  rotate(identity: string): Promise<VaultRotation | Rejected>;
}

/** Refuses what the vault is needed for while it goes from one of the member's nodes to another; undefined where it does not. */
export async function refuseWhileMoving(service: LedgerService): Promise<Response | undefined> {
  const moving = (await service.vault())?.moving;
  return moving && problemResponse(rejectionDocument(moving.rejection));
}

/** `POST …/vault/rotation`: begins another vault key, or goes on with it. Asking again is harmless. */
export async function postVaultRotation(c: ApiContext, node: NodeApi): Promise<Response> {
  const refused = await refuseOthers(c, node);
  if (refused) return refused;
  if (!node.vaultKeys) {
    const detail =
      'The key of this node’s vault is a file: "fuqi node rotate-key --vault" makes another one.';
    return problem('no-vault', detail);
  }
  const rotation = await node.vaultKeys.rotate(c.get('tenant')!.identity);
  if (rotation instanceof Rejected) return problemResponse(rejectionDocument(rotation.rejection));
  const { again, ...rest } = rotation;
  return c.json(
    { ...rest, ...(again !== undefined && { again: timeText(again) }) },
    rotation.state === 'done' ? 200 : 202,
    { 'cache-control': 'no-store' },
  );
}

/** `GET …/vault`: which confidential fields this node's vault holds. */
export async function getVault(c: ApiContext, node: NodeApi): Promise<Response> {
  const refused = await refuseOthers(c, node);
  if (refused) return refused;
  const { after, limit: text = String(LIMIT) } = c.req.query();
  const limit = Number(text);
  if (!/^[0-9]+$/.test(text) || limit < 1 || limit > LIMIT_MAX) {
    return badParameter('limit', text, `a whole number from 1 to ${LIMIT_MAX}`);
  }
  if (after !== undefined && !isDigest(after)) {
    return badParameter('after', after, 'a transaction id: 64 lowercase hex digits');
  }
  const vault = await node.service.vault();
  const records = await node.service.held(after, limit);
  const next = records.length < limit ? null : records.at(-1)!.transaction;
  const answer = { key: vault?.key ?? null, moving: vault?.moving !== undefined, records, next };
  return c.json(answer, 200, { 'cache-control': 'no-store' });
}

const badParameter = (parameter: string, got: string, expected: string): Response =>
  problem('bad-request', `The parameter ${parameter} is ${expected}.`, {
    ...{ got, expected },
    errors: [{ parameter, detail: `expected ${expected}` }],
  });
