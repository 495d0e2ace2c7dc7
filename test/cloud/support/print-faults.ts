/** What a cloud's functions logged as faults: printed where a test of the file failed, since its folder goes. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach } from 'node:test';

const LINES_MAX = 60;
const LENGTH_MAX = 700;
const FAULT =
  /"level":"(WARN|ERROR|FATAL|CRITICAL)"|\] Lambda worker|Task timed out|Traceback|Unhandled/;

/** `folder` is that of `cloudUp`. */
export function printFaults(folder: string): void {
  let from = 0;
  const file = path.join(folder, 'emulator.log');
  afterEach((context) => {
    if (!existsSync(file)) return;
    const log = readFileSync(file, 'utf8');
    // The types don't have it yet.
    if (!(context as unknown as { passed: boolean }).passed) {
      const faults = log
        .slice(from)
        .split('\n')
        .filter((line) => FAULT.test(line));
      for (const line of faults.slice(-LINES_MAX)) console.error(line.slice(0, LENGTH_MAX));
    }
    from = log.length;
  });
}
