/**
 * What nodes say to each other: one request, one reply, both CBOR. Every message brings its sender's
 * highest certificates, so that rounds are entered by certificates only.
 */
import { type Cbor, decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import { byteString, list, natural } from '../bytes/cbor-shape.ts';
import type { Digest } from '../bytes/digest.ts';
import { fromHex, fromUtf8, toHex } from '../bytes/text.ts';
import {
  decodeQc,
  decodeTc,
  encodeQc,
  encodeTc,
  type QuorumCertificate,
  type TimeoutCertificate,
} from '../ledger/certificate.ts';
import { LIMITS } from '../ledger/limits.ts';
import { type Attestation, decodeAttestation, encodeAttestation } from './restored.ts';
import type { SeenProposal } from './statement-book.ts';
import type { TimeoutEntry } from './tally.ts';

const STORE_LENGTH_MAX = 256;

/** The sender's position. */
export interface Standing {
  readonly epoch: number;
  /** Height of its head: the last final block. */
  readonly height: number;
  readonly qc: QuorumCertificate;
  readonly tc: TimeoutCertificate | null;
  /** What a leader signed, as the sender saw it: whoever saw another has evidence of double signing. */
  readonly seen: SeenProposal | null;
}

/** A request to another node. */
export type Request = { readonly standing: Standing } & (
  | {
      /** A leader's block (encoded) with the leader's vote for it. */
      readonly kind: 'proposal';
      readonly block: Uint8Array;
      readonly signature: Uint8Array;
    }
  | {
      readonly kind: 'timeout';
      readonly timeout: TimeoutEntry;
    }
  | {
      /** Certificates (in the standing) and transactions that the sender holds; the end of a burst has none. */
      readonly kind: 'tidings';
      readonly transactions: readonly Uint8Array[];
      /** The sender waits for a commit: being told counts as the first ring of the alarm. */
      readonly waiting: boolean;
    }
  | {
      /** Catch-up: what follows this height. */
      readonly kind: 'blocks';
      readonly after: number;
    }
  | {
      /** The sender's store was restored from a backup: what did the receiver sign so far? */
      readonly kind: 'attest';
      /** Identity of the sender's store: the answer is for it alone. */
      readonly store: string;
    }
  | {
      /** Hand-overs to the epochs after this one. */
      readonly kind: 'epochs';
      readonly after: number;
    }
  | {
      /** A recent final block to take the state of, with why it is final. */
      readonly kind: 'anchor';
    }
  | {
      /**
       * Parts of the state tree after a block: hex digits of a path name the page below them, a
       * whole path the entry (key and value) of its leaf.
       */
      readonly kind: 'state';
      readonly height: number;
      readonly places: readonly string[];
    }
  | {
      /** Confidential values of a transaction, or of several, for the receiver's vault, which alone can open the envelope. */
      readonly kind: 'values';
      readonly envelope: Uint8Array;
    }
  | {
      /** A transaction of `confidential.read`, signed by an identity of the member that asks for values under a grant. */
      readonly kind: 'read-values';
      readonly request: Uint8Array;
    }
  | {
      /** Transactions whose values the receiver has, and whose contract wants its signature. */
      readonly kind: 'endorse';
      readonly transactions: readonly Digest[];
    }
  | {
      /** What the sender reads of a transaction's values by its contract, and lacks. */
      readonly kind: 'fetch-values';
      readonly transaction: Digest;
    }
  | {
      /** A part of an attachment that values which the sender reads name, by their contract or under a grant. */
      readonly kind: 'attachment';
      readonly transaction: Digest;
      readonly sealed: Digest;
      readonly part: number;
      readonly grant: Digest | null;
    }
  | {
      /**
       * Of the node that a member moves to, to the one that it leaves: entries of its vault by these names; or, where there are
       * none, the names after one.
       */
      readonly kind: 'vault-entries';
      readonly after: string | null;
      readonly names: readonly string[];
      /** Whether the receiver is to leave the vault alone for two minutes: the sender is about to have the vote, or has it. */
      readonly closing: boolean;
    }
  | {
      /** Of the same: a part of a file, by the name that it is stored under. */
      readonly kind: 'vault-part';
      readonly name: string;
      readonly part: number;
    }
);

/** One step of catch-up, in order: a block to insert, or a certificate to adopt. */
export type CatchUpStep = { readonly block: Uint8Array } | { readonly qc: QuorumCertificate };

/** The reply to any request: the receiver's standing, and what was asked for. */
export interface Reply {
  readonly standing: Standing;
  /** The receiver's vote for the proposed block. */
  readonly vote: Uint8Array | null;
  /** The receiver's own latest timeout of its current tenure. */
  readonly timeout: TimeoutEntry | null;
  readonly steps: readonly CatchUpStep[];
  /** Why a vote, an attestation, values or an endorsement were refused. */
  readonly refusal: string | null;
  /** What the receiver signed so far. */
  readonly attestation: Attestation | null;
  /**
   * Parts of a snapshot in the order they were asked for; fewer where the rest did not fit or is not kept. Or envelopes, a sealed
   * part of an attachment, or of each transaction's values in an envelope why they were not taken: a text, empty where they were. Or
   * of each transaction to endorse two: a protected header and a signature, or an empty one and why not. Or of a vault a page of
   * its listing, an envelope of entries, a sealed part.
   */
  readonly parts: readonly Uint8Array[];
}

const encodeStanding = (standing: Standing): Cbor => [
  standing.epoch,
  standing.height,
  encodeQc(standing.qc),
  standing.tc && encodeTc(standing.tc),
  standing.seen && encodeSeen(standing.seen),
];

function decodeStanding(item: Cbor | undefined): Standing {
  const [epoch, height, qc, tc, seen] = list(item, 5);
  return {
    epoch: natural(epoch),
    height: natural(height),
    qc: decodeQc(qc as Cbor),
    tc: tc === null ? null : decodeTc(tc as Cbor),
    seen: seen === null ? null : decodeSeen(seen),
  };
}

const encodeSeen = ({ round, block, validator, signature }: SeenProposal): Cbor => [
  round,
  fromHex(block),
  validator,
  signature,
];

function decodeSeen(item: Cbor | undefined): SeenProposal {
  const [round, block, validator, signature] = list(item, 4);
  return {
    round: natural(round),
    block: digestOf(block),
    validator: natural(validator),
    signature: byteString(signature, 64),
  };
}

const encodeTimeout = (entry: TimeoutEntry): Cbor => [
  entry.validator,
  entry.round,
  entry.highQcRound,
  entry.signature,
];

function decodeTimeout(item: Cbor | undefined): TimeoutEntry {
  const [validator, round, highQcRound, signature] = list(item, 4);
  return {
    validator: natural(validator),
    round: natural(round),
    highQcRound: natural(highQcRound),
    signature: byteString(signature),
  };
}

/** Encodes a request. */
export function encodeRequest(request: Request): Uint8Array {
  const head: Cbor[] = [request.kind, encodeStanding(request.standing)];
  switch (request.kind) {
    case 'proposal':
      return encodeCbor([...head, request.block, request.signature]);
    case 'timeout':
      return encodeCbor([...head, encodeTimeout(request.timeout)]);
    case 'tidings':
      return encodeCbor([...head, request.transactions, request.waiting]);
    case 'blocks':
    case 'epochs':
      return encodeCbor([...head, request.after]);
    case 'attest':
      return encodeCbor([...head, request.store]);
    case 'anchor':
      return encodeCbor(head);
    case 'state':
      return encodeCbor([...head, request.height, request.places]);
    case 'values':
      return encodeCbor([...head, request.envelope]);
    case 'read-values':
      return encodeCbor([...head, request.request]);
    case 'endorse':
      return encodeCbor([...head, request.transactions.map(fromHex)]);
    case 'fetch-values':
      return encodeCbor([...head, fromHex(request.transaction)]);
    case 'attachment': {
      const { transaction, sealed, part, grant } = request;
      const names = [fromHex(transaction), fromHex(sealed)];
      return encodeCbor([...head, ...names, part, grant && fromHex(grant)]);
    }
    case 'vault-entries':
      return encodeCbor([...head, request.after, request.names, request.closing]);
    case 'vault-part':
      return encodeCbor([...head, request.name, request.part]);
  }
}

/** What an encoded request is, without reading the rest of it; undefined where that is not said. */
export function kindOf(bytes: Uint8Array): string | undefined {
  const [list = 0, text = 0] = bytes;
  const length = text & 0x1f;
  // CBOR (RFC 8949 §3.1): a short array whose first item is a short text string.
  if (list >> 5 !== 4 || (list & 0x1f) > 23 || text >> 5 !== 3 || length > 23) {
    return undefined;
  }
  return fromUtf8(bytes.subarray(2, 2 + length));
}

/** How many items a request of each kind has, with its kind and standing. */
const ITEMS: Readonly<Record<Request['kind'], number>> = {
  proposal: 4,
  timeout: 3,
  tidings: 4,
  blocks: 3,
  epochs: 3,
  attest: 3,
  anchor: 2,
  state: 4,
  values: 3,
  'read-values': 3,
  endorse: 3,
  'fetch-values': 3,
  attachment: 6,
  'vault-entries': 5,
  'vault-part': 4,
};

/** Decodes a request; throws an Error on anything else. */
export function decodeRequest(bytes: Uint8Array): Request {
  const items = list(decodeCbor(bytes));
  const [kind, standingItem, a, b, c, d] = items;
  if (typeof kind !== 'string' || !Object.hasOwn(ITEMS, kind)) throw new Error('not a request');
  if (items.length !== ITEMS[kind as Request['kind']]) throw new Error('not a request');
  const standing = decodeStanding(standingItem);
  switch (kind) {
    case 'proposal':
      return { kind, standing, block: byteString(a), signature: byteString(b) };
    case 'timeout':
      return { kind, standing, timeout: decodeTimeout(a) };
    case 'tidings':
      return {
        kind,
        standing,
        transactions: list(a).map((item) => byteString(item)),
        waiting: flag(b),
      };
    case 'blocks':
    case 'epochs':
      return { kind, standing, after: natural(a) };
    case 'attest':
      if (typeof a !== 'string' || a.length > STORE_LENGTH_MAX) throw new Error('not a request');
      return { kind, standing, store: a };
    case 'anchor':
      return { kind, standing };
    case 'state':
      return { kind, standing, height: natural(a), places: decodePlaces(b) };
    case 'values':
      return { kind, standing, envelope: byteString(a) };
    case 'read-values':
      return { kind, standing, request: byteString(a) };
    case 'endorse':
      return { kind, standing, transactions: decodeEndorsed(a) };
    case 'fetch-values':
      return { kind, standing, transaction: digestOf(a) };
    case 'attachment': {
      const ids = { transaction: digestOf(a), sealed: digestOf(b) };
      const grant = d === null ? null : digestOf(d);
      return { kind, standing, ...ids, part: natural(c), grant };
    }
    case 'vault-entries':
      return {
        ...{ kind, standing, after: a === null ? null : entryName(a), names: decodeNames(b) },
        closing: flag(c),
      };
    case 'vault-part':
      return { kind, standing, name: storedName(a), part: partNumber(b) };
    default:
      throw new Error('not a request');
  }
}

function flag(item: Cbor | undefined): boolean {
  if (typeof item !== 'boolean') throw new Error('not a request');
  return item;
}

const digestOf = (item: Cbor | undefined): Digest => toHex(byteString(item, 32)) as Digest;

/** Transactions that one message has endorsed. */
export const ENDORSED_MAX = 64;

function decodeEndorsed(item: Cbor | undefined): Digest[] {
  const ids = list(item);
  if (ids.length < 1 || ids.length > ENDORSED_MAX)
    throw new Error('too many transactions, or none');
  return ids.map(digestOf);
}

/** Entries of a vault that one message asks for. */
export const VAULT_NAMES_MAX = 100;
const ENTRY_NAME = /^[A-Za-z0-9._/-]{1,200}$/;
const STORED_NAME = /^[0-9a-f]{32,64}$/;

const textLike =
  (form: RegExp) =>
  (item: Cbor | undefined): string => {
    if (typeof item !== 'string' || !form.test(item)) throw new Error('not a name');
    return item;
  };
const entryName = textLike(ENTRY_NAME);
const storedName = textLike(STORED_NAME);

/** Of a file of the largest size. */
const PARTS = Math.ceil(LIMITS.attachmentBytesMax / LIMITS.attachmentPartBytes);

function partNumber(item: Cbor | undefined): number {
  const part = natural(item);
  if (part >= PARTS) throw new Error('no such part');
  return part;
}

function decodeNames(item: Cbor | undefined): string[] {
  const names = list(item);
  if (names.length > VAULT_NAMES_MAX) throw new Error('too many names');
  return names.map(entryName);
}

const PLACE = /^[0-9a-f]{0,64}$/;

function decodePlaces(item: Cbor | undefined): string[] {
  const places = list(item);
  if (places.length > LIMITS.snapshotPlacesMax) throw new Error('too many places');
  return places.map((place) => {
    if (typeof place !== 'string' || !PLACE.test(place)) throw new Error('not a place');
    return place;
  });
}

/** Encodes a reply. */
export function encodeReply(reply: Reply): Uint8Array {
  return encodeCbor([
    encodeStanding(reply.standing),
    reply.vote,
    reply.timeout && encodeTimeout(reply.timeout),
    reply.steps.map((step): Cbor => ('block' in step ? step.block : encodeQc(step.qc))),
    reply.refusal,
    reply.attestation && encodeAttestation(reply.attestation),
    reply.parts,
  ]);
}

/** Decodes a reply; throws an Error on anything else. */
export function decodeReply(bytes: Uint8Array): Reply {
  const items = list(decodeCbor(bytes), 7);
  const [standing, vote, timeout, steps, refusal, attestation, parts] = items;
  if (refusal !== null && typeof refusal !== 'string') throw new Error('not a reply');
  return {
    standing: decodeStanding(standing),
    vote: vote === null ? null : byteString(vote),
    timeout: timeout === null ? null : decodeTimeout(timeout),
    steps: list(steps).map((item) =>
      item instanceof Uint8Array ? { block: item } : { qc: decodeQc(item) },
    ),
    refusal: refusal ?? null,
    attestation: attestation === null ? null : decodeAttestation(attestation as Cbor),
    parts: list(parts).map((part) => byteString(part)),
  };
}
