/** The programme's members whom the login page offers; whoever else types a name becomes a member without a phone. */
export interface Buyer {
  readonly login: string;
  readonly name: string;
  readonly about: string;
  readonly email: string;
  readonly phone?: string;
}

const known: readonly Buyer[] = [
  {
    login: 'anna',
    name: 'Анна Соколова',
    about: 'Баллов хватит на всё',
    email: 'anna@example.com',
    phone: '+79001112233',
  },
  { login: 'boris', name: 'Борис Ким', about: 'Баллов почти нет', email: 'boris@example.com', phone: '+79001112244' },
  { login: 'vera', name: 'Вера Орлова', about: 'Покупает иногда', email: 'vera@example.com', phone: '+79001112255' },
  { login: 'gleb', name: 'Глеб Тихонов', about: 'Покупает иногда', email: 'gleb@example.com', phone: '+79001112266' },
];

const LOGIN = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export const offeredBuyers = known;

/** @returns undefined when `login` can't be a login */
export function buyerOf(login: string): Buyer | undefined {
  if (!LOGIN.test(login)) return undefined;
  return (
    known.find((buyer) => buyer.login === login) ?? { login, name: login, about: '', email: `${login}@example.com` }
  );
}
