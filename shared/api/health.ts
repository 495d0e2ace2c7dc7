/**
 * Where a node and its ledger stand: liveness, the consortium, why a ledger waits. Health is lag,
 * not that a process is up.
 */
import type { Context } from 'hono';
import type { ConsensusParameters } from '../ledger/limits.ts';
import { Rejected } from '../ledger/rejection.ts';
import type { ConsensusStatus } from './ledger-service.ts';
import { type ApiContext, type NodeApi, timeText } from './node-api.ts';

/** What a node says about itself at `GET /healthz`; the gateway reads it. */
export interface NodeHealth {
  /** `store-damaged`: something that is stored is not what was written; what is found so is not served. */
  readonly status: 'ok' | 'store-damaged';
  readonly member: string;
  readonly consortium: string;
  readonly ledger: string;
  readonly height: number;
  readonly headId: string;
  readonly headTime: string;
  readonly state: ConsensusStatus['state'];
  readonly epoch: number;
  readonly pending: number;
  /** What was found first, and when: for a damaged store. */
  readonly reason?: string;
  readonly since?: string;
}

/** `GET /healthz` of a node: open to all, and says nothing that a block doesn't. */
export async function getHealth(c: Context, { service, damage }: NodeApi): Promise<Response> {
  const { height, headId, headTime, state, epoch, pending } = await service.consensus();
  const damaged = damage?.();
  const health: NodeHealth = {
    status: damaged ? 'store-damaged' : 'ok',
    member: service.member,
    consortium: service.genesis.consortium,
    ledger: service.ledger,
    height,
    headId,
    headTime: timeText(headTime),
    state,
    epoch,
    pending,
    ...(damaged && { reason: damaged.reason, since: timeText(damaged.since) }),
  };
  return c.json(health, damaged ? 503 : 200, { 'cache-control': 'no-store' });
}

/** `GET …/consensus`: committing, idle, waiting and for whom, recovering from a restore, or unable to sign. */
export async function getConsensus(c: ApiContext, { service }: NodeApi): Promise<Response> {
  const { headTime, ...status } = await service.consensus();
  return c.json({ ...status, headTime: timeText(headTime) }, 200, { 'cache-control': 'no-store' });
}

/** `GET …`: members, validators, epoch, parameters and head of the consortium's ledger. */
export async function getConsortium(c: ApiContext, { service }: NodeApi): Promise<Response> {
  const [members, head, parameters, contracts] = await Promise.all([
    service.members(),
    service.head(),
    currentParameters(service),
    service.activeContracts(),
  ]);
  const { genesis } = service;
  return c.json({
    consortium: genesis.consortium,
    ledger: service.ledger,
    visibility: genesis.visibility,
    members,
    validators: members.filter(({ validator }) => validator).map(({ id }) => id),
    epoch: head.header.epoch,
    parameters,
    contracts: contracts.map(({ name, version, summary }) => ({ name, version, summary })),
    head: { height: head.header.height, id: head.id, time: timeText(head.header.time) },
    servedBy: service.member,
  });
}

/** `GET …/genesis`: the document whose digest names the ledger. */
export const getGenesis = (c: ApiContext, { service }: NodeApi): Response =>
  c.json(service.genesis, 200, { 'cache-control': 'public, max-age=3600' });

async function currentParameters(service: NodeApi['service']): Promise<ConsensusParameters> {
  const stored = await service.state('governance/parameters/current', undefined, false);
  if (stored instanceof Rejected || stored.value === undefined) return service.genesis.parameters;
  return stored.value as unknown as ConsensusParameters;
}
