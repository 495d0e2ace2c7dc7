/** Four replicas that talk to each other within one process, at a time that stands still; all that they say is kept. */
import assert from 'node:assert/strict';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction, type TransactionBody } from '../../shared/ledger/transaction.ts';
import { ring } from '../../shared/replica/alarm.ts';
import { receive } from '../../shared/replica/receive.ts';
import { quiet, type Replica } from '../../shared/replica/replica.ts';
import { ledgerService } from '../../shared/replica/service.ts';
import { founded, MEMBERS, NOW, openAlone } from './one-replica.ts';

/** A request with its reply. */
export interface Exchange {
  readonly from: string;
  readonly to: string;
  readonly request: Uint8Array;
  readonly reply: Uint8Array;
}

const noCustody = {
  keyId: () => undefined,
  identityOf: () => undefined,
  sign: () => Promise.reject(new Error('nothing is signed here')),
  nonce: () => 'nonce',
};

export class SeedNetwork {
  readonly founded = founded(MEMBERS);
  readonly replicas = new Map<string, Replica>();
  readonly exchanges: Exchange[] = [];
  #nonce = 0;

  async start(member: string): Promise<Replica> {
    const replica = await openAlone(this.founded, member, (to, message) =>
      this.say(member, to, message),
    );
    this.replicas.set(member, replica);
    return replica;
  }

  /** Delivers a message of one member to another. */
  async say(from: string, to: string, request: Uint8Array): Promise<Uint8Array> {
    const replica = this.replicas.get(to);
    if (!replica) throw new Error(`${to} is unreachable`);
    const copy = Uint8Array.from(request);
    const reply = Uint8Array.from(await receive(replica, from, copy));
    this.exchanges.push({ from, to, request: copy, reply });
    return Uint8Array.from(reply);
  }

  service = (member: string) => ledgerService(this.replicas.get(member)!, noCustody);

  /** Commits a transaction of a member's administrator, through its own node. */
  async call(member: string, contract: string, method: string, args: TransactionBody['args']) {
    const bounds = { nonce: `${this.#nonce++}`, notAfter: NOW + 60_000 };
    const jws = this.founded.signedAt(`${member}/admin`, contract, method, args, bounds);
    const transaction = parseTransaction(jws);
    assert.ok(!(transaction instanceof Rejected));
    const service = this.service(member);
    await service.submit(transaction, 0);
    for (let rings = 0; rings < 8; rings++) {
      await this.quiet();
      const status = await service.transaction(transaction.id);
      if (status && 'result' in status) return { jws, transaction, status };
      for (const replica of this.replicas.values()) await ring(replica);
    }
    throw new Error(`${contract}.${method} was not committed`);
  }

  async quiet(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) {
      for (const replica of this.replicas.values()) await quiet(replica);
    }
  }
}
