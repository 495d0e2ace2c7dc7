/** Four real nodes in one process with their APIs and API keys, as handlers of web-standard requests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createApiKey, openApiKeys } from '../../node/api-keys.ts';
import { nodeApp } from '../../shared/api/app.ts';
import type { NodeApi } from '../../shared/api/node-api.ts';
import type { Catalog } from '../../shared/contract/catalog.ts';
import { LocalNetwork, type NetworkOptions, type TestIdentity } from './local-network.ts';

export const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
export const BASE = '/v1/consortia/demo';

export interface NodeApis {
  readonly network: LocalNetwork;
  readonly keyFile: string;
  /** API keys by `member/identity`. */
  readonly keys: ReadonlyMap<string, string>;
  app(member: string, options?: Partial<NodeApi>): ReturnType<typeof nodeApp>;
  close(): void;
}

/** Opens the network; `keyed` names the identities that get an API key. */
export async function openNodeApis(
  catalog: Catalog,
  identities: readonly TestIdentity[],
  keyed: readonly string[],
  replica: NonNullable<NetworkOptions['replica']> = {},
  vaults = false,
): Promise<NodeApis> {
  const network = await LocalNetwork.open({
    members: MEMBERS,
    catalog,
    identities,
    replica,
    vaults,
  });
  const folder = mkdtempSync(path.join(tmpdir(), 'fuqi-api-'));
  const keyFile = path.join(folder, 'keys.json');
  const keys = new Map(
    keyed.map((name) => {
      const [member, identity] = name.split('/') as [string, string];
      return [name, createApiKey(keyFile, { member, identity, now: new Date() })];
    }),
  );
  return {
    network,
    keyFile,
    keys,
    app: (member, options = {}) =>
      nodeApp({ service: network.service(member), keys: openApiKeys([keyFile]), ...options }),
    close() {
      network.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The body as JSON, for assertions. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape.
export const json = async (response: Response): Promise<any> => response.json();
