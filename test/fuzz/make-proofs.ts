/**
 * Makes `proofs.json`: a receipt and a state proof across a recovery, and evidence of double signing. Run by hand when a
 * format changes; the ledger is the same each time, the signatures are not.
 */
import { sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { toBase64Url, utf8 } from '../../shared/bytes/text.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { type Statement, statementDigest } from '../../shared/ledger/certificate.ts';
import { evidenceOf } from '../../shared/ledger/evidence.ts';
import { type Agreement, agreementHeader, agreementPayload } from '../../shared/ledger/recovery.ts';
import { applyAgreement, standstillOf } from '../../shared/replica/agreement.ts';
import { contracts } from '../../workloads/catalog.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { Governed } from '../support/governed.ts';
import { LocalNetwork, testKeyFrom } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const system = contracts.entries.filter(({ contract }) =>
  ['governance', 'identity', 'evidence'].includes(contract.name),
);
const network = await LocalNetwork.open({
  members: MEMBERS,
  catalog: catalog([...system, ...counterCatalog.entries]),
  keyOf: (label) => testKeyFrom(`fuzz ${label}`),
  time: Date.UTC(2026, 0, 1),
});
const governed = new Governed(network);
const raise = (name: string) => governed.call('alpha', 'counter', 'raise', { name, by: 1 });
await raise('before');
const { ledger } = network;
const vote = (digit: string): Statement => ({
  kind: 'vote',
  ledger,
  epoch: 1,
  round: 3,
  block: digit.repeat(64) as Digest,
});
const signed = (statement: Statement) => ({
  statement,
  signature: network.signAs('beta', statementDigest(statement)),
});
const evidence = evidenceOf('beta', signed(vote('1')), signed(vote('2')));
const args = JSON.parse(JSON.stringify(evidence));
const { result } = await governed.call('alpha', 'evidence', 'report', args);
if (result.status !== 'committed') throw new Error(JSON.stringify(result));
const offences = await network.service('alpha').query('evidence', 'offences', {}, undefined);
const [offence] = (offences as unknown as { output: { offences: { id: string }[] } }).output
  .offences;
const evidenceProof = await network.service('alpha').evidenceProof(offence!.id);

const headOf = (member: string) => network.node(member).replica.head.id;
await until(() => MEMBERS.every((member) => headOf(member) === headOf('alpha')));
for (const member of MEMBERS) network.stop(member);
const { head, members } = await standstillOf(network.storesOf('alpha'));
const remaining = ['alpha', 'beta', 'gamma'];
const agreement: Agreement = {
  format: 'fuqi-recovery-1',
  ledger,
  epoch: head.epoch + 1,
  height: head.header.height!,
  block: head.id,
  validators: remaining.map((member) => ({
    member,
    nodeKey: network.nodeKey(member),
    peerKey: members.find(({ id }) => id === member)!.peerKey,
  })),
  removed: ['delta'],
  reason: 'a machine burnt',
};
const payload = agreementPayload(agreement);
const signatures = remaining.map((member) => {
  const { privateKey, jwk } = network.keys.get(`${member}/admin`)!;
  const protectedHeader = agreementHeader(jwkThumbprint(jwk));
  const input = utf8(`${protectedHeader}.${payload}`);
  const bytes = sign('sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return { protected: protectedHeader, signature: toBase64Url(bytes) };
});
for (const member of remaining) {
  await applyAgreement(network.storesOf(member), network.genesis, { payload, signatures });
  await network.start(member);
}
const after = await raise('after');
const service = network.service('alpha');
const receipt = await service.receipt(after.id);
const state = await service.state('counter/counter/after', after.height, true);
network.close();
const proofs = [receipt, 'proof' in state ? state.proof : undefined, evidenceProof];
if (proofs.includes(undefined)) throw new Error('a proof is missing');
writeFileSync(new URL('./proofs.json', import.meta.url), `${JSON.stringify(proofs, null, 1)}\n`);
