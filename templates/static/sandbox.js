// The phones page: draws what the event stream brings, sends what the buttons order. No inline styles: colours go through CSSOM.
'use strict';

const page = document.body;
const phones = document.getElementById('phones');
const rows = document.getElementById('rows');
const notice = document.getElementById('notice');
const change = document.getElementById('change');
const add = document.getElementById('add');
const target = document.getElementById('target');
const inputs = document.getElementById('inputs');
const language = document.documentElement.lang;
const query = `lang=${language}`;
const turned = new Set();
const MAX_ROWS = 200;

const all = () => [...phones.querySelectorAll('.phone')];
const numberOf = (phone) => phone.dataset.number;
const byNumber = (number) => phones.querySelector(`.phone[data-number="${number}"]`);

// Drawing

function paint(phone) {
  for (const card of phone.querySelectorAll('.card')) {
    for (const name of ['background', 'foreground', 'label']) {
      card.style.setProperty(`--${name}`, card.dataset[name]);
    }
    turn(phone, turned.has(numberOf(phone)));
  }
  tellTime(phone);
}

function turn(phone, over) {
  const card = phone.querySelector('.card');
  if (!card) return;
  card.classList.toggle('is-turned', over);
  for (const [face, shown] of [['.c-front', !over], ['.c-back', over]]) {
    const element = card.querySelector(face);
    element.inert = !shown;
    element.setAttribute('aria-hidden', String(!shown));
  }
  turned[over ? 'add' : 'delete'](numberOf(phone));
}

function texts(phone) {
  const found = new Map();
  for (const field of phone.querySelectorAll('[data-key]')) {
    found.set(field.dataset.key, field.querySelector('.f-value, dd')?.textContent);
  }
  return found;
}

function replace(number, html) {
  const holder = document.createElement('template');
  holder.innerHTML = html;
  const fresh = holder.content.firstElementChild;
  const old = byNumber(number);
  if (!old) {
    phones.insertBefore(fresh, phones.querySelector('.nobody'));
    paint(fresh);
    listTargets();
    return;
  }
  const before = texts(old);
  const sameCard = old.querySelector('.card')?.dataset.serial === fresh.querySelector('.card')?.dataset.serial;
  const sameLanguage = old.querySelector('.clock').dataset.language === fresh.querySelector('.clock').dataset.language;
  const seen = new Set([...old.querySelectorAll('.notification')].map((one) => one.dataset.time));
  const arrived = [...fresh.querySelectorAll('.notification')].filter((one) => !seen.has(one.dataset.time));
  for (const one of arrived) one.classList.add('arrives');
  if (arrived.length) {
    fresh.classList.add('rings');
    if ('vibrate' in navigator && navigator.userActivation?.hasBeenActive) navigator.vibrate([40, 60, 40]);
  }
  if (sameCard && sameLanguage) {
    for (const field of fresh.querySelectorAll('[data-key]')) {
      const text = field.querySelector('.f-value, dd')?.textContent;
      if (before.has(field.dataset.key) && before.get(field.dataset.key) !== text) field.classList.add('changed');
    }
  }
  const focused = old.contains(document.activeElement) ? document.activeElement.dataset.action : null;
  old.replaceWith(fresh);
  paint(fresh);
  if (focused) fresh.querySelector(`[data-action="${focused}"]`)?.focus();
  listTargets();
}

function insertRow(html) {
  const holder = document.createElement('template');
  holder.innerHTML = html;
  const row = holder.content.firstElementChild;
  if (rows.querySelector(`[data-number="${row.dataset.number}"]`)) return;
  row.classList.add('arrives');
  rows.prepend(row);
  while (rows.children.length > MAX_ROWS) rows.lastElementChild.remove();
  tellTime(row);
}

function tellTime(root) {
  const now = new Date();
  for (const clock of root.querySelectorAll('.clock')) {
    const theirs = clock.dataset.language;
    const short = { hour: 'numeric', minute: '2-digit' };
    const parts = new Intl.DateTimeFormat(theirs, short).formatToParts(now);
    const shown = parts.filter((part) => part.type !== 'dayPeriod').map((part) => part.value).join('').trim();
    clock.querySelector('.hours').textContent = shown;
    const day = new Intl.DateTimeFormat(theirs, { weekday: 'long', day: 'numeric', month: 'long' }).format(now);
    clock.querySelector('.date').textContent = day[0].toUpperCase() + day.slice(1);
  }
  for (const time of root.querySelectorAll('time[data-time]')) {
    const then = new Date(Number(time.dataset.time) * 1000);
    time.dateTime = then.toISOString();
    time.textContent = time.dataset.now ? ago(then, now, time.dataset) : then.toLocaleTimeString(language, { hour12: false });
  }
}

function ago(then, now, theirs) {
  const minutes = Math.floor((now - then) / 60000);
  if (minutes < 1) return theirs.now;
  const words = new Intl.RelativeTimeFormat(theirs.language, { style: 'narrow', numeric: 'always' });
  return minutes < 60 ? words.format(-minutes, 'minute') : words.format(-Math.floor(minutes / 60), 'hour');
}

// Choosing a phone and what changes on it

function listTargets() {
  const chosen = target.value;
  const holding = all().filter((phone) => phone.querySelector('.card'));
  target.replaceChildren(...holding.map((phone) => new Option(phone.dataset.name, numberOf(phone))));
  target.value = holding.some((phone) => numberOf(phone) === chosen) ? chosen : target.options[0]?.value ?? '';
  change.querySelector('button').disabled = !target.value;
  mark();
  if (target.value !== chosen) askInputs();
}

function mark() {
  for (const phone of all()) phone.classList.toggle('is-selected', numberOf(phone) === target.value);
}

async function askInputs() {
  mark();
  if (!target.value) {
    inputs.replaceChildren();
    return;
  }
  const variable = inputs.querySelector('[name="variable"]')?.value;
  const answer = await fetch(`phones/${target.value}/form?${query}`).catch(() => null);
  if (!answer?.ok) return;
  inputs.innerHTML = await answer.text();
  const select = inputs.querySelector('[name="variable"]');
  if (select && [...select.options].some((option) => option.value === variable)) select.value = variable;
  suggest();
}

const KINDS = {
  integer: { type: 'number', step: '1' },
  money: { type: 'number', step: '0.01' },
  decimal: { type: 'number', step: 'any' },
  date: { type: 'date' },
  datetime: { type: 'datetime-local' },
};

function suggest() {
  const option = inputs.querySelector('[name="variable"]')?.selectedOptions[0];
  if (!option) return;
  const isTruth = option.dataset.type === 'boolean';
  const value = inputs.querySelector('#value');
  const truth = inputs.querySelector('#truth');
  value.hidden = isTruth;
  truth.hidden = !isTruth;
  value.removeAttribute('step');
  value.type = 'text';
  Object.assign(value, KINDS[option.dataset.type] ?? {});
  (isTruth ? truth : value).value = option.dataset.suggestion;
  inputs.querySelector('#current').textContent = option.dataset.text;
}

// Ordering

async function order(path, body = {}) {
  say('');
  const answer = await fetch(`${path}?${query}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }).catch(() => null);
  if (!answer) {
    say(page.dataset.lost);
    return null;
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    say(told.detail ?? `${answer.status}`);
    return null;
  }
  return told;
}

function say(text) {
  notice.textContent = text;
  notice.hidden = !text;
}

async function busy(button, work) {
  const label = button.querySelector('span');
  const words = label.textContent;
  label.textContent = button.dataset.busy;
  button.disabled = true;
  try {
    return await work();
  } finally {
    label.textContent = words;
    button.disabled = false;
  }
}

function bringIntoView(phone) {
  const { top, bottom, left, right } = phone?.getBoundingClientRect() ?? {};
  const isSeen = bottom > 120 && top < innerHeight / 2 && right > 0 && left < innerWidth;
  if (phone && !isSeen) phone.scrollIntoView({ behavior: 'smooth', block: 'start', inline: 'center' });
}

async function sendChange() {
  const option = inputs.querySelector('[name="variable"]')?.selectedOptions[0];
  if (!option) return;
  const isTruth = option.dataset.type === 'boolean';
  const told = await order(`phones/${target.value}/change`, {
    variable: option.value,
    type: option.dataset.type,
    value: inputs.querySelector(isTruth ? '#truth' : '#value').value,
    silent: change.elements.silent.checked,
  });
  if (!told) return;
  bringIntoView(byNumber(target.value));
  document.getElementById('exchange').hidden = false;
  document.getElementById('request').textContent = told.request;
  document.getElementById('answer').textContent = told.answer;
  const status = document.getElementById('status');
  status.textContent = told.status;
  status.classList.toggle('bad', told.status >= 300);
  await askInputs();
}

function press(phone, button) {
  const number = numberOf(phone);
  switch (button.dataset.action) {
    case 'flip':
      return turn(phone, !turned.has(number));
    case 'select':
      target.value = number;
      return askInputs();
    case 'network':
      return order(`phones/${number}/network`, { offline: button.dataset.offline === 'yes' });
    default:
      return order(`phones/${number}/${button.dataset.action}`);
  }
}

phones.addEventListener('click', (event) => {
  const phone = event.target.closest('.phone');
  if (!phone) return;
  const button = event.target.closest('button[data-action]');
  if (button) press(phone, button);
  else if (event.target.closest('.card') && !event.target.closest('a')) turn(phone, !turned.has(numberOf(phone)));
});
target.addEventListener('change', askInputs);
inputs.addEventListener('change', (event) => {
  if (event.target.name === 'variable') suggest();
});
change.addEventListener('submit', (event) => {
  event.preventDefault();
  busy(change.querySelector('button'), sendChange);
});
add?.addEventListener('submit', (event) => {
  event.preventDefault();
  const { template, language: wanted, kind } = add.elements;
  const asked = { template: template.value, language: wanted.value, kind: kind.value };
  busy(add.querySelector('button'), () => order('phones', asked));
});

// Living

function listen() {
  const stream = new EventSource(`events?${query}`);
  stream.addEventListener('phones', async (event) => {
    say('');
    const { numbers } = JSON.parse(event.data);
    for (const phone of all()) if (!numbers.includes(Number(numberOf(phone)))) phone.remove();
    for (const number of numbers) {
      const answer = await fetch(`phones/${number}?${query}`).catch(() => null);
      if (answer?.ok) replace(number, await answer.text());
    }
    listTargets();
  });
  stream.addEventListener('phone', (event) => {
    const { number, html } = JSON.parse(event.data);
    replace(number, html);
  });
  stream.addEventListener('gone', (event) => {
    byNumber(JSON.parse(event.data).number)?.remove();
    listTargets();
  });
  stream.addEventListener('row', (event) => insertRow(JSON.parse(event.data).html));
  stream.addEventListener('error', () => say(page.dataset.lost));
}

all().forEach(paint);
tellTime(document);
listTargets();
listen();
setInterval(() => tellTime(document), 10000);
