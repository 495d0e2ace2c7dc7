/**
 * The attachments of a member's vault: what its people upload is sealed part by part under a key of its own, and what others
 * uploaded comes sealed. Each belongs to one transaction, whose values name it, and goes with those.
 *
 * The law:
 * - What `put` answered 'kept' for, and what `take` answered true for, is durable. The same part put again changes nothing.
 * - `complete` answers the attachment only where all parts are there and are the file that `begin` named; the same however
 *   often it is asked.
 * - `attach` gives a transaction an attachment that was uploaded here; false where there is none. Given to several, each has
 *   its own.
 * - `holds` is true where all of an attachment is here, and was found to be what its value says.
 * - `wanted` answers attachments that values in this vault name and that are not here yet, after one, at the most `limit`.
 * - `sweep` removes uploads from before a time that were not completed, or given to no transaction, and what belongs to a
 *   transaction that came to nothing.
 */
import type { Digest } from '../bytes/digest.ts';
import type { Attachment } from '../ledger/attachment.ts';

/** A file that is to come. */
export interface FileAhead {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly mediaType: string;
  readonly name?: string | undefined;
}

export type PutOutcome =
  | 'kept'
  | 'unknown-upload'
  | 'completed'
  /** How many bytes that part has; 0 where there is no such part. */
  | { readonly expected: number };

export type CompleteOutcome =
  | Attachment
  | 'unknown-upload'
  /** The parts are another file than was named: the upload is gone. */
  | 'other-file'
  | { readonly missing: readonly number[] };

/** Uploads that are begun and not completed, at the most. */
export const UPLOADS_MAX = 64;
/** So long an upload may take, and a file may wait for the call that names it. */
export const UPLOAD_MS = 24 * 3600 * 1000;

/** Bytes that are not those of the attachment. It repeats nothing of them. */
export class DamagedAttachment extends Error {}

/** An attachment of a transaction. */
export interface Attached {
  readonly transaction: Digest;
  readonly attachment: Attachment;
}

/** One that is not here, and since about when. */
export interface Wanted extends Attached {
  readonly since: number;
}

export interface AttachmentKeeper {
  /** Answers the upload's name; undefined where too many are under way. */
  begin(file: FileAhead, now: number): Promise<string | undefined>;
  put(upload: string, part: number, bytes: Uint8Array): Promise<PutOutcome>;
  complete(upload: string): Promise<CompleteOutcome>;
  attach(attached: Attached, now: number): Promise<boolean>;
  holds(attached: Attached): Promise<boolean>;
  /** A part as it is sealed, for another holder; undefined where it is not here. */
  sealedPart(attached: Attached, part: number): Promise<Uint8Array | undefined>;
  /** Opens a sealed part. Throws `DamagedAttachment`. */
  open(attachment: Attachment, part: number, sealed: Uint8Array): Uint8Array;
  wanted(range: { readonly after?: Attached; readonly limit: number }): Promise<readonly Wanted[]>;
  /** Parts of one that is wanted which did not come yet. */
  missing(attached: Attached): Promise<readonly number[]>;
  /** False where it is not wanted any more. */
  take(attached: Attached, part: number, sealed: Uint8Array): Promise<boolean>;
  /**
   * Once all parts came: `kept` where they are the attachment; `others` where they are not what was sealed, and have to come
   * again; `false` where what was sealed is not what the value says: it is wanted no more.
   */
  taken(attached: Attached, now: number): Promise<'kept' | 'others' | 'false'>;
  sweep(before: number): Promise<void>;
}
