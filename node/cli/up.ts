/** `fuqi up`, `fuqi down`, `fuqi status`: the consortium on this machine. */
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { GenesisSchema } from '../../shared/ledger/genesis.ts';
import { contracts } from '../../workloads/catalog.ts';
import { loadJson } from '../config.ts';
import { call } from '../gateway-call.ts';
import { DEFAULT_PORT, type LocalLayout } from '../local-layout.ts';
import { type LocalProcess, running, startProcesses, stopProcesses } from '../local-processes.ts';
import { provision } from '../local-provision.ts';
import { setUpInvoicing } from '../local-setup.ts';
import { UserError } from '../user-error.ts';
import {
  descriptionOf,
  type GlobalOptions,
  globalOptions,
  keyRingOf,
  layoutOf,
  say,
  show,
  targetOf,
} from './command-context.ts';

/** Provisions where needed, starts all processes and does the demo's set-up. */
export async function bringUp(options: GlobalOptions, port: number): Promise<LocalProcess[]> {
  const description = descriptionOf(options);
  const isNew = !existsSync(layoutOf(options).genesis);
  if (isNew)
    say(options, `Making the consortium ${description.name}: keys, genesis, configurations.`);
  const layout = provision(path.resolve(options.home), description, port);
  warnOfOtherCode(options, layout.genesis);
  const processes = await startProcesses(layout, description, ({ name, url, pid }) =>
    say(options, `  ${name.padEnd(18)} ${url}  (process ${pid})`),
  );
  const ring = keyRingOf(options)!;
  const target = { url: ring.url, consortium: description.name, key: undefined };
  try {
    await setUpInvoicing(target, description, ring.keys);
  } catch (error) {
    await stopProcesses(layout);
    throw error;
  }
  return processes;
}

/** A consortium that was made with other contract code than this build's can't run those contracts here. */
function warnOfOtherCode(options: GlobalOptions, genesisFile: string): void {
  const genesis = loadJson(genesisFile, GenesisSchema, 'genesis document');
  const missing = genesis.contracts.filter(
    ({ name, version, codeHash }) => !contracts.find(name, version, codeHash),
  );
  if (missing.length === 0) return;
  const names = missing.map(({ name, version }) => `${name} ${version}`).join(', ');
  say(
    options,
    `This consortium began with other code of ${names} than this build has. Unless its members ` +
      'activated the new code since, begin anew: npx fuqi down --wipe',
  );
}

/** Removes a consortium's folder, and never one that holds anything else. */
function wipeFolder({ folder, genesis, description }: LocalLayout): void {
  if (!existsSync(folder)) return;
  if (!existsSync(genesis) && !existsSync(description)) {
    throw new UserError(`The folder ${folder} holds no consortium, so it is left alone.`);
  }
  rmSync(folder, { recursive: true });
}

/** Reads a port number of the command line. */
export function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_000) return port;
  throw new UserError(`--port takes a number from 1 to 64999, not "${text}".`);
}

export function registerUp(program: Command): void {
  program
    .command('up')
    .description('start the consortium on this machine, in the background')
    .option(
      '--port <number>',
      'the gateway’s port; the nodes take those after it',
      String(DEFAULT_PORT),
    )
    .action(async ({ port }: { port: string }, command: Command) => {
      const options = globalOptions(command);
      const processes = await bringUp(options, portOf(port));
      const ring = keyRingOf(options)!;
      show(
        options,
        { url: ring.url, docs: `${ring.url}/docs`, keys: layoutOf(options).keyRing, processes },
        `API   ${ring.url}\ndocs  ${ring.url}/docs\nkeys  ${layoutOf(options).keyRing}`,
      );
    });
  program
    .command('down')
    .description('stop the consortium on this machine')
    .option('--wipe', 'remove its data and keys too')
    .action(async ({ wipe }: { wipe?: boolean }, command: Command) => {
      const options = globalOptions(command);
      const layout = layoutOf(options);
      const stopped = await stopProcesses(layout);
      if (wipe) wipeFolder(layout);
      const text = `Stopped ${stopped} processes${wipe ? ' and removed all data' : ''}.`;
      show(options, { stopped, wiped: wipe === true }, text);
    });
  program
    .command('status')
    .description('members, heads, validators and lag')
    .action(async (_: object, command: Command) => {
      const options = globalOptions(command);
      const target = targetOf(options);
      const health = (await call(target, '/healthz', { root: true })) as Health;
      if (health.status === 'down') {
        const count = running(layoutOf(options)).length;
        throw new UserError(`No node answers (${count} processes run here).`);
      }
      const consortium = (await call(target, '')) as ConsortiumJson;
      show(options, { ...health, ...consortium }, statusText(health, consortium));
    });
}

interface Health {
  readonly status: string;
  readonly nodes: readonly {
    readonly member: string;
    readonly status: string;
    readonly reason?: string;
    readonly height?: number;
    readonly lag?: number;
    readonly state?: string;
    readonly pending?: number;
  }[];
}

interface ConsortiumJson {
  readonly consortium: string;
  readonly ledger: string;
  readonly epoch: number;
  readonly validators: readonly string[];
  readonly members: readonly {
    readonly id: string;
    readonly name: string;
    readonly hosting: string;
  }[];
  readonly head: { readonly height: number; readonly id: string; readonly time: string };
}

function statusText(
  health: Health,
  { consortium, ledger, epoch, validators, members, head }: ConsortiumJson,
): string {
  const rows = members.map(({ id, name, hosting }) => {
    const node = health.nodes.find(({ member }) => member === id);
    const up = node?.status === 'ok';
    const where = up
      ? `height ${node.height}, lag ${node.lag}, ${node.state}, ${node.pending} pending`
      : [node?.status ?? 'down', node?.reason].filter((part) => part !== undefined).join(': ');
    const vote = validators.includes(id) ? 'validator' : 'observer';
    return `  ${id.padEnd(18)} ${vote.padEnd(10)} ${hosting.padEnd(12)} ${where.padEnd(44)} ${name}`;
  });
  return [
    `${consortium}: ${health.status}, epoch ${epoch}, ledger ${ledger}`,
    `head ${head.height} at ${head.time} (${head.id})`,
    ...rows,
  ].join('\n');
}
