import { describe, expect, it } from '@jest/globals';
import { h } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { PaymentList } from '../../src/api/pay/paymentList.js';
import { formatMoney, formatPoints, languageOf } from '../../src/api/pay/format.js';
import { safeLink } from '../../src/api/pay/links.js';
import { texts } from '../../src/api/pay/texts.js';
import { viewNames, viewOf } from '../../src/api/pay/viewOf.js';
import { paymentStates } from '../../src/domain/payment.js';

describe('links to send the buyer to', () => {
  const hosts = ['ok.ru', 'pay.invoicebox.ru', '127.0.0.1:4010'];

  it('shows https links to hosts on the list', () => {
    expect(safeLink('https://ok.ru/return?a=1', hosts, false)).toBe('https://ok.ru/return?a=1');
  });

  it.each([
    'http://ok.ru/',
    'https:\\\\evil',
    'https://ok.ru@evil.ru/',
    'https://evil-ok.ru/',
    'https://ok.ru.evil.ru/',
    '//evil。com',
    'https://ok。ru/',
    '/\\evil',
    'https:///evil.ru',
    'javascript:alert(1)',
    'java\tscript:alert(1)',
    'https://ok.ru/\r\nSet-Cookie: a=b',
    'https://user:password@ok.ru/',
    'https://ok.ru:444/',
    'http://127.0.0.1:4010/',
    ' https://ok.ru/',
    'https://ok.ru/' + 'x'.repeat(3_000),
    'https:/ok.ru.evil.ru/',
    'https:evil.ru',
    'https:\\\\ok.ru@evil.ru/',
    'https://ok.ru\\@evil.ru/',
    'https://ok.ru%2f@evil.ru/',
    'https://ok.ru%00.evil.ru/',
    'https://ok.ru%23@evil.ru/',
    'https://ok.ru?@evil.ru/'.replace('?', '%3f'),
    'https://ok.ru;evil.ru/',
    'https://ok.ru,evil.ru/',
    'https://ok.ru&evil.ru/',
    'https://ok%E3%80%82ru.evil.ru/',
    'https://оk.ru/',
    'https://xn--k-8sb.ru/',
    'https://ok.ru./',
    'https://.ok.ru/',
    'https://sub.ok.ru/',
    'https://[::1]/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://127.1:8080/',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:msgbox(1)',
    'file:///etc/passwd',
    'blob:https://ok.ru/1',
    'view-source:https://ok.ru/',
    'ftp://ok.ru/',
    'ws://ok.ru/',
    'JaVaScRiPt:alert(1)',
    '\u0000https://ok.ru/',
    '\u200bhttps://ok.ru/',
    'https://ok.ru/\u202egpj.exe',
    'https://ok\u00ad.ru.evil.ru/',
    '/return',
    '//ok.ru/',
    '///ok.ru/',
    'ok.ru',
    '?next=https://ok.ru/',
    '#https://ok.ru/',
    '',
    null,
  ])('[case saas-starter PR#641] shows no link for %p', (link) => {
    expect(safeLink(link, hosts, false)).toBeNull();
  });

  it('allows http on loopback only in test mode', () => {
    expect(safeLink('http://127.0.0.1:4010/shop', hosts, true)).toBe('http://127.0.0.1:4010/shop');
    expect(safeLink('http://ok.ru/', hosts, true)).toBeNull();
  });
});

describe('numbers as people read them', () => {
  it('writes points with the right plural, and never the sign of money', () => {
    expect(formatPoints(1, 'ru')).toBe('1 балл');
    expect(formatPoints(3, 'ru')).toBe('3 балла');
    expect(formatPoints(19_659, 'ru')).toBe('19\u00a0659 баллов');
    expect(formatPoints(21, 'ru')).toBe('21 балл');
    expect(formatPoints(1, 'en')).toBe('1 point');
    expect(formatPoints(1_000, 'en')).toBe('1,000 points');
  });

  it('writes money from minor units to the last kopeck', () => {
    expect(formatMoney(1_965_845, 'RUB', 'ru')).toBe('19\u00a0658,45\u00a0₽');
    expect(formatMoney(9_999_999_999_999, 'RUB', 'ru')).toBe('99\u00a0999\u00a0999\u00a0999,99\u00a0₽');
    expect(formatMoney(110, 'JPY', 'en')).toBe('JP¥110');
  });

  it('takes the language of the URL, then of the programme, then of the browser, then Russian', () => {
    expect(languageOf('en', 'ru', 'ru')).toBe('en');
    expect(languageOf('xx', 'en', 'ru')).toBe('en');
    expect(languageOf(undefined, undefined, 'de-DE, en;q=0.8')).toBe('en');
    expect(languageOf(undefined, undefined, undefined)).toBe('ru');
  });
});

it('[case kademi-dev#4759] the page names the very day that API and exports name, in no zone but the programme’s', () => {
  const shown = (language: 'ru' | 'en', timeZone: string) =>
    renderToString(
      h(PaymentList, {
        payments: [],
        available: 505,
        expiringSoon: [{ expiresOn: '2027-03-11', points: 500 }],
        ...{ language, timeZone, slug: 'kafeteriy', csrfToken: 'token' },
      }),
    ).replaceAll('\u00a0', ' ');
  for (const zone of ['Asia/Kamchatka', 'Europe/Kaliningrad', 'America/Anchorage']) {
    expect(shown('ru', zone)).toContain('Потратить до конца дня <time datetime="2027-03-11">11 марта 2027 г.</time>');
    expect(shown('en', zone)).toContain('Spend by the end of <time datetime="2027-03-11">11 March 2027</time>');
    expect(shown('ru', zone)).toContain('500 баллов');
  }
});

describe('the view of a payment', () => {
  const waiting = { state: 'awaiting_confirmation', reason: null, points: 10, memberId: null } as const;

  it('shows a ready payment only to who can pay it', () => {
    expect(viewOf(waiting, 'anna', 10)).toBe('ready');
    expect(viewOf(waiting, 'anna', 9)).toBe('insufficient_points');
    expect(viewOf({ ...waiting, memberId: 'boris' }, 'anna', 10)).toBe('someone_else');
    expect(viewOf({ ...waiting, state: 'paid', memberId: 'boris' }, 'anna', 10)).toBe('someone_else_paid');
    expect(viewOf({ ...waiting, state: 'declined', memberId: 'boris' }, 'anna', 10)).toBe('someone_else_ended');
    expect(viewOf({ ...waiting, state: 'opening' }, 'anna', 10)).toBe('opening');
    expect(viewOf({ ...waiting, reason: 'amount_changed' }, 'anna', 10)).toBe('amount_changed');
    expect(viewOf({ ...waiting, reason: 'insufficient_fund' }, 'anna', 10)).toBe('fund_unavailable');
  });

  it('never shows a way to pay, or "failed", while the outcome is not known', () => {
    for (const state of ['unknown', 'in_review'] as const) {
      expect(viewOf({ ...waiting, state }, 'anna', 0)).toBe('unknown');
    }
  });

  it('says in both languages what every view is', () => {
    for (const view of viewNames) {
      for (const language of ['ru', 'en'] as const) expect(texts[language][view].title.length).toBeGreaterThan(5);
    }
  });

  it('has a view for every state', () => {
    for (const state of paymentStates) expect(viewOf({ ...waiting, state }, 'anna', 10)).toEqual(expect.any(String));
  });
});
