/** `fuqi tx`, `query`, `receipt`, `blocks`, `keys`: reading the ledger, sending a transaction, making keys. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Value } from '../../shared/bytes/cbor.ts';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { IdentityNameSchema, MemberIdSchema } from '../../shared/ledger/genesis.ts';
import { createApiKey } from '../api-keys.ts';
import { call } from '../gateway-call.ts';
import {
  createKeyFile,
  openKeyFile,
  publicJwkOf,
  readPassphrase,
  signTransaction,
} from '../key-file.ts';
import { UserError } from '../user-error.ts';
import { globalOptions, layoutOf, show, targetOf } from './command-context.ts';

const pretty = (value: unknown): string => JSON.stringify(value, null, 2);

const isMember = (text: string): boolean => MemberIdSchema.safeParse(text).success;
const isIdentity = (text: string): boolean => IdentityNameSchema.safeParse(text).success;

function readText(file: string, name: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`The file of ${name} can't be read: ${(error as Error).message}`);
  }
}

function jsonOption(text: string, name: string): { readonly [key: string]: Value } {
  const json = text.startsWith('@') ? readText(text.slice(1), name) : text;
  try {
    const value = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    throw new UserError(`${name} is not JSON: ${(error as Error).message}`);
  }
  throw new UserError(`${name} takes a JSON object.`);
}

export function registerReading(program: Command): void {
  program
    .command('query')
    .description('ask a contract')
    .argument('<contract>')
    .argument('<query>')
    .option('--input <json>', 'its arguments, or @FILE', '{}')
    .option('--at <height>', 'at an earlier height')
    .action(
      async (
        contract: string,
        query: string,
        given: { input: string; at?: string },
        command: Command,
      ) => {
        const options = globalOptions(command);
        const parameters = new URLSearchParams();
        for (const [name, value] of Object.entries(jsonOption(given.input, '--input'))) {
          parameters.set(name, typeof value === 'string' ? value : JSON.stringify(value));
        }
        if (given.at !== undefined) parameters.set('at', given.at);
        const suffix = parameters.size > 0 ? `?${parameters}` : '';
        const answer = await call(
          targetOf(options),
          `/contracts/${contract}/queries/${query}${suffix}`,
        );
        show(options, answer, pretty(answer));
      },
    );
  program
    .command('receipt')
    .description('the receipt of a committed transaction')
    .argument('<id>')
    .option('--out <file>', 'write it to a file')
    .action(async (id: string, { out }: { out?: string }, command: Command) => {
      const options = globalOptions(command);
      const receipt = await call(targetOf(options), `/transactions/${id}/receipt`);
      if (out === undefined) return show(options, receipt, pretty(receipt));
      writeFileSync(out, `${pretty(receipt)}\n`);
      return show(options, { file: out }, `${out}\ncheck it with: npx fuqi verify ${out}`);
    });
  program
    .command('blocks')
    .description('final blocks, newest first')
    .option('--limit <number>', 'how many', '10')
    .option('--cursor <cursor>', 'the next page')
    .action(async (given: { limit: string; cursor?: string }, command: Command) => {
      const options = globalOptions(command);
      const query = new URLSearchParams({ limit: given.limit });
      if (given.cursor !== undefined) query.set('cursor', given.cursor);
      const page = (await call(targetOf(options), `/blocks?${query}`)) as BlocksPage;
      const rows = page.blocks.map(({ height, id, time, author, transactions }) =>
        [
          String(height).padStart(7),
          time,
          author.padEnd(18),
          String(transactions.length).padStart(5),
          id,
        ].join('  '),
      );
      show(
        options,
        page,
        [...rows, ...(page.next ? [`next page: --cursor ${page.next}`] : [])].join('\n'),
      );
    });
}

interface BlocksPage {
  readonly blocks: readonly {
    readonly height: number;
    readonly id: string;
    readonly time: string;
    readonly author: string;
    readonly transactions: readonly string[];
  }[];
  readonly next: string | null;
}

export function registerTransactions(program: Command): void {
  const tx = program.command('tx').description('transactions');
  tx.command('show')
    .description('what became of a transaction')
    .argument('<id>')
    .action(async (id: string, _: object, command: Command) => {
      const options = globalOptions(command);
      const status = await call(targetOf(options), `/transactions/${id}`);
      show(options, status, pretty(status));
    });
  tx.command('submit')
    .description('send a signed transaction, or sign one with a key file and send it')
    .option('--jws <file>', 'a signed transaction (compact or JSON)')
    .option('--contract <name>')
    .option('--method <name>')
    .option('--args <json>', 'its arguments, or @FILE', '{}')
    .option('--key-file <file>', 'encrypted PKCS#8; passphrase from FUQI_PASSPHRASE or a file')
    .option('--passphrase-file <file>')
    .option('--wait <seconds>', 'wait so long for finality', '20')
    .action(async (given: SubmitOptions, command: Command) => {
      const options = globalOptions(command);
      if (!/^[0-9]{1,2}$/.test(given.wait))
        throw new UserError(`--wait takes whole seconds, not "${given.wait}".`);
      const target = targetOf(options);
      const body =
        given.jws === undefined ? await sign(given, target) : readText(given.jws, '--jws');
      const status = await call(target, '/transactions', {
        body,
        type: body.trimStart().startsWith('{') ? 'application/jose+json' : 'application/jose',
        headers: { prefer: `wait=${given.wait}` },
      });
      show(options, status, pretty(status));
    });
}

interface SubmitOptions {
  readonly jws?: string;
  readonly contract?: string;
  readonly method?: string;
  readonly args: string;
  readonly keyFile?: string;
  readonly passphraseFile?: string;
  readonly wait: string;
}

const NOT_AFTER_MS = 120_000;

async function sign(given: SubmitOptions, target: ReturnType<typeof targetOf>): Promise<string> {
  const { contract, method, keyFile, passphraseFile } = given;
  if (contract === undefined || method === undefined || keyFile === undefined) {
    throw new UserError('Give --jws FILE, or --contract, --method and --key-file.');
  }
  const { ledger } = (await call(target, '')) as { ledger: Digest };
  const passphrase = readPassphrase({
    env: process.env,
    ...(passphraseFile === undefined ? {} : { file: passphraseFile }),
  });
  return signTransaction(openKeyFile(keyFile, passphrase), {
    ledger,
    contract,
    method,
    args: jsonOption(given.args, '--args'),
    nonce: randomBytes(16).toString('base64url'),
    notAfter: Date.now() + NOT_AFTER_MS,
  });
}

export function registerKeys(program: Command): void {
  program
    .command('keys')
    .description('keys')
    .command('create')
    .description('make a key file (--out), or an API key for an identity (--api MEMBER/IDENTITY)')
    .option('--out <file>', 'encrypted PKCS#8; passphrase from FUQI_PASSPHRASE or a file')
    .option('--passphrase-file <file>')
    .option('--api <member/identity>', 'an API key of the consortium on this machine; shown once')
    .action((given: { out?: string; passphraseFile?: string; api?: string }, command: Command) => {
      const options = globalOptions(command);
      if (given.api !== undefined) {
        const [member = '', identity = '', more] = given.api.split('/');
        if (!isMember(member) || !isIdentity(identity) || more !== undefined)
          throw new UserError(`--api takes MEMBER/IDENTITY, not "${given.api}".`);
        const file = layoutOf(options).member(member).apiKeys;
        if (!existsSync(file)) throw new UserError(`There is no member ${member} on this machine.`);
        const key = createApiKey(file, { member, identity, now: new Date() });
        return show(options, { key }, key);
      }
      if (given.out === undefined)
        throw new UserError('Give --out FILE, or --api MEMBER/IDENTITY.');
      const passphrase = readPassphrase({
        env: process.env,
        ...(given.passphraseFile === undefined ? {} : { file: given.passphraseFile }),
      });
      const jwk = publicJwkOf(createKeyFile(given.out, passphrase));
      const kid = jwkThumbprint(jwk);
      return show(
        options,
        { file: given.out, kid, jwk },
        `${given.out}\nkid  ${kid}\njwk  ${JSON.stringify(jwk)}`,
      );
    });
}
