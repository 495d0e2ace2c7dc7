/** Real inputs for each target: made by the product itself, with real keys. */
import { encodeCbor, type Value } from '../../shared/bytes/cbor.ts';
import { derSignature } from '../../shared/bytes/der-signature.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { fromBase64Url, fromHex, utf8 } from '../../shared/bytes/text.ts';
import { decodeReply, encodeRequest, type Request } from '../../shared/consensus/message.ts';
import { decodeBlock, encodeHeader } from '../../shared/ledger/block.ts';
import { encodeQc, encodeTc } from '../../shared/ledger/certificate.ts';
import { makeDisclosure } from '../../shared/ledger/disclosure.ts';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { encodeResult } from '../../shared/ledger/result.ts';
import { parseTransaction, transactionToJson } from '../../shared/ledger/transaction.ts';
import { standingOf } from '../../shared/replica/tell.ts';
import { signBody, testKeyFrom } from '../support/local-network.ts';
import vectors from '../vectors/protocol.json' with { type: 'json' };
import { MEMBERS } from './one-replica.ts';
import { PROOFS } from './proofs.ts';
import { csvSeeds, jsonLinesSeeds, xmlSeeds } from './seed-files.ts';
import { type Exchange, SeedNetwork } from './seed-network.ts';
import { documentSeeds, requestSeeds, textSeeds } from './seed-texts.ts';
import { seeds as batchSignatures } from './targets/batch-signature.ts';
import { encodeMessages, type Said } from './targets/replica.ts';
import type { TargetName } from './targets.ts';

/** Inputs by target. The keys are the same each time, the signatures are not. */
export async function makeSeeds(): Promise<Record<TargetName, Uint8Array[]>> {
  const chain = await chainSeeds();
  const texts = textSeeds(chain.jws);
  return {
    ...chain.seeds,
    cbor: [...vectors.cbor.map(({ hex }) => fromHex(hex)), ...chain.seeds.block.slice(0, 2)],
    'der-signature': ['11', '80', '00'].map((byte) =>
      derSignature(fromHex(`${byte.repeat(32)}${'00'.repeat(31)}01`)),
    ),
    json: [...requestSeeds(chain.ids).filter((text) => text.includes('{')), ...JSON_TEXTS].map(
      (text) => utf8(text.slice(Math.max(0, text.indexOf('\n\n')))),
    ),
    'batch-signature': batchSignatures(),
    disclosure: DISCLOSURES.map(utf8),
    envelope: envelopeSeeds(),
    proof: PROOFS.map((proof) => utf8(JSON.stringify(proof))),
    'proof-edits': PROOFS.flatMap((_, index) =>
      Array.from({ length: 8 }, (_, edit) => Uint8Array.of(index, edit, 0, 17 * edit, 0, 40, 3)),
    ),
    texts: texts.map(utf8),
    documents: documentSeeds().map((document) => utf8(JSON.stringify(document))),
    'import-csv': csvSeeds(),
    'import-json-lines': jsonLinesSeeds(),
    'import-xml': xmlSeeds(),
    request: requestSeeds(chain.ids).map(utf8),
  };
}

/** What is in an envelope: a transaction with digests, and texts of some of them. */
function envelopeSeeds(): Uint8Array[] {
  const salt = new Uint8Array(16);
  const price = makeDisclosure(salt, 'price', 25_000);
  const buyer = makeDisclosure(salt, 'buyer', '符契');
  const args = { deal: 'd-1', _sd: [price.digest, buyer.digest].sort() };
  const body = { ledger: 'ab'.repeat(32) as Digest, contract: 'deal', method: 'make', args };
  const text = signBody(testKeyFrom('a seller'), { ...body, nonce: 'n', notAfter: 9 });
  const transaction = parseTransaction(text);
  if (transaction instanceof Rejected) throw new Error(transaction.rejection.message);
  const texts = [price, buyer].map((one) => fromBase64Url(one.text)!);
  return [
    ...[[], texts, [texts[0]!, texts[0]!], [utf8('["short","a",1]')]].map((some) =>
      encodeCbor([transaction.bytes, some]),
    ),
    encodeCbor([utf8('no transaction'), []]),
  ];
}

const SALT = '_26bc4LT-ac6q2KI6cBW5es';
const DISCLOSURES = [
  `["${SALT}","amount",25000]`,
  `["${SALT}", "lines", [{"name":"符契","quantity":2},null,true]]`,
  `["${SALT}","...",1]`,
  `["${SALT}","a\\u0062",{"_sd":[]}]`,
  `["short","a",1]`,
  `["${SALT}","element"]`,
  'WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0',
];

const JSON_TEXTS = [
  '{"a":1,"a":2}',
  '["\\ud800"]',
  '{"\\u0061~/":[1e400,-0,1.10,12345678901234567890]}',
  '[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]',
  '{"a":[true,false,null,"\\"\\\\\\n"],}',
];

/** A ledger that grows, ends an epoch and is caught up with. */
async function chainSeeds() {
  const network = new SeedNetwork();
  for (const member of MEMBERS) await network.start(member);
  const raised = await network.call('alpha', 'counter', 'raise', { name: 'a', by: 1 });
  const refused = await network.call('beta', 'counter', 'raise', { name: 'a', by: 9, max: 3 });
  const alone = network.exchanges.length;
  const parameters = { ...DEFAULT_PARAMETERS, tenureRounds: 8 };
  const action = { kind: 'set-parameters', parameters } as unknown as Value;
  const proposed = await network.call('gamma', 'governance', 'propose', { action });
  const { id, digest } = (
    proposed.status.result as unknown as { output: { id: string; digest: string } }
  ).output;
  for (const member of ['beta', 'delta']) {
    await network.call(member, 'governance', 'vote', { id, digest, approve: true });
  }
  const before = network.exchanges.length;
  // One that begins anew follows by blocks, or where they are too many takes a snapshot.
  const followed = await followers(network);
  const gamma = network.replicas.get('gamma')!;
  const standing = standingOf(gamma);
  const asked: Request[] = [
    { kind: 'anchor', standing },
    { kind: 'epochs', standing, after: 1 },
    {
      kind: 'state',
      standing,
      height: gamma.head.header.height!,
      places: ['', '0', '3', 'a', 'f'],
    },
    { kind: 'attest', standing, store: 'a restored store' },
    { kind: 'blocks', standing, after: 0 },
    { kind: 'values', standing, envelope: new Uint8Array(3) },
    { kind: 'read-values', standing, request: new Uint8Array(3) },
    { kind: 'endorse', standing, transactions: [gamma.head.id] },
    { kind: 'fetch-values', standing, transaction: gamma.head.id },
    {
      ...{ kind: 'attachment', standing, part: 1, grant: gamma.head.id },
      transaction: gamma.head.id,
      sealed: gamma.head.id,
    },
    { kind: 'vault-entries', standing, after: 'due/', names: [], closing: false },
    {
      ...{ kind: 'vault-entries', standing, after: null, closing: true },
      names: [`values/${gamma.head.id}`],
    },
    { kind: 'vault-part', standing, name: gamma.head.id, part: 1 },
  ];
  for (const request of asked) await network.say('beta', 'gamma', encodeRequest(request));
  const { exchanges } = network;
  const replies = exchanges.map(({ reply }) => decodeReply(reply));
  const blocks = replies.flatMap(({ steps }) =>
    steps.flatMap((step) => ('block' in step ? [step.block] : [])),
  );
  const decoded = blocks.map(decodeBlock);
  const timeouts = [{ validator: 1, highQcRound: 3, signature: new Uint8Array(64) }];
  const transactions = [raised, refused, proposed];
  const seeds = {
    transaction: transactions.flatMap(({ jws, transaction }) => [
      utf8(jws),
      utf8(JSON.stringify(transactionToJson(transaction))),
      transaction.bytes,
    ]),
    'transaction-parts': transactions.map(({ transaction }) =>
      Buffer.from(
        [transaction.payload, transaction.signatures[0]!.protected]
          .map((part) => Buffer.from(part, 'base64url').toString())
          .join('\n'),
      ),
    ),
    block: distinct([
      ...decoded.map(({ header }) => encodeHeader(header)),
      ...blocks,
      ...transactions.map(({ status }) => encodeResult(status.result)),
      ...decoded.map(({ qc }) => encodeCbor(encodeQc(qc))),
      encodeCbor(encodeTc({ epoch: 1, round: 64, timeouts })),
    ]),
    message: distinct(exchanges.flatMap(({ request, reply }) => [request, reply])),
    snapshot: distinct(replies.flatMap(({ parts }) => parts)),
    replica: [
      heardBy('alpha', exchanges.slice(0, alone)),
      heardBy('alpha', exchanges.slice(0, before)),
      ...followed,
      ...exchanges.slice(0, 40).map((exchange) => heardBy(exchange.to, [exchange])),
    ],
  };
  return { seeds, jws: raised.jws, ids: transactions.map(({ transaction }) => transaction.id) };
}

/** What a member hears that begins with an empty store, each time with more to follow. */
async function followers(network: SeedNetwork): Promise<Uint8Array[]> {
  const heard: Uint8Array[] = [];
  for (let round = 0; round < 2; round++) {
    network.replicas.get('alpha')!.stopped = true;
    await network.start('alpha');
    const from = network.exchanges.length;
    for (const member of ['beta', 'gamma', 'delta']) {
      const standing = standingOf(network.replicas.get(member)!);
      const tidings = { kind: 'tidings', standing, transactions: [], waiting: false } as const;
      await network.say(member, 'alpha', encodeRequest(tidings));
      await network.quiet();
    }
    heard.push(heardBy('alpha', network.exchanges.slice(from)));
    for (let more = 0; more < 12; more++) {
      await network.call('beta', 'counter', 'raise', { name: `b${more % 3}`, by: 1 });
    }
  }
  return heard;
}

/** What a member heard: the others' requests, and their answers to its own. */
const heardBy = (member: string, exchanges: readonly Exchange[]): Uint8Array =>
  encodeMessages(
    exchanges.flatMap(({ from, to, request, reply }): Said[] => {
      const other = MEMBERS.includes(from) && from !== 'alpha' ? from : 'beta';
      if (to === member) return [{ from: other, isReply: false, bytes: request }];
      return from === member ? [{ from: to, isReply: true, bytes: reply }] : [];
    }),
  );

const distinct = (list: readonly Uint8Array[]): Uint8Array[] => [
  ...new Map(list.map((bytes) => [Buffer.from(bytes).toString('hex'), bytes])).values(),
];
