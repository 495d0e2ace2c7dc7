/**
 * The importer's progress bar on standard error; nothing where that is no terminal.
 */
import { Presets, SingleBar } from 'cli-progress';
import type { ImportOptions } from './import-invoices.ts';

/** A bar for `ImportOptions.onProgress`; `stop` leaves the terminal as it was. */
export function progressBar(stream: NodeJS.WriteStream = process.stderr): {
  readonly onProgress: NonNullable<ImportOptions['onProgress']>;
  stop(): void;
} {
  if (!stream.isTTY) return { onProgress: () => {}, stop: () => {} };
  const format = '{phase} [{bar}] {percentage} % | {duration_formatted}';
  const bar = new SingleBar({ format, stream, hideCursor: true }, Presets.shades_classic);
  let current = '';
  return {
    onProgress({ phase, bytes, of }) {
      if (phase !== current) {
        bar.stop();
        bar.start(of, 0, { phase });
        current = phase;
      }
      bar.update(bytes, { phase });
    },
    stop: () => bar.stop(),
  };
}
