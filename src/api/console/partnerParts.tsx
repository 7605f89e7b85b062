/** What lists are chosen by: whose books, and which come first. */
import type { ConsolePartner } from './desk.js';
import type { Sort } from './paging.js';
import { Choice } from './fields.js';
import { plain, Said } from './values.js';

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

export function SortChoice({ value }: { value: Sort }) {
  return <Choice name="sort" label="First" value={value} all="newest" options={[['oldest', 'oldest']]} />;
}
