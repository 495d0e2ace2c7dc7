// The verifier in Python was written from docs/protocol.md alone. This test keeps the page, the
// vectors and that program in step.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { splitArguments } from '../../shared/contract/confidential.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { verifyDisclosure } from '../../shared/proof/verify-disclosure.ts';
import { deal, dealCatalog } from '../support/deal-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';

const program = fileURLToPath(new URL('../../examples/verify_receipt.py', import.meta.url));
const vectorsFile = fileURLToPath(new URL('../vectors/protocol.json', import.meta.url));
const vectors = JSON.parse(readFileSync(vectorsFile, 'utf8'));
const ledger: string = vectors.genesis.ledger;

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'fuqi-verify-receipt-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the program; its one line of output and its exit code. */
function run(...args: string[]): { code: number | null; line: Record<string, unknown> } {
  const done = spawnSync('python3', [program, ...args], { encoding: 'utf8', timeout: 120_000 });
  if (done.error !== undefined && 'code' in done.error && done.error.code === 'ENOENT') {
    assert.fail('python3 was not found: install Python 3 (3.11 or later) to run this test.');
  }
  assert.equal(done.error, undefined);
  assert.match(done.stdout, /^[^\n]+\n$/, `one line was expected; stderr: ${done.stderr}`);
  return { code: done.status, line: JSON.parse(done.stdout) };
}

/** Runs the program on a file with this content. */
function verify(content: string, trusted = ledger): ReturnType<typeof run> {
  const file = join(folder, 'document.json');
  writeFileSync(file, content);
  return run(file, '--ledger', trusted);
}

/** The same text of base64url with the lowest bit of its first byte changed. */
function flipped(text: string): string {
  const bytes = Buffer.from(text, 'base64url');
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return bytes.toString('base64url');
}

test('every vector of the protocol holds in Python', () => {
  const { code, line } = run('--vectors', vectorsFile);
  assert.deepEqual(line.failed, []);
  assert.equal(line.verdict, 'VALID');
  assert.ok(Number(line.checked) > 100);
  assert.equal(code, 0);
});

test('a vector that does not hold is named', () => {
  const file = join(folder, 'vectors.json');
  writeFileSync(file, JSON.stringify({ ...vectors, state: { ...vectors.state, root: '' } }));
  const { code, line } = run('--vectors', file);
  assert.deepEqual(line.failed, ['state root']);
  assert.equal(code, 1);
});

test('a receipt is valid', () => {
  const receipt = vectors.receipts.afterHandover;
  const { code, line } = verify(JSON.stringify(receipt));
  assert.equal(line.verdict, 'VALID');
  assert.equal(line.height, 10);
  assert.equal(line.transaction, receipt.transaction.id);
  assert.equal((line.result as { status: string }).status, 'committed');
  assert.equal(code, 0);
});

test('a state proof is valid, for a value and for its absence', () => {
  const present = verify(JSON.stringify(vectors.stateProofs.present));
  assert.equal(present.line.verdict, 'VALID');
  assert.equal((present.line.value as { value: number }).value, 1);
  assert.equal(present.code, 0);
  const absent = verify(JSON.stringify(vectors.stateProofs.absent));
  assert.deepEqual(absent.line, { verdict: 'VALID', height: 10, present: false, value: null });
  assert.equal(absent.code, 0);
});

test('disclosed fields are the same to Python as to this verifier, and so are false ones', async () => {
  const network = await LocalNetwork.open({ members: ['alpha'], catalog: dealCatalog });
  try {
    const { args, disclosures } = splitArguments(
      deal.transactions.make!.input,
      { deal: 'd-1', buyer: '符契', price: 250_00 },
      () => randomBytes(16),
    );
    const transaction = parseTransaction(network.signed('alpha/admin', 'deal', 'make', args));
    assert.ok(!(transaction instanceof Rejected));
    await network.service('alpha').submit(transaction, 5000);
    const receipt = await network.service('alpha').receipt(transaction.id);
    const texts = disclosures.map(({ text }) => text);
    const [buyer] = texts;
    const [salt] = JSON.parse(Buffer.from(buyer!, 'base64url').toString());
    const written = (text: string) => Buffer.from(text).toString('base64url');
    for (const [shown, fields] of [
      [texts, { buyer: '符契', price: 250_00 }],
      [[buyer!], { buyer: '符契' }],
      [[], {}],
      [[buyer!, buyer!], undefined],
      [[written(`["${salt}","buyer","x"]`)], undefined],
      [[written(`["${salt}","...",1]`)], undefined],
      [[written(`["${salt}","a",{"b":1,"b":1}]`)], undefined],
      [[`${buyer}=`], undefined],
      [['e30'], undefined],
    ] as const) {
      const file = { format: 'fuqi-disclosure-1', receipt, disclosures: shown };
      const { code, line } = verify(JSON.stringify(file), network.ledger);
      const own = verifyDisclosure(JSON.parse(JSON.stringify(file)), network.ledger);
      assert.equal(line.verdict, own.verdict);
      assert.equal(code, fields ? 0 : 1);
      if (!fields || own.verdict !== 'VALID') continue;
      assert.deepEqual(line.disclosed, fields);
      assert.deepEqual(Object.fromEntries(own.fields), fields);
      assert.equal(line.undisclosed, 3 - own.fields.size);
    }
  } finally {
    network.close();
  }
});

test('a receipt with a changed bit, or of another ledger, is invalid', () => {
  const signature = structuredClone(vectors.receipts.burst);
  const vote = signature.anchor.finality.certificate.signatures[0];
  vote.signature = flipped(vote.signature);
  const result = structuredClone(vectors.receipts.burst);
  result.result.encoded = flipped(result.result.encoded);
  const header = structuredClone(vectors.receipts.burst);
  header.anchor.finality.header = flipped(header.anchor.finality.header);
  const original = JSON.stringify(vectors.receipts.burst);
  for (const { code, line } of [
    ...[signature, result, header].map((changed) => verify(JSON.stringify(changed))),
    verify(original, '0'.repeat(64)),
    verify('{"format":"fuqi-receipt-1"}'),
  ]) {
    assert.equal(line.verdict, 'INVALID');
    assert.equal(typeof line.reason, 'string');
    assert.equal(code, 1);
  }
});

test('garbage is an error, not a verdict', () => {
  const receipt = JSON.stringify(vectors.receipts.burst);
  for (const { code, line } of [
    verify('garbage'),
    verify('{"format":"fuqi-receipt-2"}'),
    verify(receipt, 'abc'),
    run(join(folder, 'no-such-file.json'), '--ledger', ledger),
    run(),
  ]) {
    assert.equal(line.verdict, 'ERROR');
    assert.equal(typeof line.reason, 'string');
    assert.equal(code, 2);
  }
});
