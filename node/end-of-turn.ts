/**
 * The end of this turn of the event loop. Many requests that come at once cost less in step than one after the other: each
 * step finds what it needs in the processor's caches (docs/performance.md).
 */
let turn: Promise<void> | undefined;

/** Resolves when what arrived in this turn has been read: for all who ask in it, one right after the other. */
export function endOfTurn(): Promise<void> {
  turn ??= new Promise((resolve) => {
    setImmediate(() => {
      turn = undefined;
      resolve();
    });
  });
  return turn;
}
