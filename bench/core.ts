/**
 * `npm run bench:core`: the replicas of a consortium in this one process, stores in memory, messages handed over by calls. It says
 * what a transaction takes of the product's core alone: no HTTP, no disk, no other process that the caches are shared with.
 * Beside it what all its replicas' checks of the one signature take, which `npm run bench:floor` counts too.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { custodyOf } from '../node/custody.ts';
import { endOfTurn } from '../node/end-of-turn.ts';
import {
  openKeyFile,
  publicJwkOf,
  readPassphrase,
  signEs256,
  signerFromKeys,
} from '../node/key-file.ts';
import { provision } from '../node/local-provision.ts';
import { memoryStores } from '../node/memory/stores.ts';
import { filesOf, loadGenesis } from '../node/node-files.ts';
import { timers } from '../node/timers.ts';
import { verifyEs256 } from '../shared/bytes/crypto.ts';
import { ledgerId } from '../shared/ledger/genesis.ts';
import { Rejected } from '../shared/ledger/rejection.ts';
import { parseTransaction } from '../shared/ledger/transaction.ts';
import { ring } from '../shared/replica/alarm.ts';
import { openReplica } from '../shared/replica/open.ts';
import { receive } from '../shared/replica/receive.ts';
import type { Replica } from '../shared/replica/replica.ts';
import { ledgerService } from '../shared/replica/service.ts';
import { contracts } from '../workloads/catalog.ts';
import { describe, print } from './local/consortium.ts';
import { paymentOf, signedPayment, transactionsOf } from './local/load.ts';

const { nodes, clients, txs, warm } = new Command()
  .option('--nodes <number>', 'replicas', '4')
  .option('--clients <list>', 'numbers of clients, one line each', '1,128,1024')
  .option('--txs <number>', 'transactions for each line; of one client, a tenth', '6000')
  .option('--warm <number>', 'transactions before, which count for nothing', '12000')
  .parse()
  .opts<Record<'nodes' | 'clients' | 'txs' | 'warm', string>>();

const WAIT_MS = 25_000;
const CHECKS = 3000;
/** No process listens on it. */
const PORT = 1;

const root = mkdtempSync(path.join(tmpdir(), 'fuqi-bench-'));
const description = describe(Number(nodes));
const layout = provision(root, description, PORT);
const passphrase = readPassphrase({ env: {}, file: layout.passphrase });
const genesis = loadGenesis(layout.genesis);
const ledger = ledgerId(genesis);
const replicas = new Map<string, Replica>();
const members = await Promise.all(description.members.map(({ id }) => openMember(id)));
rmSync(root, { recursive: true });

await pay(256, Number(warm));
for (const count of clients.split(',').map(Number)) {
  const total = transactionsOf(count, txs);
  const before = height();
  const micros = await pay(count, total);
  print({
    ...{ name: 'core', nodes: members.length, clients: count, txs: total },
    us_tx: Math.round(micros / total),
    checks_us_tx: Math.round(checkMicros() * members.length),
    blocks: height() - before,
  });
}
process.exit(0);

/** The height of the last final block. */
function height(): number {
  return members[0]!.replica.head.header.height!;
}

/** Commits so many payments, signed before, by so many clients; answers the microseconds of CPU that it took. */
async function pay(count: number, total: number): Promise<number> {
  const label = randomBytes(6).toString('hex');
  const signed = Array.from({ length: total }, (_, number) => {
    const member = members[number % members.length]!;
    return { member, jws: signedPayment(member.key, ledger, paymentOf(label, number)) };
  });
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < total) {
      const { member, jws } = signed[next++]!;
      const transaction = parseTransaction(jws);
      if (transaction instanceof Rejected) throw new Error(transaction.rejection.message);
      // As a node's host does.
      await endOfTurn();
      const answer = await member.service.submit(transaction, WAIT_MS);
      if (answer instanceof Rejected || answer.status !== 'committed') {
        throw new Error(`a payment was not committed: ${JSON.stringify(answer)}`);
      }
    }
  };
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: count }, client));
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Microseconds that one check of a signature takes now. */
function checkMicros(): number {
  const { key } = members[0]!;
  const [jwk, message] = [publicJwkOf(key), randomBytes(600)];
  const signature = signEs256(key, message);
  const from = performance.now();
  for (let index = 0; index < CHECKS; index++) {
    if (!verifyEs256(jwk, message, signature)) throw new Error('a signature that does not check');
  }
  return ((performance.now() - from) * 1000) / CHECKS;
}

/** A member's replica as its node opens it, and the key that its clients sign with. */
async function openMember(id: string) {
  const { config, at } = filesOf(layout.member(id).config);
  let replica: Replica | undefined;
  const time = timers(() => {
    if (replica) void ring(replica);
  });
  const peers = {
    request: (to: string, message: Uint8Array) => receive(replicas.get(to)!, id, message),
  };
  const signer = signerFromKeys([openKeyFile(at(config.keys.node), passphrase)]);
  replica = await openReplica({
    ...{ genesis, member: id, store: id, catalog: contracts, log: () => {} },
    ports: { ...memoryStores(), signer, peers, time },
  });
  replicas.set(id, replica);
  const service = ledgerService(replica, custodyOf(new Map()));
  return {
    replica,
    service,
    key: openKeyFile(layout.member(id).identityKey('platform'), passphrase),
  };
}
