/**
 * A member's vault: the confidential values of the transactions that the member may know, each transaction's sealed by
 * a key of its own. What the vault answers was checked against the digests that were signed.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from '../../shared/bytes/text.ts';
import { revealed, SALT_BYTES } from '../../shared/ledger/disclosure.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { decodeTransaction } from '../../shared/ledger/transaction.ts';
import type { AttachmentStore } from '../../shared/ports/attachment-store.ts';
import {
  BadEnvelope,
  type Delivery,
  DUE_MAX,
  ENVELOPE_VALUES_MAX,
  type KeptValues,
  type ValueKeeper,
} from '../../shared/ports/value-keeper.ts';
import type { VaultChange, VaultStore } from '../../shared/ports/vault-store.ts';
import { DEAD_LETTERS, WEBHOOKS } from '../webhooks/entries.ts';
import { openAttachments } from './attachments.ts';
import { entriesOf } from './entries-of.ts';
import { encryptTo, openEnvelope } from './envelope.ts';
import { openLate } from './late.ts';
import { openMove } from './move.ts';
import { callEntry, openChange, settleOpen } from './open-calls.ts';
import { openRecord, rewrapRecord, sealRecord } from './sealed-record.ts';
import { openTallies, TALLIES } from './tallies.ts';
import { COMPLETED, UPLOADS } from './uploads.ts';
import type { VaultKey } from './vault-key.ts';

export interface Vault extends ValueKeeper {
  /**
   * Wraps all records by the newest key, after a place (from the beginning unless told): how many were not, and where to go on
   * where `isOver` stopped it. May be interrupted and done again.
   */
  rewrap(options?: {
    readonly from?: string;
    readonly isOver?: () => boolean;
  }): Promise<{ readonly count: number; readonly next?: string }>;
}

const VALUES = 'values/';
const nameOf = (id: Digest): string => `${VALUES}${id}`;
/** Stays where values were erased: what is kept later, or at the same moment, goes again. */
const goneEntry = (id: Digest): string => `gone/${id}`;
const ERASED_UP_TO = 'erased-up-to';
const DUE_FROM = 'due-from';
const CHECKED = 'deliveries-checked';
const LACKING = 'lacking/';
const MARK = new Uint8Array([1]);
/** Under which all that is sealed stands, in the order of names. */
const SEALED = ['values/', 'due/', TALLIES, WEBHOOKS, DEAD_LETTERS, UPLOADS, COMPLETED].sort();
const DUE = 'due/';
const dueEntry = (transaction: Digest, number: number): string =>
  `${DUE}${transaction}/${String(number).padStart(3, '0')}`;

const bytes = z.instanceof(Uint8Array);
const ContentSchema = z.tuple([bytes, z.array(bytes)]);
/** Of an envelope: of each transaction in it. */
const ContentsSchema = z.array(bytes).min(1).max(ENVELOPE_VALUES_MAX);
const CheckedSchema = z.tuple([z.number(), z.number()]);
const DueSchema = z.tuple([z.string(), z.array(z.string())]);

/**
 * A vault on a store, and one for the parts of attachments; the first key seals, the others open what was sealed before a
 * rotation.
 */
export function openVault(
  store: VaultStore,
  blobs: AttachmentStore,
  keys: readonly [VaultKey, ...VaultKey[]],
): Vault {
  const isGone = async (id: Digest): Promise<boolean> =>
    (await store.get(goneEntry(id))) !== undefined;
  const textOf = async (name: string): Promise<string | undefined> => {
    const stored = await store.get(name);
    return stored && fromUtf8(stored);
  };
  const read = async (id: Digest): Promise<KeptValues | undefined> => {
    const name = nameOf(id);
    const sealed = await store.get(name);
    if (!sealed || (await isGone(id))) return undefined;
    return readContent(openRecord(keys, name, sealed));
  };
  /** Removes values and deliveries; with the mark, for good. */
  const remove = async (id: Digest, mark: readonly VaultChange[]): Promise<void> => {
    const due = await store.list({ prefix: `${DUE}${id}/`, limit: DUE_MAX });
    const names = [nameOf(id), ...due.map(({ name }) => name)];
    await store.write([...mark, ...names.map((name) => ({ name, bytes: null }))]);
    await attachments.remove(id);
  };
  const attachments = openAttachments(store, blobs, keys, read, isGone);
  const erase = (id: Digest): Promise<void> => remove(id, [{ name: goneEntry(id), bytes: MARK }]);
  return {
    ...openTallies(store, keys),
    ...openLate(store),
    attachments,
    move: openMove(store, blobs, keys, SEALED, attachments.places),
    get key() {
      return keys[0].jwk;
    },
    opens: (keyId) => keys.some(({ id }) => id === keyId),
    salt: () => randomBytes(SALT_BYTES),
    async keep({ transaction, disclosures }, { call, due = [] } = {}) {
      revealed(transaction.body.args, disclosures);
      const { id } = transaction;
      const name = nameOf(id);
      if (await isGone(id)) return false;
      const before = await read(transaction.id);
      const all = before ? [...new Set([...before.disclosures, ...disclosures])] : disclosures;
      const content = encodeContent({ transaction, disclosures: all });
      const also = await attachments.changesWith({ transaction, disclosures: all });
      await store.write([
        { name, bytes: sealRecord(keys[0], name, content) },
        openChange({ id, notAfter: transaction.body.notAfter }, call),
        ...due.map(({ to, fields }, number) => {
          const entry = dueEntry(transaction.id, number);
          return { name: entry, bytes: sealRecord(keys[0], entry, encodeCbor([to, fields])) };
        }),
        ...also,
      ]);
      // Erased while this was written: one of the two sees the other's.
      if (!(await isGone(id))) return true;
      await erase(id);
      return false;
    },
    read,
    async held({ after, limit }) {
      const range = { prefix: VALUES, limit, ...(after && { after: nameOf(after) }) };
      const entries = await store.list(range);
      return entries.map(({ name, bytes: sealed }) => readContent(openRecord(keys, name, sealed)));
    },
    async deliveries({ of, after, limit }) {
      const prefix = of === undefined ? DUE : `${DUE}${of}/`;
      const entries = await store.list({
        prefix,
        limit,
        ...(after && { after: dueEntry(after.transaction, after.number) }),
      });
      return entries.map(({ name, bytes: sealed }): Delivery => {
        const [, transaction, number] = name.split('/') as [string, Digest, string];
        const [to, fields] = DueSchema.parse(decodeCbor(openRecord(keys, name, sealed)));
        return { transaction, number: Number(number), to, fields };
      });
    },
    delivered: ({ transaction, number }) =>
      store.write([{ name: dueEntry(transaction, number), bytes: null }]),
    wrap: async (reader, values) =>
      utf8(await encryptTo(reader, encodeCbor(values.map(encodeContent)))),
    async unwrap(envelope) {
      const text = fromUtf8(envelope);
      if (text === undefined) throw new BadEnvelope('an envelope that is no text');
      const content = await openEnvelope(keys, text);
      try {
        return ContentsSchema.parse(decodeCbor(content)).map(readContent);
      } catch {
        throw new BadEnvelope('an envelope that holds no values');
      }
    },
    settle: (before, outcome) => settleOpen(store, before, outcome, (id) => remove(id, [])),
    called: async (call) => (await textOf(callEntry(call))) as Digest | undefined,
    name: (call, id, before) =>
      store.swap(
        { name: callEntry(call), bytes: utf8(id) },
        before === undefined ? null : utf8(before),
      ),
    async erase(ids) {
      for (const id of new Set(ids)) await erase(id);
    },
    erasedUpTo: () => textOf(ERASED_UP_TO),
    setErasedUpTo: (place) => store.write([{ name: ERASED_UP_TO, bytes: utf8(place) }]),
    dueFrom: () => textOf(DUE_FROM),
    setDueFrom: (place) => store.write([{ name: DUE_FROM, bytes: utf8(place) }]),
    async deliveriesChecked() {
      const stored = await store.get(CHECKED);
      if (!stored) return undefined;
      const [height, at] = CheckedSchema.parse(decodeCbor(stored));
      return { height, at };
    },
    setDeliveriesChecked: ({ height, at }) =>
      store.write([{ name: CHECKED, bytes: encodeCbor([height, at]) }]),
    async lacking({ after, limit }) {
      const range = { prefix: LACKING, limit, ...(after && { after: `${LACKING}${after}` }) };
      const entries = await store.list(range);
      return entries.map(({ name }) => name.slice(LACKING.length) as Digest);
    },
    setLacking: (id, isLacking) =>
      store.write([{ name: `${LACKING}${id}`, bytes: isLacking ? MARK : null }]),
    async rewrap({ from = '', isOver = () => false } = {}) {
      let [count, next] = [0, from];
      for (const prefix of SEALED) {
        for await (const { name, bytes: sealed } of entriesOf(store, prefix, from)) {
          if (isOver()) return { count, next };
          if (await rewrapOne(store, keys, name, sealed)) count++;
          next = name;
        }
      }
      return { count };
    },
  };
}

/** Answers whether it had to be. What is erased or changed meanwhile stays so. */
async function rewrapOne(
  store: VaultStore,
  keys: readonly [VaultKey, ...VaultKey[]],
  name: string,
  found: Uint8Array,
): Promise<boolean> {
  for (let sealed: Uint8Array | undefined = found; sealed; sealed = await store.get(name)) {
    const rewrapped = rewrapRecord(keys, name, sealed);
    if (!rewrapped) return false;
    if (await store.swap({ name, bytes: rewrapped }, sealed)) return true;
  }
  return false;
}

const encodeContent = ({ transaction, disclosures }: KeptValues): Uint8Array =>
  encodeCbor([transaction.bytes, disclosures.map((text) => fromBase64Url(text)!)]);

function readContent(content: Uint8Array): KeptValues {
  const [encoded, texts] = ContentSchema.parse(decodeCbor(content));
  const transaction = decodeTransaction(encoded);
  if (transaction instanceof Rejected) throw new Error('a vault record without a transaction');
  return { transaction, disclosures: texts.map(toBase64Url) };
}
