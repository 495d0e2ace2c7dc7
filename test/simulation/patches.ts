/**
 * Loads product code with changes: a deliberate bug for the hunt, and a memory for checked signatures,
 * because every node of a simulation checks the same ones. The product itself has no such switch.
 */
import { registerHooks } from 'node:module';

/** A change of one source file. `find` stands in it exactly once. */
export interface Patch {
  /** Path below the project's folder. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Checking a signature is a pure function: doing it once for all nodes changes no result. */
const REMEMBERED_SIGNATURES: Patch = {
  file: 'shared/bytes/crypto.ts',
  find: 'export function verifyEs256(jwk: PublicJwk, message: Uint8Array, signature: Uint8Array): boolean {',
  replace: `export function verifyEs256(jwk: PublicJwk, message: Uint8Array, signature: Uint8Array): boolean {
  const name = hash('sha1', Buffer.concat([Buffer.from(jwk.x + jwk.y), signature, message]), 'latin1');
  const known = remembered.get(name);
  if (known !== undefined) return known;
  const good = verifyAnew(jwk, message, signature);
  if (remembered.size > 20_000) remembered.clear();
  remembered.set(name, good);
  return good;
}
const remembered = new Map<string, boolean>();
function verifyAnew(jwk: PublicJwk, message: Uint8Array, signature: Uint8Array): boolean {`,
};

/** So is decoding, and what it gives is never changed: one object for the same bytes on all nodes. */
const rememberedDecoding = (file: string, name: string, type: string): Patch => ({
  file,
  find: `export function ${name}(bytes: Uint8Array): ${type} {`,
  replace: `export function ${name}(bytes: Uint8Array): ${type} {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).latin1Slice();
  const known = ${name}s.get(key);
  if (known) return known;
  const decoded = ${name}Anew(bytes);
  if (${name}s.size > 5000) ${name}s.clear();
  ${name}s.set(key, decoded);
  return decoded;
}
const ${name}s = new Map<string, ${type}>();
function ${name}Anew(bytes: Uint8Array): ${type} {`,
});

const REMEMBERED: readonly Patch[] = [
  REMEMBERED_SIGNATURES,
  rememberedDecoding('shared/ledger/block.ts', 'decodeHeader', 'Header'),
  rememberedDecoding('shared/ledger/block.ts', 'decodeBlock', 'Block'),
  rememberedDecoding('shared/ledger/transaction.ts', 'decodeTransaction', 'Transaction | Rejected'),
];

/** Leaders by scenario in place of turns; the product has no such switch. */
export const SCRIPTED_LEADERS: Patch = {
  file: 'shared/consensus/leaders.ts',
  find: '  leaderOfTenure(set, leaders, tenureOf(set, round));',
  replace: `  (globalThis as { scriptedLeaders?: number[] }).scriptedLeaders?.[round] ??
  leaderOfTenure(set, leaders, tenureOf(set, round));`,
};

/** The source of a file with the patches that are for it. Throws where one does not fit any more. */
export function patched(file: string, source: string, patches: readonly Patch[]): string {
  return patches
    .filter((patch) => patch.file === file)
    .reduce((text, { find, replace }) => {
      const parts = text.split(find);
      if (parts.length !== 2) throw new Error(`a patch of ${file} fits ${parts.length - 1} times`);
      return parts.join(replace);
    }, source);
}

/** From here on, what is imported has these patches. Call it before importing the simulator. */
export function loadWith(patches: readonly Patch[]): void {
  const root = new URL('../../', import.meta.url).href;
  const all = [...REMEMBERED, ...patches];
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const file = url.startsWith(root) ? url.slice(root.length) : undefined;
      if (!file || !all.some((patch) => patch.file === file)) return loaded;
      return { ...loaded, source: patched(file, String(loaded.source), all) };
    },
  });
}
