/**
 * A curl line for a call, safe to paste: values are quoted for a POSIX shell, the key comes from the
 * environment.
 */
import type { Operation } from './openapi-parts.ts';

/** The command, on several lines where it is long. */
export function curlExample({
  verb,
  path,
  operation,
  origin,
  needsKey,
}: {
  readonly verb: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly operation: Operation;
  readonly origin: string;
  readonly needsKey: boolean;
}): string {
  const parameters = operation.parameters ?? [];
  const url = path.replace(/\{([A-Za-z0-9]+)\}/g, (_, name: string) => {
    const { example } = parameters.find((one) => one.in === 'path' && one.name === name) ?? {};
    return encodeURIComponent(String(example ?? name));
  });
  const query = parameters
    .filter(({ in: place, required }) => place === 'query' && required)
    .map(({ name, example }) => `${name}=${encodeURIComponent(String(example))}`)
    .join('&');
  const [[type, body] = []] = Object.entries(operation.requestBody?.content ?? {});
  // A body makes it a POST.
  const isPlain = verb === 'GET' || (verb === 'POST' && type !== undefined);
  const method = isPlain ? '' : `-X ${verb} `;
  const parts = [`curl ${method}${quoted(`${origin}${url}${query === '' ? '' : `?${query}`}`)}`];
  if (needsKey) parts.push('-H "Authorization: Bearer $FUQI_KEY"');
  if (verb !== 'GET' && type !== undefined) {
    parts.push(`-H ${quoted(`Content-Type: ${type}`)}`);
    parts.push(
      type === 'application/json' ? `-d ${quoted(jsonText(body?.example))}` : '--data-binary @FILE',
    );
  }
  return parts.join(' \\\n  ');
}

const jsonText = (value: unknown): string => {
  const text = JSON.stringify(value ?? {});
  return text.length <= 80 ? text : JSON.stringify(value, null, 2);
};

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
