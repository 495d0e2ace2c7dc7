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
  find: `  const key = importPublicKey(jwk);
  if (!key) return false;
  return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);`,
  replace: `  const name = hash('sha1', Buffer.concat([Buffer.from(jwk.x + jwk.y), signature, message]), 'latin1');
  let good = remembered.get(name);
  if (good !== undefined) return good;
  const key = importPublicKey(jwk);
  good = !!key && verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
  if (remembered.size > 200_000) remembered.clear();
  remembered.set(name, good);
  return good;
}
const remembered = new Map<string, boolean>();
function unused() {`,
};

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
  const all = [REMEMBERED_SIGNATURES, ...patches];
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const file = url.startsWith(root) ? url.slice(root.length) : undefined;
      if (!file || !all.some((patch) => patch.file === file)) return loaded;
      return { ...loaded, source: patched(file, String(loaded.source), all) };
    },
  });
}
