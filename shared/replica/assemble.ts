/** A replica as it is before its first input: what is durable is given, what is volatile is empty. */
import { currentRound } from '../consensus/safety.ts';
import { StatementBook } from '../consensus/statement-book.ts';
import { TimeoutTally } from '../consensus/tally.ts';
import { Mempool } from '../mempool/mempool.ts';
import { CommitPace } from './commit-pace.ts';
import { GenerationalCache } from './generational-cache.ts';
import { Lock } from './lock.ts';
import { nothingProven } from './proven.ts';
import { noRecovery } from './recover.ts';
import type { Replica, ReplicaOptions } from './replica.ts';
import { witness } from './witness.ts';

/** Transactions given up that are remembered, so that their status can be told. */
const EXPIRED_MAX = 20_000;

type Durables = Pick<
  Replica,
  | 'ledger'
  | 'record'
  | 'final'
  | 'retained'
  | 'headVersion'
  | 'snapshot'
  | 'head'
  | 'epoch'
  | 'epochStart'
>;

/** Builds the replica. */
export function assembleReplica(options: ReplicaOptions, durables: Durables): Replica {
  const { record, epoch } = durables;
  const replica: Replica = {
    ...options,
    ...durables,
    proven: nothingProven(),
    lock: new Lock(),
    mempool: new Mempool(options.mempoolLimits),
    stored: new Set(),
    waiters: new Map(),
    expired: new GenerationalCache(EXPIRED_MAX),
    commitListeners: new Set(),
    valueListeners: new Set(),
    durableRecord: record,
    pending: new Map(),
    timeouts: new TimeoutTally(epoch.set),
    book: new StatementBook(epoch.set, currentRound(record), (found) => witness(replica, found)),
    evidenceListeners: new Set(),
    erasureListeners: new Set(),
    rings: 0,
    toldAt: null,
    alarmAt: null,
    quietSince: 0,
    driving: null,
    driveAgain: false,
    lease: options.invocation === undefined ? null : { holder: options.invocation, until: 0 },
    advanceListeners: new Set(),
    ownTimeout: null,
    admitting: 0,
    msPerTransaction: 0.5,
    pace: new CommitPace(),
    proposalsUnderWay: new Map(),
    catchingUp: new Map(),
    deferCommits: false,
    syncing: null,
    pruning: false,
    outbox: new Set(),
    answering: new Set(),
    forwardingTo: null,
    background: new Set(),
    heights: new Map(),
    missing: new Set(),
    recovery: noRecovery(epoch.set.epoch),
    stopped: false,
  };
  return replica;
}
