/**
 * The page that an invitation's link opens: what one is invited to, where the node may run, and how far it is. It
 * holds nothing: its script asks the gateway's own calls with the secret of the address's fragment.
 */
import { html, raw } from 'hono/html';
import { sha256 } from '../bytes/crypto.ts';
import { utf8 } from '../bytes/text.ts';
import { DOCS_STYLE } from './docs-style.ts';
import type { Language } from './docs-text.ts';
import { JOIN_PAGE_SCRIPT } from './join-page-script.ts';
import { JOIN_WORDS } from './join-page-text.ts';

const STYLE = `${DOCS_STYLE}
body > main { max-width: 60rem; margin: 0 auto; }
[hidden] { display: none !important; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1rem; margin: 1rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.state { font-size: 1.15rem; font-weight: 600; margin: 1rem 0; }
.problem { border: 1px solid var(--post); border-radius: 6px; padding: .75rem; color: var(--post); overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1rem; margin: 1rem 0; }
.card { border: 1px solid var(--line); border-radius: 6px; padding: 1rem; margin: 0; display: flex; flex-direction: column; gap: .6rem; }
.card h3 { margin: 0; } .card pre { white-space: pre-wrap; overflow-wrap: anywhere; }
label { display: block; margin: .5rem 0; font-size: .9rem; color: var(--soft); }
input, textarea { display: block; width: 100%; margin-top: .2rem; padding: .45rem; font: inherit; color: var(--ink);
  background: var(--panel); border: 1px solid var(--line); border-radius: 6px; }
button, .button { font: inherit; padding: .5rem .9rem; border-radius: 6px; border: 1px solid var(--link); background: var(--link);
  color: var(--paper); cursor: pointer; text-decoration: none; display: inline-block; align-self: start; }
button.quiet { background: transparent; color: var(--link); }
button:focus-visible, .button:focus-visible, input:focus-visible, textarea:focus-visible { outline: 2px solid var(--ink); outline-offset: 2px; }
`;

const SCRIPT_DIGEST = btoa(String.fromCharCode(...sha256(utf8(JOIN_PAGE_SCRIPT))));

/** The policy of the page's content: its own script and style, calls to its own origin, nothing else. */
export const JOIN_PAGE_POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  `script-src 'sha256-${SCRIPT_DIGEST}'`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Renders the page. */
export function joinPage(consortium: string, language: Language) {
  const words = JOIN_WORDS[language];
  const other = language === 'zh' ? 'en' : 'zh';
  const title = words.title.replace('{consortium}', consortium);
  // In a script's element nothing but its end tag ends it.
  const json = JSON.stringify(words).replaceAll('<', '\\u003c');
  return html`<!doctype html>
<html lang="${language === 'zh' ? 'zh-CN' : 'en'}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
<p><a href="?lang=${other}" lang="${other}" id="language">${words.other}</a></p>
<h1>${title}</h1>
<noscript><p class="problem">${words.noScript}</p></noscript>
<p id="problem" class="problem" role="alert" hidden></p>
<div id="about" hidden>
<p id="lead"></p>
<dl>
<dt>${words.member}</dt><dd id="member"></dd>
<dt>${words.roles}</dt><dd id="roles"></dd>
<dt>${words.vote}</dt><dd id="vote"></dd>
<dt>${words.inviter}</dt><dd id="inviter"></dd>
<dt>${words.until}</dt><dd id="until"></dd>
<dt>${words.ledger}</dt><dd><code id="ledger"></code></dd>
</dl>
<h2>${words.state}</h2>
<p id="state" class="state" role="status"></p>
<p><button id="withdraw" class="quiet" hidden>${words.withdraw}</button></p>
</div>
<div id="keys" hidden>
<h2>${words.keys}</h2>
<p>${words.keysText}</p>
<pre id="ring" tabindex="0"></pre>
<p><a id="save" class="button">${words.save}</a> <button id="kept" class="quiet">${words.kept}</button></p>
</div>
<div id="choices" hidden>
<h2>${words.choose}</h2>
<div id="settings">
<label>${words.name}<input id="name" maxlength="100"></label>
<label>${words.identities}<textarea id="identities" rows="3" placeholder="seller = invoice.seller"></textarea></label>
</div>
<div class="cards">
<section class="card" id="hosted-card">
<h3>${words.hosted}</h3>
<p>${words.hostedText}</p>
<button id="hosted-start">${words.hostedStart}</button>
</section>
<section class="card" id="own-card">
<h3>${words.own}</h3>
<p>${words.ownText}</p>
<label>${words.region}<input id="region"></label>
<button id="own-start">${words.ownStart}</button>
<div id="launching" hidden>
<p><a id="launch" class="button" target="_blank" rel="noreferrer">CloudFormation</a> <a id="template" target="_blank" rel="noreferrer">own-account.template.json</a></p>
<button id="copy-invitation" class="quiet">${words.copyInvitation}</button>
</div>
</section>
<section class="card">
<h3>${words.private}</h3>
<p>${words.privateText} <span id="reached"></span></p>
<pre id="command" tabindex="0"></pre>
<button id="copy-command" class="quiet">${words.copy}</button>
</section>
</div>
</div>
</main>
<script type="application/json" id="words">${raw(json)}</script>
<script>${raw(JOIN_PAGE_SCRIPT)}</script>
</body>
</html>`;
}
