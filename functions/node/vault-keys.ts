/**
 * The vault keys of a hosted node, sealed in its own table: the one of its setup, until it is rotated. A rotation is
 *
 *   prepared   ─ the new key stands in the table: every invocation that begins from now on opens with both. Execution
 *                environments look for it every few seconds. Once none is running that knows the old one alone, they seal
 *                with the new one.
 *   registered ─ once none is running that seals with the old one, the member's administrator registers it: others encrypt
 *                to it.
 *   done       ─ what rests is wrapped by it, and the old one is gone.
 *
 * A crash between any two of these leaves what the next call goes on from.
 */
import { generateKeyPairSync } from 'node:crypto';
import {
  ConditionalCheckFailedException,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { z } from 'zod';
import type { Vault } from '../../node/vault/vault.ts';
import { type VaultKey, vaultKeyOf } from '../../node/vault/vault-key.ts';
import type { LedgerService } from '../../shared/api/ledger-service.ts';
import type { VaultRotation } from '../../shared/api/vault.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { vaultKeyOfMember } from '../../shared/replica/readers.ts';
import type { Replica } from '../../shared/replica/replica.ts';
import { DEADLINES } from '../deadlines.ts';
import { keyItem, type Table } from '../dynamodb/table.ts';
import { sealKey, unsealKey, VAULT_PURPOSE } from './sealed-keys.ts';

const Key = keyItem({ p: 'config#vault-keys', s: '-' });
/** How long an execution environment goes by what it read. */
const KNOWN_MS = 10_000;
/** After so long every invocation that runs has begun after all environments could read what was there before. */
const SEEN_MS = KNOWN_MS + DEADLINES.functions.client;
/** Since it was made: when a key seals, and when nothing seals with the old one any more. */
const SEAL_MS = SEEN_MS;
const REGISTER_MS = SEAL_MS + SEEN_MS;

const StoredSchema = z.strictObject({
  /** Sealed, the newest first. */
  keys: z.array(z.string()).min(1).max(2),
  /** Of two: when the newer one was made, and up to where what rests was wrapped by it. */
  preparedAt: z.number(),
  rewrapped: z.string().nullable(),
});
type Stored = z.infer<typeof StoredSchema>;

export type HostedVaultKeys = Awaited<ReturnType<typeof hostedVaultKeys>>;

/** Opens them; `first` is the setup's, as it is sealed. */
export async function hostedVaultKeys(table: Table, dataKey: Buffer, first: string) {
  const opened = new Map<string, VaultKey>();
  const open = (sealed: string): VaultKey => {
    const key = opened.get(sealed) ?? vaultKeyOf(unsealKey(dataKey, VAULT_PURPOSE, sealed));
    opened.set(sealed, key);
    return key;
  };
  const read = async (): Promise<{ readonly stored: Stored; readonly json: string | null }> => {
    const { Item } = await table.client.send(
      new GetItemCommand({ TableName: table.name, Key, ConsistentRead: true }),
    );
    const json = Item?.j?.S ?? null;
    const none = { keys: [first], preparedAt: 0, rewrapped: null };
    return { stored: json === null ? none : StoredSchema.parse(JSON.parse(json)), json };
  };
  /** False where another invocation changed it meanwhile. */
  const replace = async (before: string | null, stored: Stored): Promise<boolean> => {
    const condition =
      before === null
        ? { ConditionExpression: 'attribute_not_exists(p)' }
        : {
            ConditionExpression: 'j = :j',
            ExpressionAttributeValues: { ':j': { S: before } },
          };
    try {
      const Item = { ...Key, j: { S: JSON.stringify(stored) } };
      await table.client.send(new PutItemCommand({ TableName: table.name, Item, ...condition }));
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  };

  /** The first seals: what it sealed has to open in every environment. */
  const inUse = ({ keys: all, preparedAt }: Stored, now: number): VaultKey[] =>
    (now < preparedAt + SEAL_MS ? all.toReversed() : all).map(open);
  let knownAt = Date.now();
  /** The vault and the webhooks have this list: what changes in it they see. */
  const keys = inUse((await read()).stored, knownAt) as [VaultKey, ...VaultKey[]];
  const follow = async (now: number): Promise<void> => {
    if (now < knownAt + KNOWN_MS) return;
    const { stored } = await read();
    keys.splice(0, keys.length, ...inUse(stored, now));
    knownAt = now;
  };

  return {
    keys,
    follow,
    /** Takes a rotation as far as it goes now, begins one where none is under way. */
    async rotate(
      {
        replica,
        service,
        vault,
        identity,
        isOver,
      }: {
        readonly replica: Replica;
        readonly service: LedgerService;
        readonly vault: Vault;
        /** The administrator that asks. */
        readonly identity: string;
        readonly isOver: () => boolean;
      },
      now: number,
    ): Promise<VaultRotation | Rejected> {
      const { stored, json } = await read();
      const [newest, older] = stored.keys;
      if (older === undefined) {
        const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
        const made = sealKey(dataKey, VAULT_PURPOSE, privateKey);
        const next = { keys: [made, newest!], preparedAt: now, rewrapped: '' };
        // Where somebody else began one at the same time, that one is under way.
        const { keys: all, preparedAt } = (await replace(json, next))
          ? next
          : (await read()).stored;
        return { state: 'prepared', keyId: open(all[0]!).id, again: preparedAt + REGISTER_MS };
      }
      const { id: keyId, jwk } = open(newest!);
      const dueAt = stored.preparedAt + REGISTER_MS;
      if (now < dueAt) return { state: 'prepared', keyId, again: dueAt };
      if ((await vaultKeyOfMember(replica, replica.member))?.x !== jwk.x) {
        const args = { keyId: open(older).id, jwk: { ...jwk } };
        const call = { contract: 'identity', method: 'rotate', args };
        const outcome = await service.submitCustodial(identity, call, 10_000);
        if (outcome instanceof Rejected) return outcome;
        if (outcome.status === 'rejected' && outcome.result.status === 'rejected') {
          return new Rejected(outcome.result.rejection);
        }
        if (outcome.status !== 'committed') return { state: 'prepared', keyId, again: now + 1000 };
      }
      const { next } = await vault.rewrap({ from: stored.rewrapped ?? '', isOver });
      const isDone = next === undefined;
      await replace(json, {
        keys: isDone ? [newest!] : stored.keys,
        preparedAt: stored.preparedAt,
        rewrapped: isDone ? null : next,
      });
      return isDone ? { state: 'done', keyId } : { state: 'registered', keyId, again: now };
    },
  };
}
