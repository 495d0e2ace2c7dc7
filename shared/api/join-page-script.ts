/**
 * What the invitation page does in the browser. The secret is in the fragment of the page's address, which is
 * sent to nobody by itself: the script sends it with each call, to the gateway that served the page.
 */
export const JOIN_PAGE_SCRIPT = `
'use strict';
const words = JSON.parse(document.getElementById('words').textContent);
const $ = (id) => document.getElementById(id);
const say = (text, values = {}) => text.replace(/\\{(\\w+)\\}/g, (_, name) => values[name] ?? '');
const show = (id, visible) => { $(id).hidden = !visible; };
const token = location.hash.slice(1);
const base = location.pathname.replace(/\\/$/, '');
const gateway = location.origin + base.replace(/\\/v1\\/consortia\\/[^/]+\\/join$/, '');
const POLL_MS = 3000;
let hosted = false;
let offered = false;

async function call(path, method = 'GET', body) {
  const response = await fetch(base + path, {
    method,
    cache: 'no-store',
    headers: { authorization: 'Bearer ' + token, accept: 'application/json', 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const answer = text.startsWith('{') ? JSON.parse(text) : {};
  if (!response.ok) throw Object.assign(new Error(answer.detail ?? String(response.status)), { status: response.status });
  return answer;
}

const failed = (error) => {
  $('problem').textContent = say(words.failed, { detail: error.message });
  show('problem', true);
};
const attempt = (act) => async (event) => {
  event?.preventDefault();
  show('problem', false);
  try { await act(); } catch (error) { failed(error); }
};

function stateOf({ status, votes, joined, votesItself, enrolled, validator }) {
  if (status === 'revoked') return words.revoked;
  if (status === 'open') return words.open;
  if (votesItself || (enrolled && !validator)) return words.votes;
  if (joined) return words.approved;
  if (votes.status !== 'open') return say(words.ended, { status: votes.status });
  return say(words.voting, { approvals: votes.approvals.length, needed: votes.needed });
}

function render({ invitation, ledger }, phase) {
  const asked = new URLSearchParams(location.search).get('ledger');
  if (asked !== ledger) {
    $('problem').textContent = words.otherLedger;
    show('problem', true);
    return false;
  }
  const { member, roles, validator, inviter, notAfter, moves, status } = invitation;
  $('lead').textContent = moves ? words.leadMoves : words.lead;
  $('member').textContent = member;
  $('roles').textContent = roles.join(', ') || '–';
  $('vote').textContent = validator ? words.yes : words.no;
  $('inviter').textContent = inviter.member + '/' + inviter.identity;
  $('until').textContent = new Date(notAfter).toLocaleString(document.documentElement.lang);
  $('ledger').textContent = ledger;
  $('state').textContent = words[phase] && phase !== 'voting' ? words[phase] : stateOf(invitation);
  const link = location.origin + base + '?ledger=' + ledger + '#' + token;
  const reached = offered ? '--relay' : '--endpoint https://…';
  $('command').textContent = "npx fuqi join '" + link + "' --hosting private " + reached;
  $('reached').textContent = offered ? words.relayed : words.direct;
  if (!$('name').value) $('name').value = member;
  show('about', true);
  show('choices', status === 'open' && !phase);
  return !(status === 'revoked' || invitation.votesItself);
}

const identities = () => Object.fromEntries($('identities').value.split('\\n').flatMap((line) => {
  const [name, roles = ''] = line.split('=');
  const list = roles.split(',').map((role) => role.trim()).filter(Boolean);
  return name.trim() ? [[name.trim(), list]] : [];
}));

async function look() {
  let goesOn = true;
  try {
    if (hosted) {
      const { onboarding, join, firstKeys } = await call('/hosted', 'POST', { name: $('name').value, identities: identities() });
      render(join, onboarding.phase);
      if (onboarding.reason) failed(new Error(onboarding.reason));
      if (firstKeys) showKeys(onboarding.member, join.consortium, firstKeys);
      goesOn = !['done', 'undone'].includes(onboarding.phase);
      show('withdraw', goesOn && !join.invitation.joined);
    } else {
      goesOn = render(await call(''));
    }
    if (!hosted) show('withdraw', false);
  } catch (error) {
    failed(error);
    goesOn = !(error.status >= 400 && error.status < 500);
  }
  if (goesOn) setTimeout(look, POLL_MS);
}

function showKeys(member, consortium, keys) {
  const named = Object.fromEntries(Object.entries(keys).map(([name, key]) => [member + '/' + name, key]));
  const ring = JSON.stringify({ url: gateway, consortium, keys: named }, null, 2);
  $('ring').textContent = ring;
  $('save').href = URL.createObjectURL(new Blob([ring], { type: 'application/json' }));
  $('save').download = member + '-api-keys.json';
  show('keys', true);
}

const copy = (button, text) => attempt(async () => {
  await navigator.clipboard.writeText(text());
  const before = button.textContent;
  button.textContent = words.copied;
  setTimeout(() => { button.textContent = before; }, 1500);
});

$('hosted-start').addEventListener('click', attempt(async () => {
  hosted = true;
  show('choices', false);
}));
$('own-start').addEventListener('click', attempt(async () => {
  const query = new URLSearchParams({ gateway, name: $('name').value, identities: JSON.stringify(identities()) });
  if ($('region').value) query.set('region', $('region').value);
  const { launch, template } = await call('/own-account?' + query);
  $('launch').href = launch.link;
  $('template').href = template.url;
  show('launching', true);
}));
$('copy-invitation').addEventListener('click', copy($('copy-invitation'), () => token));
$('copy-command').addEventListener('click', copy($('copy-command'), () => $('command').textContent));
$('kept').addEventListener('click', attempt(async () => {
  await call('/hosted', 'POST', { kept: true });
  show('keys', false);
}));
$('withdraw').addEventListener('click', attempt(async () => {
  await call('/hosted', 'DELETE');
}));
$('language').addEventListener('click', (event) => {
  event.preventDefault();
  const url = new URL(location.href);
  url.searchParams.set('lang', $('language').lang === 'zh' ? 'zh' : 'en');
  location.assign(url);
});

if (/^fuqi-invitation_/.test(token)) {
  (async () => {
    // A gateway without functions behind it offers nodes on own machines only.
    await call('/own-account').then(
      ({ region }) => { offered = true; $('region').placeholder = region; },
      () => {},
    );
    for (const id of ['hosted-card', 'own-card', 'settings']) show(id, offered);
    // Made by this invitation before: it goes on.
    await call('/hosted').then(() => { hosted = true; }, () => {});
    await look();
  })();
} else {
  $('problem').textContent = words.noLink;
  show('problem', true);
}
`;
