/**
 * Gives this node's vault to the one that its member moves to. That is whoever speaks for this node's own member, by a peer key
 * that the members have approved; what is given opens by the vault key alone that was approved with it.
 */
import { type Cbor, decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import { byteString, list } from '../bytes/cbor-shape.ts';
import { jwkThumbprint, type PublicJwk } from '../bytes/crypto.ts';
import type { Request } from '../consensus/message.ts';
import { SYSTEM_KEYS, VAULT_IDENTITY } from '../contract/system-records.ts';
import { decodeValue } from '../execution/decoded-values.ts';
import type { GenesisMember } from '../ledger/genesis.ts';
import type { ValueKeeper } from '../ports/value-keeper.ts';
import type { VaultListing } from '../ports/vault-move.ts';
import type { Replica } from './replica.ts';
import { closeVault, vaultPlace } from './vault-place.ts';

/** Entries in a page of a listing. */
const LISTED_MAX = 250;

/** A page of a vault's listing. */
export interface VaultPage {
  /** Whether the vault is not worked with here any more: but for what was on its way, nothing changes. */
  readonly isClosed: boolean;
  readonly isLast: boolean;
  /** The thumbprint of the key that seals it. */
  readonly keyId: string;
  readonly entries: readonly VaultListing[];
}

/** A part of the vault; answers in a word why not. */
export async function serveVault(
  replica: Replica,
  from: string,
  request: Request & { readonly kind: 'vault-entries' | 'vault-part' },
): Promise<readonly Uint8Array[] | string> {
  const { keeper, member } = replica;
  if (from !== member) return 'forbidden';
  if (!keeper) return 'no-vault';
  if (request.kind === 'vault-part') {
    const bytes = await keeper.move.part(request);
    return bytes ? [bytes] : 'not-held';
  }
  if (request.closing) closeVault(replica, keeper);
  if (request.names.length === 0) {
    return [encodePage(await pageAfter(replica, keeper, request.after ?? undefined))];
  }
  const successor = await successorOf(replica);
  if (!successor) return 'no-vault-key';
  return [await keeper.move.give(request.names, successor)];
}

async function pageAfter(
  replica: Replica,
  keeper: ValueKeeper,
  after: string | undefined,
): Promise<VaultPage> {
  const isClosed = (await vaultPlace(replica, keeper)) === 'elsewhere';
  const entries = await keeper.move.listed(after, LISTED_MAX);
  const keyId = jwkThumbprint(keeper.key);
  return { isClosed, isLast: entries.length < LISTED_MAX, keyId, entries };
}

/** The vault key of the node that the member moves to, as it was sent with what the members approved. */
async function successorOf({ final, member }: Replica): Promise<PublicJwk | undefined> {
  const stored = await final.read(SYSTEM_KEYS.admission(member));
  const admission = stored && (decodeValue(stored) as unknown as Pick<GenesisMember, 'identities'>);
  return admission?.identities.find(({ name }) => name === VAULT_IDENTITY)?.key;
}

/** CBOR of a page. */
const encodePage = ({ isClosed, isLast, keyId, entries }: VaultPage): Uint8Array =>
  encodeCbor([isClosed, isLast, keyId, entries.map(({ name, tag }): Cbor => [name, tag])]);

/** Reverses it; throws an Error on any other structure. */
export function decodePage(bytes: Uint8Array | undefined): VaultPage {
  const [isClosed, isLast, keyId, entries] = list(decodeCbor(bytes ?? new Uint8Array()), 4);
  if (typeof isClosed !== 'boolean' || typeof isLast !== 'boolean') throw new Error('no page');
  if (typeof keyId !== 'string') throw new Error('no page');
  return {
    isClosed,
    isLast,
    keyId,
    entries: list(entries).map((item) => {
      const [name, tag] = list(item, 2);
      if (typeof name !== 'string') throw new Error('an entry without a name');
      return { name, tag: byteString(tag) };
    }),
  };
}
