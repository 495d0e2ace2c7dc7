import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Digest } from '../../shared/bytes/digest.ts';
import { decodeRequest, encodeRequest } from '../../shared/consensus/message.ts';
import { type Block, blockId, decodeBlock, encodeBlock } from '../../shared/ledger/block.ts';
import { statementDigest } from '../../shared/ledger/certificate.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { BadMessage } from '../../shared/replica/bad-message.ts';
import { standingOf } from '../../shared/replica/tell.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
// The validators in the order of their ids: the first leads the first tenure.
const [LEADER, VICTIM] = ['alpha', 'beta'] as const;
let network: LocalNetwork;
afterEach(() => network?.close());

const other = 'ab'.repeat(32) as Digest;
const withHeader = (block: Block, header: Partial<Block['header']>): Block => ({
  ...block,
  header: { ...block.header, ...header },
});

/** What a hostile leader may send to one member, and what that member must answer. */
const LIES: readonly { what: string; lie: (block: Block) => Block; refusal: RegExp }[] = [
  {
    what: 'a wrong state root',
    lie: (block) => withHeader(block, { stateRoot: other }),
    refusal: /stateRoot differs/,
  },
  {
    what: 'a wrong results root',
    lie: (block) => withHeader(block, { resultsRoot: other }),
    refusal: /resultsRoot differs/,
  },
  {
    what: 'a wrong history root',
    lie: (block) => withHeader(block, { historyRoot: other }),
    refusal: /historyRoot differs/,
  },
  {
    what: 'an invented next validator set',
    lie: (block) => withHeader(block, { nextValidatorsHash: other }),
    refusal: /nextValidatorsHash differs/,
  },
  {
    what: 'a height that skips one',
    lie: (block) => withHeader(block, { height: block.header.height! + 1 }),
    refusal: /height differs/,
  },
  {
    what: 'another transaction list than the root says',
    lie: (block) => ({ ...block, transactions: [] }),
    refusal: /Root differs/,
  },
  {
    what: 'the same transaction twice',
    lie: (block) => ({ ...block, transactions: [...block.transactions, ...block.transactions] }),
    refusal: /may not stand in a block: duplicate/,
  },
  {
    what: 'bytes that are no transaction',
    lie: (block) => ({ ...block, transactions: [new Uint8Array([1, 2, 3])] }),
    refusal: /can’t be decoded/,
  },
  {
    what: 'a time far ahead',
    lie: (block) => withHeader(block, { time: block.header.time + 3_600_000 }),
    refusal: /off this node’s clock/,
  },
  {
    what: 'a block in another member’s name',
    lie: (block) => withHeader(block, { author: 'gamma' }),
    refusal: /its author did not sign/,
  },
  {
    what: 'a round in another leader’s tenure',
    lie: (block) => withHeader(block, { round: 1000 }),
    refusal: /./,
  },
  {
    what: 'a certificate without a quorum',
    lie: (block) => ({
      ...block,
      qc: { ...block.qc, round: 5, signatures: block.qc.signatures.slice(1) },
    }),
    refusal: /quorum certificate that does not check/,
  },
  {
    what: 'a block of another ledger',
    lie: (block) => withHeader(block, { ledger: other }),
    refusal: /another ledger/,
  },
];

describe('a hostile leader', () => {
  for (const { what, lie, refusal } of LIES) {
    it(`gets no vote for ${what}, and the ledger goes on`, async () => {
      const refusals: string[] = [];
      network = await LocalNetwork.open({
        members: MEMBERS,
        catalog: counterCatalog,
        log: (_member, event, fields) => {
          if (fields?.member !== VICTIM) return;
          if (event === 'vote-refused' || fields.kind === 'proposal') {
            refusals.push(String(fields.reason ?? fields.error));
          }
        },
      });
      network.intercept = (from, to, message) => {
        if (from !== LEADER || to !== VICTIM) return message;
        const request = decodeRequest(message);
        if (request.kind !== 'proposal') return message;
        const block = decodeBlock(request.block);
        if (block.transactions.length === 0) return message;
        const lied = lie(block);
        const { ledger, epoch, round } = { ...lied.header, ledger: network.ledger };
        const statement = {
          kind: 'vote',
          ledger,
          epoch,
          round,
          block: blockId(lied.header),
        } as const;
        const signature = network.signAs(LEADER, statementDigest(statement));
        return encodeRequest({ ...request, block: encodeBlock(lied), signature });
      };
      const raised = { name: 'a', by: 1 };
      const transaction = parseTransaction(
        network.signed('alpha/admin', 'counter', 'raise', raised),
      );
      assert.ok(!(transaction instanceof Rejected));
      const status = await network.service('gamma').submit(transaction, 10_000);
      assert.ok(!(status instanceof Rejected));
      assert.equal(status.status, 'committed');
      await until(() => refusals.length > 0);
      assert.match(refusals[0]!, refusal);
      await until(async () => {
        const answer = await network
          .service(VICTIM)
          .query('counter', 'read', { name: 'a' }, undefined);
        return !(answer instanceof Rejected) && JSON.stringify(answer.output) === '{"value":1}';
      });
    });
  }

  it('tells what is final by its certificate, whatever its block is worth', async () => {
    network = await LocalNetwork.open({ members: MEMBERS, catalog: counterCatalog });
    const heightOf = (member: string) => network.node(member).replica.head.header.height!;
    let lied: { readonly height: number; readonly known: number } | undefined;
    const raise = (): void => {
      const raised = network.signed('alpha/admin', 'counter', 'raise', { name: 'a', by: 1 });
      const transaction = parseTransaction(raised);
      assert.ok(!(transaction instanceof Rejected));
      void network.service(LEADER).submit(transaction, 10_000);
    };
    network.intercept = (from, to, message) => {
      if (to !== VICTIM) return message;
      if (lied) throw new Error('nothing else reaches it');
      const request = decodeRequest(message);
      if (from !== LEADER || request.kind !== 'proposal') return message;
      const block = decodeBlock(request.block);
      const [height, known] = [block.header.height!, heightOf(VICTIM)];
      // While one block is voted for the next one's transaction comes, so that none is empty.
      raise();
      if (known >= height - 2) return message;
      // The certificate of its parent makes its grandparent final, which this member does not know yet.
      lied = { height, known };
      const bad = withHeader(block, { stateRoot: other });
      const { ledger, epoch, round } = bad.header;
      const digest = statementDigest({
        kind: 'vote',
        ledger,
        epoch,
        round,
        block: blockId(bad.header),
      });
      const signature = network.signAs(LEADER, digest);
      return encodeRequest({ ...request, block: encodeBlock(bad), signature });
    };
    raise();
    await until(() => lied !== undefined);
    const { height, known } = lied!;
    await until(() => heightOf(VICTIM) > known);
    assert.equal(heightOf(VICTIM), height - 2);
  });

  it('is told so where its proposal is no block, which is no fault of the node that gets it', async () => {
    network = await LocalNetwork.open({ members: MEMBERS, catalog: counterCatalog });
    const standing = standingOf(network.node(LEADER).replica);
    for (const block of [Uint8Array.of(7), Uint8Array.of(0x80), new Uint8Array()]) {
      const signature = new Uint8Array(64);
      const proposal = encodeRequest({ kind: 'proposal', standing, block, signature });
      await assert.rejects(network.say(LEADER, VICTIM, proposal), BadMessage);
    }
  });

  it('can’t plant a junk certificate in a block that a later node has to catch up with', async () => {
    network = await LocalNetwork.open({ members: MEMBERS, catalog: counterCatalog });
    network.stop('delta');
    const submit = async (): Promise<void> => {
      const raised = { name: 'a', by: 1 };
      const transaction = parseTransaction(
        network.signed('alpha/admin', 'counter', 'raise', raised),
      );
      assert.ok(!(transaction instanceof Rejected));
      const status = await network.service('beta').submit(transaction, 10_000);
      assert.ok(!(status instanceof Rejected));
      assert.equal(status.status, 'committed');
    };
    await submit();
    // After a burst everybody has its last certificate, so the next proposal need not prove it.
    const roundOf = (member: string) => network.node(member).replica.record.highQc.round;
    await until(() => ['beta', 'gamma'].every((member) => roundOf(member) === roundOf('alpha')));
    let planted = 0;
    network.intercept = (from, _to, message) => {
      if (from !== LEADER) return message;
      const request = decodeRequest(message);
      if (request.kind !== 'proposal') return message;
      const block = decodeBlock(request.block);
      if (block.transactions.length === 0) return message;
      planted++;
      const signatures = block.qc.signatures.map((entry) => ({
        ...entry,
        signature: new Uint8Array(64).fill(1),
      }));
      const junk = encodeBlock({ ...block, qc: { ...block.qc, signatures } });
      return encodeRequest({ ...request, block: junk });
    };
    await submit();
    assert.ok(planted > 0);
    network.cut('alpha', 'delta');
    await network.start('delta');
    await until(async () => {
      const answer = await network
        .service('delta')
        .query('counter', 'read', { name: 'a' }, undefined);
      return !(answer instanceof Rejected) && JSON.stringify(answer.output) === '{"value":2}';
    }, 5000);
  });
});
