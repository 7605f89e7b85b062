import type Provider from 'oidc-provider';

/** Loads oidc-provider without its advice for production on the console: this is a demo's login. */
export async function loadProvider(): Promise<typeof Provider> {
  const { warn, info } = console;
  console.warn = () => undefined;
  console.info = () => undefined;
  try {
    return (await import('oidc-provider')).default;
  } finally {
    console.warn = warn;
    console.info = info;
  }
}
