/** The processes of a consortium on one machine: starting, waiting until they serve, stopping. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { GatewayConfigSchema, loadJson, NodeConfigSchema } from './config.ts';
import type { LocalConsortium, LocalLayout } from './local-layout.ts';
import { ALLOCATOR_ENVIRONMENT, HEAP_FLAGS } from './process-memory.ts';
import { PROGRAM } from './program.ts';
import { UserError } from './user-error.ts';

const ProcessesSchema = z.array(
  z.strictObject({
    name: z.string(),
    pid: z.int(),
    url: z.string(),
    log: z.string(),
    config: z.string(),
  }),
);
export type LocalProcess = z.infer<typeof ProcessesSchema>[number];

const START_MS = 30_000;
const STOP_MS = 10_000;
const POLL_MS = 50;

/** The processes that were started and still run. */
export function running(layout: LocalLayout): LocalProcess[] {
  if (!existsSync(layout.processes)) return [];
  return loadJson(layout.processes, ProcessesSchema, 'list of processes').filter(isOurs);
}

/**
 * Starts the nodes and the gateway and waits until all serve; on failure nothing stays behind. They run the
 * program that runs here unless told.
 */
export async function startProcesses(
  layout: LocalLayout,
  description: LocalConsortium,
  onReady: (process: LocalProcess) => void = () => {},
  program = PROGRAM,
): Promise<LocalProcess[]> {
  const alive = running(layout);
  if (alive.length > 0) {
    throw new UserError(
      `The consortium ${description.name} is running already (process ${alive[0]!.pid}): ` +
        'use it, or stop it with "npx fuqi down".',
    );
  }
  const planned = plan(layout, description);
  for (const { url } of planned) await assertFree(new URL(url));
  const started = planned.map((one) => launch(one, program));
  const save = (): void => writeFileSync(layout.processes, `${JSON.stringify(started, null, 2)}\n`);
  save();
  try {
    await Promise.all(
      started.map(async (process) => {
        await untilServing(process);
        onReady(process);
      }),
    );
    return started;
  } catch (error) {
    await stopProcesses(layout);
    throw error;
  }
}

/** Starts one node again that is not running, and waits until it serves. */
export async function restartProcess(layout: LocalLayout, name: string): Promise<LocalProcess> {
  const list = loadJson(layout.processes, ProcessesSchema, 'list of processes');
  const index = list.findIndex((one) => one.name === name);
  if (index < 0) throw new UserError(`There is no process ${name} here.`);
  const started = launch(list[index]!, PROGRAM);
  list[index] = started;
  writeFileSync(layout.processes, `${JSON.stringify(list, null, 2)}\n`);
  await untilServing(started);
  return started;
}

/** Stops all that runs: asks first, then forces. Answers how many there were. */
export async function stopProcesses(layout: LocalLayout): Promise<number> {
  const alive = running(layout);
  for (const { pid } of alive) signal(pid, 'SIGTERM');
  const deadline = Date.now() + STOP_MS;
  while (alive.some(isOurs) && Date.now() < deadline) await sleep(POLL_MS);
  for (const process of alive.filter(isOurs)) signal(process.pid, 'SIGKILL');
  rmSync(layout.processes, { force: true });
  return alive.length;
}

type Planned = Omit<LocalProcess, 'pid'>;

function plan(layout: LocalLayout, { members }: LocalConsortium): Planned[] {
  const nodes = members.map(({ id }) => {
    const { config, log } = layout.member(id);
    const { listen } = loadJson(config, NodeConfigSchema, 'node configuration');
    return { name: id, url: `http://${listen.host}:${listen.port}`, log, config };
  });
  const { config, log } = layout.gateway;
  const { listen } = loadJson(config, GatewayConfigSchema, 'gateway configuration');
  return [...nodes, { name: 'gateway', url: `http://${listen.host}:${listen.port}`, log, config }];
}

function launch(planned: Planned, program: string): LocalProcess {
  const kind = planned.name === 'gateway' ? 'gateway' : 'node';
  const log = openSync(planned.log, 'a');
  // A session of its own: Ctrl-C reaches the command, which stops the nodes in order.
  const args = [...HEAP_FLAGS, program, kind, 'start', '--config', planned.config];
  const env = { ...ALLOCATOR_ENVIRONMENT, ...process.env };
  const child = spawn(process.execPath, args, { detached: true, env, stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref();
  if (child.pid === undefined)
    throw new UserError(`The process of ${planned.name} can't be started.`);
  const { name, url, log: logFile, config } = planned;
  return { name, url, log: logFile, config, pid: child.pid };
}

async function untilServing(process: LocalProcess): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    if (await isServing(process.url)) return;
    const dead = !isOurs(process);
    if (dead || Date.now() > deadline) {
      const why = dead ? 'ended' : `does not serve after ${START_MS / 1000} s`;
      throw new UserError(`The process of ${process.name} ${why}. ${lastWords(process.log)}`);
    }
    await sleep(POLL_MS);
  }
}

async function isServing(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false;
  }
}

/** The last lines of a log: the sentence that a process said before it ended. */
function lastWords(log: string): string {
  const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  return `Its log ${log} ends:\n${lines.slice(-3).join('\n')}`;
}

async function assertFree({ hostname, port }: URL): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', () =>
      reject(
        new UserError(
          `Port ${port} on ${hostname} is in use: stop what uses it, or start with other ports ` +
            `(--port N takes N and those after it; an existing consortium keeps its ports until "fuqi down --wipe").`,
        ),
      ),
    );
    probe.listen(Number(port), hostname, () => probe.close(() => resolve()));
  });
}

/** Whether a process runs and is the one that was started here (its number may have been reused). */
function isOurs({ pid, config }: LocalProcess): boolean {
  if (!signal(pid, 0)) return false;
  const commandLine = `/proc/${pid}/cmdline`;
  if (!existsSync('/proc/self/cmdline')) return true;
  return existsSync(commandLine) && readFileSync(commandLine, 'utf8').includes(config);
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
