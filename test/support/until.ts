/** Waits for a condition that other processes or timers bring about; fails loudly when it never comes. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  withinMs = 20_000,
  everyMs = 10,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
