/**
 * Bounded concurrency over a stream: tasks run side by side, their results come out in the order of
 * the items. So what is done is always a beginning of the stream, and one number says how far.
 */

/**
 * Starts a task for each item, at most `concurrency` at once, and passes each result on in order. The
 * first failure stops it; it is thrown when all that was started has ended.
 */
export async function inOrder<T, R>(
  items: AsyncIterable<T>,
  concurrency: number,
  start: (item: T, index: number) => Promise<R>,
  settle: (result: R, item: T, index: number) => void,
): Promise<void> {
  const running: { readonly item: T; readonly index: number; readonly result: Promise<R> }[] = [];
  const settleFirst = async (): Promise<void> => {
    const { item, index, result } = running.shift()!;
    settle(await result, item, index);
  };
  let index = 0;
  try {
    for await (const item of items) {
      const result = start(item, index);
      // It is awaited later, in its turn; until then a failure is not unhandled.
      result.catch(() => {});
      running.push({ item, index, result });
      index++;
      if (running.length >= concurrency) await settleFirst();
    }
    while (running.length > 0) await settleFirst();
  } finally {
    await Promise.allSettled(running.map(({ result }) => result));
  }
}

/**
 * Runs tasks of the same name one after another, others beside them. After a failure nothing of that
 * name runs any more: what depends on a step that nobody knows the end of must not be tried.
 */
export function chains(): <R>(name: string, task: () => Promise<R>) => Promise<R> {
  const last = new Map<string, Promise<unknown>>();
  return (name, task) => {
    const run = (last.get(name) ?? Promise.resolve()).then(task);
    last.set(name, run);
    run.then(
      () => {
        if (last.get(name) === run) last.delete(name);
      },
      // Kept, so that what comes later fails as well; the caller hears of it by its own promise.
      () => {},
    );
    return run;
  };
}
