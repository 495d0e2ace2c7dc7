/**
 * The readable page of the API, rendered from the OpenAPI document: each call with its parameters,
 * its schema and a curl line that works. Plain HTML: no script, nothing from elsewhere.
 */
import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { JsonSchema } from './arguments.ts';
import { curlExample } from './docs-curl.ts';
import { fieldsOf, typeText } from './docs-fields.ts';
import { DOCS_STYLE } from './docs-style.ts';
import { type Language, WORDS, ZH_SUMMARIES } from './docs-text.ts';
import type { OpenapiDocument } from './openapi.ts';
import type { Operation, Parameter } from './openapi-parts.ts';

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

interface Call {
  readonly verb: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly operation: Operation;
}

/** Renders the page. `origin` is where the reader reached it, for the curl lines. */
export function docsPage(document: OpenapiDocument, language: Language, origin: string): Html {
  const words = WORDS[language];
  const calls = Object.entries(document.paths).flatMap(([path, item]): Call[] => [
    ...(item.get ? [{ verb: 'GET' as const, path, operation: item.get }] : []),
    ...(item.post ? [{ verb: 'POST' as const, path, operation: item.post }] : []),
    ...(item.delete ? [{ verb: 'DELETE' as const, path, operation: item.delete }] : []),
    ...(item.put ? [{ verb: 'PUT' as const, path, operation: item.put }] : []),
  ]);
  const groups = document.tags.map(({ name, description }) => ({
    name,
    title: (language === 'zh' && ZH_SUMMARIES[name]) || description,
    calls: calls.filter(({ operation }) => operation.tags.includes(name)),
  }));
  const other = language === 'zh' ? 'en' : 'zh';
  const titleOf = ({ operation }: Call): string =>
    (language === 'zh' && ZH_SUMMARIES[operation.operationId]) || operation.summary;
  return html`<!doctype html>
<html lang="${language === 'zh' ? 'zh-CN' : 'en'}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${document.info.title} · ${words.title}</title>
<style>${raw(DOCS_STYLE)}</style>
</head>
<body>
<div class="page">
<nav aria-label="${words.contents}">
<a href="?lang=${other}" lang="${other}">${words.other}</a>
<div>${groups.map(
    (group) => html`<h2>${group.name}</h2>
<ul>${group.calls.map(
      (call) => html`<li><a href="#${call.operation.operationId}">${prose(titleOf(call))}</a></li>`,
    )}</ul>`,
  )}</div>
</nav>
<main>
<h1>${document.info.title} · ${words.title}</h1>
<p>${words.lead}</p>
<p>${words.key}</p>
<pre>export FUQI_KEY=fuqi_…</pre>
<p><a href="/openapi.json">${words.machine}</a></p>
${groups.map(
  (group) => html`<h2>${group.name} <small class="soft">${group.title}</small></h2>
${group.calls.map((call) => section(document, call, titleOf(call), language, origin))}`,
)}
</main>
</div>
</body>
</html>`;
}

function section(
  document: OpenapiDocument,
  { verb, path, operation }: Call,
  title: string,
  language: Language,
  origin: string,
): Html {
  const words = WORDS[language];
  const keyNeeded = !(operation.security ?? document.security).some(
    (scheme) => Object.keys(scheme).length === 0,
  );
  const needsKey = keyNeeded && operation.security?.length !== 0;
  const bodies = Object.entries(operation.requestBody?.content ?? {});
  const [success] = Object.values(operation.responses) as {
    content?: Record<string, { schema: JsonSchema }>;
  }[];
  const answer = Object.values(success?.content ?? {})[0]?.schema;
  return html`<section id="${operation.operationId}">
<h3>${prose(title)}</h3>
<p class="call"><span class="verb ${verb}">${verb}</span> ${path}</p>
${operation.description ? html`<p>${prose(operation.description)}</p>` : ''}
${needsKey ? html`<p class="soft">${words.keyNeeded}</p>` : ''}
${operation.parameters?.length ? parameterTable(operation.parameters, language) : ''}
${bodies.map(
  ([type, { schema }]) => html`<h4>${words.body} · <code>${type}</code></h4>
${fieldTable(document, schema, language)}`,
)}
<h4>${words.example}</h4>
<pre tabindex="0">${curlExample({ verb, path, operation, origin, needsKey })}</pre>
${
  answer
    ? html`<details><summary>${words.answer}</summary>${fieldTable(document, answer, language)}</details>`
    : ''
}
<p class="soft">${words.answers}: ${Object.keys(operation.responses).join(', ')}</p>
</section>`;
}

function parameterTable(parameters: readonly Parameter[], language: Language): Html {
  const words = WORDS[language];
  return html`<h4>${words.parameters}</h4>
<div class="wide"><table>
<tr><th>${words.name}</th><th>${words.type}</th><th>${words.meaning}</th></tr>
${parameters.map(
  ({ name, in: place, required, description, schema }) => html`<tr>
<td><code>${name}</code> <span class="soft">${place}${required ? `, ${words.required}` : ''}</span></td>
<td>${typeText(schema)}</td><td>${prose(description ?? '')}</td></tr>`,
)}
</table></div>`;
}

function fieldTable(document: OpenapiDocument, schema: JsonSchema, language: Language): Html {
  const words = WORDS[language];
  const fields = fieldsOf(schema, document.components.schemas);
  if (fields.length === 0) return html`<p>${typeText(schema)}</p>`;
  return html`<div class="wide"><table>
<tr><th>${words.name}</th><th>${words.type}</th><th>${words.meaning}</th></tr>
${fields.map(
  ({ path, type, required, description }) => html`<tr>
<td><code>${path}</code>${required ? html` <span class="soft">${words.required}</span>` : ''}</td>
<td>${type}</td><td>${prose(description)}</td></tr>`,
)}
</table></div>`;
}

/** Text with `code` in backticks. */
const prose = (text: string): (Html | string)[] =>
  text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part));
