/**
 * Bytes of a file as text, up to the first line that is not in its encoding: so that a refusal names this line, and
 * nothing that is read depends on where chunks end.
 */

const LINE_FEED = 10;

/**
 * Decodes a text for each chunk. Where a line can't be decoded, `onFault` hears its number, from 1, and what is before it
 * is the end. In no encoding that is used here does a line feed's byte stand for anything else.
 */
export async function* decodedText(
  source: AsyncIterable<Uint8Array>,
  encoding: string,
  onFault: (line: number) => void,
): AsyncGenerator<string, void> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  let line = 1;
  const decode = (piece: Uint8Array | undefined): string | undefined => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined });
    } catch {
      onFault(line);
      return undefined;
    }
  };
  for await (const chunk of source) {
    let text = '';
    for (let start = 0; start < chunk.length; ) {
      const end = chunk.indexOf(LINE_FEED, start) + 1 || chunk.length;
      const piece = decode(chunk.subarray(start, end));
      if (piece === undefined) {
        yield text;
        return;
      }
      text += piece;
      if (chunk[end - 1] === LINE_FEED) line++;
      start = end;
    }
    yield text;
  }
  const last = decode(undefined);
  if (last !== undefined) yield last;
}
