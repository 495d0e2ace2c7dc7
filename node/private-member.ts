/**
 * The files of a private member that joins: keys, configuration, API keys, and what it sends of itself.
 * Made beside and renamed into place, so that there is all or nothing; what is there already is kept.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { VAULT_IDENTITY } from '../shared/contract/system-records.ts';
import { type Genesis, type GenesisMember, GenesisMemberSchema } from '../shared/ledger/genesis.ts';
import { createApiKey } from './api-keys.ts';
import { loadJson, type NodeConfig } from './config.ts';
import { createKeyFile, publicJwkOf } from './key-file.ts';
import type { KeyRing } from './local-layout.ts';
import { UserError } from './user-error.ts';

export interface PrivateMember {
  readonly id: string;
  readonly name: string;
  readonly validator: boolean;
  /** Contract roles of the member. */
  readonly roles: readonly string[];
  /** Identities besides `admin`, with their roles. */
  readonly identities: Readonly<Record<string, readonly string[]>>;
  /** Where the others reach its node. */
  readonly endpoint: string;
  readonly listen: NodeConfig['listen'];
  /** The relay's WebSocket, where the others can't reach it. */
  readonly relay?: string;
}

export interface PrivateMemberOptions {
  readonly folder: string;
  readonly genesis: Genesis;
  /** The consortium's gateway: hosted members are behind it. */
  readonly gateway: string;
  readonly passphrase: string;
  /** Stands in the configuration, where the passphrase is in a file. */
  readonly passphraseFile: string | undefined;
}

export interface PrivateMemberFiles {
  readonly config: string;
  readonly keyRing: string;
  /** What the members vote on. */
  readonly member: GenesisMember;
}

const NOTE = 'First API keys of this member. They are stored here in plain text: move them.';

/** Makes the files where there are none yet; throws a `UserError` where others are in the way. */
export function makePrivateMember(
  member: PrivateMember,
  options: PrivateMemberOptions,
): PrivateMemberFiles {
  const { folder } = options;
  const draft = `${folder}.${process.pid}.draft`;
  if (!existsSync(filesIn(folder).member)) {
    if (existsSync(folder)) {
      throw new UserError(`The folder ${folder} is there already; name another with --folder.`);
    }
    try {
      mkdirSync(path.join(draft, 'keys'), { recursive: true, mode: 0o700 });
      write(draft, member, options);
      renameSync(draft, folder);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }
  const { config, keyRing, member: file } = filesIn(folder);
  const made = loadJson(file, GenesisMemberSchema, 'description of the member');
  if (made.id !== member.id) {
    throw new UserError(`The folder ${folder} is that of ${made.id}; name another with --folder.`);
  }
  return { config, keyRing, member: made };
}

/** The file of a member's first API keys. */
export const firstKeysFile = (folder: string): string => path.join(folder, 'first-api-keys.json');

/** Writes the first API keys of a member, by identity, for this user only. */
export function writeKeyRing(
  file: string,
  {
    url,
    consortium,
    member,
    keys,
  }: {
    readonly url: string;
    readonly consortium: string;
    readonly member: string;
    readonly keys: Readonly<Record<string, string>>;
  },
): void {
  const named = Object.entries(keys).map(([identity, key]) => [`${member}/${identity}`, key]);
  const ring: KeyRing = { note: NOTE, url, consortium, keys: Object.fromEntries(named) };
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  json(file, ring);
}

const filesIn = (folder: string) => ({
  config: path.join(folder, 'config.json'),
  keyRing: firstKeysFile(folder),
  member: path.join(folder, 'member.json'),
});

function write(
  folder: string,
  { identities, listen, endpoint, relay, ...member }: PrivateMember,
  { genesis, gateway, passphrase, passphraseFile }: PrivateMemberOptions,
): void {
  const all: Record<string, readonly string[]> = { admin: ['admin'], ...identities };
  const key = (name: string) =>
    publicJwkOf(createKeyFile(path.join(folder, `keys/${name}.pem`), passphrase));
  const described: GenesisMember = {
    ...member,
    roles: [...member.roles],
    hosting: 'private',
    endpoint,
    nodeKey: key('node'),
    peerKey: key('peer'),
    identities: [
      ...Object.entries(all).map(([name, roles]) => ({
        name,
        key: key(`identity-${name}`),
        roles: [...roles],
      })),
      { name: VAULT_IDENTITY, key: key('vault'), roles: [] },
    ],
  };
  const names = Object.keys(all);
  const config: NodeConfig = {
    format: 'fuqi-node-1',
    member: member.id,
    genesis: 'genesis.json',
    data: 'data',
    storeIdentity: 'store-identity',
    listen,
    peers: {},
    gateway,
    ...(relay !== undefined && { relay }),
    keys: {
      node: 'keys/node.pem',
      peer: 'keys/peer.pem',
      vault: 'keys/vault.pem',
      identities: Object.fromEntries(names.map((name) => [name, `keys/identity-${name}.pem`])),
    },
    ...(passphraseFile !== undefined && { passphraseFile: path.resolve(passphraseFile) }),
    apiKeys: 'api-keys.json',
  };
  const issued = names.map((identity): [string, string] => {
    const file = path.join(folder, config.apiKeys);
    const text = createApiKey(file, { member: member.id, identity, now: new Date() });
    return [identity, text];
  });
  json(path.join(folder, config.genesis), genesis);
  json(filesIn(folder).config, config);
  writeKeyRing(filesIn(folder).keyRing, {
    url: `http://${listen.host}:${listen.port}`,
    consortium: genesis.consortium,
    member: member.id,
    keys: Object.fromEntries(issued),
  });
  json(filesIn(folder).member, GenesisMemberSchema.parse(described));
}

const json = (file: string, value: unknown): void =>
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flush: true });
