/** A message to the node of a member elsewhere, over HTTPS: in another account, or on its own machine. */

/** The largest reply: a page of catch-up blocks. */
const REPLY_BYTES_MAX = 4 * 1024 * 1024;

/** `POST <endpoint>/peer`. Follows no redirect; throws where there is no answer in time, or too large a one. */
export async function postToEndpoint(
  endpoint: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  timeoutMs: number,
): Promise<{ readonly status: number; readonly reply: Uint8Array }> {
  const response = await fetch(`${endpoint}/peer`, {
    method: 'POST',
    headers,
    body: body as Uint8Array<ArrayBuffer>,
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
  });
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > REPLY_BYTES_MAX) throw new Error(`a reply of more than ${REPLY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return { status: response.status, reply: Buffer.concat(chunks) };
}
