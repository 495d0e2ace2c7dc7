/** A local network whose members vote: proposals, approvals, and what nodes say of themselves. */
import assert from 'node:assert/strict';
import type { TransactionStatus } from '../../shared/api/ledger-service.ts';
import { toValue, type Value } from '../../shared/bytes/cbor.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction, type TransactionBody } from '../../shared/ledger/transaction.ts';
import { proveReadiness } from '../../shared/replica/readiness.ts';
import { contracts } from '../../workloads/catalog.ts';
import { counterCatalog } from './counter-contract.ts';
import type { LocalNetwork } from './local-network.ts';

const system = contracts.entries.filter(({ contract }) =>
  ['governance', 'identity'].includes(contract.name),
);

/** The system contracts and the counter. */
export const governedCatalog = catalog([...system, ...counterCatalog.entries]);

export type Committed = TransactionStatus & { status: 'committed' };

export class Governed {
  readonly network: LocalNetwork;
  constructor(network: LocalNetwork) {
    this.network = network;
  }

  /** Submits by an administrator through its member's node, or another, and waits for the commit. */
  async call(
    member: string,
    contract: string,
    method: string,
    args: TransactionBody['args'],
    through = member,
  ): Promise<Committed> {
    const jws = this.network.signed(`${member}/admin`, contract, method, args);
    const transaction = parseTransaction(jws);
    assert.ok(!(transaction instanceof Rejected));
    const status = await this.network.service(through).submit(transaction, 15_000);
    assert.ok(!(status instanceof Rejected), JSON.stringify(status));
    assert.equal(status.status, 'committed', JSON.stringify(status));
    return status as Committed;
  }

  /** Proposes an action and votes until it is decided; answers what became of it. */
  async decide(action: Value | object, voters: readonly string[]): Promise<string> {
    const [proposer, ...others] = voters;
    const proposed = await this.call(proposer!, 'governance', 'propose', {
      action: toValue(action),
    });
    const { id, digest, status } = outputOf(proposed);
    let decided = status;
    for (const voter of others) {
      if (decided !== 'open') break;
      const vote = { id: id!, digest: digest!, approve: true };
      decided = outputOf(await this.call(voter, 'governance', 'vote', vote)).status;
    }
    assert.notEqual(decided, 'open', 'the proposal was not decided');
    return decided as string;
  }

  /** Brings a node's proof that it follows, through another's node. */
  async ready(member: string, by = 'alpha'): Promise<void> {
    const proof = await proveReadiness(this.network.node(member).replica);
    assert.ok(typeof proof !== 'string', proof as string);
    outputOf(await this.call(by, 'governance', 'ready', toValue(proof) as TransactionBody['args']));
  }
}

/** The output of a call that has to have succeeded. */
export function outputOf(status: Committed): Record<string, Value> {
  assert.equal(status.result.status, 'committed', JSON.stringify(status.result));
  return (status.result as { output: Record<string, Value> }).output;
}
