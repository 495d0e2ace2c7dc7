/** The invariants of docs/protocol.md §7, asserted while a simulation runs. */
import assert from 'node:assert/strict';
import { ZERO_DIGEST } from '../../shared/bytes/digest.ts';
import { toHex } from '../../shared/bytes/text.ts';
import { decodeRecord } from '../../shared/consensus/record.ts';
import { emptyRecord, type SafetyRecord } from '../../shared/consensus/safety.ts';
import { blockId } from '../../shared/ledger/block.ts';
import { type Statement, statementDigest } from '../../shared/ledger/certificate.ts';
import type { Replica } from '../../shared/replica/replica.ts';
import type { Watch } from './faulty-ports.ts';

/** What has to hold over all nodes that follow the rules. */
export class Invariants {
  readonly #ids = new Map<number, string>();
  readonly #final = new Map<number, { stateRoot: string; time: number }>();

  /** I1, I5: no two final blocks of one height, one state root a height; block time is bounded. */
  committed(replica: Replica, latest: number): void {
    const { header, id } = replica.head;
    const { stateRoot, time } = header;
    const height = header.height!;
    assert.equal(replica.head.tree.hash, stateRoot, `I5: another state than block ${height} says`);
    assert.equal(blockId(header), id, `I5: another header than block ${height} has`);
    this.#noteFinal(height, id);
    // A head may move by several blocks at once.
    this.#noteFinal(height - 1, header.parent);
    const known = this.#final.get(height) ?? { stateRoot, time };
    this.#final.set(height, known);
    assert.equal(stateRoot, known.stateRoot, `I5: two state roots at height ${height}`);
    assert.ok(time <= latest, `a final block’s time is ${time - latest} ms too late`);
    const parentTime = this.#final.get(height - 1)?.time ?? 0;
    assert.ok(time >= parentTime, 'a final block’s time is before its parent’s');
  }

  #noteFinal(height: number, id: string): void {
    const known = this.#ids.get(height) ?? id;
    this.#ids.set(height, known);
    assert.equal(id, known, `I1: two final blocks at height ${height}`);
  }
}

const RECORDS_KEPT = 30;

/** What has to hold for one node over all its lives. */
export class NodeWatch implements Watch {
  readonly #label: string;
  readonly #failed: (error: Error) => void;
  #record: SafetyRecord | undefined;
  /** The records of late, the newest last; a new store's says that nothing was signed. */
  readonly #records: SafetyRecord[] = [emptyRecord('', 1, ZERO_DIGEST)];
  /** Statements that were durable once, by digest. */
  readonly #durable = new Set<string>();
  readonly #votes = new Map<string, string>();
  readonly #timedOut = new Map<number, number>();
  #onceSigned = (): void => {};
  readonly #isAttestation: (digest: Uint8Array, record: SafetyRecord) => boolean;

  constructor(
    label: string,
    failed: (error: Error) => void,
    isAttestation: (digest: Uint8Array, record: SafetyRecord) => boolean,
  ) {
    this.#label = label;
    this.#failed = failed;
    this.#isAttestation = isAttestation;
  }

  /** Calls when this node signs the next time. */
  onceSigned(call: () => void): void {
    this.#onceSigned = call;
  }

  /** The highest round that this node voted in, over all epochs. */
  get rounds(): number {
    return this.#votes.size;
  }

  /** I3: nothing in a stored safety record lowers, by (epoch, round). */
  saved(bytes: Uint8Array): void {
    this.#check(() => {
      const next = decodeRecord(bytes);
      const before = this.#record;
      this.#record = next;
      this.#records.push(next);
      if (this.#records.length > RECORDS_KEPT) this.#records.shift();
      if (next.statement) this.#stated(next.statement);
      if (!before) return;
      assert.ok(next.epoch >= before.epoch, 'I3: the epoch lowered');
      if (next.epoch > before.epoch) return;
      assert.ok(next.votedRound >= before.votedRound, 'I3: votedRound lowered');
      assert.ok(next.highQc.round >= before.highQc.round, 'I3: the highest QC lowered');
      const [tc, tcBefore] = [next.highTc?.round ?? 0, before.highTc?.round ?? 0];
      assert.ok(tc >= tcBefore, 'I3: the highest TC lowered');
    });
  }

  /** I4: a signature exists only for a statement that is durable; an attestation says what is. */
  signed(digest: Uint8Array): void {
    const next = this.#onceSigned;
    this.#onceSigned = () => {};
    next();
    this.#check(() => {
      if (this.#durable.has(toHex(digest))) return;
      assert.ok(
        // The record may have moved on while the signer worked.
        this.#records.some((record) => this.#isAttestation(digest, record)),
        'I4: a signature for no durable statement',
      );
    });
  }

  /** The store is an older copy now: the record may lower, but what was signed binds on. */
  restored(): void {
    this.#record = undefined;
  }

  /** I2: at the most one vote a round, and none at or below a round that was timed out. */
  #stated(statement: Statement): void {
    const digest = toHex(statementDigest(statement));
    if (this.#durable.has(digest)) return;
    this.#durable.add(digest);
    const { epoch, round } = statement;
    const timedOut = this.#timedOut.get(epoch) ?? 0;
    if (statement.kind === 'timeout') {
      assert.ok(round > timedOut, `I2: two timeouts of epoch ${epoch}, round ${round}`);
      this.#timedOut.set(epoch, round);
      return;
    }
    const place = `epoch ${epoch}, round ${round}`;
    const vote = this.#votes.get(place) ?? statement.block;
    this.#votes.set(place, vote);
    assert.equal(vote, statement.block, `I2: two votes of ${place}`);
    assert.ok(round > timedOut, `I2: a vote of ${place}, timed out up to ${timedOut}`);
  }

  #check(assertion: () => void): void {
    try {
      assertion();
    } catch (error) {
      this.#failed(new Error(`${this.#label}: ${(error as Error).message}`));
    }
  }
}
