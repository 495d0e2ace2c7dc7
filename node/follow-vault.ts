/**
 * What a node does about the vote and the vault of its member while it is the one that the member moves to: it takes the vault
 * over, says that it follows, and registers the keys by which it endorses and by which others encrypt to it. An administrator
 * whose key it keeps signs that.
 */
import type { LedgerService } from '../shared/api/ledger-service.ts';
import { jwkThumbprint, type PublicJwk } from '../shared/bytes/crypto.ts';
import { NODE_IDENTITY } from '../shared/contract/system-records.ts';
import { LIMITS } from '../shared/ledger/limits.ts';
import { Rejected } from '../shared/ledger/rejection.ts';
import { memberRecord, registeredKey } from '../shared/replica/readers.ts';
import { proveReadiness } from '../shared/replica/readiness.ts';
import type { Replica } from '../shared/replica/replica.ts';
import { startTakingVault } from '../shared/replica/take-vault.ts';
import { administratorAmong, announceReadiness, isAwaited } from './announce-readiness.ts';

/** Looks at the start, and after each commit; `onHere` is called where the vault came here meanwhile. */
export function followVault(
  replica: Replica,
  service: LedgerService,
  identities: readonly string[],
  onHere: () => void,
): void {
  const onCopied = announceReadiness(replica, service, identities);
  const start = (): void =>
    startTakingVault(replica, {
      isAwaited: () => isAwaited(replica),
      mayAnnounce: async () =>
        (await administratorAmong(service, identities)) !== undefined &&
        typeof (await proveReadiness(replica)) !== 'string',
      onCopied,
      register: (keyId) => registerKeys(replica, service, identities, keyId),
      onHere,
    });
  replica.commitListeners.add(start);
  start();
}

/** Puts this node's keys in the place of the former one's; answers whether that is committed. */
async function registerKeys(
  replica: Replica,
  service: LedgerService,
  identities: readonly string[],
  vaultKeyId: string,
): Promise<boolean> {
  const { keeper, member, nodeCustody } = replica;
  const rotate = async (keyId: string, jwk: PublicJwk): Promise<boolean> => {
    const args = { keyId, jwk: { ...jwk } };
    const name = await administratorAmong(service, identities);
    if (name === undefined) {
      replica.log('vault-keys-await-an-administrator', { rotate: args });
      return false;
    }
    const call = { contract: 'identity', method: 'rotate', args };
    const status = await service.submitCustodial(name, call, LIMITS.waitMsMax);
    if (!(status instanceof Rejected) && status.status === 'committed') return true;
    const refusal = status instanceof Rejected ? status.rejection : status;
    replica.log('vault-keys-not-registered', { keyId, refusal });
    return false;
  };
  const { peerKey } = (await memberRecord(replica, member))!;
  const signs = await registeredKey(replica, member, NODE_IDENTITY);
  const isOwn = jwkThumbprint(peerKey) === nodeCustody?.keyId(NODE_IDENTITY);
  if (isOwn && signs !== undefined && signs !== jwkThumbprint(peerKey)) {
    if (!(await rotate(signs, peerKey))) return false;
  }
  return rotate(vaultKeyId, keeper!.key);
}
