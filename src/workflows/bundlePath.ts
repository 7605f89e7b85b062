import { fileURLToPath } from 'node:url';

/** The workflows as one file, made at build time: workers start without a bundler, and all run the same bytes. */
export const bundlePath = fileURLToPath(new URL('../../workflows.bundle.js', import.meta.url));

/** Taken into that file, and by workers for their activities. */
export const failureConverterPath = fileURLToPath(new URL('./failureConverter.js', import.meta.url));
