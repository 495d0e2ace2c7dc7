/** Stand-in so that others can run; its owner (helper on Merkle trees) overwrites this file. */
import { decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import { sha256Hex } from '../bytes/crypto.ts';
import { type Digest, taggedDigest, ZERO_DIGEST } from '../bytes/digest.ts';
import { fromHex, utf8 } from '../bytes/text.ts';
export interface TreeRoot {
  hash: Digest;
  version: number | null;
}
export interface Page {
  leaves: Map<string, string>;
}
const leaf = (p: string, v: string) =>
  taggedDigest('fuqi/v1/state-leaf', Buffer.concat([fromHex(p), fromHex(v)]));
const node = (l: string, r: string) =>
  taggedDigest('fuqi/v1/state-node', Buffer.concat([fromHex(l), fromHex(r)]));
const bit = (p: string, i: number) => (parseInt(p[i >> 2]!, 16) >> (3 - (i & 3))) & 1;
function root(ls: [string, string][], d: number): Digest {
  if (!ls.length) return ZERO_DIGEST;
  if (ls.length === 1) return leaf(...ls[0]!);
  return node(
    root(
      ls.filter(([p]) => !bit(p, d)),
      d + 1,
    ),
    root(
      ls.filter(([p]) => bit(p, d)),
      d + 1,
    ),
  );
}
export function updateTree(
  r: TreeRoot,
  version: number,
  changes: ReadonlyMap<string, Uint8Array | null>,
  page: (n: string) => Page | undefined,
): { root: TreeRoot; pages: Map<string, Page> } | { missing: string[] } {
  if (!changes.size) return { root: r, pages: new Map() };
  let m = new Map<string, string>();
  if (r.version !== null) {
    const p = page(`page/${r.version}/`);
    if (!p) return { missing: [`page/${r.version}/`] };
    m = new Map(p.leaves);
  }
  for (const [k, v] of changes) {
    const p = sha256Hex(utf8(k));
    if (v === null) m.delete(p);
    else m.set(p, sha256Hex(v));
  }
  return {
    root: { hash: root([...m], 0), version },
    pages: new Map([[`page/${version}/`, { leaves: m }]]),
  };
}
export const encodePage = (p: Page) => encodeCbor([...p.leaves] as any);
export const decodePage = (b: Uint8Array): Page => ({ leaves: new Map(decodeCbor(b) as any) });
export function proveKey(r: TreeRoot, key: string, page: (n: string) => Page | undefined): any {
  const p = page(`page/${r.version}/`);
  if (!p) return { missing: [`page/${r.version}/`] };
  const k = sha256Hex(utf8(key));
  let ls = [...p.leaves];
  const siblings: Digest[] = [];
  let d = 0;
  while (ls.length > 1) {
    const b = bit(k, d);
    siblings.push(
      root(
        ls.filter(([x]) => bit(x, d) !== b),
        d + 1,
      ),
    );
    ls = ls.filter(([x]) => bit(x, d) === b);
    d++;
  }
  const present = ls[0]?.[0] === k;
  return {
    siblings,
    present,
    other: !present && ls[0] ? { path: ls[0][0], valueHash: ls[0][1] } : null,
  };
}
export function verifyKey({ root: r, key, valueHash, siblings, other }: any): boolean {
  const k = sha256Hex(utf8(key));
  let h = valueHash ? leaf(k, valueHash) : other ? leaf(other.path, other.valueHash) : ZERO_DIGEST;
  for (let i = siblings.length - 1; i >= 0; i--)
    h = bit(k, i) ? node(siblings[i], h) : node(h, siblings[i]);
  return h === r;
}
