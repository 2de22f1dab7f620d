
'use strict';
document.documentElement.classList.add('js');
document.addEventListener('DOMContentLoaded', () => {
// What is shown here was escaped by the program and stands in the page already; of the JSON only hashes, addresses, keys, numbers and
// words of ours are used. Texts become text nodes, never markup. Amounts are whole numbers (BigInt).
const $ = id => document.getElementById(id);
const json = $('result').textContent, result = JSON.parse(json), hops = result.hops;

const make = (name, text, attributes = {}) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};
const button = (text, action, attributes) => {
  const element = make('button', text, {type: 'button', ...attributes});
  element.addEventListener('click', action);
  return element;
};
const copy = text => button('copy', async event => {
  const at = event.currentTarget;
  let done = false;
  try { await navigator.clipboard.writeText(text); done = true; } catch {
    const box = make('textarea', text);
    document.body.append(box);
    box.select();
    try { done = document.execCommand('copy'); } catch { /* stays false */ }
    box.remove();
    at.focus();
  }
  at.textContent = done ? 'copied' : 'not allowed';
  setTimeout(() => { at.textContent = 'copy'; }, 1500);
}, {class: 'copy', 'aria-label': 'copy ' + text});

// ---- the result and its digest
$('save').append(button('Save the result (JSON)', () => {
  const link = make('a', '', {download: 'result.json', href: URL.createObjectURL(new Blob([json], {type: 'application/json'}))});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}));
if (globalThis.crypto && crypto.subtle)
  crypto.subtle.digest('SHA-256', new TextEncoder().encode(json)).then(bytes => {
    const hex = [...new Uint8Array(bytes)].map(byte => byte.toString(16).padStart(2, '0')).join('');
    $('checked').textContent = hex === $('sha256').textContent ? 'It is: computed here.' : 'IT IS NOT: this page is damaged.';
    if (hex !== $('sha256').textContent) $('checked').className = 'warn';
  });
$('sha256').after(copy($('sha256').textContent));
for (const code of document.querySelectorAll('#stolen code, #now code, #names code, #repeat dd code')) code.after(copy(code.textContent));

// On paper what is folded for the eye is unfolded.
const folded = [...document.querySelectorAll('details.paper')];
let closed = [];
addEventListener('beforeprint', () => { closed = folded.filter(part => !part.open); closed.forEach(part => { part.open = true; }); });
addEventListener('afterprint', () => closed.forEach(part => { part.open = false; }));

// The table stands in a noscript element: what a browser without script shows as it is, is here one text, a line a row. A row is made
// of its line when it is shown; until then its cells are read from the line.
if (!$('rows')) return;
const markup = words => { const template = make('template'); template.innerHTML = words; return template.content.firstElementChild; };
const lines = [], others = [];
for (const line of $('rows').textContent.split('\n')) (line.startsWith('<tr id=h') ? lines : others).push(line);
const frame = markup(others.join('\n')), table = frame.querySelector('table'), body = table.tBodies[0];
$('rows').after(frame);
const columns = table.tHead.rows[0].cells.length, all = lines.map((_, i) => i), made = [];
const row = i => made[i] ??= markup(lines[i]);
const letters = {'&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'"};
const plain = words => words.replace(/<[^>]*>/g, '').replace(/&[a-z#0-9]+;/g, entity => letters[entity] ?? entity);
const read = [];
const cells = i => read[i] ??= lines[i].split('<td>').slice(1).map(plain);
const accounts = new Map(result.accounts.map(account => [account.address, account]));
const assets = new Map(result.assets.map(asset => [asset.asset, asset]));
const groups = JSON.parse($('groups').textContent), group = new Map(result.accounts.map((account, i) => [account.address, groups[i]]));
const amounts = all.map(i => BigInt(hops[i].tainted));
const classes = address => (accounts.get(address) || {}).label ? accounts.get(address).label.class || 'other' : '';
let texts = null; // what is searched, made at the first search
const searched = () => texts ??= all.map(i => {
  const hop = hops[i];
  return [...cells(i), hop.key, hop.transaction_hash, hop.from, hop.to, hop.asset, hop.kind, hop.rule, hop.source].join(' ').toLowerCase();
});

// ---- paths
const party = (address, cell) => {
  const span = make('span'), name = cell.querySelector('b');
  span.append(make('code', address), copy(address));
  if (name) span.append(' ', make('b', name.textContent));
  return span;
};
const parent = i => cells(i)[9] === 'origin' ? -1 : Number(cells(i)[9]) - 1;
const step = i => {
  const hop = hops[i], own = row(i).cells, item = make('li'), list = make('dl');
  const add = (name, ...values) => { const value = make('dd'); value.append(...values); list.append(make('dt', name), value); };
  item.append(make('b', `hop ${hop.hop}`), ` #${i + 1}, ${own[2].textContent} UTC: ${own[3].textContent} ${own[4].textContent}`);
  add('from', party(hop.from, own[5]));
  add('to', party(hop.to, own[6]));
  if (hop.transaction_hash) add('transaction', make('code', hop.transaction_hash), copy(hop.transaction_hash));
  if (!result.network.time_keys) add('key', make('code', hop.key), copy(hop.key));
  add('where', [hop.block_number ? `block ${hop.block_number}` : 'block not known', hop.log_index === null ? '' : `log ${hop.log_index}`,
    `${hop.kind} transfer`, hop.leg ? `${hop.leg} leg of an exchange${hop.rule ? ' (' + hop.rule + ')' : ''}` : ''].filter(Boolean).join(', '));
  if (hop.unproven !== '0') add('not proven', `${hop.unproven} of ${hop.tainted} (smallest units): out of an account whose history has a gap`);
  add('grade', hop.grade === hop.path_grade ? hop.grade : `${hop.grade}; weakest on the path: ${hop.path_grade}`);
  item.append(list);
  return item;
};
const STEPS = 500;
const opened = new Map(); // row number: the row with its path
const opener = i => row(i).cells[0].firstElementChild;
const shut = i => {
  if (!opened.has(i)) return;
  opened.get(i).remove();
  opened.delete(i);
  opener(i).setAttribute('aria-expanded', 'false');
};
const toggle = i => {
  if (opened.has(i)) { shut(i); return; }
  const path = [];
  let at = i;
  for (; at >= 0 && path.length < STEPS; at = parent(at)) path.unshift(at);
  const below = make('tr', undefined, {class: 'path'}), cell = make('td', undefined, {colspan: columns}), list = make('ol');
  cell.append(make('p', `Path from the theft to hop number ${i + 1}, ${path.length} step${path.length === 1 ? '' : 's'}` +
    (at >= 0 ? ` (the last ${STEPS}; earlier ones: open number ${at + 1})` : '')));
  list.append(...path.map(step));
  cell.append(list);
  below.append(cell);
  row(i).after(below);
  opened.set(i, below);
  opener(i).setAttribute('aria-expanded', 'true');
};

// ---- what is shown: the rows of `order` that the filters let through, one part of them at a time; all of them on paper
const PART = 200;
let order = all, matching = order, part = 0;
const parts = make('div', undefined, {id: 'parts', class: 'script'}), range = make('span', undefined, {'aria-live': 'polite'});
const turn = by => { part += by; draw(); table.scrollIntoView({block: 'start'}); };
const earlier = button('\u2190 earlier', () => turn(-1)), later = button('later \u2192', () => turn(1));
parts.append(earlier, range, later);
frame.after(parts);
const dress = i => {
  const first = row(i).cells[0];
  if (!first.firstElementChild)
    first.replaceChildren(button(first.textContent, () => toggle(i), {class: 'open', 'aria-expanded': 'false', 'aria-label': `Path of hop number ${i + 1}`}));
};
const draw = (whole = false) => {
  const shown = whole ? matching : matching.slice(part * PART, (part + 1) * PART);
  shown.forEach(dress);
  body.replaceChildren(...shown.flatMap(i => opened.has(i) ? [row(i), opened.get(i)] : [row(i)]));
  parts.hidden = matching.length <= PART;
  earlier.disabled = part === 0;
  later.disabled = (part + 1) * PART >= matching.length;
  range.textContent = `rows ${part * PART + 1} to ${Math.min((part + 1) * PART, matching.length)} of ${matching.length}`;
};
addEventListener('beforeprint', () => draw(true));
addEventListener('afterprint', () => draw());
const goTo = i => {
  if (!matching.includes(i)) clear();
  part = Math.floor(matching.indexOf(i) / PART);
  draw();
  row(i).scrollIntoView({block: 'center'});
  opener(i).focus({preventScroll: true});
};
body.addEventListener('click', event => {
  const link = event.target.closest('a');
  if (!link) return;
  event.preventDefault();
  goTo(Number(link.textContent) - 1);
});

// ---- filters
const text = make('input', undefined, {type: 'search', id: 'find', autocomplete: 'off', spellcheck: 'false', placeholder: 'address, name, hash, grade ...'});
const least = make('input', undefined, {type: 'text', id: 'least', inputmode: 'decimal', autocomplete: 'off', placeholder: '0', size: '9'});
const choice = (id, words, values) => {
  const select = make('select', undefined, {id});
  select.append(make('option', words, {value: ''}), ...values.map(([value, shown]) => make('option', shown, {value})));
  select.addEventListener('change', () => filter());
  return select;
};
const symbols = new Map(); // of an asset, as the table shows it
for (const i of all) if (!symbols.has(hops[i].asset)) symbols.set(hops[i].asset, cells(i)[4].trim());
const asset = choice('asset', 'all', [...symbols]);
const hop = choice('hop', 'all', [...new Set(all.map(i => hops[i].hop))].sort((a, b) => a - b).map(number => [String(number), String(number)]));
const label = choice('label', 'any or none', [...new Set(all.flatMap(i => [classes(hops[i].from), classes(hops[i].to)]))].filter(Boolean).sort()
  .map(name => [name, name === 'other' ? 'a label without class' : name]));
const labelled = (words, control, kind = '') => { const about = make('label', words, {class: kind}); about.append(control); return about; };
let chosen = null; // group of the picture
const only = button('', () => { choose(null); text.focus(); }, {id: 'only'});
// The least amount in smallest units of an asset, rounded up; null: no number.
const units = (words, decimals) => {
  const found = /^([0-9]{1,78})(?:\.([0-9]{0,78}))?$/.exec(words);
  if (!found) return null;
  const fraction = found[2] || '', kept = fraction.slice(0, decimals).padEnd(decimals, '0');
  return BigInt(found[1] + kept) + (/[1-9]/.test(fraction.slice(decimals)) ? 1n : 0n);
};
const filter = () => {
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean), amount = least.value.replace(/[\s,]/g, '');
  const bounds = new Map([...assets].map(([name, {decimals}]) => [name, amount === '' ? 0n : units(amount, decimals)]));
  const bad = amount !== '' && units(amount, 0) === null;
  least.setAttribute('aria-invalid', String(bad));
  matching = order.filter(i => {
    const is = hops[i];
    return (!asset.value || is.asset === asset.value) && (!hop.value || String(is.hop) === hop.value) && (bad || amounts[i] >= bounds.get(is.asset)) &&
      (!label.value || classes(is.from) === label.value || classes(is.to) === label.value) &&
      (chosen === null || group.get(is.from) === chosen || group.get(is.to) === chosen) && words.every(word => searched()[i].includes(word));
  });
  part = 0;
  only.hidden = chosen === null;
  $('count').textContent = matching.length === all.length ? `${all.length}` : `${matching.length} of ${all.length}`;
  draw();
};
const clear = () => {
  text.value = least.value = asset.value = hop.value = label.value = '';
  choose(null);
};
let waiting = 0;
for (const input of [text, least])
  input.addEventListener('input', () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
$('tools').append(labelled('Find', text, 'text'), labelled('Asset', asset), labelled('Hop', hop), labelled('Label', label), labelled('Tainted at least', least),
  only, button('Clear', clear, {id: 'clear'}));

// ---- groups of the picture: their accounts, and their hops in the table
const shown = new Map(); // address: row and cell that show it
for (const i of all) { shown.set(hops[i].from, [i, 5]); shown.set(hops[i].to, [i, 6]); }
const shownCell = address => { const [i, column] = shown.get(address); return row(i).cells[column]; };
const decimal = (amount, decimals) => {
  const digits = amount.toString().padStart(decimals + 1, '0'), at = digits.length - decimals;
  const fraction = digits.slice(at).replace(/0+$/, '');
  return digits.slice(0, at).replace(/\B(?=(\d{3})+$)/g, ',') + (fraction && '.' + fraction);
};
const MEMBERS = 100;
const members = which => {
  const sums = new Map(); // address: asset: what it received, flagged
  all.forEach(i => {
    for (const end of ['from', 'to'])
      if (group.get(hops[i][end]) === which && !sums.has(hops[i][end])) sums.set(hops[i][end], new Map());
    const to = sums.get(hops[i].to);
    if (to) to.set(hops[i].asset, (to.get(hops[i].asset) || 0n) + amounts[i]);
  });
  const list = make('ul');
  const most = received => [...received.values()].reduce((a, b) => a > b ? a : b, 0n);
  const sorted = [...sums].sort((a, b) => compare(most(b[1]), most(a[1])) || compare(a[0], b[0]));
  for (const [address, received] of sorted.slice(0, MEMBERS)) {
    const item = make('li');
    item.append(party(address, shownCell(address)), ' ', [...received].map(([name, sum]) => `${decimal(sum, assets.get(name).decimals)} ${symbols.get(name)}`)
      .join(', ') || 'received nothing flagged', ' ', button('its hops', () => { clear(); text.value = address; filter(); $('hops').scrollIntoView(); }, {class: 'copy'}));
    list.append(item);
  }
  if (sorted.length > MEMBERS) list.append(make('li', `and ${sorted.length - MEMBERS} more, in the table of hops`));
  return [sorted.length, list];
};
const nodes = [...document.querySelectorAll('a[data-group]')];
const panel = make('div', undefined, {id: 'chosen', role: 'region', 'aria-label': 'Accounts of the chosen group', tabindex: '-1'});
if ($('drawing')) $('drawing').after(panel);
const choose = which => {
  chosen = which;
  panel.replaceChildren();
  for (const node of nodes) node.classList.toggle('chosen', Number(node.getAttribute('data-group')) === which);
  if (which !== null) {
    const name = nodes.find(node => Number(node.getAttribute('data-group')) === which).querySelector('text').textContent, [count, list] = members(which);
    only.textContent = `Only: ${name} \u00d7`;
    panel.append(make('h3', `${name}: ${count} account${count === 1 ? '' : 's'}, with what they received`), list);
    panel.append(button('Show the hops of all of them', () => $('hops').scrollIntoView()), ' ', button('Close', () => choose(null)));
  }
  filter();
};
for (const node of nodes)
  node.addEventListener('click', event => {
    event.preventDefault();
    text.value = least.value = asset.value = hop.value = label.value = '';
    choose(Number(node.getAttribute('data-group')));
    panel.scrollIntoView({block: 'nearest'});
    panel.focus({preventScroll: true});
  });

// ---- order
const compare = (a, b) => (a > b) - (a < b);
const orders = [
  (a, b) => a - b,
  (a, b) => hops[a].hop - hops[b].hop,
  (a, b) => hops[a].time - hops[b].time,
  (a, b) => compare(hops[a].asset, hops[b].asset) || compare(amounts[a], amounts[b]),
  ...[4, 5, 6, 7, 8].map(cell => (a, b) => compare(cells(a)[cell], cells(b)[cell])),
  (a, b) => parent(a) - parent(b),
  (a, b) => compare(hops[a].source, hops[b].source)];
const heads = [...table.tHead.rows[0].cells];
heads.forEach((head, column) => {
  const words = head.textContent.trim();
  head.replaceChildren(button(words, () => {
    const falling = head.getAttribute('aria-sort') === 'ascending';
    order = [...all].sort((a, b) => (falling ? -1 : 1) * orders[column](a, b) || a - b);
    heads.forEach(other => { other.removeAttribute('aria-sort'); other.firstElementChild.textContent = other.dataset.words; });
    head.setAttribute('aria-sort', falling ? 'descending' : 'ascending');
    head.firstElementChild.textContent = words + (falling ? ' \u2193' : ' \u2191');
    filter();
  }, {title: column === 3 ? 'by asset, then by amount' : 'sort'}));
  head.dataset.words = words;
});
filter();
document.documentElement.classList.add('ready');
const at = /^#h([0-9]{1,9})$/.exec(location.hash);
if (at && lines[at[1] - 1]) goTo(at[1] - 1);
});
