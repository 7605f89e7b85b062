import { fileURLToPath } from 'node:url';

/** The workflows as one file, made at build time: workers start without a bundler, and all run the same bytes. */
export const bundlePath = fileURLToPath(new URL('../../workflows.bundle.js', import.meta.url));
