/** What the page says, in both languages; the compiler keeps the two key sets equal. */
import type { PaymentState } from '../../domain/payment.js';
import type { Language } from './format.js';

const ru = {
  languageName: 'Русский',
  ready: { title: 'Подтвердите оплату', lead: 'Проверьте счёт. Баллы спишутся только после вашего подтверждения.' },
  amount_changed: {
    title: 'Сумма счёта изменилась',
    lead: 'Пока вы подтверждали оплату, счёт изменился. Ничего не списано. Проверьте новую сумму и подтвердите ещё раз.',
  },
  try_again: {
    title: 'Не удалось связаться с Инвойсбоксом',
    lead: 'Ничего не списано. Попробуйте подтвердить оплату ещё раз.',
  },
  insufficient_points: {
    title: 'Не хватает баллов',
    lead: 'На вашем счёте меньше баллов, чем нужно для оплаты. Ничего не списано. Вы можете вернуться и выбрать другой способ оплаты.',
  },
  fund_unavailable: {
    title: 'Оплата баллами сейчас недоступна',
    lead: 'Программа временно не может оплатить этот счёт. Ничего не списано. Вернитесь и выберите другой способ оплаты или попробуйте позже.',
  },
  opening: {
    title: 'Открываем оплату',
    lead: 'Читаем счёт в Инвойсбоксе. Баллы не списаны и не зарезервированы: вы сможете проверить и подтвердить оплату.',
  },
  processing: {
    title: 'Оплата выполняется',
    lead: 'Мы подтверждаем оплату в Инвойсбоксе. Обычно это занимает несколько секунд. Не оплачивайте счёт повторно.',
  },
  unknown: {
    title: 'Результат оплаты уточняется',
    lead: 'Баллы зарезервированы. Не оплачивайте счёт повторно: мы выясняем у Инвойсбокса, прошла ли оплата, и покажем результат здесь.',
  },
  paid: { title: 'Счёт оплачен', lead: 'Баллы списаны, Инвойсбокс подтвердил оплату. Вернитесь на страницу счёта.' },
  declined: { title: 'Оплата не состоялась', lead: 'Баллы не списаны.' },
  expired: { title: 'Срок оплаты счёта истёк', lead: 'Баллы не списаны. Попросите магазин выставить новый счёт.' },
  cancelled: { title: 'Оплата отменена', lead: 'Баллы не списаны.' },
  paid_elsewhere: { title: 'Счёт уже оплачен', lead: 'Счёт оплачен другим способом. Баллы не списаны.' },
  someone_else: {
    title: 'Счёт оплачивает другой участник',
    lead: 'Этот счёт уже оплачивается другим участником программы.',
  },
  someone_else_paid: {
    title: 'Счёт уже оплачен',
    lead: 'Его оплатил другой участник программы. Ваши баллы не списаны.',
  },
  someone_else_ended: {
    title: 'Эта попытка оплаты завершена',
    lead: 'Её начинал другой участник программы. Ваши баллы не списаны. Откройте оплату заново со страницы счёта.',
  },
  session_lost: { title: 'Войдите ещё раз', lead: 'Сеанс завершён. Войдите, чтобы увидеть состояние оплаты.' },
  not_found: {
    title: 'Страница не найдена',
    lead: 'Проверьте ссылку или вернитесь на страницу счёта и начните заново.',
  },
  bad_link: {
    title: 'Ссылка неполная',
    lead: 'В ссылке нет правильного номера счёта. Вернитесь в магазин и выберите оплату баллами ещё раз.',
  },
  login_failed: { title: 'Войти не удалось', lead: 'Вход не завершён. Ничего не списано. Попробуйте ещё раз.' },
  continue_as: {
    title: 'Продолжите оплату',
    lead: 'Вы пришли из личного кабинета программы. Нажмите кнопку, чтобы войти и увидеть счёт.',
  },
  logged_out: { title: 'Вы вышли', lead: 'Сеанс завершён. Состояние ваших оплат от этого не изменилось.' },
  payments: { title: 'Мои оплаты', lead: 'Ваши оплаты за последние 12 месяцев.' },
  stale_form: {
    title: 'Страница устарела',
    lead: 'Форма была открыта слишком давно или в другом сеансе. По этой отправке ничего не сделано. Откройте оплату заново.',
  },
  not_ready: {
    title: 'Программа временно не принимает оплату',
    lead: 'Новые оплаты сейчас не начинаются. Ничего не списано. Выберите другой способ оплаты или попробуйте позже.',
  },
  not_known: {
    title: 'Неизвестно, дошло ли подтверждение',
    lead: 'Сервис не ответил вовремя. Подтверждение могло дойти и может быть учтено до {until}. Нажать ещё раз безопасно: дважды баллы не спишутся.',
  },
  cancel_not_known: {
    title: 'Неизвестно, дошла ли отмена',
    lead: 'Сервис не ответил вовремя. Отмена могла дойти и может быть учтена до {until}. Нажать ещё раз безопасно.',
  },
  too_many_tries: {
    title: 'Слишком много попыток',
    lead: 'Эту оплату больше нельзя подтвердить. По последнему нажатию ничего не списано. Вернитесь и выберите другой способ оплаты.',
  },
  busy: {
    title: 'Слишком много запросов сразу',
    lead: 'Последнее нажатие не учтено. Проверьте состояние оплаты через минуту.',
  },
  sent_unknown: {
    title: 'Сервис временно недоступен',
    lead: 'Неизвестно, принято ли ваше последнее нажатие. Откройте оплату и проверьте её состояние: дважды баллы не спишутся.',
  },
  bad_request: {
    title: 'Запрос не принят',
    lead: 'Он составлен неправильно или слишком велик. По нему ничего не сделано.',
  },
  trouble: {
    title: 'Сервис временно недоступен',
    lead: 'Попробуйте обновить страницу через минуту. Состояние оплаты от этого не изменится.',
  },
  invoice: 'Счёт',
  description: 'Назначение',
  amount: 'Сумма',
  toCharge: 'К списанию',
  reserved: 'Зарезервировано',
  charged: 'Списано',
  balanceBefore: 'Ваш баланс',
  balanceAfter: 'Останется',
  shortfall: 'Не хватает',
  payBy: 'Оплатить до',
  reference: 'Номер операции',
  nextCheck: 'Следующая проверка',
  stillWorking: 'Ждём ответа Инвойсбокса…',
  pay: 'Списать {points}',
  payAgain: 'Попробовать ещё раз: списать {points}',
  cancel: 'Отменить оплату',
  check: 'Проверить состояние',
  toInvoice: 'Вернуться на страницу счёта',
  toShop: 'Вернуться в магазин',
  autoReturn: 'Переход на страницу счёта через {seconds} с.',
  stay: 'Остаться здесь',
  support: 'Поддержка',
  logIn: 'Войти',
  goOn: 'Продолжить',
  none: 'Оплат пока нет.',
  startAgain: 'Открыть оплату',
  myPayments: 'Мои оплаты',
  logOut: 'Выйти',
  testMode: 'Тестовый режим: деньги и баллы ненастоящие',
  working: 'Отправляем…',
  states: {
    opening: 'открывается',
    awaiting_confirmation: 'ждёт подтверждения',
    awaiting_approval: 'ждёт одобрения',
    settling: 'выполняется',
    unknown: 'результат уточняется',
    in_review: 'результат уточняется',
    paid: 'оплачен',
    declined: 'не состоялась',
    expired: 'срок истёк',
    cancelled: 'отменена',
  } satisfies Record<PaymentState, string>,
  reasons: {
    invoice_canceled: 'Счёт отменён магазином.',
    invoice_partial: 'Счёт уже оплачен частично.',
    invoice_not_found: 'Счёт не найден.',
    invoice_unpayable_amount: 'Сумму этого счёта нельзя оплатить баллами.',
    invoice_status_unknown: 'Состояние счёта неизвестно.',
    currency_unsupported: 'Счёт в валюте, которую программа не оплачивает.',
    credentials: 'Программа не смогла подтвердить оплату в Инвойсбоксе.',
    refused: 'Инвойсбокс отклонил оплату.',
    gave_up: 'Инвойсбокс не отвечал слишком долго.',
    too_many_attempts: 'Слишком много попыток.',
  } as Readonly<Record<string, string>>,
};

type Texts = typeof ru;

const en: Texts = {
  languageName: 'English',
  ready: { title: 'Confirm the payment', lead: 'Check the invoice. Points are taken only after you confirm.' },
  amount_changed: {
    title: 'The invoice has changed',
    lead: 'The invoice changed while you were confirming. Nothing was taken. Check the new sum and confirm again.',
  },
  try_again: { title: 'Invoicebox could not be reached', lead: 'Nothing was taken. Please try to confirm again.' },
  insufficient_points: {
    title: 'Not enough points',
    lead: 'You have fewer points than this payment needs. Nothing was taken. You can go back and choose another way to pay.',
  },
  fund_unavailable: {
    title: 'Paying with points is not available now',
    lead: 'The programme cannot pay this invoice at the moment. Nothing was taken. Go back and choose another way to pay, or try later.',
  },
  opening: {
    title: 'Opening the payment',
    lead: 'We are reading the invoice at Invoicebox. No points are taken or reserved: you will check and confirm the payment first.',
  },
  processing: {
    title: 'The payment is being made',
    lead: 'We are confirming the payment at Invoicebox. It usually takes a few seconds. Do not pay the invoice again.',
  },
  unknown: {
    title: 'The outcome is being checked',
    lead: 'Your points are reserved. Do not pay again: we are finding out from Invoicebox whether the payment went through, and will show it here.',
  },
  paid: {
    title: 'The invoice is paid',
    lead: 'The points are taken and Invoicebox has confirmed the payment. Return to the invoice.',
  },
  declined: { title: 'The payment was not made', lead: 'No points were taken.' },
  expired: { title: 'The invoice has expired', lead: 'No points were taken. Ask the shop for a new invoice.' },
  cancelled: { title: 'The payment is cancelled', lead: 'No points were taken.' },
  paid_elsewhere: { title: 'The invoice is already paid', lead: 'It was paid in another way. No points were taken.' },
  someone_else: {
    title: 'Someone else is paying this invoice',
    lead: 'Another member of the programme is already paying this invoice.',
  },
  someone_else_paid: {
    title: 'The invoice is already paid',
    lead: 'Another member of the programme has paid it. None of your points were taken.',
  },
  someone_else_ended: {
    title: 'This attempt to pay has ended',
    lead: 'Another member of the programme began it. None of your points were taken. Start again from the invoice.',
  },
  session_lost: { title: 'Please log in again', lead: 'Your session has ended. Log in to see how the payment stands.' },
  not_found: { title: 'Page not found', lead: 'Check the link, or go back to the invoice and start again.' },
  bad_link: {
    title: 'The link is not complete',
    lead: 'It carries no valid invoice. Go back to the shop and choose to pay with points again.',
  },
  login_failed: {
    title: 'The login did not work',
    lead: 'The login was not finished. Nothing was taken. Please try again.',
  },
  continue_as: {
    title: 'Continue to the payment',
    lead: 'You come from your account with the programme. Press the button to log in and see the invoice.',
  },
  logged_out: { title: 'You are logged out', lead: 'Your session has ended. This does not change your payments.' },
  payments: { title: 'My payments', lead: 'Your payments of the last 12 months.' },
  stale_form: {
    title: 'This page is out of date',
    lead: 'The form was opened too long ago or in another session. Nothing was done with it. Open the payment again.',
  },
  not_ready: {
    title: 'The programme takes no payments at the moment',
    lead: 'No new payments are started now. Nothing was taken. Choose another way to pay, or try later.',
  },
  not_known: {
    title: 'It is not known whether your confirmation arrived',
    lead: 'The service did not answer in time. Your confirmation may have arrived and may count until {until}. Pressing again is safe: points cannot be taken twice.',
  },
  cancel_not_known: {
    title: 'It is not known whether your cancellation arrived',
    lead: 'The service did not answer in time. Your cancellation may have arrived and may count until {until}. Pressing again is safe.',
  },
  too_many_tries: {
    title: 'Too many attempts',
    lead: 'This payment can no longer be confirmed. Your last click took nothing. Go back and choose another way to pay.',
  },
  busy: {
    title: 'Too many requests at once',
    lead: 'Your last click did not count. Check how the payment stands in a minute.',
  },
  sent_unknown: {
    title: 'The service is not available',
    lead: 'It is not known whether your last click was taken. Open the payment and check how it stands: points cannot be taken twice.',
  },
  bad_request: {
    title: 'The request was not accepted',
    lead: 'It is malformed or too large. Nothing was done with it.',
  },
  trouble: {
    title: 'The service is not available',
    lead: 'Please reload the page in a minute. This does not change how the payment stands.',
  },
  invoice: 'Invoice',
  description: 'For',
  amount: 'Amount',
  toCharge: 'To be taken',
  reserved: 'Reserved',
  charged: 'Taken',
  balanceBefore: 'Your balance',
  balanceAfter: 'Left afterwards',
  shortfall: 'Missing',
  payBy: 'Pay by',
  reference: 'Reference',
  nextCheck: 'Next check',
  stillWorking: 'Waiting for Invoicebox…',
  pay: 'Pay {points}',
  payAgain: 'Try again: pay {points}',
  cancel: 'Cancel the payment',
  check: 'Check the state',
  toInvoice: 'Return to the invoice',
  toShop: 'Return to the shop',
  autoReturn: 'Going to the invoice in {seconds} s.',
  stay: 'Stay here',
  support: 'Support',
  logIn: 'Log in',
  goOn: 'Continue',
  none: 'No payments yet.',
  startAgain: 'Open the payment',
  myPayments: 'My payments',
  logOut: 'Log out',
  testMode: 'Test mode: neither money nor points are real',
  working: 'Sending…',
  states: {
    opening: 'being opened',
    awaiting_confirmation: 'waiting for confirmation',
    awaiting_approval: 'waiting for approval',
    settling: 'being made',
    unknown: 'being checked',
    in_review: 'being checked',
    paid: 'paid',
    declined: 'not made',
    expired: 'expired',
    cancelled: 'cancelled',
  },
  reasons: {
    invoice_canceled: 'The shop has cancelled the invoice.',
    invoice_partial: 'The invoice is partly paid already.',
    invoice_not_found: 'The invoice was not found.',
    invoice_unpayable_amount: 'The sum of this invoice cannot be paid with points.',
    invoice_status_unknown: 'The state of the invoice is not known.',
    currency_unsupported: 'The programme does not pay invoices in this currency.',
    credentials: 'The programme could not confirm the payment at Invoicebox.',
    refused: 'Invoicebox refused the payment.',
    gave_up: 'Invoicebox did not answer for too long.',
    too_many_attempts: 'Too many attempts.',
  },
};

export const texts: Readonly<Record<Language, Texts>> = { ru, en };

/** Fills `{name}` in a text. */
export function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
