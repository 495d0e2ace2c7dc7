/**
 * Chromium for the browser tests: the one that is installed, or Debian's, installed on the spot where
 * this runs as root on Debian. Otherwise a sentence that says what is missing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const installed = (): string | undefined =>
  [process.env.FUQI_CHROMIUM ?? '', ...PLACES].find((place) => place !== '' && existsSync(place));

function install(): void {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const packages = ['chromium', 'fonts-noto-cjk'];
  spawnSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' });
  spawnSync('apt-get', ['install', '-y', '-qq', ...packages], { env, stdio: 'ignore' });
}

/** Starts a headless browser. */
export async function openBrowser(): Promise<Browser> {
  if (!installed()) install();
  const executablePath = installed();
  if (!executablePath) {
    throw new Error(
      'The browser tests need Chromium: install it (Debian: apt-get install chromium fonts-noto-cjk), ' +
        'or name it in FUQI_CHROMIUM.',
    );
  }
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
