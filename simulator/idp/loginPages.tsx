import type { VNode } from 'preact';
import { buyers } from './buyers.js';

export function LoginPage({ action }: { action: string }): VNode {
  return (
    <main class="card narrow">
      <p class="eyebrow">Демо-вход программы «Кафетерий»</p>
      <h1>Кто вы?</h1>
      <p class="muted">Выберите покупателя. Пароль не нужен: это учебный стенд.</p>
      <div class="buyers">
        {buyers.map((buyer) => (
          <form method="post" action={action} key={buyer.login}>
            <button class="buyer" type="submit" name="login" value={buyer.login}>
              <span class="avatar" aria-hidden="true">
                {buyer.name.slice(0, 1)}
              </span>
              <span>
                <strong>{buyer.name}</strong>
                <small>{buyer.about}</small>
              </span>
            </button>
          </form>
        ))}
      </div>
    </main>
  );
}

/** `form` is the provider's own, with its protection against forgery; the buttons belong to it. */
export function LogoutPage({ form }: { form: string }): VNode {
  return (
    <main class="card narrow">
      <h1>Выйти из программы?</h1>
      <p class="muted">Следующая оплата баллами попросит войти снова.</p>
      <div dangerouslySetInnerHTML={{ __html: form }} />
      <div class="actions">
        <button class="button" type="submit" form="op.logoutForm" name="logout" value="yes">
          Выйти
        </button>
        <button class="button secondary" type="submit" form="op.logoutForm">
          Остаться
        </button>
      </div>
    </main>
  );
}

export function LoginErrorPage({ code, description }: { code: string; description?: string | undefined }): VNode {
  return (
    <main class="card narrow">
      <h1>Войти не получилось</h1>
      <p>Вернитесь на страницу оплаты и начните вход ещё раз: деньги и баллы не тронуты.</p>
      <p class="muted">
        {code}
        {description === undefined ? '' : `: ${description}`}
      </p>
    </main>
  );
}
