/**
 * Sends this node's proof that it follows the ledger where an approved proposal waits for it, signed by
 * an administrator whose key this node keeps. Without such a key the proof is logged for whoever has one. The node of a member
 * that moves has copied the vault of the other one before.
 */
import type { LedgerService } from '../shared/api/ledger-service.ts';
import { toValue } from '../shared/bytes/cbor.ts';
import { LIMITS } from '../shared/ledger/limits.ts';
import { Rejected } from '../shared/ledger/rejection.ts';
import { proveReadiness } from '../shared/replica/readiness.ts';
import { inBackground, type Replica } from '../shared/replica/replica.ts';
import { isVaultCopied } from '../shared/replica/take-vault.ts';
import { awaitedNodes } from './ledger-members.ts';

/** Looks after each commit, and once at the start; answers what makes it look again. */
export function announceReadiness(
  replica: Replica,
  service: LedgerService,
  identities: readonly string[],
): () => void {
  let underWay = false;
  const look = async (): Promise<void> => {
    if (underWay || replica.stopped) return;
    underWay = true;
    try {
      if (!isOnItsWay(replica) && (await isAwaited(replica)) && (await isVaultCopied(replica))) {
        await announce(replica, service, identities);
      }
    } catch (error) {
      replica.log('readiness-failed', { error: String(error) });
    } finally {
      underWay = false;
    }
  };
  const begin = (): void => inBackground(replica, look());
  replica.commitListeners.add(begin);
  begin();
  return begin;
}

/** Whether a proof of this member's waits already to be committed: another input of this node has sent it. */
const isOnItsWay = ({ mempool, member }: Replica): boolean =>
  [...mempool].some(({ body: { contract, method, args } }) => {
    const said = contract === 'governance' && method === 'ready';
    return said && (args as { readonly member?: unknown }).member === member;
  });

/** Whether an approved proposal waits for a key that this node holds. */
export async function isAwaited(replica: Replica): Promise<boolean> {
  const { member, ports } = replica;
  const awaited = await awaitedNodes(replica);
  return awaited.some((one) => one.member === member && ports.signer.holds(one.key));
}

async function announce(
  replica: Replica,
  service: LedgerService,
  identities: readonly string[],
): Promise<void> {
  const proof = await proveReadiness(replica);
  if (typeof proof === 'string') return;
  const name = await administratorAmong(service, identities);
  if (name === undefined) {
    replica.log('readiness-awaits-an-administrator', { ready: proof });
    return;
  }
  const call = { contract: 'governance', method: 'ready', args: toValue(proof) };
  const status = await service.submitCustodial(name, call, LIMITS.waitMsMax);
  const refusal = status instanceof Rejected ? status.rejection : undefined;
  replica.log('readiness-sent', { keyId: proof.keyId, height: proof.height, refusal });
}

/** The first of the identities that administers; undefined where none does. */
export async function administratorAmong(
  service: LedgerService,
  identities: readonly string[],
): Promise<string | undefined> {
  for (const name of identities) {
    if ((await service.identity(name))?.roles.includes('admin')) return name;
  }
  return undefined;
}
