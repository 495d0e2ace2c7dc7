/**
 * The first API keys of a consortium's hosted members: each member's setup hands them out once, to
 * whoever may invoke it in its account. They go to the key ring of the command line, a file.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import { firstKeysOf } from '../functions/call-member.ts';
import { type KeyRing, localLayout } from '../node/local-layout.ts';
import type { ConsortiumFile } from './consortium-file.ts';

const NOTE =
  'First API keys of a consortium. They are stored here in plain text: move them to where secrets are kept.';

export interface KeyRingOptions {
  readonly client: LambdaClient;
  readonly consortium: ConsortiumFile;
  /** Where the gateway answers. */
  readonly url: string;
  /** The folder of key rings, `.fuqi`. */
  readonly root: string;
}

/** Writes the key ring, with the keys that were not taken before; answers it and its file. */
export async function writeKeyRing(
  options: KeyRingOptions,
): Promise<{ readonly file: string; readonly ring: KeyRing }> {
  const { client, consortium, url, root } = options;
  const { keyRing: file } = localLayout(root, consortium.name);
  const known: Partial<KeyRing> = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const keys: Record<string, string> = { ...known.keys };
  for (const { id } of consortium.members) {
    const taken = await firstKeysOf(client, consortium.name, id, 'take-first-keys');
    for (const [identity, key] of Object.entries(taken)) keys[`${id}/${identity}`] = key;
  }
  const ring: KeyRing = { note: NOTE, url, consortium: consortium.name, keys };
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(ring, null, 2)}\n`, { mode: 0o600 });
  return { file, ring };
}
