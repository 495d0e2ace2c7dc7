/** The invariants of docs/protocol.md §7, asserted while a simulation runs. */
import assert from 'node:assert/strict';
import { toHex } from '../../shared/bytes/text.ts';
import { decodeRecord } from '../../shared/consensus/record.ts';
import type { SafetyRecord } from '../../shared/consensus/safety.ts';
import { statementDigest } from '../../shared/ledger/certificate.ts';
import type { Replica } from '../../shared/replica/replica.ts';

export class Invariants {
  readonly #blocks = new Map<number, string>();
  readonly #roots = new Map<number, string>();
  readonly #records = new Map<string, SafetyRecord>();
  readonly #votes = new Map<string, string>();
  readonly #timeouts = new Map<string, number>();

  /** I1, I5: no two final blocks of one height, and one state root a height. */
  committed(replica: Replica): void {
    const { header, id } = replica.head;
    const height = header.height!;
    assert.equal(this.#blocks.get(height) ?? id, id, `I1: two final blocks at height ${height}`);
    this.#blocks.set(height, id);
    const root = this.#roots.get(height) ?? header.stateRoot;
    assert.equal(root, header.stateRoot, `I5: two state roots at height ${height}`);
    this.#roots.set(height, root);
  }

  /** I3: nothing in a stored safety record lowers, by (epoch, round). */
  saved(member: string, bytes: Uint8Array): void {
    const next = decodeRecord(bytes);
    const before = this.#records.get(member);
    this.#records.set(member, next);
    if (!before) return;
    assert.ok(next.epoch >= before.epoch, 'I3: the epoch lowered');
    if (next.epoch > before.epoch) return;
    assert.ok(next.votedRound >= before.votedRound, 'I3: votedRound lowered');
    assert.ok(next.highQc.round >= before.highQc.round, 'I3: the highest QC lowered');
    assert.ok(
      (next.highTc?.round ?? 0) >= (before.highTc?.round ?? 0),
      'I3: the highest TC lowered',
    );
  }

  /** I2, I4: what is signed is the statement of the stored record; one vote a round, none timed out. */
  signed(member: string, digest: Uint8Array): void {
    const statement = this.#records.get(member)?.statement;
    assert.ok(statement, 'I4: a signature without a record');
    const expected = toHex(statementDigest(statement));
    assert.equal(
      toHex(digest),
      expected,
      'I4: a signature for another statement than the stored one',
    );
    const epoch = `${member} ${statement.epoch}`;
    if (statement.kind === 'timeout') {
      this.#timeouts.set(epoch, Math.max(statement.round, this.#timeouts.get(epoch) ?? 0));
      return;
    }
    const round = `${epoch} ${statement.round}`;
    const vote = this.#votes.get(round) ?? statement.block;
    assert.equal(vote, statement.block, `I2: two votes of ${round}`);
    const isNew = !this.#votes.has(round);
    this.#votes.set(round, statement.block);
    if (isNew) {
      const timedOut = this.#timeouts.get(epoch) ?? 0;
      assert.ok(statement.round > timedOut, `I2: a vote of ${round}, timed out up to ${timedOut}`);
    }
  }
}
