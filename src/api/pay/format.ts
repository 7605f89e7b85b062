/** Numbers and times as people read them; money and points never share a sign. */
import { decimalString } from '../../domain/money.js';

export type Language = 'ru' | 'en';

const locales: Record<Language, string> = { ru: 'ru-RU', en: 'en-GB' };

const pointForms: Record<Language, Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }> = {
  ru: { one: 'балл', few: 'балла', many: 'баллов', other: 'балла' },
  en: { one: 'point', other: 'points' },
};

/** `19 659 баллов` */
export function formatPoints(count: number, language: Language): string {
  const form =
    pointForms[language][new Intl.PluralRules(locales[language]).select(count)] ?? pointForms[language].other;
  return `${new Intl.NumberFormat(locales[language]).format(count)} ${form}`;
}

/** `19 658,45 ₽`, from integer minor units */
export function formatMoney(amountMinor: number, currency: string, language: Language): string {
  const format = new Intl.NumberFormat(locales[language], { style: 'currency', currency });
  return format.format(decimalString(amountMinor, currency) as Intl.StringNumericLiteral);
}

/** Absolute, with its zone: `25 декабря 2023 г. в 03:00 GMT+3` */
export function formatTime(time: Date, language: Language, timeZone: string): string {
  return new Intl.DateTimeFormat(locales[language], {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
    timeZone,
  }).format(time);
}

/** `11 марта 2027 г.`, of a date `YYYY-MM-DD`: a day of the programme's, which no zone moves. */
export function formatDay(day: string, language: Language): string {
  const format = { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' } as const;
  return new Intl.DateTimeFormat(locales[language], format).format(new Date(`${day}T00:00:00Z`));
}

/** `14:05:30 GMT+3` */
export function formatClock(time: Date, language: Language, timeZone: string): string {
  return new Intl.DateTimeFormat(locales[language], {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
    timeZone,
  }).format(time);
}

/** The language of a page: the URL's, then the programme's, then the browser's, then Russian. */
export function languageOf(
  fromUrl: unknown,
  programme: Language | undefined,
  acceptLanguage: string | undefined,
): Language {
  if (fromUrl === 'ru' || fromUrl === 'en') return fromUrl;
  if (programme !== undefined) return programme;
  const first = (acceptLanguage ?? '')
    .slice(0, 200)
    .split(',')
    .map((part) => part.trim().slice(0, 2).toLowerCase());
  return first.find((language): language is Language => language === 'ru' || language === 'en') ?? 'ru';
}
