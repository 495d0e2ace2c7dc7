/** Where what a node keeps begins, and the refusal of what lies before. */
import { decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import { list, natural } from '../bytes/cbor-shape.ts';
import { type Rejected, rejected } from '../ledger/rejection.ts';
import type { HeadStore } from '../ports/head-store.ts';

/** The lowest heights of what is kept; 0 for a node that has all since genesis. */
export interface Retained {
  /** Headers, finality proofs, and the state with its proofs. */
  readonly state: number;
  /** Bodies of blocks: transactions, results and events. */
  readonly bodies: number;
}

const ALL: Retained = { state: 0, bodies: 0 };

/** Reads the record. */
export async function readRetained(heads: HeadStore): Promise<Retained> {
  const read = await heads.read('retained');
  if (!read) return ALL;
  const [state, bodies] = list(decodeCbor(read.bytes), 2);
  return { state: natural(state), bodies: natural(bodies) };
}

/** Replaces the record, before anything is removed: nobody looks for what is being taken away. */
export async function writeRetained(heads: HeadStore, next: Retained): Promise<void> {
  const version = (await heads.read('retained'))?.version ?? 0;
  const bytes = encodeCbor([next.state, next.bodies]);
  if (!(await heads.swap('retained', version, { version: version + 1, bytes }))) {
    throw new Error('what is kept was changed by another invocation of this node');
  }
}

/** The refusal of a body or a state that this node does not keep (any more). */
export const notRetained = (what: string, got: number, from: number): Rejected =>
  rejected(
    'not-retained',
    `This node keeps ${what} from height ${from} on; ask another member’s node for earlier ones.`,
    { got, expected: from },
  );
