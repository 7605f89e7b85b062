/** Whom the demo's console knows. Control adds others, for roles and partners that these don't have. */
export interface OperatorAccount {
  readonly login: string;
  readonly name: string;
  readonly about: string;
  readonly roles: readonly string[];
  /** Ids of partners, or `*`. */
  readonly partners: readonly string[];
}

const known: readonly OperatorAccount[] = [
  { login: 'viktor', name: 'Виктор Смотров', about: 'Смотрит', roles: ['viewer'], partners: ['*'] },
  { login: 'olga', name: 'Ольга Делова', about: 'Действует', roles: ['operator'], partners: ['*'] },
  { login: 'alla', name: 'Алла Решетова', about: 'Утверждает', roles: ['approver'], partners: ['*'] },
  {
    login: 'oleg',
    name: 'Олег Дежурный',
    about: 'Действует и утверждает',
    roles: ['operator', 'approver'],
    partners: ['*'],
  },
];

const mostAdded = 1_000;

export class Operators {
  readonly #added = new Map<string, OperatorAccount>();

  get offered(): readonly OperatorAccount[] {
    return known;
  }

  find(login: string): OperatorAccount | undefined {
    return this.#added.get(login) ?? known.find((operator) => operator.login === login);
  }

  put(operator: OperatorAccount): void {
    if (this.#added.size >= mostAdded) this.#added.clear();
    this.#added.set(operator.login, operator);
  }
}
