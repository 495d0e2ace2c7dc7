import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { TransactionStatus } from '../../shared/api/ledger-service.ts';
import type { Value } from '../../shared/bytes/cbor.ts';
import { decodeReply, decodeRequest, encodeReply } from '../../shared/consensus/message.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction, type TransactionBody } from '../../shared/ledger/transaction.ts';
import { verifyReceipt } from '../../shared/proof/verify.ts';
import { contracts } from '../../workloads/catalog.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const VOTERS = ['alpha', 'beta', 'gamma'];
const MEMBERS = [...VOTERS, 'delta'];
const THRESHOLD = 10;
const system = contracts.entries.filter(({ contract }) =>
  ['governance', 'identity'].includes(contract.name),
);
let network: LocalNetwork;
let taken: string[];
afterEach(() => network?.close());

async function open(members: readonly string[]): Promise<void> {
  taken = [];
  network = new LocalNetwork({
    members: MEMBERS,
    catalog: catalog([...system, ...counterCatalog.entries]),
    replica: { catchUp: { snapshotBehind: THRESHOLD, waitMs: 300 } },
    log: (member, event) => {
      if (event === 'snapshot-taken') taken.push(member);
    },
  });
  for (const member of members) await network.start(member);
}

type Committed = TransactionStatus & { status: 'committed' };

async function call(
  member: string,
  contract: string,
  method: string,
  args: TransactionBody['args'],
): Promise<Committed> {
  const transaction = parseTransaction(network.signed(`${member}/admin`, contract, method, args));
  assert.ok(!(transaction instanceof Rejected));
  const status = await network.service(member).submit(transaction, 15_000);
  assert.ok(!(status instanceof Rejected) && status.status === 'committed', JSON.stringify(status));
  return status as Committed;
}

async function decide(action: Value, voters = ['beta', 'gamma']): Promise<void> {
  const proposal = await call('alpha', 'governance', 'propose', { action });
  assert.ok(proposal.result.status === 'committed');
  const { id, digest } = proposal.result.output as { id: string; digest: string };
  for (const voter of voters) {
    await call(voter, 'governance', 'vote', { id, digest, approve: true });
  }
}

const raise = (member: string): Promise<Committed> =>
  call(member, 'counter', 'raise', { name: 'a', by: 1 });
const tenure = (tenureRounds: number, voters?: string[]) => {
  const parameters = { ...DEFAULT_PARAMETERS, baseTimeoutMs: 300, tenureRounds };
  return decide({ kind: 'set-parameters', parameters }, voters);
};

/** Epochs 2 and 3, and blocks beyond the threshold. */
async function twoEpochs(): Promise<void> {
  await raise('alpha');
  await tenure(3);
  await raise('beta');
  await tenure(5);
  for (let index = 0; index < THRESHOLD; index++) await raise(VOTERS[index % 3]!);
}

const epochOf = (member: string) => network.node(member).replica.epoch;
const isUpToDate = (): boolean =>
  network.node('delta').replica.head.header.height ===
  network.node('alpha').replica.head.header.height;

async function assertJoined(): Promise<void> {
  await until(isUpToDate);
  assert.deepEqual(taken, ['delta']);
  assert.deepEqual(epochOf('delta'), epochOf('alpha'));
  const { id } = await raise('delta');
  const receipt = JSON.parse(JSON.stringify(await network.service('delta').receipt(id)));
  assert.equal(receipt.anchor.handovers.length, epochOf('alpha').set.epoch - 1);
  const verdict = verifyReceipt(receipt, network.ledger);
  assert.equal(verdict.verdict, 'VALID', JSON.stringify(verdict));
}

describe('a snapshot across epochs', () => {
  it('leads a new node along the chain of hand-overs, and it votes in the newest epoch', async () => {
    await open(VOTERS);
    await twoEpochs();
    await network.start('delta');
    await assertJoined();
    // A quorum of three needs it now.
    await until(() => isUpToDate() && network.node('delta').replica.syncing === null);
    network.stop('gamma');
    await raise('beta');
    await tenure(7, ['beta', 'delta']);
    await until(() => epochOf('delta').set.epoch === 4);
  });

  it('leads on a node that slept through them, also after a restart', async () => {
    await open(MEMBERS);
    await raise('delta');
    await until(isUpToDate);
    network.stop('delta');
    await twoEpochs();
    await network.start('delta');
    await assertJoined();
    network.stop('delta');
    await raise('alpha');
    await network.start('delta');
    await until(isUpToDate);
    assert.deepEqual(epochOf('delta'), epochOf('alpha'));
  });

  it('finds an epoch’s chain at another member where one leaves a link out or forges one', async () => {
    await open(VOTERS);
    await twoEpochs();
    let asked = 0;
    network.answer = (from, to, request, reply) => {
      if (from !== 'delta' || decodeRequest(request).kind !== 'epochs') return reply;
      asked++;
      const honest = decodeReply(reply);
      const [first, ...rest] = honest.parts;
      const forged = new Uint8Array(first!);
      forged[forged.length - 20]! ^= 1;
      if (to === 'alpha') return encodeReply({ ...honest, parts: rest });
      if (to === 'beta') return encodeReply({ ...honest, parts: [forged, ...rest] });
      return reply;
    };
    await network.start('delta');
    await assertJoined();
    assert.ok(asked >= 1);
  });
});
