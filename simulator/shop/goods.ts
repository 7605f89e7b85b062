export interface Good {
  readonly id: string;
  readonly title: string;
  readonly picture: string;
  readonly priceMinor: number;
}

/** Nobody in the demo has points for it. */
const journey: Good = { id: 'journey', title: 'Путешествие на Камчатку', picture: '🌋', priceMinor: 99_999_990 };

export const goods: readonly Good[] = [
  { id: 'cookies', title: 'Овсяное печенье', picture: '🍪', priceMinor: 18_950 },
  { id: 'mug', title: 'Термокружка', picture: '🥤', priceMinor: 124_990 },
  { id: 'coffee', title: 'Кофе в зёрнах, 1 кг', picture: '☕', priceMinor: 189_050 },
  { id: 'headphones', title: 'Наушники', picture: '🎧', priceMinor: 799_025 },
  { id: 'hotel', title: 'Номер в отеле', picture: '🏨', priceMinor: 1_965_845 },
  { id: 'bike', title: 'Городской велосипед', picture: '🚲', priceMinor: 4_599_099 },
];

export function goodOf(id: unknown): Good | undefined {
  return [...goods, journey].find((good) => good.id === id);
}
