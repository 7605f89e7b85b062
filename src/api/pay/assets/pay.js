// The page works without this: here a sent form is locked, a waiting page asks how it stands, a paid one returns by itself.
'use strict';

for (const form of document.forms) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = 'yes';
    // Only an answer of the server's brings a button back.
    for (const button of document.querySelectorAll('form button')) button.disabled = true;
    form.querySelector('button').textContent = form.dataset.working;
  });
}

// A page that comes back from the browser's memory may be out of date: the server knows.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});

const attention = document.querySelector('[data-focus]');
if (attention) attention.focus();

const region = document.querySelector('[data-poll]');
if (region) {
  let pauseMs = 1000;
  const ask = async () => {
    try {
      const answer = await fetch(region.dataset.poll, { cache: 'no-store' });
      // Logged out, or gone: the page says so.
      if (answer.status === 401 || answer.status === 404) return location.reload();
      const { view, text } = await answer.json();
      if (view !== region.dataset.view) {
        location.reload();
        return;
      }
      if (region.textContent !== text) region.textContent = text;
    } catch {
      // Offline: asked again later, less often.
    }
    pauseMs = Math.min(pauseMs * 1.5, 15000);
    setTimeout(ask, pauseMs);
  };
  setTimeout(ask, pauseMs);
  addEventListener('online', () => location.reload());
}

const back = document.querySelector('[data-return="true"]');
if (back) {
  const link = back.querySelector('a');
  const text = back.querySelector('[data-countdown]');
  const stay = back.querySelector('[data-stay]');
  let seconds = 8;
  const show = () => (text.textContent = back.dataset.text.replace('{seconds}', String(seconds)));
  text.hidden = stay.hidden = false;
  show();
  const timer = setInterval(() => {
    seconds -= 1;
    show();
    if (seconds > 0) return;
    clearInterval(timer);
    location.assign(link.href);
  }, 1000);
  stay.addEventListener('click', () => {
    clearInterval(timer);
    text.hidden = stay.hidden = true;
    link.focus();
  });
  link.focus();
}
