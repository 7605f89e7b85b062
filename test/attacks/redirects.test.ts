/** Ways to send somebody elsewhere, tried on every address of ours that leads on to one that was sent along. */
import { describe, expect, it } from '@jest/globals';
import { ownAddress } from '../../src/api/console/consoleLogin.controller.js';
import { isOwnAddress } from '../../src/api/pay/entry.controller.js';
import { safeLink } from '../../src/api/pay/links.js';

const elsewhere = [
  'https://evil.example', 'http://evil.example/', '//evil.example', '///evil.example', '////evil.example//', '/\\evil.example',
  '\\\\evil.example', '\\/evil.example', '/\\/evil.example', 'https:evil.example', 'https:/evil.example', 'https:\\\\evil.example',
  'HTTPS://EVIL.EXAMPLE', ' https://evil.example', '\thttps://evil.example', '\r\n//evil.example', '/\t/evil.example', '/\n/evil.example',
  '\u0000//evil.example', '\u200b//evil.example', '\ufeffhttps://evil.example', '／／evil.example', '/／evil.example', '//evil。example',
  'javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'java\tscript:alert(1)', 'javascript://%0aalert(1)', 'data:text/html,<script>1</script>',
  'vbscript:x', 'file:///etc/passwd', 'blob:https://evil.example/1', 'view-source:https://evil.example', 'ftp://evil.example', 'ws://evil.example',
  'https://PAGE@evil.example/', 'https://PAGE:443@evil.example/', 'https://PAGE%2f@evil.example/', 'https://PAGE.evil.example/',
  'https://evil.example/PAGE', 'https://evil.example#PAGE', 'https://evil.example?PAGE', '.evil.example', '@evil.example', ':443@evil.example',
  '%2f%2fevil.example', '%5cevil.example', '?https://evil.example', '#//evil.example', '', '.', '..', '/', '/pay', '/v1/payments',
] as const; // prettier-ignore

/** What may follow an address of ours so that it is none any more. */
const onwards = [
  '/../../evil', '/..//evil.example', '/../..//evil.example', '/%2e%2e//evil.example', '/.%2e//evil.example', '/..%2f..//evil.example',
  '\\..\\evil', '/\\evil.example', '\\@evil.example', '@evil.example', '.evil.example', ':80@evil.example', '%00.evil.example',
  '\n//evil.example', '\r\nLocation: https://evil.example', '\t', ' ', ' //evil.example', '\u2028x', 'evil',
] as const; // prettier-ignore

const tricks = (own: string): string[] => [
  ...elsewhere.map((trick) => trick.replace('PAGE', own.replace(/^\//, ''))),
  ...onwards.map((more) => own + more),
];

/** Where a browser at our page goes. */
const goesTo = (address: string): URL => new URL(address, 'https://pay.example.org/somewhere/deep?x=1');

describe('[case url-cheatsheet] after an operator’s login', () => {
  it.each(tricks('/console').map((trick) => [trick]))('%j: to the console, or nowhere', (trick) => {
    const { origin, pathname } = goesTo(ownAddress(trick));
    expect([origin, pathname.startsWith('/console')]).toEqual(['https://pay.example.org', true]);
    expect(pathname.startsWith('/console/log')).toBe(false);
  });

  it.each(['/console', '/console?partner=a', '/console/payments/1?x=%2F%2Fevil'])('%s: there', (address) => {
    expect(ownAddress(address)).toBe(address);
  });

  it.each([undefined, null, 5, ['/console'], { toString: () => '/console' }, `/console/${'x'.repeat(3_000)}`])(
    '%p: to its overview',
    (address) => {
      expect(ownAddress(address)).toBe('/console');
    },
  );
});

describe('[case url-cheatsheet] after a buyer’s token', () => {
  it.each(tricks('/pay/kafeteriy').map((trick) => [trick]))('%j: refused', (trick) => {
    expect(isOwnAddress('kafeteriy', trick)).toBe(false);
  });

  it.each(onwards.map((more) => [`/pay/kafeteriy?invoiceId=1${more}`]))('%j: to our page, or refused', (trick) => {
    const { origin, pathname } = goesTo(trick);
    if (isOwnAddress('kafeteriy', trick))
      expect([origin, pathname]).toEqual(['https://pay.example.org', '/pay/kafeteriy']);
  });

  it('another programme’s is not this one’s', () => {
    expect(isOwnAddress('kafeteriy', '/pay/other?invoiceId=1')).toBe(false);
    expect(isOwnAddress('kafeteriy', '/pay/kafeteriy?invoiceId=1')).toBe(true);
  });
});

describe('[case url-cheatsheet] back to the shop', () => {
  it.each([...tricks('/shop'), ...onwards.map((more) => `https://shop.example${more}`)].map((trick) => [trick]))(
    '%j: to a host of the list, or not shown',
    (trick) => {
      const link = safeLink(trick, ['shop.example'], false);
      if (link !== null) expect(new URL(link).origin).toBe('https://shop.example');
      if (elsewhere.some((one) => one === trick)) expect(link).toBeNull();
    },
  );
});
