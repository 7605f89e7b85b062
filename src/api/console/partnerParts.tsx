/** Whose books: how a partner is named, and chosen. */
import type { ConsolePartner } from './desk.js';
import { Choice, plain, Said } from './parts.js';

export function PartnerName({ name }: { name: string }) {
  return <Said text={name} most={60} />;
}

export function PartnerChoice({
  partners,
  value,
  all = 'all of mine',
}: {
  partners: readonly ConsolePartner[];
  value: string | undefined;
  all?: string;
}) {
  return (
    <Choice
      name="partner"
      label="Partner"
      value={value}
      all={all}
      options={partners.map(({ slug, name }) => [slug, plain(name, 60)] as const)}
    />
  );
}
