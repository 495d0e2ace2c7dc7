/**
 * Where a node keeps sealed attachments: parts of bytes that only values in the vault open. They are large: elsewhere than in
 * a table where such a table has small entries.
 *
 * The law:
 * - When `put` resolves, the part is durable. A part that is put again holds what was put last.
 * - `get` answers what was put last, or undefined; `has`, whether there is anything.
 * - When `remove` resolves, the first `parts` parts of the name are gone. Removing absent ones succeeds.
 * - Names are 32 or 64 hex digits and tell nothing.
 */
export interface AttachmentStore {
  put(name: string, part: number, bytes: Uint8Array): Promise<void>;
  get(name: string, part: number): Promise<Uint8Array | undefined>;
  has(name: string, part: number): Promise<boolean>;
  remove(name: string, parts: number): Promise<void>;
}

const NAME = /^[0-9a-f]{32}([0-9a-f]{32})?$/;
/** Of the largest attachment, and room. */
const PARTS_MAX = 64;

/** The name of a part in a store whose entries have one name each. Throws where a name or a number breaks the law. */
export function partName(name: string, part: number): string {
  if (!NAME.test(name)) throw new Error('a name of no attachment');
  if (!Number.isSafeInteger(part) || part < 0 || part >= PARTS_MAX) {
    throw new Error(`part ${part} of an attachment`);
  }
  return `${name}/${String(part).padStart(2, '0')}`;
}
