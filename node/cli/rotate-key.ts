/**
 * `fuqi node rotate-key`: makes the successor of a node's key and says what the members have to vote
 * on, or for the vault's key what an administrator registers; with `--finish`, once the ledger names it,
 * the successor takes the old key's place.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { decodeCbor } from '../../shared/bytes/cbor.ts';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import {
  type RosterRecord,
  SYSTEM_KEYS,
  VAULT_IDENTITY,
} from '../../shared/contract/system-records.ts';
import { standstillOf } from '../../shared/replica/agreement.ts';
import { createKeyFile, openKeyFile, publicJwkOf } from '../key-file.ts';
import { filesOf, type NodeFiles, nodePassphrase } from '../node-files.ts';
import type { NodeStores } from '../node-stores.ts';
import { withStores } from '../stopped-node.ts';
import { UserError } from '../user-error.ts';
import { openVault } from '../vault/vault.ts';
import { vaultKeyOf } from '../vault/vault-key.ts';
import { globalOptions, show } from './command-context.ts';

interface RotateOptions {
  readonly config: string;
  readonly peer?: boolean;
  readonly vault?: boolean;
  readonly finish?: boolean;
}

export function registerRotateKey(node: Command): void {
  node
    .command('rotate-key')
    .description(
      'make a new node key (or --peer key) for the members to vote on, or a new --vault key; --finish ends it',
    )
    .requiredOption('--config <file>', 'the node’s configuration')
    .option('--peer', 'the peer key instead of the node key')
    .option('--vault', 'the vault’s key instead: an administrator registers it, nobody votes')
    .option(
      '--finish',
      'once the ledger names the new key, with the node stopped: drop the old one',
    )
    .action(async (given: RotateOptions, command: Command) => {
      const options = globalOptions(command);
      const files = filesOf(given.config);
      if (given.peer && given.vault) throw new UserError('One key at a time: --peer or --vault.');
      const kind = given.peer ? 'peer' : given.vault ? 'vault' : 'node';
      if (given.finish) {
        const old = await finish(given.config, files, kind);
        return show(
          options,
          { old },
          `The new ${kind} key is in place. Destroy ${old}, and start the node.`,
        );
      }
      const action = begin(given.config, files, kind);
      if (kind === 'vault') {
        return show(
          options,
          { action },
          'Restart the node: it seals with the new key and opens with both, and wraps what it keeps anew. Then let an\n' +
            `administrator register it:\n\n${JSON.stringify({ action }, null, 2)}\n\n` +
            'When that is committed, stop the node and run this again with --finish.',
        );
      }
      show(
        options,
        { action },
        'Restart the node: it holds both keys now. Then propose this action (governance.propose), and let the\n' +
          `members vote:\n\n${JSON.stringify({ action }, null, 2)}\n\n` +
          'When the epoch with the new key has started, stop the node and run this again with --finish.',
      );
    });
}

type KeyKind = 'node' | 'peer' | 'vault';
const NEXT = { node: 'nextNode', peer: 'nextPeer', vault: 'nextVault' } as const;

function begin(configFile: string, files: NodeFiles, kind: KeyKind): object {
  const { config, at } = files;
  const underWay = config.keys[NEXT[kind]];
  if (underWay !== undefined) {
    throw new UserError(`A rotation is under way already, to ${underWay}: end it with --finish.`);
  }
  const current = currentKey(files, kind);
  const file = freeName(current, at);
  const passphrase = nodePassphrase(files);
  const jwk = publicJwkOf(createKeyFile(at(file), passphrase));
  changeKeys(configFile, { [NEXT[kind]]: file });
  const { member } = config;
  if (kind === 'vault') {
    const old = jwkThumbprint(publicJwkOf(openKeyFile(at(current), passphrase)));
    return { post: `/identities/${old}/rotate`, body: { jwk } };
  }
  return kind === 'node'
    ? { kind: 'replace-node-key', member, nodeKey: jwk }
    : { kind: 'replace-peer-key', member, peerKey: jwk };
}

async function finish(configFile: string, files: NodeFiles, kind: KeyKind): Promise<string> {
  const { config, at } = files;
  const next = config.keys[NEXT[kind]];
  if (next === undefined)
    throw new UserError('No rotation is under way: there is nothing to finish.');
  const open = (file: string) => openKeyFile(at(file), nodePassphrase(files));
  const successor = open(next);
  const current = currentKey(files, kind);
  await withStores(files, async (stores) => {
    const named = await namedKey(stores, config.member, kind);
    if (named !== jwkThumbprint(publicJwkOf(successor))) {
      const wait = kind === 'vault' ? 'register it' : 'wait for the vote';
      throw new UserError(
        `The ledger does not name the new ${kind} key yet, as far as this node has followed it: ${wait}.`,
      );
    }
    if (kind !== 'vault') return;
    // What was not wrapped anew while the node ran.
    const keys = [vaultKeyOf(successor), vaultKeyOf(open(current))] as const;
    await openVault(stores.vault, stores.attachments, keys).rewrap();
  });
  changeKeys(configFile, { [kind]: next, [NEXT[kind]]: undefined });
  return at(current);
}

/** The thumbprint of a member's key as the ledger names it, as far as this node has followed it. */
async function namedKey(
  stores: NodeStores,
  member: string,
  kind: KeyKind,
): Promise<string | undefined> {
  const { head, members } = await standstillOf(stores);
  if (kind === 'vault') {
    const [bytes] = await stores.state.get([SYSTEM_KEYS.roster(member)], head.header.height!);
    const roster = bytes && (decodeCbor(bytes) as unknown as RosterRecord);
    return roster ? roster.identities[VAULT_IDENTITY]?.keyId : undefined;
  }
  const record = members.find(({ id }) => id === member);
  const key = kind === 'node' ? record?.nodeKey : record?.peerKey;
  return key && jwkThumbprint(key);
}

function currentKey({ config }: NodeFiles, kind: KeyKind): string {
  const file = config.keys[kind];
  if (file !== undefined) return file;
  throw new UserError('This node has no vault: its configuration names no keys.vault.');
}

/** `keys/node.pem` → `keys/node-2.pem`, or the next number that is free. */
function freeName(current: string, at: (relative: string) => string): string {
  const { dir, name, ext } = path.parse(current);
  const stem = name.replace(/-\d+$/, '');
  for (let number = 2; ; number++) {
    const file = path.join(dir, `${stem}-${number}${ext}`);
    if (!existsSync(at(file))) return file;
  }
}

/** Changes the `keys` of a configuration file and nothing else; undefined removes one. */
function changeKeys(
  configFile: string,
  changes: Readonly<Record<string, string | undefined>>,
): void {
  const config = JSON.parse(readFileSync(configFile, 'utf8')) as { keys: object };
  const draft = `${configFile}.draft`;
  const changed = { ...config, keys: { ...config.keys, ...changes } };
  writeFileSync(draft, `${JSON.stringify(changed, null, 2)}\n`, { flush: true });
  renameSync(draft, configFile);
}
