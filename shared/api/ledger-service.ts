/**
 * What one node offers its members' clients, apart from HTTP: the API is written against this
 * interface, the replica implements it (`shared/replica/service.ts`).
 */
import type { Value } from '../bytes/cbor.ts';
import type { PublicJwk } from '../bytes/crypto.ts';
import type { Digest } from '../bytes/digest.ts';
import type { Caller } from '../contract/context.ts';
import type { Contract } from '../contract/define.ts';
import type { Attachment } from '../ledger/attachment.ts';
import type { Header } from '../ledger/block.ts';
import type { EvidenceProof } from '../ledger/evidence.ts';
import type { Genesis } from '../ledger/genesis.ts';
import type { Receipt, StateProof } from '../ledger/receipt.ts';
import type { Rejected } from '../ledger/rejection.ts';
import type { TransactionResult } from '../ledger/result.ts';
import type { Transaction } from '../ledger/transaction.ts';
import type { AttachmentKeeper } from '../ports/attachment-keeper.ts';
import type { KeptValues } from '../ports/value-keeper.ts';

/** What became of a transaction so far. */
export type TransactionStatus =
  | { readonly id: Digest; readonly status: 'pending' }
  | {
      readonly id: Digest;
      readonly status: 'committed' | 'rejected';
      readonly height: number;
      readonly index: number;
      /** Time of the block. */
      readonly time: number;
      readonly result: TransactionResult;
    }
  /**
   * Final in a block whose transactions and results this node does not keep; without a place: in one
   * that it never had, or not at all.
   */
  | {
      readonly id: Digest;
      readonly status: 'not-retained';
      readonly height?: number;
      readonly index?: number;
    }
  /** Never committed and never will be: block time has passed its notAfter, or a node refused to hold it. */
  | { readonly id: Digest; readonly status: 'expired' };

/** A final block, as the API shows it. */
export interface BlockSummary {
  readonly id: Digest;
  readonly header: Header;
  /** Ids in order of execution; null where this node keeps the header only. */
  readonly transactions: readonly Digest[] | null;
}

/** One event of the final history. The cursor orders all events of a ledger: (height, transaction, event). */
export interface LedgerEvent {
  readonly height: number;
  readonly transactionIndex: number;
  readonly eventIndex: number;
  readonly transaction: Digest;
  readonly time: number;
  readonly type: string;
  readonly data: Value;
}

/** A place in the history: events after it are the next ones. `eventIndex` −1: from the block's start. */
export interface EventCursor {
  readonly height: number;
  readonly transactionIndex: number;
  readonly eventIndex: number;
  /** Where events are left out whose values are not shown: of values that came late, up to which ones they were told. */
  readonly late?: number;
}

/** Some events that were looked at, in order, each with the place after it. */
export interface EventsSeen {
  readonly seen: readonly {
    readonly event: LedgerEvent;
    readonly cursor: EventCursor;
    readonly isWanted: boolean;
  }[];
  /** Where to go on. */
  readonly end: EventCursor;
  /** There is no more for now. */
  readonly isEnd: boolean;
  /** When to look again where nothing is committed and no values come until then. */
  readonly waitUntil?: number;
}

/** Why a ledger waits, as one node sees it. */
export interface ConsensusStatus {
  readonly member: string;
  readonly state: 'committing' | 'idle' | 'waiting' | 'recovering' | 'unable-to-sign';
  readonly epoch: number;
  readonly round: number;
  readonly leader: string;
  readonly height: number;
  readonly headId: Digest;
  readonly headTime: number;
  /** Lowest heights that this node keeps: of headers and state, and of transactions and events. */
  readonly retained: { readonly state: number; readonly bodies: number };
  readonly pending: number;
  /** The other members as this node last heard of them: how far behind the highest head each is. */
  readonly heights: readonly {
    readonly member: string;
    readonly validator: boolean;
    /** Null: not heard of since this node started. */
    readonly height: number | null;
    readonly lag: number | null;
  }[];
  /** Members whose vote, timeout or reply was missing when this node last asked. */
  readonly missing: readonly string[];
}

export interface MemberInfo {
  readonly id: string;
  readonly name: string;
  readonly hosting: string;
  readonly validator: boolean;
  readonly roles: readonly string[];
  /** How often its node was proven to have signed two different statements where one is allowed. */
  readonly offences: number;
}

/** Which confidential fields of a transaction a node holds; not what they are. */
export interface HeldValues {
  readonly transaction: Digest;
  readonly contract: string;
  readonly method: string;
  /** The member that signed it. */
  readonly owner: string;
  readonly fields: readonly string[];
  /** Where its values name files: how many, and how many of them are here. */
  readonly attachments?: { readonly named: number; readonly here: number };
}

/** An attachment, and the parts that it is read by (`partSize` bytes each). */
export interface AttachmentContent {
  readonly attachment: Attachment;
  part(number: number): Promise<Uint8Array | Rejected>;
}

/** A place in the ledger. */
export interface TransactionPlace {
  readonly height: number;
  readonly index: number;
}

/** The answers that need more than a sentence say what is missing by undefined. */
export interface LedgerService {
  readonly genesis: Genesis;
  readonly ledger: Digest;
  readonly member: string;

  /**
   * Admits a transaction. With `waitMs` > 0 it waits that long for finality. An answer `pending` is a
   * promise: the transaction is held durably until it is committed, rejected or expired.
   */
  submit(transaction: Transaction, waitMs: number): Promise<TransactionStatus | Rejected>;
  /**
   * The same for a transaction that an identity of this node's member signed itself, with the disclosures of its
   * confidential fields: keeps them, brings them to their readers, and has it endorsed where that is asked for.
   */
  submitDisclosed(values: KeptValues, waitMs: number): Promise<TransactionStatus | Rejected>;
  /** Signs with the tenant's software key named `identity` and submits (custodial mode). */
  submitCustodial(
    identity: string,
    call: {
      readonly contract: string;
      readonly method: string;
      readonly args: Value;
      readonly nonce?: string;
    },
    waitMs: number,
  ): Promise<TransactionStatus | Rejected>;

  transaction(id: Digest): Promise<TransactionStatus | undefined>;
  /**
   * The confidential values of a transaction from this node's vault; where it lacks what its member reads, from another
   * holder's. Rejected with `forbidden` where they are not for this caller of the node's member.
   */
  values(id: Digest, caller: Caller | undefined): Promise<KeptValues | Rejected | undefined>;
  /** What this node's vault holds, in the order of ids, after one, `limit` at the most: whose, and which fields. */
  held(after: Digest | undefined, limit: number): Promise<readonly HeldValues[]>;
  /** Values of another member under its grant, asked for by an identity whose key this node keeps; in the order of ids. */
  grantedValues(
    identity: string,
    grant: Digest,
    ids: readonly Digest[],
  ): Promise<readonly KeptValues[] | Rejected>;
  /** The key of this node's vault, and why nothing may be kept there now, where that is so; undefined where it has none. */
  vault(): Promise<{ readonly key: PublicJwk; readonly moving: Rejected | undefined } | undefined>;
  /** Where files are sent to before a call names them; undefined where this node has no vault. */
  readonly uploads: Pick<AttachmentKeeper, 'begin' | 'put' | 'complete'> | undefined;
  /** The attachment of that digest which values name: of those that `values` answers, or `grantedValues`. */
  attachment(
    values: KeptValues,
    digest: string,
    grant: Digest | undefined,
  ): Promise<AttachmentContent | Rejected | undefined>;
  receipt(id: Digest): Promise<Receipt | undefined>;
  /**
   * Receipts of the transactions that the node's own member signed, from a place of the ledger on, in their
   * order; `next` is where to go on, also once there is more. A bounded piece of the ledger is looked at, so
   * none may be answered before the head.
   */
  ownReceipts(
    from: TransactionPlace,
    limit: number,
  ): Promise<{
    readonly receipts: readonly Receipt[];
    readonly next: TransactionPlace;
    readonly isAtHead: boolean;
  }>;
  /** Recorded evidence of double signing, as a file that proves it; undefined where there is none. */
  evidenceProof(id: string): Promise<EvidenceProof | undefined>;
  head(): Promise<BlockSummary>;
  block(height: number): Promise<BlockSummary | undefined>;
  /** Final blocks below `before` that this node keeps at least the headers of, newest first. */
  blocks(before: number, limit: number): Promise<BlockSummary[]>;

  /** A state value at a final height, with a proof where asked for; undefined value: absent. */
  state(
    key: string,
    at: number | undefined,
    withProof: boolean,
  ): Promise<
    | { readonly height: number; readonly value: Value | undefined; readonly proof?: StateProof }
    | Rejected
  >;
  /** Answers a contract's query at a final height (default: the head). */
  query(
    contract: string,
    query: string,
    input: Value,
    caller: Caller | undefined,
    at?: number,
  ): Promise<{ readonly height: number; readonly output: Value } | Rejected>;
  /** The contracts active at the head. */
  activeContracts(): Promise<readonly Contract[]>;
  /**
   * The name under which this node keeps the key of an identity of its member, which the ledger may know by
   * another name; undefined where it keeps none.
   */
  keptAs(identity: string): Promise<string | undefined>;
  /** The identity behind a custodial key name, with the roles it has at the head. */
  identity(name: string): Promise<Caller | undefined>;

  /** Events after a cursor that is not below `retained.bodies`, in order, at most `limit`. Never waits. */
  events(after: EventCursor, limit: number): Promise<LedgerEvent[]>;
  /**
   * The same, and of those that `fits` lets pass it says whether their transactions hide nothing, or this node's vault
   * has the values and shows them to an identity of its member (undefined: to the member's administrators). Where they
   * may still come in time, it goes no further; what came later is told when it came.
   */
  shownEvents(
    after: EventCursor,
    limit: number,
    identity: string | undefined,
    fits: (event: LedgerEvent) => boolean,
  ): Promise<EventsSeen>;
  /**
   * Calls back after each newly final height, and after others' values of a committed transaction came to this node's
   * vault, until the returned function is called: there may be events for somebody.
   */
  onNews(listener: () => void): () => void;

  members(): Promise<readonly MemberInfo[]>;
  consensus(): Promise<ConsensusStatus>;
}
