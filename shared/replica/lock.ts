/** Mutual exclusion within one process: runs tasks one after the other, in the order of asking. */
export class Lock {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs a task when all earlier ones have ended, well or not. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task, task);
    this.#last = result.catch(() => {});
    return result;
  }
}
