import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { statementDigest, type TimeoutCertificate } from '../../shared/ledger/certificate.ts';
import { checkTc } from '../../shared/replica/chain.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';

const MEMBERS = ['alpha', 'beta', 'delta', 'gamma'];
const ROUND = 8;
let network: LocalNetwork;
afterEach(() => network?.close());

describe('two timeout certificates of one round', () => {
  it('are each checked, and each stands for itself', async () => {
    network = await LocalNetwork.open({ members: MEMBERS, catalog: counterCatalog });
    const { replica } = network.node('alpha');
    const certificate = (highQcRounds: ReadonlyMap<number, number>): TimeoutCertificate => ({
      epoch: 1,
      round: ROUND,
      timeouts: [...highQcRounds].map(([validator, highQcRound]) => {
        const statement = { kind: 'timeout', epoch: 1, round: ROUND, highQcRound } as const;
        const digest = statementDigest({ ...statement, ledger: network.ledger });
        const signature = network.signAs(MEMBERS[validator]!, digest);
        return { validator, highQcRound, signature };
      }),
    });
    const known = certificate(
      new Map([
        [0, 3],
        [1, 3],
        [2, 3],
      ]),
    );
    const other = certificate(
      new Map([
        [0, 3],
        [1, 3],
        [3, 0],
      ]),
    );
    const forged = {
      ...known,
      timeouts: known.timeouts.map((one) => ({ ...one, highQcRound: 0 })),
    };
    const highTc = checkTc(replica, known)!;
    assert.deepEqual(highTc, known);

    const knowing = { ...replica, record: { ...replica.record, highTc } };
    assert.equal(checkTc(knowing, known), highTc);
    assert.deepEqual(checkTc(knowing, other), other);
    assert.equal(checkTc(knowing, forged), undefined);
  });
});
