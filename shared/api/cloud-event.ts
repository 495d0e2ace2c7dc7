/** Events of a ledger as CloudEvents 1.0. Ids derive from the place in the history, so a replay gives the same ones. */
import { encodeCbor } from '../bytes/cbor.ts';
import { type Digest, taggedDigest } from '../bytes/digest.ts';
import { fromHex } from '../bytes/text.ts';
import { encodeEventCursor } from './cursor.ts';
import type { EventCursor, LedgerEvent, LedgerService } from './ledger-service.ts';
import { consortiumPath, timeText } from './node-api.ts';

/** The required attributes, those of JSON data, and extensions. */
export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: Digest;
  readonly source: string;
  readonly type: string;
  readonly subject: Digest;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly cursor: string;
  readonly height: number;
  readonly data: LedgerEvent['data'];
}

/** An event in the CloudEvents JSON format; with the place after it, its height and its transaction as extensions. */
export function cloudEvent(
  event: LedgerEvent,
  cursor: EventCursor,
  { ledger, genesis: { consortium } }: Pick<LedgerService, 'ledger' | 'genesis'>,
): CloudEvent {
  const identity = [fromHex(ledger), event.height, fromHex(event.transaction), event.eventIndex];
  return {
    specversion: '1.0',
    id: taggedDigest('fuqi/v1/event', encodeCbor(identity)),
    source: consortiumPath(consortium),
    type: `fuqi.${event.type}`,
    subject: event.transaction,
    time: timeText(event.time),
    datacontenttype: 'application/json',
    cursor: encodeEventCursor(cursor),
    height: event.height,
    data: event.data,
  };
}
