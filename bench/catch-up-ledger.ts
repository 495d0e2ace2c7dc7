/** The ledger of the catch-up benchmark: one validator, one member that joins, a contract that keeps texts. */
import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { z } from 'zod';
import { httpPeers } from '../node/http-peers.ts';
import { lmdbStores } from '../node/lmdb/stores.ts';
import { timers } from '../node/timers.ts';
import { jwkThumbprint, type PublicJwk } from '../shared/bytes/crypto.ts';
import type { Digest } from '../shared/bytes/digest.ts';
import { utf8 } from '../shared/bytes/text.ts';
import { catalog } from '../shared/contract/catalog.ts';
import { contract } from '../shared/contract/define.ts';
import { type Genesis, ledgerId } from '../shared/ledger/genesis.ts';
import { DEFAULT_PARAMETERS } from '../shared/ledger/limits.ts';
import { Rejected } from '../shared/ledger/rejection.ts';
import {
  draftTransaction,
  parseTransaction,
  signedDraft,
  type Transaction,
} from '../shared/ledger/transaction.ts';
import { ring } from '../shared/replica/alarm.ts';
import { openReplica } from '../shared/replica/open.ts';
import type { Log, Replica, ReplicaOptions } from '../shared/replica/replica.ts';

export const VALIDATOR = 'validator';
export const JOINER = 'joiner';

const shelf = contract('shelf', {
  version: 1,
  summary: 'Texts by name.',
  roles: { user: 'May put texts.' },
  records: { text: z.strictObject({ text: z.string() }) },
  events: {},
  transactions: {
    put: {
      summary: 'Puts a text.',
      roles: ['user', 'admin'],
      input: z.strictObject({ name: z.string(), text: z.string() }),
      output: z.null(),
      apply(context, { name, text }) {
        context.put('text', name, { text });
        return null;
      },
    },
  },
  queries: {},
});

export const shelfCatalog = catalog([{ contract: shelf, codeHash: '11'.repeat(32) as Digest }]);

/** A key as it goes to the other process. */
export interface BenchKey {
  readonly jwk: PublicJwk;
  readonly pem: string;
}

export function newKey(): BenchKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  return { jwk: { kty, crv, x, y } as PublicJwk, pem };
}

/** What both processes know. */
export interface BenchLedger {
  readonly genesis: Genesis;
  readonly keys: {
    readonly validator: BenchKey;
    readonly joiner: BenchKey;
    readonly user: BenchKey;
  };
}

/** A new ledger whose blocks hold at most `blockTransactions`. */
export function newLedger(blockTransactions: number): BenchLedger {
  const keys = { validator: newKey(), joiner: newKey(), user: newKey() };
  const member = (id: 'validator' | 'joiner') => ({
    id,
    name: id,
    hosting: 'private' as const,
    validator: id === VALIDATOR,
    nodeKey: keys[id].jwk,
    peerKey: keys[id].jwk,
    roles: [],
    identities: [
      { name: 'admin', key: id === VALIDATOR ? keys.user.jwk : newKey().jwk, roles: ['admin'] },
    ],
  });
  const genesis: Genesis = {
    format: 'fuqi-genesis-1',
    consortium: 'bench',
    time: Date.now() - 1000,
    visibility: 'public',
    parameters: { ...DEFAULT_PARAMETERS, blockTransactions },
    members: [member(VALIDATOR), member(JOINER)],
    contracts: [{ name: 'shelf', version: 1, codeHash: '11'.repeat(32) }],
  };
  return { genesis, keys };
}

/** A transaction that puts a text of so many characters, which nothing compresses. */
export function put({ genesis, keys }: BenchLedger, name: string, characters: number): Transaction {
  const text = randomBytes(Math.ceil((characters * 3) / 4)).toString('base64url');
  const body = {
    ledger: ledgerId(genesis),
    contract: 'shelf',
    method: 'put',
    args: { name, text: text.slice(0, characters) },
    nonce: name,
    notAfter: Date.now() + 300_000,
  };
  const key = createPrivateKey(keys.user.pem);
  const { input } = draftTransaction(jwkThumbprint(keys.user.jwk), body);
  const parsed = parseTransaction(signedDraft(input, es256(key, utf8(input))));
  if (parsed instanceof Rejected) throw new Error(parsed.rejection.message);
  return parsed;
}

const es256 = (key: KeyObject, bytes: Uint8Array): Uint8Array =>
  sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' });

/** Opens one of the two nodes on LMDB, with the other at an address. */
export async function openNode(
  { genesis, keys }: BenchLedger,
  member: 'validator' | 'joiner',
  folder: string,
  other: string,
  more: { readonly log?: Log; readonly catchUp?: ReplicaOptions['catchUp'] } = {},
): Promise<{ replica: Replica; close(): Promise<void> }> {
  const key = createPrivateKey(keys[member].pem);
  const stores = lmdbStores(folder);
  let replica: Replica | undefined;
  const time = timers(() => {
    if (replica) void ring(replica);
  });
  const ledger = ledgerId(genesis);
  const peers = httpPeers({ member, ledger, keys: [key], endpointOf: () => other, now: Date.now });
  const signer = {
    holds: ({ x }: PublicJwk) => x === keys[member].jwk.x,
    sign: async (digest: Uint8Array) => es256(key, digest),
  };
  replica = await openReplica({
    genesis,
    member,
    catalog: shelfCatalog,
    ports: { ...stores, signer, peers, time },
    store: member,
    log: more.log ?? (() => {}),
    ...(more.catchUp ? { catchUp: more.catchUp } : {}),
  });
  const opened = replica;
  return {
    replica: opened,
    async close() {
      opened.stopped = true;
      time.stop();
      await opened.lock.run(async () => {});
      await peers.close();
      await stores.close();
    },
  };
}
