/** What a peer puts into an envelope for this node's vault, and what it sends in the place of one. */
import assert from 'node:assert/strict';
import { memoryAttachmentStore } from '../../../node/memory/attachment-store.ts';
import { memoryVaultStore } from '../../../node/memory/vault-store.ts';
import { encryptTo } from '../../../node/vault/envelope.ts';
import { openVault } from '../../../node/vault/vault.ts';
import { vaultKeyOf } from '../../../node/vault/vault-key.ts';
import { utf8 } from '../../../shared/bytes/text.ts';
import { BadDisclosure } from '../../../shared/ledger/disclosure.ts';
import { BadEnvelope } from '../../../shared/ports/value-keeper.ts';
import { testKeyFrom } from '../../support/local-network.ts';

const key = vaultKeyOf(testKeyFrom('a vault').privateKey);

export async function fuzz(data: Uint8Array): Promise<void> {
  const entries = new Map<string, Uint8Array>();
  const vault = openVault(memoryVaultStore(entries), memoryAttachmentStore(), [key]);
  for (const envelope of [data, utf8(await encryptTo(key.jwk, data))]) {
    try {
      const [values] = await vault.unwrap(envelope);
      await vault.keep(values!);
      const kept = await vault.read(values!.transaction.id);
      assert.deepEqual(kept?.disclosures, [...new Set(values!.disclosures)]);
      assert.deepEqual(kept.transaction.bytes, values!.transaction.bytes);
    } catch (error) {
      if (!(error instanceof BadEnvelope || error instanceof BadDisclosure)) throw error;
      assert.equal(entries.size, 0);
    }
  }
}
