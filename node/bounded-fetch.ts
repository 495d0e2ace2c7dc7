/** `fetch` for small documents of others: no redirects, and no more bytes than such a document has. */

const BYTES_MAX = 64 * 1024;

/** Throws where the answer redirects, or is larger. */
export async function boundedFetch(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: 'error' });
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > BYTES_MAX) throw new Error(`${url} answers with more than ${BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  const { status, headers } = response;
  return new Response(length > 0 ? Buffer.concat(chunks) : null, { status, headers });
}
