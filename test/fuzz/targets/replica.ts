/**
 * A replica and what other members' nodes say to it: a list of messages, each with a byte that names the sender (low
 * bits) and whether it is a request or the answer to the next request of the replica's own (high bit), two bytes of
 * length, and the message. The replica begins at block 0 each time.
 */
import assert from 'node:assert/strict';
import { decodeReply, decodeRequest, encodeReply } from '../../../shared/consensus/message.ts';
import { ring } from '../../../shared/replica/alarm.ts';
import { BadMessage } from '../../../shared/replica/bad-message.ts';
import { receive } from '../../../shared/replica/receive.ts';
import { type Log, quiet } from '../../../shared/replica/replica.ts';
import { accepted, sameBytes } from '../invariant.ts';
import { founded, MEMBERS, openAlone } from '../one-replica.ts';

const network = founded(MEMBERS);

const MESSAGES_MAX = 24;

export interface Said {
  readonly from: string;
  readonly isReply: boolean;
  readonly bytes: Uint8Array;
}

/** Takes the list apart; the last message may be cut off. */
export function messagesOf(data: Uint8Array): Said[] {
  const said: Said[] = [];
  for (let at = 0; at + 3 <= data.length && said.length < MESSAGES_MAX; ) {
    const [head, high, low] = data.subarray(at, at + 3) as unknown as [number, number, number];
    const end = at + 3 + ((high << 8) | low);
    const bytes = Uint8Array.from(data.subarray(at + 3, end));
    said.push({ from: MEMBERS[1 + ((head & 0x7f) % 3)]!, isReply: head >= 128, bytes });
    at = end;
  }
  return said;
}

/** Reverses `messagesOf`; a message has less than 64 KiB. */
export const encodeMessages = (said: readonly Said[]): Uint8Array =>
  Buffer.concat(
    said.flatMap(({ from, isReply, bytes }) => {
      const head = (isReply ? 0x80 : 0) + MEMBERS.indexOf(from) - 1;
      return [Buffer.of(head, bytes.length >> 8, bytes.length & 0xff), bytes];
    }),
  );

export async function fuzz(data: Uint8Array): Promise<void> {
  const said = messagesOf(data);
  const replies = said.filter(({ isReply }) => isReply);
  const log: Log = (event, fields = {}) => {
    for (const value of Object.values(fields)) {
      assert.doesNotMatch(String(value), /(Type|Range|Reference|Syntax|Assertion)Error/, event);
    }
  };
  const replica = await openAlone(
    network,
    'alpha',
    async (member) => {
      const reply = replies.shift();
      if (!reply) throw new Error(`${member} is unreachable`);
      return reply.bytes;
    },
    log,
  );
  for (const { from, bytes, isReply } of said) {
    if (isReply) continue;
    const request = accepted(() => decodeRequest(bytes));
    if (!request) {
      await assert.rejects(receive(replica, from, bytes));
      continue;
    }
    // It is answered, or called what no correct node sends: any other fault would be this node's own.
    const reply = await receive(replica, from, bytes).catch((error: unknown) => {
      if (error instanceof BadMessage) return undefined;
      throw error;
    });
    if (reply) sameBytes(encodeReply(decodeReply(reply)), reply, 'the reply encoded again');
  }
  await quiet(replica);
  await ring(replica);
  await quiet(replica);
  replica.stopped = true;
}
