/** Waits for what a hosted consortium comes to by itself. */
import { until } from '../../support/until.ts';

/** Each look is a function's invocation: looking more often would slow down what is waited for. */
const LOOK_MS = 500;

export const eventually = (
  condition: () => boolean | Promise<boolean>,
  withinMs?: number,
): Promise<void> => until(condition, withinMs, LOOK_MS);
