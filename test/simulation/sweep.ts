/**
 * Sweeps of seeds as tests, each in a process of its own: the hooks of a test runner make promises three
 * times as slow. A failure names its seed, and `npm run simulate` replays it.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

export interface Sweep {
  readonly replicas: number;
  readonly from: number;
  readonly seeds: number;
  /** Pending transactions that a node holds at the most, where that is few. */
  readonly mempool?: number;
}

/** The summary line of `npm run simulate`. */
interface Summary {
  readonly seeds: number;
  readonly commits: number;
  readonly acknowledged: number;
  readonly faults: Readonly<Record<string, number>>;
}

/** Defines one test a sweep. Half of the seeds run every input from durable state only. */
export function describeSweeps(sweeps: readonly Sweep[]): void {
  describe('a simulated network', () => {
    for (const sweep of sweeps) {
      const { replicas, from, seeds, mempool } = sweep;
      const where = mempool === undefined ? '' : ` where nodes hold ${mempool} transactions`;
      it(`of ${replicas} keeps every promise over ${seeds} seeds from ${from}${where}`, async () => {
        const summary = await simulateAll(sweep);
        assert.equal(summary.seeds, seeds);
        assert.ok(summary.acknowledged > seeds, 'the runs commit something even in bad times');
        assert.ok(summary.commits > 2 * seeds);
        if (replicas > 3) assert.ok(summary.faults.evidence! > 0, 'who signs twice is noticed');
      });
    }
  });
}

function simulateAll(sweep: Sweep): Promise<Summary> {
  const script = fileURLToPath(new URL('./simulate.ts', import.meta.url));
  const args = Object.entries(sweep).map(([name, value]) => `--${name}=${value}`);
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, ...args], (error, stdout, stderr) => {
      // The violations, each with the seed that replays it.
      if (error) reject(new Error(stderr || String(error)));
      else resolve(JSON.parse(stdout));
    });
  });
}
