/** How everything that Node runs is bundled: functions, and the command line. */
import type { BuildOptions } from 'esbuild';

/** For one file of Node 24's. */
export const NODE_BUNDLE = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  mainFields: ['module', 'main'],
  logLevel: 'error',
} as const satisfies BuildOptions;

/** The same as a module; packages in the older form ask for `require`, by a name that no minifier gives. */
export const NODE_MODULE_BUNDLE = {
  ...NODE_BUNDLE,
  format: 'esm',
  banner: {
    js: "import{createRequire as bundleRequire}from'node:module';const require=bundleRequire(import.meta.url);",
  },
} as const satisfies BuildOptions;
