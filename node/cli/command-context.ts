/** What every command knows: where things are, whom to call, and how to show what came of it. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { loadJson } from '../config.ts';
import type { Target } from '../gateway-call.ts';
import {
  KeyRingSchema,
  type LocalConsortium,
  LocalConsortiumSchema,
  type LocalLayout,
  localLayout,
} from '../local-layout.ts';
import { PACKAGE } from '../program.ts';
import { UserError } from '../user-error.ts';

export interface GlobalOptions {
  readonly json?: boolean;
  readonly url?: string;
  readonly key?: string;
  readonly as?: string;
  readonly consortium: string;
  readonly home: string;
}

/** Options of all commands: given anywhere on the line, they win over defaults. */
export function globalOptions(command: Command): GlobalOptions {
  const merged: Record<string, unknown> = command.optsWithGlobals();
  for (let at: Command | null = command; at; at = at.parent) {
    for (const [name, value] of Object.entries(at.opts())) {
      if (at.getOptionValueSource(name) === 'cli') merged[name] = value;
    }
  }
  return merged as unknown as GlobalOptions;
}

/** The files of the local consortium that the options name. A name must not lead out of its folder. */
export function layoutOf({ home, consortium }: GlobalOptions): LocalLayout {
  if (LocalConsortiumSchema.shape.name.safeParse(consortium).success)
    return localLayout(path.resolve(home), consortium);
  throw new UserError(
    `--consortium takes a name of lower-case letters, digits and dashes, not "${consortium}".`,
  );
}

/** The key ring of the local consortium; undefined where none is on this machine. */
export function keyRingOf(options: GlobalOptions) {
  const { keyRing } = layoutOf(options);
  return existsSync(keyRing) ? loadJson(keyRing, KeyRingSchema, 'key ring') : undefined;
}

/** The gateway to call, and with which API key: options, then the environment, then this machine's demo. */
export function targetOf(options: GlobalOptions): Target {
  const ring = options.url === undefined && !process.env.FUQI_URL ? keyRingOf(options) : undefined;
  const url = options.url ?? (process.env.FUQI_URL || ring?.url) ?? 'http://127.0.0.1:8080';
  const key = options.key ?? (process.env.FUQI_API_KEY || undefined) ?? keyAs(options);
  return { url, consortium: options.consortium, key };
}

function keyAs(options: GlobalOptions): string | undefined {
  if (options.as === undefined) return undefined;
  const keys = keyRingOf(options)?.keys ?? {};
  const key = keys[options.as];
  if (key) return key;
  throw new UserError(
    `There is no key for ${options.as} here; there are: ${Object.keys(keys).join(', ')}.`,
  );
}

/** The description of a local consortium: the one that it was made from, or the demo's. */
export function descriptionOf(options: GlobalOptions): LocalConsortium {
  const { description } = layoutOf(options);
  const demo = path.join(PACKAGE, 'examples/consortia/demo.json');
  const file = existsSync(description) ? description : demo;
  const loaded = loadJson(file, LocalConsortiumSchema, 'description of the consortium');
  return { ...loaded, name: options.consortium };
}

/** Prints the one JSON document of `--json`, or the readable text. */
export function show(options: GlobalOptions, json: unknown, text: string): void {
  process.stdout.write(options.json ? `${JSON.stringify(json)}\n` : `${text}\n`);
}

/** Progress for people: on standard error, and not with `--json`. */
export const say = (options: GlobalOptions, text: string): void => {
  if (!options.json) process.stderr.write(`${text}\n`);
};

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Resolves on the first signal to stop (SIGHUP: the terminal was closed). A second one ends the
 * process at once, but not where it is `patient`: then what it started would stay behind.
 */
export const untilStopped = ({ patient }: { readonly patient: boolean }): Promise<void> =>
  new Promise((resolve) => {
    // Signals alone don't keep a process alive.
    const alive = setInterval(() => {}, 60_000);
    const stop = (): void => {
      clearInterval(alive);
      if (!patient) for (const name of STOP_SIGNALS) process.off(name, stop);
      resolve();
    };
    for (const name of STOP_SIGNALS) process.on(name, stop);
  });
