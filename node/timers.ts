/** The `Time` port on the system's clock. Its alarm does not keep the process alive. */
import type { Time } from '../shared/ports/time.ts';

// setTimeout takes no longer delays; a ring that comes early would break the port's law.
const DELAY_MS_MAX = 2 ** 31 - 1;

/** A node's clock and timers; `stop` cancels the alarm and all waits, for good. */
export function timers(ring: () => void): Time & { stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const waits = new Set<NodeJS.Timeout>();

  function waitUntil(at: number): void {
    const delay = Math.min(Math.max(at - Date.now(), 0), DELAY_MS_MAX);
    timer = setTimeout(() => {
      // Timers may fire a millisecond early, and the clock may have been set back.
      if (Date.now() < at) waitUntil(at);
      else ring();
    }, delay);
    timer.unref();
  }

  return {
    now: () => Date.now(),
    alarm(at) {
      clearTimeout(timer);
      if (at !== null && !stopped) waitUntil(at);
    },
    after(ms, call) {
      if (stopped) return () => {};
      const wait = setTimeout(
        () => {
          waits.delete(wait);
          call();
        },
        Math.min(ms, DELAY_MS_MAX),
      );
      waits.add(wait);
      return () => {
        waits.delete(wait);
        clearTimeout(wait);
      };
    },
    stop() {
      stopped = true;
      for (const wait of waits) clearTimeout(wait);
      waits.clear();
      clearTimeout(timer);
    },
  };
}
