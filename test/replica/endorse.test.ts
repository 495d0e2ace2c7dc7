/** Rules over hidden values: the node that sees them checks and signs, and no block takes a transaction without. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { encodeCbor } from '../../shared/bytes/cbor.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { toBase64Url, utf8 } from '../../shared/bytes/text.ts';
import { decodeRequest, kindOf } from '../../shared/consensus/message.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import type { Receipt } from '../../shared/ledger/receipt.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { decodeTransaction } from '../../shared/ledger/transaction.ts';
import { verifyReceipt } from '../../shared/proof/verify.ts';
import { contracts } from '../../workloads/catalog.ts';
import { dealCatalog } from '../support/deal-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';

const all = catalog([...contracts.entries, ...dealCatalog.entries]);
const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const IDENTITIES = [
  { member: 'alpha', name: 'clerk', roles: [] },
  { member: 'beta', name: 'clerk', roles: [] },
  { member: 'delta', name: 'auditor', roles: ['deal.auditor'] },
];

let network: LocalNetwork;

const sell = (deal: string, price: number, { member = 'alpha', nonce = `${deal}-${price}` } = {}) =>
  network
    .service(member)
    .submitCustodial(
      'clerk',
      { contract: 'deal', method: 'sell', args: { deal, price }, nonce },
      10_000,
    );

type Outcome = Awaited<ReturnType<typeof sell>>;

/** `committed`, the contract's reason, or why it was not submitted. */
function endOf(outcome: Outcome): string {
  if (outcome instanceof Rejected) {
    const { code, reason } = outcome.rejection;
    return reason === undefined ? code : `${code} ${reason}`;
  }
  if (outcome.status !== 'rejected') return outcome.status;
  assert.ok(outcome.result.status === 'rejected');
  return `rejected ${outcome.result.rejection.reason}`;
}

const idOf = (outcome: Outcome): Digest => {
  assert.equal(endOf(outcome), 'committed');
  return (outcome as { id: Digest }).id;
};

describe('an endorsement', () => {
  beforeEach(async () => {
    network = await LocalNetwork.open({
      ...{ members: MEMBERS, catalog: all, identities: IDENTITIES, vaults: true },
    });
  });
  afterEach(() => network.close());

  it('stands beside the caller’s signature, under the same id, in the receipt too', async () => {
    const id = idOf(await sell('d-1', 500));
    const receipt = (await network.service('alpha').receipt(id)) as Receipt;
    assert.equal(receipt.transaction.jws.signatures.length, 2);
    assert.equal(verifyReceipt(receipt, network.ledger).verdict, 'VALID');
    const again = await sell('d-1', 500);
    assert.equal(idOf(again), id);
  });

  it('is refused by the rule with a reason, and nothing is submitted', async () => {
    assert.equal(endOf(await sell('d-1', 5)), 'endorsement-refused too-cheap');
    const found = await network.service('beta').state('deal/deal/d-1', undefined, false);
    assert.ok(!(found instanceof Rejected) && found.value === undefined);
    idOf(await sell('d-known', 10));
    assert.equal(endOf(await sell('d-known', 11)), 'endorsement-refused made-already');
  });

  it('takes what is bounded at once: of two that fit alone and not together one is refused', async () => {
    const ends = (await Promise.all([sell('d-1', 600_000), sell('d-2', 600_000)])).map(endOf);
    assert.deepEqual(ends.sort(), ['committed', 'endorsement-refused over-limit']);
    // Another seller has a limit of its own.
    idOf(await sell('d-3', 600_000, { member: 'beta' }));
  });

  it('gives back what a transaction took that was rejected', async () => {
    idOf(await sell('d-1', 400_000));
    const second = await sell('d-1', 500_000);
    assert.equal(endOf(second), 'rejected made-already');
    idOf(await sell('d-2', 600_000));
    assert.equal(endOf(await sell('d-3', 10)), 'endorsement-refused over-limit');
  });

  it('goes by values of other transactions that its node holds', async () => {
    const of = idOf(await sell('d-1', 500));
    const resell = async (to: string, price: number) =>
      endOf(
        await network.service('beta').submitCustodial(
          'clerk',
          {
            ...{ contract: 'deal', method: 'resell', args: { of: to, price } },
          },
          10_000,
        ),
      );
    assert.equal(await resell(of, 499), 'endorsement-refused below-price');
    assert.equal(await resell(of, 500), 'committed');
    assert.equal(await resell('a'.repeat(64), 500), 'endorsement-refused unknown-sale');
    assert.equal(await resell('what?', 500), 'endorsement-refused unknown-sale');
  });

  it('is asked for together, and each call has its own answer: a fault of one is none of the others’', async () => {
    const asked: number[] = [];
    network.intercept = (_from, _to, message) => {
      const request = decodeRequest(message);
      if (request.kind === 'endorse') asked.push(request.transactions.length);
      return message;
    };
    const keeper = network.vaultOf('delta');
    const { read } = keeper;
    let damaged: Digest | undefined;
    keeper.read = async (id) => {
      const kept = await read(id);
      if (kept?.transaction.body.args.deal !== 'd-damaged') return kept;
      damaged = id;
      throw new Error('a record that does not open');
    };
    const prices = [500, 5, 600, 700, 6, 800, 900, 1000];
    const ends = await Promise.all([
      ...prices.map((price, index) => sell(`d-${index}`, price)),
      sell('d-damaged', 500),
    ]);
    const expected = prices.map((price) =>
      price < 10 ? 'endorsement-refused too-cheap' : 'committed',
    );
    assert.deepEqual(ends.map(endOf), [...expected, 'endorser-unavailable']);
    assert.ok(damaged !== undefined && asked.length < ends.length, `${asked}`);
    assert.equal(
      asked.reduce((sum, count) => sum + count, 0),
      ends.length,
    );
    keeper.read = read;
    idOf(await sell('d-damaged', 500));
  });

  it('is waited for: without it nothing is submitted, and the same call goes on', async () => {
    network.intercept = (_from, _to, message) => {
      if (kindOf(message) === 'endorse') throw new Error('lost');
      return message;
    };
    assert.equal(endOf(await sell('d-1', 500)), 'endorser-unavailable');
    network.intercept = (_from, _to, message) => message;
    idOf(await sell('d-1', 500));
  });

  it('can’t be left away, nor made by another member’s node, and whoever tries uses nothing up', async () => {
    const service = network.service('alpha');
    const { submit } = service;
    let whole: Parameters<typeof submit>[0] | undefined;
    service.submit = async (transaction, waitMs) => {
      whole = transaction;
      const [caller, endorsement] = transaction.signatures;
      const gamma = network.custodyOf('gamma');
      const header = JSON.parse(Buffer.from(endorsement!.protected, 'base64url').toString());
      const kid = gamma.keyId('node');
      const head = toBase64Url(utf8(JSON.stringify({ ...header, kid })));
      const signature = await gamma.sign('node', utf8(`${head}.${transaction.payload}`));
      for (const entries of [[caller!], [caller!, { protected: head, signature }]]) {
        const list = entries.map((entry) => [entry.protected, entry.signature]);
        const other = decodeTransaction(encodeCbor([transaction.payload, list] as never));
        assert.ok(!(other instanceof Rejected));
        assert.equal(other.id, transaction.id);
        for (const member of MEMBERS) {
          const to = member === 'alpha' ? submit : network.service(member).submit;
          const refused = await to(other, 0);
          assert.ok(refused instanceof Rejected, member);
          const { code, expected } = refused.rejection;
          assert.deepEqual([code, expected], ['not-endorsed', ['auditor']]);
        }
      }
      return submit(transaction, waitMs);
    };
    const outcome = await sell('d-1', 500);
    assert.ok(whole, 'the whole transaction was seen');
    idOf(outcome);
  });
});
