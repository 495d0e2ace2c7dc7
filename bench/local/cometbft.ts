/**
 * Four validators of CometBFT on this machine with its own example application, which keeps what is before and after a "=":
 * nobody signs, and nothing is checked or executed. Tuned for throughput and for waiting clients, as far as its settings go.
 */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getJson } from './consortium.ts';
import { closedLoop, type LoopFigures, send } from './load.ts';

export interface CometBft {
  readonly urls: readonly string[];
  readonly pids: readonly number[];
  stop(): void;
}

/** What differs from the settings that `cometbft testnet` writes, the same for each node. */
const TUNED = {
  proxy_app: '"kvstore"',
  log_level: '"error"',
  indexer: '"null"',
  // A block follows as soon as the last one is decided, where there is something to put into it.
  timeout_commit: '"0s"',
  skip_timeout_commit: 'true',
  create_empty_blocks: 'false',
  // Messages and transactions wait for nothing.
  peer_gossip_sleep_duration: '"5ms"',
  flush_throttle_timeout: '"5ms"',
  send_rate: '512000000',
  recv_rate: '512000000',
  recheck: 'false',
  size: '20000',
  cache_size: '100000',
  // As many clients as wait.
  max_open_connections: '5000',
  max_subscription_clients: '5000',
  timeout_broadcast_tx_commit: '"60s"',
};
const START_MS = 30_000;

/** Starts so many validators; RPC of node i listens on `port` + 10 i + 1. */
export async function startCometBft(
  binary: string,
  nodes: number,
  port: number,
): Promise<CometBft> {
  const root = mkdtempSync(path.join(tmpdir(), 'fuqi-bench-cometbft-'));
  const options = ['--v', String(nodes), '--o', root, '--populate-persistent-peers=false'];
  execFileSync(binary, ['testnet', ...options], { stdio: 'ignore' });
  const homes = Array.from({ length: nodes }, (_, index) => path.join(root, `node${index}`));
  const address = (index: number, more: number) => `127.0.0.1:${port + 10 * index + more}`;
  const peers = homes.map((home, index) => {
    const id = execFileSync(binary, ['show-node-id', '--home', home], { encoding: 'utf8' }).trim();
    return `${id}@${address(index, 0)}`;
  });
  for (const [index, home] of homes.entries()) {
    const file = path.join(home, 'config/config.toml');
    let text = readFileSync(file, 'utf8')
      .replace('tcp://0.0.0.0:26656', `tcp://${address(index, 0)}`)
      .replace('tcp://127.0.0.1:26657', `tcp://${address(index, 1)}`)
      .replace(/^persistent_peers = .*/m, `persistent_peers = "${peers}"`);
    // The first of a name: there are others in sections that are not in use.
    for (const [name, value] of Object.entries(TUNED)) {
      text = text.replace(new RegExp(`^${name} = .*`, 'm'), `${name} = ${value}`);
    }
    writeFileSync(file, text);
  }
  const processes = homes.map((home) =>
    spawn(binary, ['start', '--home', home], { stdio: 'ignore' }),
  );
  const urls = homes.map((_, index) => `http://${address(index, 1)}`);
  const stop = (): void => {
    // At once, stopped or not: nothing of it is kept.
    for (const one of processes) one.kill('SIGKILL');
    rmSync(root, { recursive: true, force: true });
  };
  const until = Date.now() + START_MS;
  while (!(await isReady(urls, nodes))) {
    if (Date.now() > until) {
      stop();
      throw new Error(`CometBFT does not answer within ${START_MS / 1000} s`);
    }
    await sleep(200);
  }
  return { urls, pids: processes.map(({ pid }) => pid!), stop };
}

/** Whether all answer, and are connected to each other. */
async function isReady(urls: readonly string[], nodes: number): Promise<boolean> {
  try {
    const infos = await Promise.all(urls.map((url) => getJson({ url }, '/net_info')));
    return infos.every(({ result }) => Number(result.n_peers) === nodes - 1);
  } catch {
    return false;
  }
}

/** Commits `total` transactions of `bytes` by `count` clients, each of which waits for the block that holds its own. */
export function loadCometBft(
  { urls }: CometBft,
  count: number,
  total: number,
  bytes: number,
): Promise<LoopFigures> {
  const label = randomBytes(6).toString('hex');
  const urlOf = (index: number): string => urls[index % urls.length]!;
  return closedLoop(count, total, urlOf, async (connection, _, number) => {
    const tx = Buffer.from(`${label}-${number}=`.padEnd(bytes, 'x')).toString('base64');
    const call = { jsonrpc: '2.0', id: number, method: 'broadcast_tx_commit', params: { tx } };
    const sent = performance.now();
    const headers = { 'content-type': 'application/json' };
    const request = { path: '/', method: 'POST', headers, body: JSON.stringify(call) } as const;
    const { text } = await send(connection, request);
    const { result } = JSON.parse(text);
    if (!(Number(result?.height) > 0 && result.tx_result.code === 0)) {
      throw new Error(`CometBFT answered ${text.slice(0, 300)}`);
    }
    return sent;
  });
}
