export interface Buyer {
  /** The claim `sub`, by which the partner's programme knows the buyer. */
  login: string;
  name: string;
  about: string;
  email: string;
  phone: string;
}

export const buyers: readonly Buyer[] = [
  { login: 'anna', name: 'Анна Соколова', about: 'много баллов', email: 'anna@example.com', phone: '+79001112233' },
  { login: 'boris', name: 'Борис Ковалёв', about: 'баллов мало', email: 'boris@example.com', phone: '+79002223344' },
  {
    login: 'vera',
    name: 'Вера Лебедева',
    about: 'постоянный покупатель',
    email: 'vera@example.com',
    phone: '+79003334455',
  },
  { login: 'gleb', name: 'Глеб Орлов', about: 'новый покупатель', email: 'gleb@example.com', phone: '+79004445566' },
];

export function buyerByLogin(login: unknown): Buyer | undefined {
  return buyers.find((buyer) => buyer.login === login);
}
