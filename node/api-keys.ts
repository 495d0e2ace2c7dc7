/**
 * The API keys of a member, in a JSON file that holds hashes only. The file is read again when it
 * changes: a revoked key stops working at the next request. Must never write, log or show a secret but
 * in the answer of `createApiKey`.
 */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { type ApiKeyDirectory, parseApiKey } from '../shared/api/tenant.ts';
import { type ApiKeyRecord, ApiKeyRecordSchema, newApiKey, tenantOf } from './api-key-records.ts';

const ApiKeyFileSchema = z.strictObject({
  format: z.literal('fuqi-api-keys-1'),
  keys: z.array(ApiKeyRecordSchema),
});

/** Makes a key for an identity of a member and answers its text, which is stored nowhere. */
export function createApiKey(
  path: string,
  { member, identity, now }: { member: string; identity: string; now: Date },
): string {
  const { record, text } = newApiKey({ member, identity, now });
  writeKeys(path, [...listApiKeys(path), record]);
  return text;
}

/** Revokes the key with this id; false where there is none. Revoking twice keeps the first time. */
export function revokeApiKey(path: string, id: string, now: Date): boolean {
  const keys = listApiKeys(path);
  if (!keys.some((key) => key.id === id)) return false;
  writeKeys(
    path,
    keys.map((key) =>
      key.id === id && !key.revokedAt ? { ...key, revokedAt: now.toISOString() } : key,
    ),
  );
  return true;
}

/** The stored keys; none where there is no file yet. Throws an Error that names a damaged file. */
export function listApiKeys(path: string): ApiKeyRecord[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new Error(`API key file ${path} can't be read`, { cause: error });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error(`API key file ${path} is not JSON; restore it, or remove it to start anew`);
  }
  const parsed = ApiKeyFileSchema.safeParse(json);
  if (parsed.success) return parsed.data.keys;
  const [issue] = parsed.error.issues;
  throw new Error(
    `API key file ${path} is damaged at /${issue?.path.join('/')}: ${issue?.message}; restore it, or remove it to start anew`,
  );
}

/**
 * A directory over one member's file, or over several members' for a gateway. Throws at once where a
 * file is damaged. A file that isn't there yet counts as empty.
 */
export function openApiKeys(paths: readonly string[]): ApiKeyDirectory {
  const files = paths.map((path) => ({ path, version: '', keys: new Map<string, ApiKeyRecord>() }));
  const refresh = (): void => {
    for (const file of files) {
      const version = versionOf(file.path);
      if (version === file.version) continue;
      file.keys = new Map(listApiKeys(file.path).map((key) => [key.id, key]));
      file.version = version;
    }
  };
  refresh();
  return {
    find(token) {
      const given = parseApiKey(token);
      if (!given) return undefined;
      refresh();
      for (const { keys } of files) {
        const key = keys.get(given.keyId);
        if (key?.member === given.member) return tenantOf(key, given);
      }
      return undefined;
    },
  };
}

/** Changes whenever the file is replaced: `writeKeys` never writes in place. */
function versionOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat ? `${stat.ino}.${stat.mtimeNs}.${stat.size}` : 'none';
}

/** Replaces the file as a whole, readable by its owner only. */
function writeKeys(path: string, keys: readonly ApiKeyRecord[]): void {
  const draft = `${path}.${process.pid}.draft`;
  const text = `${JSON.stringify({ format: 'fuqi-api-keys-1', keys }, null, 2)}\n`;
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  renameSync(draft, path);
}
