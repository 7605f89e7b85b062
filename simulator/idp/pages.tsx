import { renderPage } from '../pages/layout.js';

const SITE = 'Кафетерий льгот';

export interface Person {
  readonly login: string;
  readonly name: string;
  readonly about: string;
}

/** @param refused the login that was typed and can't be one; absent at the first look */
export function loginPage(action: string, people: readonly Person[], refused?: string): string {
  return renderPage({
    title: 'Вход',
    site: SITE,
    look: 'programme',
    children: (
      <div class="card narrow">
        <h1>Кто вы?</h1>
        <p class="muted">Это демонстрация: пароль не нужен.</p>
        <form method="post" action={action} class="people">
          {people.map((person) => (
            <button key={person.login} class="person" name="login" value={person.login}>
              <span class="face" aria-hidden="true">
                {person.name.slice(0, 1)}
              </span>
              <span>
                <strong>{person.name}</strong>
                <small>{person.about}</small>
              </span>
            </button>
          ))}
        </form>
        <form method="post" action={action} class="typed">
          <label for="login">Или войти под другим логином</label>
          {refused !== undefined && (
            <p class="error" role="alert" id="login-error">
              Логин — латинские буквы, цифры, точка, дефис; до 64 знаков.
            </p>
          )}
          <div class="line">
            <input
              id="login"
              name="login"
              value={refused}
              maxLength={64}
              required
              autocomplete="username"
              autocapitalize="none"
              aria-invalid={refused !== undefined}
              aria-describedby={refused === undefined ? undefined : 'login-error'}
            />
            <button class="button">Войти</button>
          </div>
        </form>
      </div>
    ),
  });
}

/** @param form the library's own form, which our buttons submit */
export function logoutPage(form: string): string {
  return renderPage({
    title: 'Выход',
    site: SITE,
    look: 'programme',
    children: (
      <div class="card narrow">
        <h1>Выйти из программы?</h1>
        <div hidden dangerouslySetInnerHTML={{ __html: form }} />
        <div class="ways">
          <button class="button" form="op.logoutForm" name="logout" value="yes">
            Выйти
          </button>
          <button class="button quiet" form="op.logoutForm">
            Остаться
          </button>
        </div>
      </div>
    ),
  });
}

export function loggedOutPage(): string {
  return messagePage('Вы вышли', 'Чтобы войти снова, вернитесь к оплате.');
}

export function errorPage(code: string, description: string): string {
  return messagePage('Войти не получилось', description, code);
}

function messagePage(title: string, text: string, code?: string): string {
  return renderPage({
    title,
    site: SITE,
    look: 'programme',
    children: (
      <div class="card narrow">
        <h1>{title}</h1>
        <p>{text}</p>
        {code !== undefined && <p class="muted small">Код: {code}</p>}
      </div>
    ),
  });
}
