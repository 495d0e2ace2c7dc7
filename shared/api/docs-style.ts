/** The style of the documentation page: no assets from elsewhere, light and dark, desk and phone. */
export const DOCS_STYLE = `
:root { color-scheme: light dark; --ink: #1d1d1b; --soft: #66645e; --paper: #fdfcf9; --panel: #f3f1ea;
  --line: #dcd8cc; --get: #1d6b4f; --post: #9c2f1f; --link: #9c2f1f; }
@media (prefers-color-scheme: dark) { :root { --ink: #eae7de; --soft: #a39f93; --paper: #181816;
  --panel: #23221f; --line: #3a3832; --get: #7fcfae; --post: #f0917f; --link: #f0917f; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.55;
  font-family: system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.page { display: grid; grid-template-columns: 17rem minmax(0, 1fr); max-width: 76rem; margin: 0 auto; }
nav { padding: 1.5rem 1rem; border-right: 1px solid var(--line); position: sticky; top: 0; height: 100vh;
  overflow-y: auto; font-size: .875rem; }
nav h2 { font-size: .875rem; margin: 1.25rem 0 .25rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a { display: block; padding: .2rem 0; color: var(--ink); text-decoration: none; overflow-wrap: anywhere; }
nav li a:hover { color: var(--link); text-decoration: underline; }
main { padding: 1.5rem 2rem 4rem; min-width: 0; }
h1 { font-size: 1.75rem; margin: 0 0 .5rem; }
main > h2 { margin: 3rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
section { margin: 1.75rem 0; scroll-margin-top: 1rem; }
section h3 { font-size: 1.05rem; margin: 0 0 .25rem; }
section h4 { font-size: .875rem; color: var(--soft); margin: .9rem 0 .25rem; font-weight: 600; }
p { margin: .25rem 0; max-width: 65ch; }
.call { font-family: ui-monospace, "SF Mono", Consolas, monospace; font-size: .9rem; overflow-wrap: anywhere; }
.verb { font-weight: 700; }
.GET { color: var(--get); } .POST { color: var(--post); }
.soft { color: var(--soft); }
code, pre { font-family: ui-monospace, "SF Mono", Consolas, monospace; font-size: .85em; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .75rem;
  overflow-x: auto; max-width: 100%; margin: .25rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; }
td:first-child { white-space: nowrap; }
summary { cursor: pointer; font-size: .875rem; color: var(--soft); font-weight: 600; margin-top: .9rem; }
@media (max-width: 56rem) {
  .page { display: block; }
  nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); }
  nav div { columns: 2; } nav h2 { break-after: avoid; }
  main { padding: 1rem 1rem 3rem; }
}
@media (max-width: 30rem) { nav div { columns: 1; } }
`;
