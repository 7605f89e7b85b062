export interface Good {
  id: string;
  name: string;
  about: string;
  emoji: string;
  priceMinor: number;
}

export const goods: readonly Good[] = [
  { id: 'coffee', name: 'Кофе в зёрнах', about: 'Эфиопия, 1 кг', emoji: '☕', priceMinor: 184_990 },
  { id: 'theatre', name: 'Билет в театр', about: 'Партер, два места', emoji: '🎭', priceMinor: 640_050 },
  { id: 'hotel', name: 'Номер в отеле', about: 'Три ночи с завтраком', emoji: '🏨', priceMinor: 1_965_845 },
  { id: 'yacht', name: 'Яхта «Копейка»', about: 'Почти новая', emoji: '🛥️', priceMinor: 98_765_432_19 },
];
