/** What clients, readers and subscribers saw during a run, and what was wrong with it. One clock: the run's own. */
import type { Digest } from '../../shared/bytes/digest.ts';
import type { Operation } from './linearizability.ts';
import type { Input, Output, Register } from './register-contract.ts';

/** Where an acknowledged transaction stands. */
export interface Place {
  readonly height: number;
  readonly index: number;
}

/** One call of a client, however often it had to be sent. */
export interface Call extends Operation<Input, Output> {
  /** Undefined where the node signed and never answered. */
  readonly id: Digest | undefined;
  readonly place?: Place;
  /** A node said that it will never be committed. */
  readonly expired: boolean;
  /** A node answered 202: it is held until it is committed, rejected or expired. */
  readonly accepted: boolean;
}

/** One read that a node answered by itself. */
export interface LocalRead {
  readonly client: string;
  readonly member: string;
  readonly key: string;
  readonly height: number;
  readonly register: Register;
  /** Not at a height that the client named. */
  readonly isAtHead: boolean;
  /** How often the node had lost its store when it was asked. */
  readonly losses: number;
}

/** What one stream gave: every event after a cursor, up to where it broke off. */
export interface Session {
  readonly after: string | undefined;
  /** The cursor to go on from. */
  readonly end: string | undefined;
  readonly types: readonly string[] | undefined;
  readonly events: readonly SeenEvent[];
}

export interface SeenEvent {
  readonly cursor: string;
  readonly id: string;
}

/** A block as a page showed it. */
export interface SeenBlock {
  readonly height: number;
  readonly id: Digest;
}

/** A fault and what was seen of it. */
export interface Action {
  readonly kind: string;
  readonly victims: readonly string[];
  readonly startedAt: number;
  /** When the fault was over, and when all nodes were level again. */
  readonly healedAt: number;
  readonly levelAt: number;
}

/** The record of a run. */
export class History {
  readonly calls: Call[] = [];
  readonly reads: LocalRead[] = [];
  /** Chains of sessions that resume where the one before ended, by subscriber. */
  readonly subscriptions = new Map<string, Session[]>();
  /** Sessions that began at some earlier cursor. */
  readonly replays: Session[] = [];
  readonly pages: SeenBlock[][] = [];
  readonly actions: Action[] = [];
  readonly violations: string[] = [];
  /** How often each member's node lost its store: it begins again from genesis. */
  readonly losses = new Map<string, number>();
  /** The member whose store is damaged just now: it may answer that it has a fault. */
  damaged: string | undefined;
  /** How often something else happened, by its name. */
  readonly counts: Record<string, number> = {};

  violation(text: string): void {
    // More of the same tell nothing new.
    if (this.violations.length < 200) this.violations.push(text);
  }

  count(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by;
  }

  /** Times of acknowledged results, in order. */
  commitTimes(): number[] {
    return this.calls
      .flatMap(({ place, returned }) => (place && returned ? [returned.at] : []))
      .sort((a, b) => a - b);
  }
}

/** Milliseconds of the run's one clock. */
export const clock = (): number => performance.now();

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));
