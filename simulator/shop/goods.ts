export interface Good {
  readonly id: string;
  readonly title: string;
  /** A line drawing on a field of 24 × 24: the path of an SVG. Letters of an emoji font are not everywhere. */
  readonly drawing: string;
  readonly priceMinor: number;
}

/** Nobody in the demo has points for it. */
const journey: Good = {
  id: 'journey',
  title: 'Путешествие на Камчатку',
  drawing: 'M2 20 9 8l4 6 2-3 7 9zM9 8V4M6 5l1 1M12 5l-1 1',
  priceMinor: 99_999_990,
};

export const goods: readonly Good[] = [
  {
    id: 'cookies',
    title: 'Овсяное печенье',
    drawing: 'M12 3a9 9 0 1 0 9 9 3 3 0 0 1-4-4 3 3 0 0 1-5-5zM9 10h.01M8 15h.01M13 16h.01M13 12h.01',
    priceMinor: 18_950,
  },
  { id: 'mug', title: 'Термокружка', drawing: 'M6 7h12l-1.5 14h-9zM5 7l1-4h12l1 4M7 13h10', priceMinor: 124_990 },
  {
    id: 'coffee',
    title: 'Кофе в зёрнах, 1 кг',
    drawing: 'M4 9h13v6a5 5 0 0 1-5 5H9a5 5 0 0 1-5-5zM17 11h1.5a2.5 2.5 0 0 1 0 5H17M8 3v3M12 3v3',
    priceMinor: 189_050,
  },
  {
    id: 'headphones',
    title: 'Наушники',
    drawing: 'M4 17v-4a8 8 0 0 1 16 0v4M4 14h3v6H5a1 1 0 0 1-1-1zM20 14h-3v6h2a1 1 0 0 0 1-1z',
    priceMinor: 799_025,
  },
  {
    id: 'hotel',
    title: 'Номер в отеле',
    drawing: 'M3 19V6M3 16h18v3M21 16v-3a3 3 0 0 0-3-3h-7v6M7 13.5a1.75 1.75 0 1 0 0-3.5 1.75 1.75 0 0 0 0 3.5z',
    priceMinor: 1_965_845,
  },
  {
    id: 'bike',
    title: 'Городской велосипед',
    drawing:
      'M6 19a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM18 19a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM6 15.5 9.5 8h5L18 15.5M9.5 8l3 7.5H6M8 6h3M12.5 15.5 15 8l-1-3h2',
    priceMinor: 4_599_099,
  },
];

export function goodOf(id: unknown): Good | undefined {
  return [...goods, journey].find((good) => good.id === id);
}
