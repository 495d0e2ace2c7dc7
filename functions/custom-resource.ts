/**
 * The protocol of CloudFormation's custom resources: a request comes with a URL that the outcome is sent
 * to. Whatever happens, something is sent, or a deployment waits for an hour.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { StructuredLog } from '../node/replica-log.ts';
import { DEADLINES } from './deadlines.ts';

export interface CustomResourceEvent {
  readonly RequestType: 'Create' | 'Update' | 'Delete';
  readonly ResponseURL: string;
  readonly StackId: string;
  readonly RequestId: string;
  readonly LogicalResourceId: string;
  readonly PhysicalResourceId?: string;
  readonly ResourceProperties: Readonly<Record<string, unknown>>;
}

const ATTEMPTS_MAX = 4;

/** Answers a request with what `act` leads to; `id` names the resource for as long as it lives. */
export async function respond(
  event: CustomResourceEvent,
  id: string,
  log: StructuredLog,
  act: () => Promise<void>,
): Promise<void> {
  const { ResponseURL, StackId, RequestId, LogicalResourceId } = event;
  const about = { StackId, RequestId, LogicalResourceId, PhysicalResourceId: id };
  let outcome: object = { ...about, Status: 'SUCCESS' };
  try {
    await act();
  } catch (error) {
    log.error({ err: error }, 'custom resource failed');
    outcome = { ...about, Status: 'FAILED', Reason: (error as Error).message.slice(0, 512) };
  }
  for (let attempt = 1; ; attempt++) {
    try {
      const { ok, status } = await fetch(ResponseURL, {
        method: 'PUT',
        headers: { 'content-type': '' },
        body: JSON.stringify(outcome),
        signal: AbortSignal.timeout(DEADLINES.customResourceAnswer),
      });
      if (ok) return;
      throw new Error(`status ${status}`);
    } catch (error) {
      if (attempt === ATTEMPTS_MAX) throw error;
      await delay(200 * 2 ** attempt);
    }
  }
}
