// The console works without this; with it, actions are asked about once more, and open pages stay true by themselves.
'use strict';

document.querySelector('[data-focus]')?.focus();

// A <dialog> asks before a form acts. What it asks is text of the form.
const dialog = document.createElement('dialog');
dialog.setAttribute('aria-labelledby', 'question');
const question = Object.assign(document.createElement('p'), { id: 'question' });
const yes = Object.assign(document.createElement('button'), { type: 'button', className: 'primary' });
const no = Object.assign(document.createElement('button'), { type: 'button', textContent: 'Not yet' });
const ways = Object.assign(document.createElement('p'), { className: 'ways' });
ways.append(yes, no);
dialog.append(question, ways);
document.body.append(dialog);
let asked = null;
no.addEventListener('click', () => dialog.close());
yes.addEventListener('click', () => {
  dialog.close();
  asked.form.dataset.sure = '';
  asked.form.requestSubmit(asked.button);
});
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (form.dataset.confirm === undefined) return;
  if (form.dataset.sure === undefined) {
    event.preventDefault();
    asked = { form, button: event.submitter };
    question.textContent = form.dataset.confirm;
    yes.textContent = event.submitter?.textContent ?? 'Yes';
    dialog.showModal();
    return;
  }
  // Sent: once. Only an answer of the server brings the button back.
  for (const button of form.querySelectorAll('button')) queueMicrotask(() => (button.disabled = true));
});

// A live page is fetched again; regions marked with data-region are exchanged where they differ and nobody is in them.
const main = document.querySelector('main[data-live]');
const everyMs = 5_000;
const mostMs = 60_000;
let waitMs = everyMs;
async function refresh() {
  if (!document.hidden && !dialog.open) {
    try {
      const response = await fetch(location.href, { headers: { accept: 'text/html' }, redirect: 'manual' });
      if (response.status === 200) {
        const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
        for (const region of main.querySelectorAll('[data-region]')) {
          const next = fresh.querySelector(`[data-region="${CSS.escape(region.dataset.region)}"]`);
          if (next === null || region.contains(document.activeElement) || next.innerHTML === region.innerHTML) continue;
          const { scrollLeft } = region;
          region.replaceChildren(...next.childNodes);
          region.scrollLeft = scrollLeft;
        }
        waitMs = everyMs;
      } else waitMs = Math.min(waitMs * 2, mostMs);
    } catch {
      // The server is away: ask more rarely.
      waitMs = Math.min(waitMs * 2, mostMs);
    }
  }
  setTimeout(refresh, waitMs);
}
if (main !== null) setTimeout(refresh, everyMs);

// A slash goes to the search, as in most tools.
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? '')) return;
  const search = document.querySelector('input[type=search]');
  if (search === null) return;
  event.preventDefault();
  search.focus();
});
