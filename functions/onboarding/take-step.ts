/** A step of an onboarding, written down, with a reminder that the next one is taken. */
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { StructuredLog } from '../../node/replica-log.ts';
import type { Directory } from '../directory.ts';
import { type Onboarding, readOnboarding, writeOnboarding } from './record.ts';
import { advance, type OnboardingServices, pauseMs } from './steps.ts';

/** How far the clocks of two functions may be apart. */
const CLOCKS_MS = 2000;

/** What reminds a function of a member. */
export interface AdvanceEvent {
  readonly kind: 'advance';
  readonly member: string;
}

export interface StepOptions {
  readonly services: OnboardingServices;
  readonly directory: Directory;
  /** Sends this function an `AdvanceEvent` in so many milliseconds. */
  readonly remind: (member: string, afterMs: number) => Promise<void>;
  readonly log: StructuredLog;
}

/** Whether nothing is to be done any more. */
export const isOver = ({ phase }: Onboarding): boolean => phase === 'done' || phase === 'undone';

/** Takes a step, writes it down, and sees to it that the next one is taken; answers how far it is then. */
export async function takeStep(
  { services, directory, remind, log }: StepOptions,
  record: Onboarding,
  token: string,
  isReminder = false,
): Promise<Onboarding> {
  const now = Date.now();
  const advanced = await advance(services, record, token, isReminder);
  const pause = pauseMs(advanced, now);
  // Another reminder is on its way; this one may only come early by another clock.
  const isReminded = record.nextAt > now + (isReminder ? CLOCKS_MS : 0) || isOver(advanced);
  const written = await writeOnboarding(directory, {
    ...advanced,
    nextAt: isReminded ? record.nextAt : now + pause,
  });
  // Another invocation went on in the meantime.
  if (!written) return (await readOnboarding(directory, record.member)) ?? advanced;
  if (written.phase !== record.phase) {
    const { member, phase, reason } = written;
    log.info({ member, phase, reason }, 'onboarding');
  }
  if (!isReminded) await remind(record.member, pause);
  return written;
}

/** What an onboarding is reminded by: a function of this account, through its alarm queue. */
export const reminders =
  (queue: SQSClient, queueUrl: string, functionName: string): StepOptions['remind'] =>
  async (member, afterMs) => {
    const event: AdvanceEvent = { kind: 'advance', member };
    await queue.send(
      new SendMessageCommand({
        QueueUrl: queueUrl,
        MessageBody: JSON.stringify({ function: functionName, event }),
        DelaySeconds: Math.ceil(afterMs / 1000),
      }),
    );
  };

/** Takes the next step because it was reminded; one that fails is taken again later. */
export async function stepByReminder(
  options: StepOptions,
  member: string,
  unseal: (member: string, sealed: string) => Promise<string>,
): Promise<void> {
  const { directory, remind, log } = options;
  const record = await readOnboarding(directory, member);
  if (!record || isOver(record)) return;
  try {
    await takeStep(options, record, await unseal(member, record.token), true);
  } catch (error) {
    log.error({ member, err: error }, 'a step failed: it is taken again');
    await remind(member, pauseMs(record, Date.now()));
  }
}
