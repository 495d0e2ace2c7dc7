/** A call that a node signs for its tenant, up to where it stands in a block. */
import assert from 'node:assert/strict';
import { Rejected } from '../../shared/ledger/rejection.ts';
import type { LocalNetwork } from './local-network.ts';

/** Fails where it was not submitted, or is not final in time; what the contract says of it is the caller's to look at. */
export async function custodialCall(
  network: LocalNetwork,
  member: string,
  identity: string,
  contract: string,
  method: string,
  args: object,
) {
  const call = { contract, method, args: args as never };
  const outcome = await network.service(member).submitCustodial(identity, call, 10_000);
  assert.ok(!(outcome instanceof Rejected), JSON.stringify(outcome));
  assert.ok(outcome.status === 'committed' || outcome.status === 'rejected', outcome.status);
  return outcome;
}
