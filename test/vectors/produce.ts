/**
 * Produces `protocol.json`: run once, by hand, when a format is made (`node test/vectors/produce.ts`).
 * The test beside it checks that the code still says the same; changing the file is a reviewed act.
 */
import { writeFileSync } from 'node:fs';
import { encodeCbor, type Value } from '../../shared/bytes/cbor.ts';
import { type Digest, taggedDigest } from '../../shared/bytes/digest.ts';
import { inclusionPath, leafHash, merkleRoot } from '../../shared/bytes/merkle.ts';
import { toBase64Url, toHex, utf8 } from '../../shared/bytes/text.ts';
import { encodeValidatorSet, validatorSetOf, validatorsHash } from '../../shared/consensus/validators.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { genesisBlock } from '../../shared/execution/genesis-block.ts';
import { updateTree } from '../../shared/execution/state-tree.ts';
import { encodeHeader } from '../../shared/ledger/block.ts';
import { type Statement, statementDigest } from '../../shared/ledger/certificate.ts';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { encodeResult, type TransactionResult } from '../../shared/ledger/result.ts';
import { parseTransaction, type TransactionBody } from '../../shared/ledger/transaction.ts';
import { contracts } from '../../workloads/catalog.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const system = contracts.entries.filter(({ contract }) => contract.name !== 'invoice');
const network = await LocalNetwork.open({
  members: MEMBERS,
  catalog: catalog([...system, ...counterCatalog.entries]),
});
const { genesis, ledger } = network;

async function call(member: string, contract: string, method: string, args: TransactionBody['args']) {
  const jws = network.signed(`${member}/admin`, contract, method, args);
  const transaction = parseTransaction(jws);
  if (transaction instanceof Rejected) throw new Error(JSON.stringify(transaction));
  const status = await network.service(member).submit(transaction, 10_000);
  if (status instanceof Rejected || !('result' in status)) throw new Error(JSON.stringify(status));
  return { jws, transaction, status };
}

const raise = (name: string) => call('alpha', 'counter', 'raise', { name, by: 1 });
const burst = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(raise));
const refused = await call('beta', 'counter', 'raise', { name: 'a', by: 9, max: 3 });
const parameters = { ...DEFAULT_PARAMETERS, tenureRounds: 8 };
const action = { kind: 'set-parameters', parameters } as unknown as Value;
const proposal = await call('alpha', 'governance', 'propose', { action });
if (proposal.status.result.status !== 'committed') throw new Error('not proposed');
const { id, digest } = proposal.status.result.output as { id: string; digest: string };
for (const member of ['beta', 'gamma']) {
  await call(member, 'governance', 'vote', { id, digest, approve: true });
}
const later = await raise('later');
const service = network.service('alpha');
const receiptOf = async (of: { transaction: { id: Digest } }) => service.receipt(of.transaction.id);
const stateProof = async (key: string) => {
  const state = await service.state(key, later.status.height, true);
  if (state instanceof Rejected) throw new Error(key);
  return state.proof;
};

const statements: Statement[] = [
  { kind: 'vote', ledger, epoch: 1, round: 7, block: 'ab'.repeat(32) as Digest },
  { kind: 'timeout', ledger, epoch: 2, round: 64, highQcRound: 60 },
];
const results: TransactionResult[] = [burst[0]!.status.result, refused.status.result];
const values = Object.fromEntries(
  Array.from({ length: 20 }, (_, n) => [`contract/record/key-${n}`, { n, text: `值 ${n}` }]),
);
const changes = new Map(Object.entries(values).map(([key, value]) => [key, encodeCbor(value)]));
const tree = updateTree({ hash: '0'.repeat(64) as Digest, version: null }, 1, changes, () => undefined);
if ('missing' in tree) throw new Error('an empty tree misses nothing');
const leaves = Array.from({ length: 7 }, (_, n) => leafHash(utf8(`leaf ${n}`)));
const set = validatorSetOf(ledger, 1, genesis.parameters.tenureRounds, genesis.members);
const { point } = genesisBlock(genesis);
const cbor: Value[] = [
  0, 23, 24, 255, 256, 65_535, 65_536, 4_294_967_296, 9_007_199_254_740_991, -1, -256,
  -9_007_199_254_740_991, '', 'IETF', '水', [], [1, [2, 3]], {}, { b: 2, a: 1, aa: 3 }, true, false, null,
];

const vectors = {
  format: 'fuqi-vectors-1',
  cbor: cbor.map((value) => ({ value, hex: toHex(encodeCbor(value)) })),
  taggedDigest: {
    tag: 'fuqi/v1/code',
    data: toHex(utf8('data')),
    digest: taggedDigest('fuqi/v1/code', utf8('data')),
  },
  merkle: {
    leaves: Array.from({ length: 7 }, (_, n) => `leaf ${n}`),
    roots: Array.from({ length: 8 }, (_, size) => merkleRoot(leaves.slice(0, size))),
    pathOfLeaf5: inclusionPath(leaves, 5),
  },
  genesis: { document: genesis, ledger, stateRoot: point.header.stateRoot, block0: point.id },
  validators: { cbor: toHex(encodeValidatorSet(set)), hash: validatorsHash(set) },
  transaction: {
    compact: burst[0]!.jws,
    id: burst[0]!.transaction.id,
    encoded: toHex(burst[0]!.transaction.bytes),
  },
  results: results.map((result) => ({ result, encoded: toHex(encodeResult(result)) })),
  header: { fields: point.header, cbor: toHex(encodeHeader(point.header)), id: point.id },
  statements: statements.map((statement) => ({ statement, digest: toHex(statementDigest(statement)) })),
  state: { values, root: tree.root.hash, key7: toBase64Url(changes.get('contract/record/key-7')!) },
  receipts: {
    burst: await receiptOf(burst[3]!),
    refused: await receiptOf(refused),
    afterHandover: await receiptOf(later),
  },
  stateProofs: {
    present: await stateProof('counter/counter/a'),
    absent: await stateProof('counter/counter/never'),
  },
};
network.close();
const file = new URL('./protocol.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(vectors, null, 1)}\n`, { flag: 'wx' });
