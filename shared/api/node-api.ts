/**
 * What every handler of a node's API gets: the service behind it, the key directory and a log.
 */
import type { Context as HonoContext } from 'hono';
import { kindOf } from '../consensus/message.ts';
import type { Webhooks } from '../ports/webhooks.ts';
import type { LedgerService } from './ledger-service.ts';
import type { Meter } from './meter.ts';
import type { InRequest } from './request-id.ts';
import type { StoreDamage } from './store-faults.ts';
import type { ApiKeyDirectory, Tenant } from './tenant.ts';
import type { TokenIssuers, TokenVerifier } from './token-issuer.ts';
import type { UsageSource } from './usage.ts';
import type { VaultKeys } from './vault.ts';

/** Where faults go; pino's loggers fit. Never bodies, never keys. */
export interface ApiLog {
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface NodeApi {
  readonly service: LedgerService;
  readonly keys: ApiKeyDirectory;
  /** Checks issuers' tokens; without it API keys are all there is. */
  readonly tokens?: TokenVerifier;
  readonly issuers?: TokenIssuers;
  /** Where events are sent; without a vault there is no place for their secrets. */
  readonly webhooks?: Webhooks | undefined;
  /** Other keys for its vault, where they are no files. */
  readonly vaultKeys?: VaultKeys | undefined;
  readonly log?: ApiLog;
  /** Runs what serves a request, so that what it leads to knows of it. */
  readonly inRequest?: InRequest;
  /** Counts what tenants use and holds their limits; without it nothing is counted or limited. */
  readonly meter?: Meter;
  readonly usage?: UsageSource;
  /** What was found damaged in the node's store; undefined where nothing was. */
  readonly damage?: () => StoreDamage | undefined;
  /** A comment on an event stream that is quiet for this long keeps proxies from closing it. */
  readonly heartbeatMs?: number;
  /** Files of more bytes are read in ranges, for hosts that bound an answer. */
  readonly answerBytesMax?: number;
  /** Event streams end after this long, for hosts that bound a request; clients resume. */
  readonly streamMsMax?: number;
}

export interface ApiEnv {
  Variables: {
    tenant: Tenant | undefined;
    requestId: string;
  };
}

export type ApiContext = HonoContext<ApiEnv>;

/** The path of everything that belongs to one consortium. */
export const consortiumPath = (consortium: string): string => `/v1/consortia/${consortium}`;

/** The path at a gateway under which the `/peer` of a member's node is, for nodes elsewhere. */
export const peerDoor = (consortium: string, member: string): string =>
  `${consortiumPath(consortium)}/nodes/${member}`;

/** Where the messages of other nodes go, under a node's endpoint. */
export const PEER_PATHS = ['/peer', '/peer/tidings'] as const;

const DRIVING: readonly string[] = [
  ...['tidings', 'values', 'read-values', 'fetch-values', 'attachment', 'endorse'],
  ...['vault-entries', 'vault-part'],
];

/**
 * Whether a message may lead to a drive, or brings values to the vault: a node that is several functions takes it by a
 * door of its own, so that it takes no place that votes need, and what votes opens no vault.
 */
export const mayDrive = (message: Uint8Array): boolean => DRIVING.includes(kindOf(message) ?? '');

/** Where a message goes. */
export const peerPath = (message: Uint8Array): (typeof PEER_PATHS)[number] =>
  PEER_PATHS[mayDrive(message) ? 1 : 0];

/** RFC 3339 in UTC with milliseconds. */
export const timeText = (milliseconds: number): string => new Date(milliseconds).toISOString();
