/** A log that attackers can't fill: of lines that say the same of the same, one in a while. */

export const QUIET_MS = 60_000;

/** Remembered at the most; who varies what it does has its lines counted under no name. */
const ABOUT_MAX = 1000;

type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/**
 * Writes the first line about something at once; those that follow within `quietMs` are counted, and the
 * next line after that says how many there were (`alike`).
 */
export function sparingly(
  write: Write,
  {
    now = Date.now,
    quietMs = QUIET_MS,
  }: { readonly now?: () => number; readonly quietMs?: number } = {},
): (about: string, fields: Readonly<Record<string, unknown>>, message: string) => void {
  const said = new Map<string, { readonly at: number; alike: number }>();
  return (about, fields, message) => {
    const last = said.get(about);
    if (last && now() - last.at < quietMs) {
      last.alike++;
      return;
    }
    if (!last && said.size >= ABOUT_MAX) said.clear();
    said.set(about, { at: now(), alike: 0 });
    write(last && last.alike > 0 ? { ...fields, alike: last.alike } : fields, message);
  };
}
