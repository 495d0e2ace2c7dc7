/**
 * `fuqi recover`: the members draft an agreement, sign it one after the other, and each applies it to
 * its own stopped node. For when more validators are gone than a quorum can spare; see docs/operations.md.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { jwkThumbprint, type PublicJwk } from '../../shared/bytes/crypto.ts';
import { toBase64Url, utf8 } from '../../shared/bytes/text.ts';
import { ledgerId, PublicJwkSchema } from '../../shared/ledger/genesis.ts';
import { faultsTolerated, quorumSize } from '../../shared/ledger/quorum.ts';
import {
  type Agreement,
  AgreementSchema,
  agreementHeader,
  agreementPayload,
  parseAgreement,
  type SignedAgreement,
} from '../../shared/ledger/recovery.ts';
import { applyAgreement, type Standstill, standstillOf } from '../../shared/replica/agreement.ts';
import { openKeyFile, publicJwkOf, readPassphrase, signEs256 } from '../key-file.ts';
import { filesOf, loadGenesis } from '../node-files.ts';
import { withStores } from '../stopped-node.ts';
import { expectChange } from '../store-mark.ts';
import { UserError } from '../user-error.ts';
import { globalOptions, show } from './command-context.ts';

interface DraftOptions {
  readonly config: string;
  readonly validators: readonly string[];
  readonly remove?: readonly string[];
  readonly nodeKey?: readonly string[];
  readonly peerKey?: readonly string[];
  readonly reason: string;
  readonly out: string;
}

export function registerRecover(program: Command): void {
  const recover = program
    .command('recover')
    .description(
      'go on after losing more validators than a quorum can spare; members have to agree',
    );
  recover
    .command('draft')
    .description('write an agreement for the others to check and sign, from a stopped node')
    .requiredOption('--config <file>', 'the node’s configuration')
    .requiredOption('--validators <members...>', 'who validates from now on')
    .option('--remove <members...>', 'who leaves')
    .option('--node-key <member=file...>', 'a new node key (JSON of "fuqi keys create --json")')
    .option('--peer-key <member=file...>', 'a new peer key')
    .requiredOption('--reason <text>', 'what happened; stands in the agreement')
    .requiredOption('--out <file>', 'the agreement')
    .action(async (given: DraftOptions, command: Command) => {
      const files = filesOf(given.config);
      const genesis = loadGenesis(files.genesisFile);
      const standstill = await withStores(files, standstillOf);
      const agreement = draftOf(ledgerId(genesis), standstill, given);
      const document = { payload: agreementPayload(agreement), signatures: [] };
      writeFileSync(given.out, `${JSON.stringify(document, null, 2)}\n`, { flag: 'wx' });
      show(globalOptions(command), { file: given.out, agreement }, textOf(agreement, []));
    });
  recover
    .command('sign')
    .description('add the signature of an administrator of a member; read what you sign')
    .requiredOption('--agreement <file>')
    .requiredOption('--key-file <file>', 'the administrator’s key')
    .option('--passphrase-file <file>')
    .action((given: { agreement: string; keyFile: string; passphraseFile?: string }, command) => {
      const { agreement, jws } = readAgreement(given.agreement);
      const { passphraseFile: file } = given;
      const passphrase = readPassphrase({
        env: process.env,
        ...(file === undefined ? {} : { file }),
      });
      const key = openKeyFile(given.keyFile, passphrase);
      const head = agreementHeader(jwkThumbprint(publicJwkOf(key)));
      const others = jws.signatures.map(({ protected: header, signature }) => ({
        protected: header,
        signature: toBase64Url(signature),
      }));
      if (others.some((other) => other.protected === head)) {
        throw new UserError('This key has signed the agreement already.');
      }
      const signature = toBase64Url(signEs256(key, utf8(`${head}.${jws.payload}`)));
      const signatures = [...others, { protected: head, signature }];
      replaceFile(given.agreement, { payload: jws.payload, signatures });
      const json = { file: given.agreement, agreement, signatures: signatures.length };
      const kids = signatures.map((entry) => Buffer.from(entry.protected, 'base64url').toString());
      show(globalOptions(command), json, textOf(agreement, kids));
    });
  recover
    .command('apply')
    .description('check an agreement against a stopped node’s own ledger, and go on from it')
    .requiredOption('--config <file>', 'the node’s configuration')
    .requiredOption('--agreement <file>')
    .action(async (given: { config: string; agreement: string }, command: Command) => {
      const files = filesOf(given.config);
      const genesis = loadGenesis(files.genesisFile);
      const document = readDocument(given.agreement);
      const { signers, epoch } = await withStores(files, async (stores) => {
        await expectChange(files.storeIdentity);
        return applyAgreement(stores, genesis, document);
      });
      const validators = epoch.set.validators.map(({ member }) => member);
      const number = epoch.set.epoch;
      show(
        globalOptions(command),
        { epoch: number, validators, signers },
        `Epoch ${number} starts with ${validators.join(', ')}, by agreement of ${signers.join(', ')}. Start the node.`,
      );
    });
}

function draftOf(ledger: string, { head, members }: Standstill, given: DraftOptions): Agreement {
  const nodeKeys = keysOf(given.nodeKey);
  const peerKeys = keysOf(given.peerKey);
  const parsed = AgreementSchema.safeParse({
    format: 'fuqi-recovery-1',
    ledger,
    epoch: head.epoch + 1,
    height: head.header.height,
    block: head.id,
    validators: given.validators.map((member) => {
      const record = members.find(({ id, active }) => id === member && active);
      if (!record) throw new UserError(`There is no active member ${member} on this ledger.`);
      return {
        member,
        nodeKey: nodeKeys.get(member) ?? record.nodeKey,
        peerKey: peerKeys.get(member) ?? record.peerKey,
      };
    }),
    removed: given.remove ?? [],
    reason: given.reason,
  });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new UserError(`No agreement can say so: /${issue.path.join('/')}: ${issue.message}.`);
}

/** `member=file` pairs; a file holds a JWK, or what `fuqi keys create --json` printed. */
function keysOf(pairs: readonly string[] = []): Map<string, PublicJwk> {
  return new Map(
    pairs.map((pair) => {
      const [member, file] = pair.split('=', 2) as [string, string | undefined];
      if (!file) throw new UserError(`A key is given as MEMBER=FILE, not "${pair}".`);
      const json = readDocument(file) as { jwk?: unknown } | null;
      const jwk = PublicJwkSchema.safeParse(json?.jwk ?? json);
      if (!jwk.success) throw new UserError(`The file ${file} holds no public P-256 key.`);
      return [member, jwk.data];
    }),
  );
}

function readDocument(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UserError(`The file ${file} can't be read as JSON: ${(error as Error).message}`);
  }
}

function readAgreement(file: string): SignedAgreement {
  const document = readDocument(file) as { payload?: unknown; signatures?: unknown } | null;
  // A draft has no signature yet, which a JWS must have.
  const isDraft = Array.isArray(document?.signatures) && document.signatures.length === 0;
  const parsed = parseAgreement(
    isDraft ? { payload: document!.payload, protected: '', signature: '' } : document,
  );
  if (typeof parsed === 'string') throw new UserError(`${file}: ${parsed}`);
  return isDraft ? { ...parsed, jws: { ...parsed.jws, signatures: [] } } : parsed;
}

function replaceFile(file: string, document: object): void {
  const draft = `${file}.draft`;
  writeFileSync(draft, `${JSON.stringify(document, null, 2)}\n`, { flush: true });
  renameSync(draft, file);
}

function textOf(agreement: Agreement, signatures: readonly string[]): string {
  const { ledger, epoch, height, block, validators, removed, reason } = agreement;
  const n = validators.length;
  return [
    `ledger      ${ledger}`,
    `goes on     after block ${height}, ${block}, in epoch ${epoch}`,
    ...validators.map(
      ({ member, nodeKey }) => `validator   ${member}  node key ${jwkThumbprint(nodeKey)}`,
    ),
    `            ${n} validators, ${quorumSize(n)} have to agree, ${faultsTolerated(n)} may lie`,
    `leaves      ${removed.length > 0 ? removed.join(', ') : 'nobody'}`,
    `reason      ${reason}`,
    ...signatures.map((header) => `signed      ${header}`),
  ].join('\n');
}
