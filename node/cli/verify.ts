/** `fuqi verify`: checks a receipt, disclosed fields, a state proof or evidence of double signing offline. */
import { existsSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { isDigest } from '../../shared/bytes/digest.ts';
import { GenesisSchema, ledgerId } from '../../shared/ledger/genesis.ts';
import { type ProvenBlock, type ProvenReceipt, verifyReceipt } from '../../shared/proof/verify.ts';
import { verifyDisclosure } from '../../shared/proof/verify-disclosure.ts';
import { verifyEvidenceProof } from '../../shared/proof/verify-evidence.ts';
import { verifyStateProof } from '../../shared/proof/verify-state.ts';
import { loadJson } from '../config.ts';
import { UserError } from '../user-error.ts';
import { type GlobalOptions, globalOptions, layoutOf, show } from './command-context.ts';

const EXIT = { VALID: 0, INVALID: 1, ERROR: 2 } as const;

/** Checks parsed JSON of any kind; what was proven is summed up for people and machines. */
export function verifyProof(proof: unknown, ledger: string) {
  if (!isDigest(ledger)) throw new UserError(`A ledger id is 64 hex digits, not "${ledger}".`);
  const format = (proof as { format?: unknown } | null)?.format;
  if (format === 'fuqi-state-1') {
    const verdict = verifyStateProof(proof, ledger);
    if (verdict.verdict !== 'VALID') return verdict;
    const { key, value, block } = verdict;
    const { height, time } = block.header;
    const state = { key, present: value !== undefined, value: value ?? null };
    return {
      verdict: 'VALID' as const,
      ...state,
      height,
      time,
      block: block.id,
      signers: block.signers,
      ...recovered(block),
    };
  }
  if (format === 'fuqi-evidence-1') return verifyEvidenceProof(proof, ledger);
  if (format === 'fuqi-disclosure-1') {
    const verdict = verifyDisclosure(proof, ledger);
    if (verdict.verdict !== 'VALID') return verdict;
    const { fields, digests } = verdict;
    return {
      ...provenReceipt(verdict),
      disclosed: Object.fromEntries(fields),
      undisclosed: digests - fields.size,
    };
  }
  const verdict = verifyReceipt(proof, ledger);
  return verdict.verdict === 'VALID' ? provenReceipt(verdict) : verdict;
}

function provenReceipt({ transaction, result, block, index }: ProvenReceipt) {
  const { contract, method } = transaction.body;
  const { height, time } = block.header;
  return {
    verdict: 'VALID' as const,
    transaction: transaction.id,
    contract,
    method,
    status: result.status,
    ...(result.status === 'committed'
      ? { output: result.output }
      : { rejection: result.rejection }),
    height,
    index,
    time,
    block: block.id,
    signers: block.signers,
    ...recovered(block),
  };
}

/** Said plainly: on the way an epoch started by the members' agreement, not by a quorum's certificate. */
const recovered = ({ recoveries }: ProvenBlock) =>
  recoveries.length === 0
    ? {}
    : {
        recovered: recoveries.map(
          ({ epoch, height, members, reason }) =>
            `epoch ${epoch}, after block ${height}, by agreement of ${members.join(', ')}: ${reason}`,
        ),
      };

/** The ledger id to trust: given, or of a genesis document that one holds oneself. */
function trustedLedger(
  options: GlobalOptions,
  given: { ledger?: string; genesis?: string },
): string {
  if (given.ledger !== undefined) return given.ledger;
  const file = given.genesis ?? layoutOf(options).genesis;
  if (given.genesis === undefined && !existsSync(file)) {
    throw new UserError('Name the ledger that you trust: --ledger ID, or --genesis FILE.');
  }
  return ledgerId(loadJson(file, GenesisSchema, 'genesis document'));
}

export function registerVerify(program: Command): void {
  program
    .command('verify')
    .description(
      'check receipts, disclosures, state proofs or evidence offline, a file each or a line each in .jsonl; exit code 0 VALID, 1 INVALID, 2 ERROR',
    )
    .argument('<files...>')
    .option('--ledger <id>', 'the ledger id that you trust')
    .option('--genesis <file>', 'a genesis document of your own, instead of its digest')
    .action((files: string[], given: { ledger?: string; genesis?: string }, command: Command) => {
      const options = globalOptions(command);
      const ledger = trustedLedger(options, given);
      const checked = files.map((file) => ({
        file,
        ledger,
        ...(file.endsWith('.jsonl') ? verifyLines(file, ledger) : verifyFile(file, ledger)),
      }));
      process.exitCode = Math.max(...checked.map(({ verdict }) => EXIT[verdict]));
      const notice = given.ledger || given.genesis ? [] : [`ledger ${ledger} (this machine’s own)`];
      const texts = [...checked.map(verdictText), ...notice];
      show(options, checked.length === 1 ? checked[0] : checked, texts.join('\n'));
    });
}

const verifyFile = (file: string, ledger: string) => verifyProof(readProof(file), ledger);

/** A file with a proof in each line, as an export writes it: as good as its worst line. */
function verifyLines(file: string, ledger: string) {
  const verdicts = readLines(file).map((text, index) => {
    const { verdict, ...rest } = verifyProof(parsed(text), ledger);
    return { line: index + 1, verdict, ...('reason' in rest && { reason: rest.reason }) };
  });
  const wrong = verdicts.filter(({ verdict }) => verdict !== 'VALID');
  const isError = verdicts.length === 0 || wrong.some(({ verdict }) => verdict === 'ERROR');
  const worst = wrong.length > 0 ? 'INVALID' : 'VALID';
  const verdict: keyof typeof EXIT = isError ? 'ERROR' : worst;
  return { verdict, proofs: verdicts.length, ...(wrong.length > 0 && { wrong }) };
}

/** The lines of a file; none where it can't be read. */
function readLines(file: string): string[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

function verdictText({
  file,
  ledger: _,
  verdict,
  ...rest
}: {
  file: string;
  ledger: string;
  verdict: string;
}) {
  const rows = Object.entries(rest).map(([name, value]) => {
    const shown = name === 'time' ? new Date(value as number).toISOString() : value;
    return `  ${name.padEnd(12)} ${typeof shown === 'string' ? shown : JSON.stringify(shown)}`;
  });
  return [`${verdict}  ${file}`, ...rows].join('\n');
}

function readProof(file: string): unknown {
  try {
    return parsed(readFileSync(file, 'utf8'));
  } catch (error) {
    return { unreadable: (error as Error).message };
  }
}

/** What can't be read proves nothing, either way. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return { unreadable: (error as Error).message };
  }
}
