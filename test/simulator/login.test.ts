import { createHash, createPublicKey, type JsonWebKey, randomBytes, verify } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Browser } from './browser.js';
import { startedSimulator, suretyUrl, type TestedSimulator } from './startedSimulator.js';

const callback = `${suretyUrl}/pay/kafeteriy/login/callback`;
const otherCallback = `${suretyUrl}/pay/other/login/callback`;
let simulator: TestedSimulator;
beforeAll(async () => {
  simulator = await startedSimulator({ IDP_REDIRECT_URIS: otherCallback });
});

interface Started {
  readonly verifier: string;
  readonly page: string;
}

/** Opens the login page in `browser`, as Surety's redirect does. */
async function beginLogin(browser: Browser, state: string, redirectUri = callback): Promise<Started> {
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    client_id: 'surety',
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'openid profile email phone',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state,
    nonce: `nonce-${state}`,
  });
  const { url, status, html } = await browser.open(`${simulator.url}/idp/auth?${query.toString()}`, simulator.url);
  expect({ status, html }).toMatchObject({ status: 200, html: expect.stringContaining('Кто вы?') });
  return { verifier, page: url };
}

async function answerLogin(browser: Browser, page: string, login: string): Promise<URL> {
  const { url } = await browser.open(page, simulator.url, { login });
  return new URL(url);
}

async function redeem(code: string, verifier: string, by: 'basic' | 'post' = 'basic', redirectUri = callback) {
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    code_verifier: verifier,
    ...(by === 'post' && { client_id: 'surety', client_secret: 'secret' }),
  });
  const response = await fetch(`${simulator.url}/idp/token`, {
    method: 'POST',
    body,
    headers: by === 'basic' ? { authorization: `Basic ${Buffer.from('surety:secret').toString('base64')}` } : {},
  });
  return { status: response.status, tokens: (await response.json()) as Record<string, string> };
}

async function login(who: string, by: 'basic' | 'post' = 'basic'): Promise<Record<string, string>> {
  const browser = new Browser();
  const { verifier, page } = await beginLogin(browser, who);
  const back = await answerLogin(browser, page, who);
  return (await redeem(back.searchParams.get('code') ?? '', verifier, by)).tokens;
}

async function publishedKeys(): Promise<(JsonWebKey & { kid: string })[]> {
  const { jwks_uri } = (await (await fetch(`${simulator.url}/idp/.well-known/openid-configuration`)).json()) as {
    jwks_uri: string;
  };
  return ((await (await fetch(jwks_uri)).json()) as { keys: (JsonWebKey & { kid: string })[] }).keys;
}

/** The token's claims, once its signature holds against the published keys. */
async function verifiedClaims(idToken: string): Promise<Record<string, unknown> & { kid: string }> {
  const [header = '', payload = '', signature = ''] = idToken.split('.');
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
  const key = (await publishedKeys()).find((candidate) => candidate.kid === kid);
  if (!key) throw new Error(`Key ${kid} is not published`);
  const publicKey = createPublicKey({ key, format: 'jwk' });
  expect(verify('sha256', Buffer.from(`${header}.${payload}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(
    true,
  );
  return { ...(JSON.parse(Buffer.from(payload, 'base64url').toString()) as object), kid };
}

describe('the login', () => {
  it('knows the buyer by name after one click, without a password or consent', async () => {
    const browser = new Browser();
    const { verifier, page } = await beginLogin(browser, 's1');
    const back = await answerLogin(browser, page, 'anna');
    expect(back.href.split('?')[0]).toBe(callback);
    expect(back.searchParams.get('state')).toBe('s1');

    const { tokens } = await redeem(back.searchParams.get('code') ?? '', verifier);
    expect(await verifiedClaims(tokens['id_token'] ?? '')).toMatchObject({
      iss: `${simulator.url}/idp`,
      aud: 'surety',
      nonce: 'nonce-s1',
      sub: 'anna',
      name: 'Анна Соколова',
      email: 'anna@example.com',
      phone_number: '+79001112233',
    });
    const userinfo = await fetch(`${simulator.url}/idp/me`, {
      headers: { authorization: `Bearer ${tokens['access_token'] ?? ''}` },
    });
    expect(await userinfo.json()).toMatchObject({ sub: 'anna', name: 'Анна Соколова' });
  });

  it('takes the client secret in the form too, and refuses a code without its verifier', async () => {
    expect(await login('boris', 'post')).toHaveProperty('id_token');
    const browser = new Browser();
    const { page } = await beginLogin(browser, 's2');
    const back = await answerLogin(browser, page, 'anna');
    const stolen = await redeem(back.searchParams.get('code') ?? '', randomBytes(32).toString('base64url'));
    expect(stolen).toMatchObject({ status: 400, tokens: { error: 'invalid_grant' } });
  });

  it('refuses a login without PKCE', async () => {
    const query = new URLSearchParams({
      client_id: 'surety',
      response_type: 'code',
      redirect_uri: callback,
      scope: 'openid',
    });
    const { url } = await new Browser().open(`${simulator.url}/idp/auth?${query.toString()}`, simulator.url);
    expect(new URL(url).searchParams.get('error')).toBe('invalid_request');
  });

  it('lets a buyer in through two tabs at once', async () => {
    const browser = new Browser();
    const [one, two] = [await beginLogin(browser, 'tab-1'), await beginLogin(browser, 'tab-2')];
    const backs = [await answerLogin(browser, two.page, 'anna'), await answerLogin(browser, one.page, 'anna')];
    expect(backs.map((back) => back.searchParams.get('state'))).toEqual(['tab-2', 'tab-1']);
    for (const [back, verifier] of [
      [backs[0], two.verifier],
      [backs[1], one.verifier],
    ] as const) {
      const { tokens } = await redeem(back?.searchParams.get('code') ?? '', verifier);
      expect(await verifiedClaims(tokens['id_token'] ?? '')).toMatchObject({ sub: 'anna' });
    }
  });

  it('lets the second tab log in as somebody else, also without script', async () => {
    const browser = new Browser();
    const [one, two] = [await beginLogin(browser, 'first'), await beginLogin(browser, 'second')];
    await answerLogin(browser, one.page, 'anna');
    const { html } = await browser.open(two.page, simulator.url, { login: 'boris' });
    const [, action = ''] = /action="([^"]+)"/.exec(html) ?? [];
    const fields = [...html.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]);
    const { url } = await browser.open(action, simulator.url, Object.fromEntries(fields) as Record<string, string>);
    const { tokens } = await redeem(new URL(url).searchParams.get('code') ?? '', two.verifier);
    expect(await verifiedClaims(tokens['id_token'] ?? '')).toMatchObject({ sub: 'boris' });
  });

  it('serves several partners, and takes any other login than the offered ones', async () => {
    const browser = new Browser();
    const { verifier, page } = await beginLogin(browser, 's3', otherCallback);
    const back = await answerLogin(browser, page, 'Buyer-17');
    expect(back.href.split('?')[0]).toBe(otherCallback);
    const { tokens } = await redeem(back.searchParams.get('code') ?? '', verifier, 'basic', otherCallback);
    expect(await verifiedClaims(tokens['id_token'] ?? '')).toMatchObject({ sub: 'buyer-17' });
  });

  it('says so when a login is malformed, or was begun too long ago', async () => {
    const browser = new Browser();
    const { page } = await beginLogin(browser, 's4');
    const refused = await browser.open(page, simulator.url, { login: '<script>' });
    expect(refused).toMatchObject({ status: 422, html: expect.stringContaining('role="alert"') });
    const lost = await new Browser().open(page, simulator.url);
    expect(lost).toMatchObject({ status: 400, html: expect.stringContaining('слишком давно') });
  });

  it('logs out after a question, by buttons alone, and comes back to the partner', async () => {
    const browser = new Browser();
    const { verifier, page } = await beginLogin(browser, 's5');
    const back = await answerLogin(browser, page, 'vera');
    const { tokens } = await redeem(back.searchParams.get('code') ?? '', verifier);
    const query = new URLSearchParams({
      id_token_hint: tokens['id_token'] ?? '',
      post_logout_redirect_uri: `${suretyUrl}/pay/kafeteriy/logged-out`,
    });
    const asked = await browser.open(`${simulator.url}/idp/session/end?${query.toString()}`, simulator.url);
    expect(asked.html).toContain('Выйти из программы?');
    const [, action = '', xsrf = ''] = /action="([^"]+)".*name="xsrf" value="([^"]+)"/.exec(asked.html) ?? [];
    const { url } = await browser.open(action, simulator.url, { xsrf, logout: 'yes' });
    expect(url).toBe(`${suretyUrl}/pay/kafeteriy/logged-out`);
    await beginLogin(browser, 's6');
  });
});

describe('the provider under test', () => {
  it('signs with a new key after a rotation, and logins under way go on', async () => {
    const before = await verifiedClaims((await login('anna'))['id_token'] ?? '');
    const browser = new Browser();
    const { verifier, page } = await beginLogin(browser, 'rotating');
    const { kid } = await simulator.control<{ kid: string }>('POST', '/idp/rotate-keys');
    expect(kid).not.toBe(before.kid);
    expect((await publishedKeys()).map((key) => key.kid)).toEqual(expect.arrayContaining([kid, before.kid]));

    const back = await answerLogin(browser, page, 'anna');
    const { tokens } = await redeem(back.searchParams.get('code') ?? '', verifier);
    expect(await verifiedClaims(tokens['id_token'] ?? '')).toMatchObject({ kid, sub: 'anna' });
  });

  it('issues id_tokens by a clock that is ahead, still properly signed', async () => {
    await simulator.control('POST', '/idp/clock', { offsetSeconds: 30 });
    const claims = await verifiedClaims((await login('anna'))['id_token'] ?? '');
    await simulator.control('POST', '/idp/clock', { offsetSeconds: 0 });
    expect(Number(claims['iat']) - Date.now() / 1_000).toBeGreaterThan(20);
    expect(Number(claims['exp']) - Number(claims['iat'])).toBe(3_600);
  });
});
