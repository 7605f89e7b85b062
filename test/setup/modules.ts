/** Set-up is plain JavaScript, since it runs before any package is there; here are the shapes that it promises. */
import { join } from 'node:path';

export interface Looks {
  readonly record: string[];
}

interface Around {
  readonly env: Record<string, string>;
  readonly looks: Looks;
}
interface OnDebian extends Around {
  readonly isRoot: boolean;
  readonly osRelease: string;
}
type Finds<How> = (how: How) => Promise<{ path: string }>;

export const setupFolder = join(import.meta.dirname, '../../scripts/setup');
const load = (name: string): Promise<unknown> => import(join(setupFolder, name));

export const { Looks } = (await load('say.mjs')) as {
  Looks: new (tool: string, options: { quiet: boolean }) => Looks;
};
export const { findTemporalCli } = (await load('temporalCli.mjs')) as {
  findTemporalCli: (how: Around & { downloadHost: string }) => Promise<{ path?: string; address?: string }>;
};
export const { findChromium } = (await load('chromium.mjs')) as {
  findChromium: Finds<OnDebian & { playwrightCli: string }>;
};
export const { findFuzzPython } = (await load('fuzzPython.mjs')) as {
  findFuzzPython: Finds<Around & { root: string }>;
};
export const { findPromtool } = (await load('promtool.mjs')) as { findPromtool: Finds<OnDebian> };
export const { ensureCompose } = (await load('compose.mjs')) as { ensureCompose: (how: OnDebian) => Promise<void> };
