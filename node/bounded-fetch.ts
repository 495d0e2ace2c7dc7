/** `fetch` of what others serve: no redirects, and no more bytes than it may have. */

/** A small document. */
const BYTES_MAX = 64 * 1024;

/** Throws where the answer redirects, or is larger. */
export async function boundedFetch(
  url: string,
  init: RequestInit,
  bytesMax = BYTES_MAX,
): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: 'error' });
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > bytesMax) throw new Error(`${url} answers with more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  const { status, headers } = response;
  return new Response(length > 0 ? Buffer.concat(chunks) : null, { status, headers });
}
