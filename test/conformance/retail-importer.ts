/** `fuqi import invoices` as a user runs it, killed and interrupted now and then, and run again until it is done. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { CLI } from '../support/fuqi.ts';

export interface Report {
  readonly read: number;
  readonly refused: number;
  readonly totalMinor: Readonly<Record<string, number>>;
  readonly refusedMinor: Readonly<Record<string, number>>;
}

/** How the runs of one import ended, in their order: an exit code or a signal. */
export type Ends = readonly (number | string)[];

/** Runs in a row that may end by themselves without success. */
const FAILURES_MAX = 5;

export class Importer {
  readonly #args: readonly string[];
  readonly #progress: string;
  #child: ChildProcess | undefined;
  #said = '';
  readonly #ends: (number | string)[] = [];
  #isDone = false;
  #isClosed = false;

  constructor(file: string, home: string, concurrency: number) {
    const flow = ['--mapping', 'online-retail', '--flow', 'issue'];
    const how = ['--concurrency', `${concurrency}`, '--home', home, '--json'];
    this.#args = ['import', 'invoices', file, ...flow, ...how];
    this.#progress = `${file}.progress.json`;
  }

  get ends(): Ends {
    return this.#ends;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Documents that are done for good, as the importer itself has written down. */
  get done(): number {
    if (!existsSync(this.#progress)) return 0;
    try {
      return (JSON.parse(readFileSync(this.#progress, 'utf8')) as { done: number }).done;
    } catch {
      // It is being replaced.
      return 0;
    }
  }

  /** Runs it until it ends with success; answers its last report. */
  async run(): Promise<Report> {
    for (let failures = 0; failures < FAILURES_MAX && !this.#isClosed; ) {
      const { code, signal, stdout } = await this.#runOnce();
      this.#ends.push(signal ?? code!);
      if (code === 0) {
        this.#isDone = true;
        return JSON.parse(stdout) as Report;
      }
      if (signal === null && code !== 130) failures++;
    }
    throw new Error(`the import ended without success (${this.#ends.join(', ')}): ${this.#said}`);
  }

  /** Sends a signal to the run under way. */
  signal(name: 'SIGKILL' | 'SIGINT'): void {
    this.#child!.kill(name);
  }

  /** Ends it for good. */
  close(): void {
    this.#isClosed = true;
    this.#child?.kill('SIGKILL');
  }

  async #runOnce() {
    const child = spawn(process.execPath, [CLI, ...this.#args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#said = '';
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      this.#said += chunk;
    });
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    return { code, signal, stdout };
  }
}
