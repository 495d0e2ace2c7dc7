/**
 * A hosted member's setup: once, when its resources were made, it makes the member's software keys and
 * first API keys, seals them into the node's own table, and tells the directory the public halves. Later
 * it hands the first API keys out, once, to whoever may invoke it.
 */
import { generateKeyPairSync } from 'node:crypto';
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { z } from 'zod';
import { newApiKey } from '../../node/api-key-records.ts';
import { publicJwkOf } from '../../node/key-file.ts';
import { jwkThumbprint } from '../../shared/bytes/crypto.ts';
import { VAULT_IDENTITY } from '../../shared/contract/system-records.ts';
import { IdentityNameSchema, MemberIdSchema, RoleSchema } from '../../shared/ledger/genesis.ts';
import { type CustomResourceEvent, respond } from '../custom-resource.ts';
import { DEADLINES, givesUpAfter } from '../deadlines.ts';
import { writeMember } from '../directory.ts';
import { fromEnvironment, signingKeys } from '../environment.ts';
import { publicJwk } from '../kms-signer.ts';
import { functionLog } from '../log.ts';
import {
  readNodeRecord,
  takeSealedKeys,
  writeApiKeys,
  writeNodeRecord,
} from '../node/node-record.ts';
import {
  newDataKey,
  openDataKey,
  seal,
  sealKey,
  unseal,
  VAULT_PURPOSE,
} from '../node/sealed-keys.ts';
import { serviceRetries } from '../retries.ts';

const MemberSchema = z.object({
  id: MemberIdSchema,
  name: z.string(),
  identities: z.record(IdentityNameSchema, z.array(RoleSchema)),
  validator: z.boolean().default(true),
  /** Contract roles of the member; those of its identities unless told. */
  roles: z.array(RoleSchema).optional(),
});

interface AskEvent {
  /** `take`: they are handed out no more. `signing-keys`: public halves, for the members to vote on. */
  readonly kind: 'read-first-keys' | 'take-first-keys' | 'signing-keys';
}

const consortium = fromEnvironment('FUQI_CONSORTIUM');
const member = fromEnvironment('FUQI_MEMBER');
const vaultKey = fromEnvironment('FUQI_VAULT_KEY');
const keys = signingKeys();
const requestHandler = givesUpAfter(DEADLINES.service);
const retryStrategy = serviceRetries();
const dynamodb = new DynamoDBClient({ requestHandler, retryStrategy });
const kms = new KMSClient({ requestHandler, retryStrategy });
const table = { client: dynamodb, name: fromEnvironment('FUQI_TABLE') };
const directory = { client: dynamodb, name: fromEnvironment('FUQI_DIRECTORY') };
const log = functionLog('setup', { member });

export async function handler(event: CustomResourceEvent | AskEvent) {
  if ('kind' in event && event.kind === 'signing-keys') {
    log.info({}, 'signing keys are asked for');
    return publicKeys();
  }
  if ('kind' in event) {
    log.info({}, 'first keys are asked for');
    return firstKeys(event.kind === 'take-first-keys');
  }
  log.info({ request: event.RequestType }, 'setup');
  await respond(event, `setup-${table.name}`, log, async () => {
    if (event.RequestType === 'Delete') return;
    await setUp(MemberSchema.parse(JSON.parse(String(event.ResourceProperties.Member))));
  });
}

/** Makes the keys; where they are there already, a repeated request changes nothing. */
async function setUp({
  id,
  name,
  identities,
  validator,
  roles,
}: z.infer<typeof MemberSchema>): Promise<void> {
  if (await readNodeRecord(table)) return;
  const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: table.name }));
  const { dataKey, sealed } = await newDataKey(kms, vaultKey, { consortium, member });
  const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const all: Record<string, readonly string[]> = { admin: ['admin'], ...identities };
  const made = Object.keys(all).map((identity) => ({
    identity,
    key: newKey(),
    api: newApiKey({ member, identity, now: new Date() }),
  }));
  const peerKey = newKey();
  const vaultIdentity = newKey();
  await writeApiKeys(
    table,
    made.map(({ api }) => api.record),
  );
  // What others read comes before what says that all is done.
  await writeMember(directory, {
    id,
    name,
    hosting: 'hosted',
    validator,
    nodeKey: await publicJwk(kms, keys.at(-1)!),
    peerKey: publicJwkOf(peerKey),
    roles:
      roles ?? [...new Set(Object.values(identities).flat())].filter((role) => role !== 'admin'),
    identities: [
      ...made.map(({ identity, key }) => ({
        name: identity,
        key: publicJwkOf(key),
        roles: [...all[identity]!],
      })),
      { name: VAULT_IDENTITY, key: publicJwkOf(vaultIdentity), roles: [] },
    ],
  });
  const entries = <T>(of: (key: (typeof made)[number]) => T): Record<string, T> =>
    Object.fromEntries(made.map((key) => [key.identity, of(key)]));
  const record = {
    format: 'fuqi-hosted-node-1' as const,
    consortium,
    member,
    store: Table?.TableId ?? Table!.TableArn!,
    dataKey: Buffer.from(sealed).toString('base64url'),
    peer: sealKey(dataKey, 'peer', peerKey),
    vault: sealKey(dataKey, VAULT_PURPOSE, vaultIdentity),
    identities: entries(({ identity, key }) => sealKey(dataKey, identity, key)),
    firstKeys: entries(({ identity, api }) =>
      seal(dataKey, `api-key ${identity}`, Buffer.from(api.text)),
    ),
  };
  await writeNodeRecord(table, record);
}

/** The signing keys' public halves, the newest one last, as `replace-node-key` takes them. */
const publicKeys = () =>
  Promise.all(
    keys.map(async (id) => {
      const jwk = await publicJwk(kms, id);
      return { id, keyId: jwkThumbprint(jwk), jwk };
    }),
  );

/** The first API keys by identity, taken or read; none where they were taken. */
async function firstKeys(take: boolean): Promise<Record<string, string>> {
  const record = await (take ? takeSealedKeys(table) : readNodeRecord(table));
  if (!record?.firstKeys) return {};
  const sealed = Buffer.from(record.dataKey, 'base64url');
  const dataKey = await openDataKey(kms, sealed, { consortium, member });
  return Object.fromEntries(
    Object.entries(record.firstKeys).map(([identity, text]) => [
      identity,
      unseal(dataKey, `api-key ${identity}`, text).toString('utf8'),
    ]),
  );
}
