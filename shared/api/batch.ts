/**
 * `POST …/transactions/batch`: many signed transactions as NDJSON, a result line for each, in order.
 * Streams both ways in bounded memory: so many bytes are under way, and a reader that is
 * slow holds the writer back. One bad line fails that line only.
 */
import { fromUtf8, utf8 } from '../bytes/text.ts';
import { LIMITS } from '../ledger/limits.ts';
import { Rejected } from '../ledger/rejection.ts';
import { parseTransaction } from '../ledger/transaction.ts';
import { refuseMediaType } from './body.ts';
import { parseJson } from './json.ts';
import { refuseLine, uncharge } from './metering.ts';
import type { ApiContext, NodeApi } from './node-api.ts';
import { problemOf, statusJson } from './outcome.ts';
import { waitPreference } from './prefer.ts';
import { type ProblemDocument, problemDocument, rejectionDocument } from './problem.ts';

const NDJSON_TYPES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];
/** Bytes of lines that are under way at once, each with what it takes besides. */
const IN_FLIGHT_BYTES_MAX = 4 * 1024 * 1024;
const LINE_BYTES = 1024;
const LINE_BYTES_MAX = LIMITS.transactionBytesMax * 2;
/** All lines together, blank ones included. */
const BATCH_BYTES_MAX = 64 * 1024 * 1024;

/** Answers 200 and a line `{line, status, …}` for each line of the body that is not blank. */
export function postBatch(c: ApiContext, node: NodeApi): Response {
  const refused = refuseMediaType(c.req.raw, NDJSON_TYPES);
  if (refused) return refused;
  const { waitMs, applied } = waitPreference(c.req.header('prefer') ?? null, 0);
  // The wait is the whole request's: later lines wait for what is left of it.
  const deadline = Date.now() + waitMs;
  const lines = splitLines(c.req.raw.body ?? new ReadableStream(), BATCH_BYTES_MAX);
  let taken = 0;
  const results = new ReadableStream<UnderWay>(
    {
      async pull(controller) {
        const { value: entry, done } = await lines.next();
        const full = taken === LIMITS.batchTransactionsMax;
        if (!done) {
          const bytes = LINE_BYTES + (entry.bytes?.length ?? 0);
          const refused = () => Promise.resolve(refusedLine(entry.line, tooMany()));
          const result = full ? refused() : resultOf(entry, c, node, deadline);
          controller.enqueue({ result, bytes });
        }
        taken++;
        if (!done && !full) return;
        await lines.return(undefined);
        controller.close();
      },
      cancel: async () => {
        await lines.return(undefined);
      },
    },
    { highWaterMark: IN_FLIGHT_BYTES_MAX, size: ({ bytes }) => bytes },
  );
  const body = results.pipeThrough(
    new TransformStream<UnderWay, Uint8Array>(
      {
        async transform({ result }, controller) {
          controller.enqueue(utf8(`${JSON.stringify(await result)}\n`));
        },
      },
      new CountQueuingStrategy({ highWaterMark: 1 }),
    ),
  );
  return new Response(body, {
    headers: {
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
      ...(applied === undefined ? {} : { 'preference-applied': applied }),
    },
  });
}

/** A line whose result is waited for, and the room that it takes. */
interface UnderWay {
  readonly result: Promise<object>;
  readonly bytes: number;
}

/** Never rejects: results wait in a queue where nobody looks at them yet. */
async function resultOf(
  entry: Line,
  c: ApiContext,
  node: NodeApi,
  deadline: number,
): Promise<object> {
  try {
    return await submitLine(entry, c, node, deadline);
  } catch (error) {
    const requestId = c.get('requestId');
    node.log?.error({ requestId, line: entry.line, err: error }, 'a line of a batch failed');
    return refusedLine(
      entry.line,
      problemDocument('internal', 'The node failed on this line.', { requestId }),
    );
  }
}

async function submitLine(
  { line, bytes, isOver }: Line,
  c: ApiContext,
  node: NodeApi,
  deadline: number,
): Promise<object> {
  if (isOver) {
    const detail = `The body is larger than ${BATCH_BYTES_MAX} bytes; this line and those after it were not read.`;
    return refusedLine(
      line,
      problemDocument('payload-too-large', detail, { expected: BATCH_BYTES_MAX }),
    );
  }
  if (bytes === undefined) {
    return refusedLine(
      line,
      problemDocument('too-large', 'The line is larger than a transaction can be.', {
        expected: LINE_BYTES_MAX,
      }),
    );
  }
  const text = jwsText(bytes);
  if (typeof text !== 'string') return refusedLine(line, text);
  const transaction = parseTransaction(text);
  if (transaction instanceof Rejected) {
    return refusedLine(line, rejectionDocument(transaction.rejection));
  }
  const limit = await refuseLine(c, node, transaction.bytes.length);
  if (limit) return { line, id: transaction.id, ...refusal(limit) };
  const outcome = await node.service.submit(transaction, Math.max(0, deadline - Date.now()));
  uncharge(c, node, transaction.bytes.length, outcome);
  const document = problemOf(outcome);
  if (!document) return { line, ...statusJson(outcome as Exclude<typeof outcome, Rejected>) };
  if (outcome instanceof Rejected) return { line, id: transaction.id, ...refusal(document) };
  return { line, id: outcome.id, status: outcome.status, problem: document };
}

/** A line holds a JWS as compact text, as a JSON string of that, or as a JSON object. */
function jwsText(bytes: Uint8Array): string | ProblemDocument {
  const text = fromUtf8(bytes)?.trim();
  if (text === undefined) return problemDocument('malformed', 'The line is not valid UTF-8.');
  if (!text.startsWith('"') && !text.startsWith('{')) return text;
  const parsed = parseJson(text);
  if ('fault' in parsed) {
    return problemDocument('malformed', `The line is not JSON: column ${parsed.fault.column}.`);
  }
  if ('refused' in parsed) return rejectionDocument(parsed.refused);
  return typeof parsed.value === 'string' ? parsed.value : text;
}

const refusal = (problem: ProblemDocument) => ({ status: 'refused', problem });
const refusedLine = (line: number, problem: ProblemDocument): object => ({
  line,
  ...refusal(problem),
});

const tooMany = (): ProblemDocument =>
  problemDocument(
    'payload-too-large',
    `A batch holds at most ${LIMITS.batchTransactionsMax} transactions; this line and those after it were not read.`,
    { expected: LIMITS.batchTransactionsMax },
  );

/** A line that isn't blank; without bytes where it is longer than `LINE_BYTES_MAX`. */
interface Line {
  readonly line: number;
  readonly bytes: Uint8Array | undefined;
  /** The body was too large by then: the last line that there is. */
  readonly isOver?: boolean;
}

/** Cuts a stream at line feeds without ever holding more than one line, or reading much beyond `bytesMax`. */
export async function* splitLines(
  body: ReadableStream<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<Line, void> {
  let line = 1;
  let total = 0;
  let parts: Uint8Array[] = [];
  let length = 0;
  const add = (part: Uint8Array): void => {
    length += part.length;
    if (length > LINE_BYTES_MAX) parts = [];
    else if (part.length > 0) parts.push(part);
  };
  const take = (): Line | undefined => {
    const bytes = length > LINE_BYTES_MAX ? undefined : Buffer.concat(parts);
    const taken = { line, bytes };
    line++;
    parts = [];
    length = 0;
    return bytes?.every(isSpace) ? undefined : taken;
  };
  for await (const chunk of body) {
    total += chunk.length;
    if (total > bytesMax) {
      yield { line, bytes: undefined, isOver: true };
      return;
    }
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      add(chunk.subarray(start, end));
      start = end + 1;
      const taken = take();
      if (taken) yield taken;
    }
    add(chunk.subarray(start));
  }
  const last = take();
  if (last) yield last;
}

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0d;
