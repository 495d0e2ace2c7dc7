/** Has a hosted node look later for what is due: a message in the alarm queue, which wakes it then. */
import type { HostedNode } from './cold-start.ts';
import { DELAY_S_MAX, sendEvent } from './node-alarm.ts';

export const wakeLater = (
  node: Pick<HostedNode, 'environment' | 'queue'>,
  ms: number,
): Promise<void> => sendEvent(node, { kind: 'wake' }, Math.min(DELAY_S_MAX, Math.ceil(ms / 1000)));
