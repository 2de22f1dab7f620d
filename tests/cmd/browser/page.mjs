// The page in headless Chromium (page.py calls it): node page.mjs SCREENSHOTS NAME PAGE.html RESULT.json ...
// Wanted values are computed here from the JSON result. Times are printed, never asserted.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

const {chromium} = createRequire(new URL('../../e2e/package.json', import.meta.url))('playwright-core');
const [screenshots, ...pages] = process.argv.slice(2);
const indexes = (list, test) => list.map((_, i) => i).filter(i => test(list[i]));
const compare = (a, b) => (a > b) - (a < b);

const visible = page => page.$$eval('#table tbody tr[id]', rows => rows.map(row => Number(row.id.slice(1)) - 1));
// The rows that the filters let through are these, in this order: the first part of them stands in the table, the count tells of all.
const expect = async (page, {hops}, wanted) => {
  assert.deepEqual(await visible(page), wanted.slice(0, 200));
  assert.equal(await page.textContent('#count'), wanted.length === hops.length ? `${hops.length}` : `${wanted.length} of ${hops.length}`);
};
const filter = async (page, {words = '', asset = '', hop = '', label = '', least = ''} = {}) => {
  await page.selectOption('#asset', asset);
  await page.selectOption('#hop', hop);
  await page.selectOption('#label', label);
  await page.fill('#least', least);
  await page.fill('#find', words);
  await page.waitForTimeout(200); // the page waits for the last key
};

async function filters(page, result) {
  const {hops, accounts, assets} = result, last = hops.at(-1), label = new Map(accounts.map(account => [account.address, account.label]));
  const {decimals} = assets.find(asset => asset.asset === last.asset), bound = 125n * 10n ** BigInt(decimals) / 10n;
  const cases = [
    [{hop: '1'}, hop => hop.hop === 1],
    [{asset: last.asset}, hop => hop.asset === last.asset],
    [{words: `${last.to.replace(/[a-f]/g, c => c.toUpperCase())} ${last.grade}`, hop: String(last.hop)},
      hop => [hop.from, hop.to].includes(last.to) && hop.grade === last.grade && hop.hop === last.hop],
    [{asset: last.asset, least: '12.5'}, hop => hop.asset === last.asset && BigInt(hop.tainted) >= bound],
    ...[...new Set(accounts.map(account => account.label?.class).filter(Boolean))].map(kind =>
      [{label: kind}, hop => [hop.from, hop.to].some(end => label.get(end)?.class === kind)]),
    [{words: 'nothing has this'}, () => false]];
  for (const [by, test] of cases) {
    await filter(page, by);
    await expect(page, result, indexes(hops, test));
  }
  await filter(page, {least: 'twelve'});
  assert.equal(await page.getAttribute('#least', 'aria-invalid'), 'true');
  await filter(page);
  await expect(page, result, hops.map((_, i) => i));
}

async function parts(page, {hops}) {
  assert.deepEqual(await visible(page), hops.map((_, i) => i).slice(0, 200));
  if (hops.length <= 200) return;
  await page.click('text=later');
  assert.deepEqual(await visible(page), hops.map((_, i) => i).slice(200, 400));
  // "came by" goes to the part where that row is
  const link = page.locator('#table tbody tr[id] a').first(), target = Number(await link.textContent());
  await link.click();
  assert((await visible(page)).includes(target - 1));
  assert.equal(await page.evaluate(() => document.activeElement.closest('tr').id), `h${target}`);
}

function pathOf({hops}, index) {
  const number = new Map(hops.map((hop, i) => [`${hop.key} ${hop.source}`, i])), path = [];
  for (let at = index; at !== undefined; at = hops[at].parent ? number.get(`${hops[at].parent} ${hops[at].source}`) : undefined) path.unshift(at);
  return path;
}

async function paths(page, result, name) {
  const {hops} = result, deepest = hops.reduce((best, hop, i) => hop.hop > hops[best].hop ? i : best, 0);
  for (const index of new Set([deepest, hops.length - 1])) {
    await filter(page, {words: hops[index].key, hop: String(hops[index].hop)});
    await page.focus(`#h${index + 1} button`);
    await page.keyboard.press('Enter');
    const got = await page.$$eval(`#h${index + 1} + tr.path li`, items => items.map(item =>
      [item.textContent.match(/#([0-9]+),/)[1] - 1, ...[...item.querySelectorAll('code')].map(code => code.textContent)]));
    assert.deepEqual(got.map(step => step[0]), pathOf(result, index), 'the path by parents');
    for (const [at, ...codes] of got) {
      const hop = hops[at];
      assert.deepEqual(codes, [hop.from, hop.to, ...(hop.transaction_hash ? [hop.transaction_hash] : []), ...(result.network.time_keys ? [] : [hop.key])]);
    }
    assert.equal(await page.locator(`#h${index + 1} + tr.path button.copy`).count(), got.flat().length - got.length);
    await page.locator(`#h${index + 1}`).scrollIntoViewIfNeeded();
    await page.screenshot({path: join(screenshots, `${name}-path.png`)});
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('tr.path').count(), 0);
  }
  await page.click('#clear');
}

async function orders(page, result) {
  const {hops} = result, head = page.locator('#table th').nth(3), all = hops.map((_, i) => i);
  const order = (a, b) => compare(hops[a].asset, hops[b].asset) || compare(BigInt(hops[a].tainted), BigInt(hops[b].tainted));
  await head.locator('button').click();
  await expect(page, result, [...all].sort((a, b) => order(a, b) || a - b));
  assert.equal(await head.getAttribute('aria-sort'), 'ascending');
  await head.locator('button').click();
  await expect(page, result, [...all].sort((a, b) => order(b, a) || a - b));
  await page.locator('#table th button').first().click();
  await expect(page, result, all);
}

async function picture(page, result, name) {
  const {hops, accounts} = result;
  const groups = JSON.parse(await page.textContent('#groups')), of = new Map(accounts.map((account, i) => [account.address, groups[i]]));
  const chosen = Math.max(...groups.filter(group => group !== null));
  await page.focus(`a[data-group="${chosen}"]`);
  await page.keyboard.press('Enter');
  await expect(page, result, indexes(hops, hop => of.get(hop.from) === chosen || of.get(hop.to) === chosen));
  const members = accounts.filter((_, i) => groups[i] === chosen).map(account => account.address);
  const listed = await page.$$eval('#chosen li code', codes => codes.map(code => code.textContent));
  assert.equal(listed.length, Math.min(members.length, 100));
  assert(listed.every(address => members.includes(address)) && new Set(listed).size === listed.length);
  assert.match(await page.textContent('#chosen h3'), new RegExp(`: ${members.length} account`));
  await page.locator('#drawing').scrollIntoViewIfNeeded();
  await page.screenshot({path: join(screenshots, `${name}-group.png`)});
  await page.locator('#chosen li button:text("its hops")').first().click();
  await expect(page, result, indexes(hops, hop => [hop.from, hop.to].includes(listed[0])));
  await page.click('#clear');
  await expect(page, result, hops.map((_, i) => i));
}

const cut = page => page.$$eval('.wide', all => all.filter(part => part.scrollWidth > part.clientWidth + 1).length);
const tooWide = page => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
const shots = async (page, name, screen) => {
  for (const part of ['stolen', 'flow', 'hops', 'repeat']) {
    if (!await page.$('#' + part)) continue;
    await page.evaluate(id => document.getElementById(id).scrollIntoView({behavior: 'instant'}), part);
    await page.screenshot({path: join(screenshots, `${name}-${screen}-${part}.png`)});
  }
};

const browser = await chromium.launch({executablePath: '/usr/bin/chromium', args: process.getuid() === 0 ? ['--no-sandbox'] : []});
try {
  for (let i = 0; i < pages.length; i += 3) {
    const [name, file, json] = pages.slice(i, i + 3), result = JSON.parse(readFileSync(json, 'utf8')), address = pathToFileURL(file).href;
    for (const [screen, options] of Object.entries({
      desktop: {viewport: {width: 1400, height: 1000}, colorScheme: 'light'},
      phone: {viewport: {width: 390, height: 844}, colorScheme: 'dark', isMobile: true, hasTouch: true}})) {
      const page = await browser.newPage(options), requests = [], complaints = [];
      page.setDefaultTimeout(120000); // of a busy machine
      page.on('request', request => requests.push(request.url()));
      page.on('console', message => complaints.push(message.text()));
      page.on('dialog', dialog => { complaints.push(dialog.message()); dialog.dismiss(); }); // a script of a name has run
      page.on('pageerror', error => complaints.push(String(error)));
      await page.goto(address);
      await page.waitForFunction(() => document.getElementById('checked').textContent !== '');
      assert.match(await page.textContent('#checked'), /^It is/, 'the page finds its own digest');
      assert(!await tooWide(page), `wider than a ${screen}`);
      assert(!await page.isVisible('#missing'));
      if (!await page.$('#table')) {
        assert(screen === 'phone' || await cut(page) === 0, 'a table is cut');
      } else if (screen === 'desktop') {
        const ready = await page.evaluate(() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd);
        console.log(`page: ${name}: ${result.hops.length} hops, usable in Chromium after ${ready.toFixed(0)} ms`);
        // From the top to the end of the picture: docs/ronin-2022.png
        const {y, height} = await page.locator('#drawing').boundingBox();
        await page.screenshot({path: join(screenshots, `${name}-page.png`), fullPage: true, clip: {x: 0, y: 0, width: 1400, height: y + height + 4}});
        await parts(page, result);
        await filters(page, result);
        await orders(page, result);
        await paths(page, result, name);
        await picture(page, result, name);
        await page.emulateMedia({media: 'print'});
        await page.setViewportSize({width: 1050, height: 800});
        await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
        assert.deepEqual(await visible(page), result.hops.map((_, i) => i), 'all rows on paper');
        assert.equal(await page.locator('details.paper:not([open])').count(), 0, 'folded on paper');
        assert(!await tooWide(page) && await cut(page) === 0, 'a table is cut on paper');
        await page.evaluate(() => dispatchEvent(new Event('afterprint')));
        assert.equal(await page.locator('details.paper[open]').count(), 0, 'still unfolded');
        if (result.hops.length < 1000) await page.pdf({path: join(screenshots, `${name}.pdf`), preferCSSPageSize: true, printBackground: true});
        await page.emulateMedia({media: 'screen'});
        await page.setViewportSize(options.viewport);
      } else {
        assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(15, 19, 24)', 'dark');
      }
      await shots(page, name, screen);
      assert.equal(await page.evaluate(() => performance.getEntriesByType('resource').length), 0);
      assert.deepEqual(requests, [address], 'nothing but the file is asked for');
      assert.deepEqual(complaints, [], 'the console stays silent');
      await page.close();
    }
    // without script: every row, and links between them
    const still = await browser.newPage({javaScriptEnabled: false}), complaints = [];
    still.on('console', message => complaints.push(message.text()));
    await still.goto(address);
    if (result.schema === 'tracer/trace/1') {
      assert.equal(await still.locator('#table tbody tr').count(), result.hops.length);
      const link = still.locator('#table tbody a').first(), target = await link.getAttribute('href');
      await link.click();
      assert.equal(new URL(still.url()).hash, target);
      assert(await still.locator(target).isVisible() && !await still.isVisible('#tools') && !await still.isVisible('#missing'));
    }
    assert.deepEqual(complaints, []);
    await still.close();
  }
} finally {
  await browser.close();
}
