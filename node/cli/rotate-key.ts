/**
 * `fuqi node rotate-key`: makes the successor of a node's key and says what the members have to vote
 * on; with `--finish`, once their epoch has started, the successor takes the old key's place.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import { standstillOf } from '../../shared/replica/agreement.ts';
import { createKeyFile, openKeyFile, publicJwkOf } from '../key-file.ts';
import { filesOf, type NodeFiles, nodePassphrase } from '../node-files.ts';
import { withStores } from '../stopped-node.ts';
import { UserError } from '../user-error.ts';
import { globalOptions, show } from './command-context.ts';

interface RotateOptions {
  readonly config: string;
  readonly peer?: boolean;
  readonly finish?: boolean;
}

export function registerRotateKey(node: Command): void {
  node
    .command('rotate-key')
    .description('make a new node key (or --peer key) for the members to vote on; --finish ends it')
    .requiredOption('--config <file>', 'the node’s configuration')
    .option('--peer', 'the peer key instead of the node key')
    .option('--finish', 'after the epoch has started, with the node stopped: drop the old key')
    .action(async (given: RotateOptions, command: Command) => {
      const options = globalOptions(command);
      const files = filesOf(given.config);
      const kind = given.peer ? 'peer' : 'node';
      if (given.finish) {
        const old = await finish(given.config, files, kind);
        return show(
          options,
          { old },
          `The new ${kind} key is in place. Destroy ${old}, and start the node.`,
        );
      }
      const action = begin(given.config, files, kind);
      show(
        options,
        { action },
        'Restart the node: it holds both keys now. Then propose this action (governance.propose), and let the\n' +
          `members vote:\n\n${JSON.stringify({ action }, null, 2)}\n\n` +
          'When the epoch with the new key has started, stop the node and run this again with --finish.',
      );
    });
}

type KeyKind = 'node' | 'peer';
const NEXT = { node: 'nextNode', peer: 'nextPeer' } as const;

function begin(configFile: string, files: NodeFiles, kind: KeyKind): object {
  const { config, at } = files;
  const underWay = config.keys[NEXT[kind]];
  if (underWay !== undefined) {
    throw new UserError(`A rotation is under way already, to ${underWay}: end it with --finish.`);
  }
  const file = freeName(config.keys[kind], at);
  const jwk = publicJwkOf(createKeyFile(at(file), nodePassphrase(files)));
  changeKeys(configFile, { [NEXT[kind]]: file });
  const { member } = config;
  return kind === 'node'
    ? { kind: 'replace-node-key', member, nodeKey: jwk }
    : { kind: 'replace-peer-key', member, peerKey: jwk };
}

async function finish(configFile: string, files: NodeFiles, kind: KeyKind): Promise<string> {
  const { config, at } = files;
  const next = config.keys[NEXT[kind]];
  if (next === undefined)
    throw new UserError('No rotation is under way: there is nothing to finish.');
  const jwk = publicJwkOf(openKeyFile(at(next), nodePassphrase(files)));
  const { members } = await withStores(files, standstillOf);
  const record = members.find(({ id }) => id === config.member);
  const current = kind === 'node' ? record?.nodeKey : record?.peerKey;
  if (!current || jwkThumbprint(current) !== jwkThumbprint(jwk)) {
    throw new UserError(
      `The ledger does not name the new ${kind} key yet, as far as this node has followed it: wait for the vote.`,
    );
  }
  const old = at(config.keys[kind]);
  changeKeys(configFile, { [kind]: next, [NEXT[kind]]: undefined });
  return old;
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
