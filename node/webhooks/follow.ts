/**
 * Sends webhooks for as long as a process runs: after each commit, and when something is to be tried again. Each goes at
 * its own pace: an endpoint that is slow holds up no other.
 */

const DELAY_MS_MAX = 2 ** 31 - 1;
/** A fault is tried again after this. */
const AGAIN_MS = 5000;

export interface Following {
  /** There may be something to send. */
  wake(): void;
  /** Begins nothing any more; resolves when what was under way has ended. */
  stop(): Promise<void>;
}

export interface FollowOptions {
  readonly names: () => Promise<readonly string[]>;
  /** Sends what is due to one; answers when to be called again, null: at the next commit. */
  readonly deliver: (name: string, isOver: () => boolean) => Promise<number | null>;
  readonly onFault: (error: unknown) => void;
}

interface Runner {
  running: Promise<void> | undefined;
  isWoken: boolean;
  timer: NodeJS.Timeout | undefined;
}

export function followWebhooks({ names, deliver, onFault }: FollowOptions): Following {
  const runners = new Map<string, Runner>();
  let stopped = false;

  async function run(name: string, runner: Runner): Promise<void> {
    clearTimeout(runner.timer);
    let due: number | null = null;
    do {
      runner.isWoken = false;
      try {
        due = await deliver(name, () => stopped);
      } catch (error) {
        if (!stopped) onFault(error);
        due = Date.now() + AGAIN_MS;
      }
    } while (runner.isWoken && !stopped);
    runner.running = undefined;
    if (due === null || stopped) return;
    const ms = Math.min(Math.max(due - Date.now(), 0), DELAY_MS_MAX);
    runner.timer = setTimeout(() => wakeOne(name), ms);
    runner.timer.unref();
  }

  function wakeOne(name: string): void {
    if (stopped) return;
    const runner = runners.get(name) ?? { running: undefined, isWoken: false, timer: undefined };
    runners.set(name, runner);
    runner.isWoken = true;
    runner.running ??= run(name, runner);
  }

  return {
    wake() {
      if (stopped) return;
      void names().then(
        (all) => all.forEach(wakeOne),
        (error: unknown) => {
          if (!stopped) onFault(error);
        },
      );
    },
    async stop() {
      stopped = true;
      for (const { timer } of runners.values()) clearTimeout(timer);
      await Promise.all([...runners.values()].map(({ running }) => running));
    },
  };
}
