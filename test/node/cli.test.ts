/** The command line on a consortium of one: each command, its `--json` and its refusals. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { verifyProof } from '../../node/cli/verify.ts';
import { openKeyFile, signTransaction } from '../../node/key-file.ts';
import { localLayout } from '../../node/local-layout.ts';
import { ALLOCATOR_ENVIRONMENT, HEAP_FLAGS } from '../../node/process-memory.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { CLI, fuqi, fuqiJson } from '../support/fuqi.ts';
import { SOLO } from '../support/solo.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const home = temporaryFolder();
const layout = localLayout(home, 'solo');
const own = ['--home', home, '--consortium', 'solo'];
const PORT = 18_280;
const at = (name: string): string => path.join(home, name);
const payment = (reference: string, amount: unknown = 100): string =>
  JSON.stringify({ reference, payee: 'all', currency: 'CNY', amount });
const submission = (args: string): string[] => [
  ...['tx', 'submit', '--contract', 'invoice', '--method', 'recordPayment', '--args', args],
  ...['--key-file', layout.member('all').identityKey('platform')],
  ...['--passphrase-file', layout.passphrase, ...own],
];

let ledger: Digest;
let transaction: string;

before(async () => {
  // A description of one's own is put where the consortium will be.
  mkdirSync(layout.folder, { recursive: true });
  writeFileSync(layout.description, JSON.stringify(SOLO));
  await fuqiJson('up', '--port', `${PORT}`, ...own);
  ({ ledger } = await fuqiJson('status', ...own));
  transaction = (await fuqiJson(...submission(payment('first')))).id;
});
after(() => fuqi('down', '--wipe', ...own));

/** Runs a command that must fail; answers the one line, or few, that it says. */
async function refusal(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await fuqi(...args);
  assert.equal(code, 1, stdout);
  assert.equal(stdout, '');
  assert.doesNotMatch(stderr, /^ {4}at /m, 'no stack');
  return stderr;
}

describe('fuqi', () => {
  it('lists its commands', async () => {
    const { code, stdout } = await fuqi('--help');
    assert.equal(code, 0);
    const commands =
      'start up down status node gateway import tx query receipt blocks verify keys'.split(' ');
    for (const name of commands) assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'));
  });

  it('shows members, heads, validators and lag', async () => {
    const { stdout } = await fuqi('status', ...own);
    assert.match(stdout, /^solo: ok, epoch 1, ledger [0-9a-f]{64}$/m);
    assert.match(stdout, /^ {2}all +validator +private +height \d+, lag 0, idle, 0 pending +All/m);
  });

  it('keeps the files of secrets to their owner', () => {
    for (const file of [layout.passphrase, layout.keyRing, layout.member('all').nodeKey])
      assert.equal(statSync(file).mode & 0o777, 0o600, file);
  });

  it('signs and sends a transaction, and shows what became of it', async () => {
    const shown = await fuqiJson('tx', 'show', transaction, ...own);
    assert.equal(shown.status, 'committed');
    assert.equal(shown.id, transaction);
  });

  it('sends a transaction that was signed elsewhere, which counts once', async () => {
    const passphrase = readFileSync(layout.passphrase, 'utf8').trim();
    const jws = signTransaction(
      openKeyFile(layout.member('all').identityKey('platform'), passphrase),
      {
        ledger,
        contract: 'invoice',
        method: 'recordPayment',
        args: JSON.parse(payment('elsewhere')),
        nonce: 'test-nonce-0001',
        notAfter: Date.now() + 60_000,
      },
    );
    writeFileSync(at('signed.jws'), jws);
    const first = await fuqiJson('tx', 'submit', '--jws', at('signed.jws'), ...own);
    const again = await fuqiJson('tx', 'submit', '--jws', at('signed.jws'), ...own);
    assert.equal(first.status, 'committed');
    assert.deepEqual([again.id, again.height], [first.id, first.height]);
  });

  it('says what a contract or the API refused, with field and value', async () => {
    assert.match(
      await refusal(...submission(payment('first'))),
      /^422 Refused by the contract \(payment-exists\): .*\n {2}found "first"\n$/,
    );
    assert.match(
      await refusal(...submission(payment('other', 'much'))),
      /Arguments not valid.*\n {2}\/amount: .*expected number/,
    );
    assert.match(await refusal('tx', 'show', 'zz', ...own), /64 lowercase hex digits/);
    const { stdout, code } = await fuqi('tx', 'show', 'zz', '--json', ...own);
    assert.equal(code, 1);
    assert.match(JSON.parse(stdout).error, /64 lowercase hex digits/);
  });

  it('says what is wrong with its own arguments', async () => {
    assert.match(await refusal('tx', 'submit', ...own), /Give --jws FILE, or/);
    assert.match(await refusal('tx', 'submit', '--jws', at('none'), ...own), /can't be read/);
    assert.match(await refusal(...submission('[1]')), /--args takes a JSON object/);
    assert.match(await refusal(...submission('{')), /--args is not JSON/);
    assert.match(await refusal(...submission('{}'), '--wait', 'x'), /--wait takes whole seconds/);
    assert.match(await refusal('up', '--port', 'x', ...own), /--port takes a number/);
    assert.match(await refusal('status', '--as', 'all/nobody', ...own), /no key for all\/nobody/);
    assert.match(await refusal('status', '--url', 'http://127.0.0.1:9'), /Nothing answers at/);
    assert.match(await refusal('status', '--bogus'), /unknown option '--bogus'/);
  });

  it('asks a contract, now and at an earlier height', async () => {
    const asked = ['query', 'invoice', 'payment', '--input', '{"reference":"first"}', ...own];
    assert.equal((await fuqiJson(...asked)).output.amount, 100);
    assert.match(await refusal(...asked, '--at', '0'), /404/);
  });

  it('lists blocks, newest first and page by page', async () => {
    await fuqiJson(...submission(payment('one-more-block')));
    const newest = await fuqiJson('blocks', '--limit', '1', ...own);
    const next = await fuqiJson('blocks', '--limit', '1', '--cursor', newest.next, ...own);
    assert.equal(next.blocks[0].height, newest.blocks[0].height - 1);
  });

  it('makes a key file once, and only with a passphrase', async () => {
    writeFileSync(at('words'), 'a long enough phrase\n');
    const made = ['keys', 'create', '--out', at('own.pem'), '--passphrase-file', at('words')];
    const { kid, jwk } = await fuqiJson(...made);
    assert.match(kid, /^[\w-]{43}$/);
    assert.equal(jwk.crv, 'P-256');
    assert.equal(jwk.d, undefined);
    assert.match(await refusal(...made), /never overwritten/);
    assert.match(await refusal('keys', 'create', '--out', at('two.pem')), /No passphrase/);
  });

  it('makes an API key that works at once', async () => {
    const { key } = await fuqiJson('keys', 'create', '--api', 'all/platform', ...own);
    const response = await fetch(`http://127.0.0.1:${PORT}/v1/consortia/solo/payments`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: payment('by-the-new-key'),
    });
    assert.equal(response.status, 200);
    for (const wrong of ['all', '../all', 'all/Big', 'all/a/b', 'nobody/platform'])
      await refusal('keys', 'create', '--api', wrong, ...own);
  });

  it('leaves alone what is no consortium', async () => {
    mkdirSync(at('photos'));
    writeFileSync(path.join(at('photos'), 'beach.jpg'), '');
    const elsewhere = ['--home', home, '--consortium'];
    assert.match(await refusal('down', '--wipe', ...elsewhere, 'photos'), /is left alone/);
    assert.match(await refusal('down', '--wipe', ...elsewhere, '..'), /--consortium takes/);
    assert.match(await refusal('up', ...elsewhere, 'photos'), /holds beach\.jpg, but no genesis/);
    assert.ok(statSync(path.join(at('photos'), 'beach.jpg')).isFile());
  });
});

describe('fuqi verify', () => {
  const receipt = at('receipt.json');
  const genesis = ['--genesis', layout.genesis];

  before(async () => {
    assert.equal((await fuqi('receipt', transaction, '--out', receipt, ...own)).code, 0);
  });

  it('says what a receipt proves', async () => {
    const proven = await fuqiJson('verify', receipt, ...genesis);
    const { verdict, contract, method, status, signers } = proven;
    assert.deepEqual(
      { verdict, contract, method, status, signers },
      {
        verdict: 'VALID',
        contract: 'invoice',
        method: 'recordPayment',
        status: 'committed',
        signers: ['all'],
      },
    );
    assert.equal(proven.transaction, transaction);
    assert.equal((await fuqi('verify', receipt, '--ledger', ledger)).code, 0);
  });

  it('proves that a value is there, and that another is not', async () => {
    for (const [reference, present] of [
      ['first', true],
      ['never', false],
    ] as const) {
      const state = `http://127.0.0.1:${PORT}/v1/consortia/solo/state/invoice/payment/${reference}`;
      const { proof } = (await (await fetch(`${state}?proof=true`)).json()) as { proof: object };
      writeFileSync(at('state.json'), JSON.stringify(proof));
      const proven = await fuqiJson('verify', at('state.json'), '--ledger', ledger);
      assert.deepEqual([proven.verdict, proven.present], ['VALID', present]);
    }
  });

  it('ends with 1 for another ledger and with 2 for what is no proof', async () => {
    const other = 'ab'.repeat(32);
    assert.equal((await fuqi('verify', receipt, '--ledger', other)).code, 1);
    writeFileSync(at('no-proof.json'), '{}');
    assert.equal((await fuqi('verify', at('no-proof.json'), ...genesis)).code, 2);
    assert.equal((await fuqi('verify', at('absent.json'), ...genesis)).code, 2);
    const both = await fuqi('verify', receipt, at('no-proof.json'), ...genesis);
    assert.equal(both.code, 2);
    assert.match(both.stdout, /^VALID .*receipt\.json$[\s\S]*^ERROR .*no-proof\.json$/m);
    assert.match(await refusal('verify', receipt, '--ledger', 'x'), /64 hex digits, not "x"/);
  });

  it('never says VALID when one bit of the file is flipped, wherever', () => {
    const bytes = readFileSync(receipt);
    assert.equal(verifyProof(JSON.parse(bytes.toString()), ledger).verdict, 'VALID');
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        let parsed: unknown;
        try {
          parsed = JSON.parse(flipped.toString());
        } catch {
          return;
        }
        assert.notEqual(verifyProof(parsed, ledger).verdict, 'VALID', `bit ${bit}`);
      }),
      { numRuns: 1000 },
    );
  });

  it('checks an export line by line, and says which line proves nothing', async () => {
    const out = at('export');
    const exporting = ['export', '--as', 'all/admin', '--out', out, ...own];
    const first = await fuqiJson(...exporting);
    assert.ok(first.receipts > 0);
    const lines = path.join(out, 'receipts.jsonl');
    const exported = [lines, '--genesis', path.join(out, 'genesis.json')];
    const { verdict, proofs } = await fuqiJson('verify', ...exported);
    assert.deepEqual([verdict, proofs], ['VALID', first.receipts]);
    assert.match(readFileSync(lines, 'utf8'), new RegExp(transaction));
    // Cut off while it wrote, and begun again: nothing is there twice, what is new is added.
    appendFileSync(lines, '{"half');
    await fuqiJson(...submission(payment('exported')));
    assert.equal((await fuqiJson(...exporting)).receipts, first.receipts + 1);
    assert.equal((await fuqiJson('verify', ...exported)).proofs, first.receipts + 1);
    const [one, ...others] = readFileSync(lines, 'utf8').split('\n');
    const forged = JSON.parse(one!);
    forged.transaction.id = 'ab'.repeat(32);
    writeFileSync(lines, [JSON.stringify(forged), ...others].join('\n'));
    const wrong = await fuqi('verify', ...exported, '--json');
    assert.equal(wrong.code, 1);
    const said = JSON.parse(wrong.stdout);
    assert.deepEqual([said.wrong.length, said.wrong[0].line], [1, 1]);
  });

  it('ends with an error for a file with one flipped bit', async () => {
    const bytes = readFileSync(receipt);
    const flipped = at('flipped.json');
    bytes[bytes.indexOf('"transaction"') + 30]! ^= 1;
    writeFileSync(flipped, bytes);
    const { code, stdout } = await fuqi('verify', flipped, ...genesis);
    assert.ok(code === 1 || code === 2, stdout);
    assert.doesNotMatch(stdout, /^VALID/);
  });
});

it('starts nodes with the memory settings that they are measured with', () => {
  const cli = readFileSync(CLI, 'utf8');
  const allocator = Object.entries(ALLOCATOR_ENVIRONMENT).map(
    ([name, value]) => `${name}=${value}`,
  );
  const words = ['#!/usr/bin/env', '-S', ...allocator, 'node', ...HEAP_FLAGS];
  assert.equal(cli.split('\n')[0], words.join(' '));
  const { processes } = layout;
  for (const { pid } of JSON.parse(readFileSync(processes, 'utf8')) as { pid: number }[]) {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    assert.deepEqual(commandLine.slice(1, 1 + HEAP_FLAGS.length), [...HEAP_FLAGS]);
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    assert.ok(allocator.every((one) => environment.includes(one)));
  }
});
