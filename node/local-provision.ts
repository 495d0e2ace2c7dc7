/**
 * Makes the files of a consortium on one machine on its first start: keys, genesis, configurations,
 * API keys. Writes them to a folder beside and renames it into place, so that there is all or nothing.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { VAULT_IDENTITY } from '../shared/contract/system-records.ts';
import { type Genesis, GenesisSchema } from '../shared/ledger/genesis.ts';
import { DEFAULT_PARAMETERS } from '../shared/ledger/limits.ts';
import { contracts } from '../workloads/catalog.ts';
import { createApiKey } from './api-keys.ts';
import type { GatewayConfig, NodeConfig } from './config.ts';
import { createKeyFile, publicJwkOf } from './key-file.ts';
import {
  type KeyRing,
  type LocalConsortium,
  type LocalLayout,
  localLayout,
} from './local-layout.ts';
import { UserError } from './user-error.ts';

const HOST = '127.0.0.1';
const NOTE =
  'Demonstration keys of this machine. They are stored here in plain text; do not reuse them.';

/** Makes the files where there are none yet. Throws a `UserError` where the folder can't be written. */
export function provision(root: string, description: LocalConsortium, port: number): LocalLayout {
  const layout = localLayout(root, description.name);
  if (existsSync(layout.processes) || existsSync(layout.genesis)) return layout;
  const draft = path.join(root, `.${description.name}.${process.pid}`);
  try {
    mkdirSync(draft, { recursive: true });
    write(localLayout(draft, description.name), description, port);
    makeWay(layout, draft);
    renameSync(localLayout(draft, description.name).folder, layout.folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new UserError(`The folder ${layout.folder} can't be written: ${message}`);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return layout;
}

/** A folder that holds nothing but the description was prepared by its user; it is in the draft too. */
function makeWay({ folder, description }: LocalLayout, draft: string): void {
  if (!existsSync(folder)) return;
  const other = readdirSync(folder).find((name) => path.join(folder, name) !== description);
  if (other !== undefined) {
    throw new UserError(
      `The folder ${folder} holds ${other}, but no genesis document: restore that, or remove the folder.`,
    );
  }
  renameSync(folder, path.join(draft, 'prepared'));
}

function write(layout: LocalLayout, description: LocalConsortium, port: number): void {
  const passphrase = randomBytes(24).toString('base64url');
  secret(layout.passphrase, `${passphrase}\n`);
  json(layout.description, description);
  const endpoints = new Map(
    description.members.map(({ id }, index) => [id, `http://${HOST}:${port + 1 + index}`]),
  );
  const members = description.members.map((member) => ({
    ...memberKeys(layout, member, passphrase),
    // Members that join later learn from the ledger where the others are.
    endpoint: endpoints.get(member.id)!,
  }));
  const genesis: Genesis = {
    format: 'fuqi-genesis-1',
    consortium: description.name,
    time: Date.now(),
    visibility: 'public',
    parameters: { ...DEFAULT_PARAMETERS, ...withoutUndefined(description.parameters ?? {}) },
    members,
    contracts: contracts.entries.map(({ contract, codeHash }) => ({
      name: contract.name,
      version: contract.version,
      codeHash,
    })),
  };
  json(layout.genesis, GenesisSchema.parse(genesis));
  const keys: Record<string, string> = {};
  for (const [index, member] of description.members.entries()) {
    const names = ['admin', ...Object.keys(member.identities)];
    json(layout.member(member.id).config, {
      ...nodeConfig(member.id, names, endpoints, port + 1 + index),
      ...(description.limits && { limits: description.limits }),
    });
    for (const identity of names) {
      const issued = { member: member.id, identity, now: new Date() };
      keys[`${member.id}/${identity}`] = createApiKey(layout.member(member.id).apiKeys, issued);
    }
  }
  json(layout.gateway.config, gatewayConfig(description, endpoints, port));
  const ring: KeyRing = {
    note: NOTE,
    url: `http://${HOST}:${port}`,
    consortium: description.name,
    keys,
  };
  secret(layout.keyRing, `${JSON.stringify(ring, null, 2)}\n`);
}

function memberKeys(
  layout: LocalLayout,
  { id, name, identities }: LocalConsortium['members'][number],
  passphrase: string,
): Genesis['members'][number] {
  const files = layout.member(id);
  mkdirSync(path.dirname(files.nodeKey), { recursive: true, mode: 0o700 });
  const make = (file: string) => publicJwkOf(createKeyFile(file, passphrase));
  const all = { admin: ['admin'], ...identities };
  return {
    id,
    name,
    hosting: 'private',
    validator: true,
    nodeKey: make(files.nodeKey),
    peerKey: make(files.peerKey),
    roles: [...new Set(Object.values(identities).flat())].filter((role) => role !== 'admin'),
    identities: [
      ...Object.entries(all).map(([identity, roles]) => ({
        name: identity,
        key: make(files.identityKey(identity)),
        roles,
      })),
      { name: VAULT_IDENTITY, key: make(files.vaultKey), roles: [] },
    ],
  };
}

function nodeConfig(
  member: string,
  identities: readonly string[],
  endpoints: ReadonlyMap<string, string>,
  port: number,
): NodeConfig {
  const peers = [...endpoints].filter(([id]) => id !== member);
  return {
    format: 'fuqi-node-1',
    member,
    genesis: '../genesis.json',
    data: 'data',
    storeIdentity: 'store-identity',
    listen: { host: HOST, port },
    peers: Object.fromEntries(peers),
    keys: {
      node: 'keys/node.pem',
      peer: 'keys/peer.pem',
      vault: 'keys/vault.pem',
      identities: Object.fromEntries(identities.map((name) => [name, `keys/${name}.pem`])),
    },
    passphraseFile: '../passphrase',
    apiKeys: 'api-keys.json',
  };
}

const gatewayConfig = (
  { name, members }: LocalConsortium,
  endpoints: ReadonlyMap<string, string>,
  port: number,
): GatewayConfig => ({
  format: 'fuqi-gateway-1',
  consortium: name,
  listen: { host: HOST, port },
  members: [...endpoints].map(([id, endpoint]) => ({ id, endpoint })),
  apiKeys: members.map(({ id }) => `../${id}/api-keys.json`),
});

function json(file: string, value: unknown): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

const secret = (file: string, text: string): void => {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text, { mode: 0o600 });
};

const withoutUndefined = <T extends object>(object: T) =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
