/**
 * What a replica does in the background until nothing of it is left: again soon where something came of it, or there is more to
 * do by now, and ever more rarely where nothing came.
 */
import { inBackground, pause, type Replica } from './replica.ts';

/** What came of doing it once: how much is left, and how much is done. */
export interface Progress {
  readonly left: number;
  readonly came: number;
}

/** Replicas that are at it, each with what makes it look again soon. */
export type UnderWay = WeakMap<Replica, { wake: () => void }>;

const PAUSE_MS = 1000;
const PAUSE_MS_MAX = 60_000;

/**
 * Begins, or wakes what is under way. A host that lives for one request does it once, and again only where there is more by
 * then. A fault ends it.
 */
export function startUntilNothingLeft(
  replica: Replica,
  underWay: UnderWay,
  once: () => Promise<Progress>,
  onFault: (error: unknown) => void,
): void {
  if (replica.stopped) return;
  const known = underWay.get(replica);
  if (known) {
    known.wake();
    return;
  }
  const own = { wake: () => {} };
  underWay.set(replica, own);
  const end = (): void => void underWay.delete(replica);
  const ended = untilNothingLeft(replica, own, once, end).catch((error: unknown) => {
    end();
    onFault(error);
  });
  inBackground(replica, ended);
}

async function untilNothingLeft(
  replica: Replica,
  own: { wake: () => void },
  once: () => Promise<Progress>,
  end: () => void,
): Promise<void> {
  for (let pauseMs = PAUSE_MS; !replica.stopped; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
    // What comes meanwhile may stand before where this is.
    let isWoken = false;
    const woken = new Promise<void>((resolve) => {
      own.wake = () => {
        isWoken = true;
        resolve();
      };
    });
    const { left, came } = await once();
    if (!isWoken && (left === 0 || replica.lease)) break;
    if (replica.lease) continue;
    if (isWoken || came > 0) pauseMs = PAUSE_MS;
    await Promise.race([pause(replica, pauseMs), woken.then(() => pause(replica, PAUSE_MS))]);
    if (isWoken) pauseMs = PAUSE_MS;
  }
  // In the same turn as it was seen that nobody woke it: who comes now begins anew.
  end();
}
