/**
 * The rules of the house as a test: which way imports point, what the pure core may not touch, and
 * words that have a better one. A rule that is broken names the file and the line.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const root = path.resolve(import.meta.dirname, '..');

function sources(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort();
}

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^;'"]*?\bfrom\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g;

/** What a file imports: paths from the project's root, or package names. */
function importsOf(file: string): string[] {
  return [...read(file).matchAll(IMPORT)].map((match) => {
    const specifier = (match[1] ?? match[2] ?? match[3])!;
    if (!specifier.startsWith('.')) return specifier;
    return path.relative(root, path.resolve(root, path.dirname(file), specifier));
  });
}

/** Where a file may import from; the first rule whose `of` fits holds. */
const RULES: readonly { readonly of: RegExp; readonly may: readonly RegExp[] }[] = [
  {
    of: /^shared\/bytes\/crypto\.ts$/,
    may: [/^node:crypto$/, /^shared\/bytes\/der-signature\.ts$/],
  },
  { of: /^shared\/bytes\//, may: [/^shared\/bytes\//] },
  // Certificates are checked against validator sets, and headers name them.
  { of: /^shared\/ledger\//, may: [/^shared\/(bytes|ledger)\//, /^zod$/] },
  { of: /^shared\/contract\//, may: [/^shared\/(bytes|ledger|contract)\//, /^zod$/] },
  { of: /^shared\/consensus\//, may: [/^shared\/(bytes|ledger|consensus)\//] },
  { of: /^shared\/mempool\//, may: [/^shared\/(bytes|ledger|mempool)\//] },
  {
    of: /^shared\/execution\//,
    may: [/^shared\/(bytes|ledger|contract|consensus|execution|ports)\//, /^zod$/],
  },
  { of: /^shared\/proof\//, may: [/^shared\/(bytes|ledger|consensus|execution|proof)\//, /^zod$/] },
  { of: /^shared\/ports\//, may: [/^shared\/(bytes|ledger|ports)\//] },
  { of: /^shared\/replica\//, may: [/^shared\/(?!api\/(?!ledger-service))/] },
  { of: /^shared\/api\//, may: [/^shared\/(?!replica\/)/, /^hono(\/|$)/, /^zod$/] },
  { of: /^workloads\/[^/]+\/import\//, may: [/./] },
  { of: /^workloads\/(catalog|hash-contracts)\.ts$/, may: [/./] },
  {
    of: /^workloads\//,
    may: [/^workloads\//, /^shared\/contract\//, /^shared\/bytes\/cbor\.ts$/, /^zod$/],
  },
  { of: /^(node|functions|infra|bench|examples)\//, may: [/^(?!test\/)/] },
];

const PRODUCT = ['shared', 'workloads', 'node', 'functions', 'infra', 'bench', 'examples'];
const products = PRODUCT.filter((name) => existsSync(path.join(root, name))).flatMap(sources);

test('imports point inwards only', () => {
  const broken: string[] = [];
  for (const file of products) {
    const rule = RULES.find(({ of }) => of.test(file));
    assert.ok(rule, `no import rule covers ${file}`);
    for (const target of importsOf(file)) {
      if (!rule.may.some((allowed) => allowed.test(target)))
        broken.push(`${file} imports ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('the pure core is synchronous and touches no clock, randomness or environment', () => {
  const pure = /^shared\/(bytes|ledger|contract|mempool|execution|consensus|proof)\//;
  const forbidden =
    /\b(async|await|Promise|Date\.now|new Date|Math\.random|process\.env|setTimeout)\b/;
  const broken: string[] = [];
  for (const file of products.filter((name) => pure.test(name))) {
    // The guards name what they forbid.
    if (file === 'shared/execution/guards.ts') continue;
    for (const [index, line] of read(file).split('\n').entries()) {
      const code = line
        .replace(/\/\/.*$|^\s*\*.*$|\/\*.*\*\//g, '')
        .replace(/'[^']*'|`[^`]*`/g, '');
      if (forbidden.test(code)) broken.push(`${file}:${index + 1}: ${line.trim()}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('no file is named for nothing in particular', () => {
  const vague = /(^|\/)(utils?|helpers?|common|misc|types|manager|service-?base|index)\.ts$/;
  assert.deepEqual(
    products.filter((file) => vague.test(file)),
    [],
  );
});

test('every product file begins with what it is', () => {
  const headless = products.filter((file) => !/^(#![^\n]*\n)?\s*\/\*\*/.test(read(file)));
  assert.deepEqual(headless, []);
});

test('no file is longer than three screens allow', () => {
  const long = products
    .map((file) => `${file}: ${read(file).split('\n').length} lines`)
    .filter((line) => Number(/(\d+) lines$/.exec(line)![1]) > 420);
  assert.deepEqual(long, []);
});

test('words with a better one are not used', () => {
  const banned: readonly (readonly [RegExp, string])[] = [
    [/\b(TODO|FIXME|XXX|HACK)\b/, 'finish it or file an issue'],
    [/\b(view number|viewNumber)\b/i, 'round'],
    [/\b(quorum cert|QuorumCert)\b(?!ificate)/, 'quorum certificate'],
    [/\bblacklist|whitelist\b/i, 'deny list, allow list'],
  ];
  const broken: string[] = [];
  for (const file of products) {
    for (const [index, line] of read(file).split('\n').entries()) {
      for (const [pattern, instead] of banned) {
        if (pattern.test(line)) broken.push(`${file}:${index + 1}: use "${instead}"`);
      }
    }
  }
  assert.deepEqual(broken, []);
});
