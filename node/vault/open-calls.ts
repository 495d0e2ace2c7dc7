/**
 * Transactions that were not final when their values were kept: an entry each, by the time after which they can't be
 * committed any more. So what a vault keeps for one that came to nothing, and names of calls, don't stay for ever.
 */
import { sha256Hex } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { fromUtf8, utf8 } from '../../shared/bytes/text.ts';
import type { CallName, OutcomeOf, Taker } from '../../shared/ports/value-keeper.ts';
import {
  VAULT_CHANGES_MAX,
  type VaultChange,
  type VaultStore,
} from '../../shared/ports/vault-store.ts';

const OPEN = 'open/';
const TIME_DIGITS = 16;

/** Holds the transaction's id, in clear: key and nonce stand in the transaction. */
export const callEntry = ({ keyId, nonce }: CallName): string =>
  `calls/${keyId}/${sha256Hex(utf8(nonce))}`;

const openEntry = ({ id, notAfter }: Taker): string =>
  `${OPEN}${String(notAfter).padStart(TIME_DIGITS, '0')}/${id}`;

/** What is written with values: that their transaction is open, and what its caller names the call. */
export const openChange = (taker: Taker, call: CallName | undefined): VaultChange => ({
  name: openEntry(taker),
  bytes: utf8(call ? callEntry(call) : ''),
});

/** `ValueKeeper.settle`; `forget` removes a transaction's values. */
export async function settleOpen(
  store: VaultStore,
  before: number,
  outcome: OutcomeOf,
  forget: (id: Digest) => Promise<void>,
): Promise<void> {
  let after: string | undefined;
  for (;;) {
    const range = { prefix: OPEN, limit: VAULT_CHANGES_MAX, ...(after !== undefined && { after }) };
    const page = await store.list(range);
    for (const { name, bytes } of page) {
      const [, time, id] = name.split('/') as [string, string, Digest];
      const notAfter = Number(time);
      if (notAfter >= before) return;
      const end = await outcome({ id, notAfter });
      if (end === 'open') continue;
      if (end === 'over') await forget(id);
      const call = fromUtf8(bytes);
      // The name may be another transaction's: of the same call made at the same time, or later.
      const named = call && (await store.get(call));
      const own = named && fromUtf8(named) === id ? [{ name: call, bytes: null }] : [];
      await store.write([{ name, bytes: null }, ...own]);
    }
    if (page.length < VAULT_CHANGES_MAX) return;
    after = page.at(-1)!.name;
  }
}
