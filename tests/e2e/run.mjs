// The end-to-end test: a heist on a real node, tracer against the script's own bookkeeping.
//   node run.mjs --tracer PATH [--chain 1|2020] [--keep]     without --chain: both
//   node run.mjs --self-test [--chain ...]                   the books against the node only
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, hostname, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Books } from './books.mjs';
import { hold } from './cleanup.mjs';
import { Gate, REFUSALS, SECRETS } from './gate.mjs';
import { Node, freePort } from './node.mjs';
import { Scenario, compareSteps } from './scenario.mjs';
import { compile } from './solc.mjs';
import { POLICIES, Taint, VOID } from './taint.mjs';
import { EXIT, VERDICT, Tracer, checkedAnswers, exportedRows, failure, readCsv, tracedHops, tracedTotals, withoutRepeat } from './tracer.mjs';

const { values: options } = parseArgs({
  options: {
    tracer: { type: 'string' },
    chain: { type: 'string', multiple: true },
    'self-test': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    wrapper: { type: 'string' },
  },
});

// The independent check of bundles.
const VERIFIER = join(dirname(fileURLToPath(import.meta.url)), '../verifier/verify_bundle.py');

class Failure extends Error {}

const assert = (condition, message) => {
  if (!condition) throw new Failure(message);
};
const equal = (found, wanted, what) =>
  assert(found === wanted, `${what}: ${found}, expected ${wanted}`);
const exits = (result, code) => assert(result.code === code, `expected exit ${code}: ${failure(result)}`);
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const hex = (number) => `0x${number.toString(16)}`;

// The first few differences of two lists of texts.
function sameLists(found, wanted, what) {
  const differences = [];
  for (let i = 0; i < Math.max(found.length, wanted.length) && differences.length < 5; i++)
    if (found[i] !== wanted[i]) differences.push(`  ${i}: tracer   ${found[i] ?? '(nothing)'}\n  ${i}: expected ${wanted[i] ?? '(nothing)'}`);
  assert(differences.length === 0, `${what}: ${found.length} and ${wanted.length}\n${differences.join('\n')}`);
}

class Run {
  constructor(chainId) {
    this.chainId = chainId;
    this.passed = 0;
    this.failed = 0;
  }

  async test(name, body) {
    const start = Date.now();
    const took = () => (Date.now() - start > 2000 ? ` (${((Date.now() - start) / 1000).toFixed(1)} s)` : '');
    try {
      await body();
      this.passed++;
      console.log(`ok    ${this.chainId}: ${name}${took()}`);
    } catch (error) {
      this.failed++;
      const text = error instanceof Failure ? error.message : error.stack;
      console.log(`FAIL  ${this.chainId}: ${name}${took()}\n      ${text.replaceAll('\n', '\n      ')}`);
    }
  }
}

// ---- the books ----

function seedsFor(books, steps) {
  return steps.flatMap(({ source, hash }) => books.inTransaction(hash).filter((row) => row.kind !== 'fee')
    .map(({ block, txi, idx }) => ({ source, block, txi, idx })));
}

function engine(world, policy, { seeds = world.seeds, opening, links, books = world.books } = {}) {
  const taint = new Taint({ policy, seeds, labels: world.labels, assets: world.assets, opening, links }).run(books.all());
  taint.verify();
  return taint;
}

async function selfTest(run, world) {
  const { scenario, books, node } = world;
  await run.test('the node did what the scenario says', async () => {
    const wrong = compareSteps(scenario, books);
    assert(wrong.length === 0, wrong.join('\n'));
  });
  await run.test('the books are the balances of the chain', async () => {
    const wrong = await books.audit(node, [scenario.usdx, scenario.wrapped, scenario.eurx, scenario.junk].map(({ address }) => address));
    assert(wrong.length === 0, wrong.join('\n'));
  });
  await run.test('the policies conserve, and poison covers the others', async () => {
    const poisoned = new Set(engine(world, 'poison').hops.map((hop) => `${hop.key} ${hop.source}`));
    for (const policy of POLICIES) {
      const taint = engine(world, policy);
      assert(taint.hops.length > 30, `${policy}: only ${taint.hops.length} hops`);
      assert(Math.max(...taint.hops.map((hop) => hop.hop)) >= 5, `${policy}: no long path`);
      for (const hop of taint.hops) assert(poisoned.has(`${hop.key} ${hop.source}`), `${policy}: ${hop.key} is not poisoned`);
    }
  });
  await run.test('stolen units go through every kind of exchange, and are lost from sight where there is none', async () => {
    for (const policy of POLICIES) {
      const taint = engine(world, policy);
      const rules = new Set(taint.hops.filter(({ row }) => row.leg === 'out').map(({ row }) => row.rule));
      if (policy !== 'lifo') // the newest coins of p4 are clean
        equal([...rules].sort().join(), 'pass,swap.v2,unwrap,unwrap+swap.v2,wrap,wrap+swap.v2', `${policy}: rules of tainted out legs`);
      for (const name of ['swap into junk', 'two payers', 'liquidity beside a swap', 'spent before it is paid']) {
        const rows = books.inTransaction(scenario.named.get(name).hash).filter((row) => row.kind !== 'fee' && taint.labels.get(row.from)?.class === 'venue');
        assert(rows.length > 0, `${name}: nothing came out`);
        for (const row of rows) assert(policy === 'poison' || taint.check(row).unknown === row.amount, `${policy}: ${name}: what came out is not unknown`);
      }
      for (const row of books.inTransaction(scenario.named.get('clean swap').hash).filter((r) => r.leg === 'out'))
        equal(taint.check(row).tainted, 0n, `${policy}: taint of the clean swap`);
    }
  });
  await run.test('the deposits are tainted, partly tainted and clean', async () => {
    const taint = engine(world, 'haircut', { opening: 'clean' });
    const kinds = new Set();
    for (const deposit of scenario.deposits())
      for (const row of books.inTransaction(deposit.hash).filter((r) => r.kind !== 'fee')) {
        const { amount, tainted } = taint.check(row);
        kinds.add(tainted === 0n ? 'clean' : tainted === amount ? 'full' : 'part');
      }
    equal([...kinds].sort().join(), 'clean,full,part', 'kinds of deposits');
  });
}

// ---- tracer ----

const legText = ({ leg, group, rule }) => (leg ? `${leg} leg of group ${group}: ${rule}` : 'no leg');

const rowText = (row) => [row.key ?? `${row.block}:${row.txi}:${row.idx}`, row.kind, row.asset, row.from, row.to, row.amount,
  row.time, row.hash, row.logIndex ?? '', legText(row)].join(' ');

const hopText = (hop) => [hop.key, hop.hash, hop.kind, hop.from, hop.to, hop.asset, hop.amount, hop.source, `tainted ${hop.tainted}`,
  `hop ${hop.hop}`, `parent ${hop.parent ?? '-'}`, `log ${hop.logIndex ?? '-'}`, legText(hop)].join(' ');

function expectedHops(taint) {
  const asLinked = taint.links === 'none' ? { leg: null } : {};
  // Records come in the order of keys, whatever ran first.
  const place = ({ key, source }) => [...key.split(':').map((part) => part.padStart(12, '0')), source].join(':');
  return [...taint.hops].sort((a, b) => (place(a) < place(b) ? -1 : 1)).map(({ row, ...hop }) => hopText({ ...row, ...hop, ...asLinked }));
}

async function exported(world, store) {
  const result = await world.tracer.export(store);
  exits(result, EXIT.done);
  return result.text;
}

async function ingested(world, store, request) {
  const result = await world.tracer.ingest(store, request);
  exits(result, EXIT.done);
  return result;
}

function compareTotals(json, taint) {
  const found = tracedTotals(json);
  for (const { source, asset, seeded, emitted, convertedIn, places, balanced } of found) {
    const out = Object.values(places).reduce((a, b) => a + b, 0n);
    assert(balanced && seeded + emitted + convertedIn === out, `totals of ${source} ${asset} do not balance`);
    const mine = taint.totals.get(`${asset} ${source}`) ?? {};
    equal(seeded, mine.seeded ?? 0n, `seeded ${source} ${asset}`);
    equal(convertedIn, mine.convertedIn ?? 0n, `converted into ${source} ${asset}`);
    for (const [place, units] of Object.entries(places)) equal(units, mine[place] ?? 0n, `${place} of ${source} ${asset}`);
  }
  for (const [key, counters] of taint.totals) {
    const [asset, tag] = key.split(' ');
    if (tag !== 'unknown' && counters.seeded)
      assert(found.some((total) => total.asset === asset && total.source === tag), `no totals for ${tag} ${asset}`);
  }
}

async function traceTests(run, world) {
  const { tracer, scenario } = world;
  const [eth, usdx] = scenario.thefts().map((step) => step.hash);
  const cases = POLICIES.map((policy) => ({ policy, name: 'one source', seeds: world.seeds, args: [`theft=${eth}`, `theft=${usdx}`] }));
  for (const policy of ['fifo', 'haircut'])
    cases.push({ policy, name: 'two sources and an address',
      seeds: [...seedsFor(world.books, [{ source: 'b', hash: eth }, { source: 'a', hash: usdx }]), { source: 'c', address: scenario.at.p2, block: 1 }],
      args: [`b=${eth}`, `a=${usdx}`, `c=${scenario.at.p2}`] });
  cases.push({ policy: 'lifo', name: 'opening units clean', seeds: world.seeds, opening: 'clean', args: [`theft=${eth}`, `theft=${usdx}`],
    more: ['--opening-units', 'clean'] });
  for (const policy of ['fifo', 'poison'])
    cases.push({ policy, name: 'exchanges not linked', seeds: world.seeds, links: 'none', args: [`theft=${eth}`, `theft=${usdx}`], more: ['--links', 'none'] });
  for (const { policy, name, seeds, args, opening, links, more } of cases)
    await run.test(`trace, ${policy}, ${name}: every hop, and the totals`, async () => {
      const result = await tracer.trace('store', policy, args, more);
      exits(result, EXIT.done);
      const taint = engine(world, policy, { seeds, opening, links });
      sameLists(tracedHops(result.json).map(hopText), expectedHops(taint), 'hops');
      if (policy !== 'poison') compareTotals(result.json, taint);
    });
  await run.test('trace that ingests first: the result of ingest and trace, but for the line to repeat it', async () => {
    const args = [`theft=${eth}`, `theft=${usdx}`];
    const two = await tracer.trace('store', 'fifo', args);
    const one = await tracer.traceFrom({ rpc: world.gate.url(), first: 1, last: scenario.last }, 'at-once', 'fifo', args);
    exits(one, EXIT.done);
    equal(withoutRepeat(one.text), withoutRepeat(two.text), 'result');
    equal(sha256(await exported(world, 'at-once')), sha256(await exported(world, 'store')), 'digest of the export');
  });
}

// Without opening balances what an account had before is unknown, by the overspend rule.
async function bareTests(run, world) {
  const { tracer, scenario } = world;
  const books = { all: () => world.books.rows };
  const sources = scenario.thefts().map((step) => `theft=${step.hash}`);
  const deposits = scenario.deposits();
  await run.test('from block 0 without openings: the same rows', async () => {
    await ingested(world, 'bare', { rpc: world.rpc, first: 0, last: scenario.last, opening: false });
    sameLists(exportedRows(await exported(world, 'bare')).map(rowText), world.books.rows.map(rowText), 'rows');
  });
  for (const policy of POLICIES) {
    const taint = engine(world, policy, { books });
    await run.test(`trace without openings, ${policy}: every hop, and the totals`, async () => {
      if (policy !== 'poison') assert(taint.totals.get('native unknown').created > 1000n * 10n ** 18n, 'hardly anything was overspent');
      const result = await tracer.trace('bare', policy, sources);
      exits(result, EXIT.done);
      sameLists(tracedHops(result.json).map(hopText), expectedHops(taint), 'hops');
      if (policy !== 'poison') compareTotals(result.json, taint);
    });
    await run.test(`check without openings, ${policy}`, async () => {
      const result = await tracer.check('bare', policy, sources, deposits.map(({ hash }) => hash));
      const wanted = deposits.map(({ name, hash }) => {
        const lines = carriedLines(taint, world.books, hash);
        return { name, lines, verdict: verdictOf(lines, world.recognised) };
      });
      exits(result, wanted.some(({ verdict }) => verdict === 'cannot_tell') ? EXIT.cannotTell : EXIT.exposed);
      checkedAnswers(result.json).forEach((answer, index) => {
        equal(answer.verdict, wanted[index].verdict, `verdict of ${wanted[index].name}`);
        sameLists(answer.lines.map(lineText), wanted[index].lines.map(lineText), `lines of ${wanted[index].name}`);
      });
    });
  }
}

const lineText = (line) => `${line.what} ${line.key ?? line.asset} ${line.status} amount ${line.amount} tainted ${line.tainted} unknown ${line.unknown} clean ${line.clean} ppm ${line.low}..${line.high}${(line.sources ?? []).map((source) =>
  ` from ${source.source} ${source.amount} hop ${source.hop} path ${source.path.join(',')}`).join('')}`;

function verdictOf(lines, recognised) {
  const counted = lines.filter((line) => recognised.has(line.asset));
  if (counted.some((line) => line.tainted > 0n)) return 'exposed';
  return counted.some((line) => line.unknown > 0n) ? 'cannot_tell' : 'clean';
}

function withShares(line) {
  const share = (part) => (line.amount === 0n ? 0 : Number((part * 1000000n) / line.amount));
  return { ...line, low: share(line.tainted), high: share(line.tainted + line.unknown) };
}

function carriedLines(taint, books, hash) {
  return books.inTransaction(hash).filter((row) => row.kind !== 'fee' && row.amount > 0n).map((row) =>
    withShares({ what: 'carried', key: `${row.block}:${row.txi}:${row.idx}`, asset: row.asset, ...taint.check(row), sources: taint.sourcesOf(row) }));
}

// What an account ever received and what it holds, by asset. Tokens before 'native', as texts sort.
function accountLines(taint, account) {
  const sums = (tags, amount) => {
    const tainted = taint.sources.reduce((all, source) => all + (tags.get(source) ?? 0n), 0n);
    const unknown = taint.policy === 'poison' ? 0n : tags.get('unknown') ?? 0n;
    return { status: 'ok', amount, tainted, unknown, clean: amount - tainted - unknown };
  };
  const byAsset = (map) => [...map ?? []].sort(([a], [b]) => (a < b ? -1 : 1));
  const received = byAsset(taint.received.get(account)).map(([asset, { amount, tags }]) =>
    withShares({ what: 'received', asset, ...sums(tags, amount) }));
  const holds = byAsset(taint.holdings.get(account)).map(([asset, holding]) => {
    const tags = new Map(taint.order.map((tag) => [tag, taint.unitsOf(holding, tag)]));
    return withShares({ what: 'holds', asset, ...sums(tags, taint.balance(holding)) });
  });
  return [...received, ...holds.filter((line) => line.amount > 0n)];
}

async function checkTests(run, world) {
  const { tracer, scenario, books } = world;
  const sources = scenario.thefts().map((step) => `theft=${step.hash}`);
  for (const policy of POLICIES) {
    const taint = engine(world, policy, { opening: 'clean' });
    const questions = [
      ...scenario.deposits().map(({ name, hash }) => ({ name, target: hash, lines: carriedLines(taint, books, hash) })),
      ...['depositClean', 'depositMixed', 'depositEoa', 'depositLabelled', 'hot', 'w2', 'fan', 'out1', 'noise'].map((role) =>
        ({ name: `address of ${role}`, target: scenario.at[role], lines: accountLines(taint, scenario.at[role]) })),
    ].map((question) => ({ ...question, verdict: verdictOf(question.lines, world.recognised) }));
    // Whether holdings without any taint are listed is left to the program.
    const told = (lines) => lines.filter((line) => line.what !== 'holds' || line.clean < line.amount)
      .map((line) => lineText(line.what === 'carried' ? line : { ...line, sources: [] }));
    const compare = (answer, { name, lines, verdict }) => {
      equal(answer.verdict, verdict, `verdict of ${name}`);
      sameLists(told(answer.lines), told(lines), `lines of ${name}`);
    };
    await run.test(`check, ${policy}, all at once`, async () => {
      const result = await tracer.check('store', policy, sources, questions.map((question) => question.target));
      exits(result, questions.some((question) => question.verdict === 'cannot_tell') ? EXIT.cannotTell : EXIT.exposed);
      checkedAnswers(result.json).forEach((answer, index) => compare(answer, questions[index]));
    });
    // One by one for the exit codes: each verdict of each policy once, and all under fifo.
    const seen = new Set();
    for (const question of questions) {
      if (policy !== 'fifo' && seen.has(question.verdict)) continue;
      seen.add(question.verdict);
      await run.test(`check, ${policy}, ${question.name}: ${question.verdict}`, async () => {
        const result = await tracer.check('store', policy, sources, [question.target]);
        exits(result, VERDICT[question.verdict]);
        compare(checkedAnswers(result.json)[0], question);
      });
    }
  }
  await run.test('check of several targets: the worst is told', async () => {
    const deposit = (name) => scenario.named.get(name).hash;
    const result = await tracer.check('store', 'fifo', sources, [deposit('deposit clean'), deposit('deposit partly tainted')]);
    exits(result, EXIT.exposed);
    equal(checkedAnswers(result.json).map((answer) => answer.verdict).join(), 'clean,exposed', 'verdicts');
  });
  await run.test('check of a transaction that is not stored cannot tell', async () => {
    const result = await tracer.check('store', 'fifo', sources, [`0x${'12'.repeat(32)}`]);
    exits(result, EXIT.cannotTell);
  });
}

async function ingestTests(run, world) {
  const { tracer, node, scenario, books } = world;
  await run.test('version', async () => {
    const result = await tracer.run('--version');
    exits(result, EXIT.done);
    assert(/^tracer \d+\.\d+\.\d+ \([^)]+\), taint\/1\n/.test(result.stdout) && result.stderr === '', result.stdout + result.stderr);
  });
  for (const [name, endpoint] of [['URL', world.gate.url()], ['name, kept in a store', 'alpha']]) await run.test(`endpoint probe by ${name}`, async () => {
    const result = await tracer.probe(endpoint, endpoint === 'alpha' ? ['--store', tracer.path('probed')] : []);
    exits(result, EXIT.done);
    for (const pattern of [new RegExp(`chain id +${world.chainId}\\b`), /anchor +fits/, /old state +yes/, /finalized +[0-9]+/, /block receipts +yes/, /internal calls +callTracer with logs/])
      assert(pattern.test(result.stdout), `no ${pattern} in\n${result.stdout}`);
    if (endpoint !== 'alpha') return;
    assert(/probed +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n/.test(result.stdout), result.stdout);
    const again = await tracer.probe(endpoint, ['--store', tracer.path('probed')]);
    equal(again.stdout.replace(', from the store (--refetch probes again)', ''), result.stdout, 'from the store');
    assert(again.stdout !== result.stdout, 'it does not say that it is from the store');
    const anew = await tracer.probe(endpoint, ['--store', tracer.path('probed'), '--refetch']);
    exits(anew, EXIT.done);
    assert(!anew.stdout.includes('from the store'), anew.stdout);
  });
  await run.test('wrong anchor: refused, nothing written', async () => {
    const config = tracer.writeConfig('wrong.json', world.chainId, `0x${'ab'.repeat(32)}`);
    const result = await tracer.ingest('wrong', { rpc: world.rpc, first: 1, last: scenario.last, config });
    exits(result, EXIT.endpoints);
    assert(!tracer.hasStore('wrong'), 'a store was made');
  });
  await run.test('wrong chain id: refused, nothing written', async () => {
    const config = tracer.writeConfig('other.json', world.chainId + 1, world.genesis);
    const result = await tracer.ingest('wrong', { rpc: world.rpc, first: 1, last: scenario.last, config });
    exits(result, EXIT.endpoints);
    assert(!tracer.hasStore('wrong'), 'a store was made');
    const probed = await tracer.run('endpoint', 'probe', '--config', config, '--chain', tracer.name, '--allow-local', world.gate.url());
    exits(probed, EXIT.endpoints);
    assert(/chain id +\d+\n$/.test(probed.stdout), `more than its chain id is said to be known:\n${probed.stdout}`);
  });
  await run.test('a test node is not the built-in chain of its id', async () => {
    const result = await tracer.ingest('wrong', { rpc: world.rpc, first: 1, last: scenario.last, chain: world.chainId === 1 ? 'ethereum' : 'ronin' });
    exits(result, EXIT.endpoints);
    assert(!tracer.hasStore('wrong'), 'a store was made');
  });
  await run.test('unreachable endpoint', async () => {
    const result = await tracer.ingest('wrong', { rpc: world.gate.url('plain', `127.0.0.1:${await freePort()}`), first: 1, last: scenario.last });
    exits(result, EXIT.endpoints);
    assert(!tracer.hasStore('wrong'), 'a store was made');
  });
  await run.test('ingest with openings, recorded; it says how many exchanges it could not link', async () => {
    const result = await ingested(world, 'store', { rpc: world.rpc, first: 1, last: scenario.last, record: 'recording', more: ['--verbose', '--progress', 'json'] });
    assert(/\b4 exchanges at venues were not linked\b/.test(result.stderr), result.stderr);
  });
  await run.test('export: every row, in the order of execution', async () => {
    sameLists(exportedRows(await exported(world, 'store')).map(rowText), books.rows.map(rowText), 'rows');
  });
  await run.test('export: blocks of a real node are recomputed to their hashes; call traces are its word', async () => {
    const rows = exportedRows(await exported(world, 'store'));
    const wanted = (row) => (row.kind === 'internal' ? 'asserted' : 'single');
    sameLists(rows.map((row) => `${row.key} ${row.grade}`), rows.map((row) => `${row.key} ${wanted(row)}`), 'grades');
    assert(rows.some((row) => row.kind === 'internal') && rows.some((row) => row.kind === 'token'), 'rows of both kinds');
  });
  await run.test('two endpoints that agree: linked', async () => {
    await ingested(world, 'linked', { rpc: world.rpc, first: 1, last: scenario.last, opening: false, more: ['--rpc', node.url] });
    const rows = exportedRows(await exported(world, 'linked'));
    const wanted = (row) => (row.kind === 'internal' ? 'asserted' : 'linked');
    sameLists(rows.map((row) => `${row.key} ${row.grade}`), rows.map((row) => `${row.key} ${wanted(row)}`), 'grades');
  });
  await run.test('R6_two_endpoints_of_one_operator_are_one_word', async () => {
    const result = await ingested(world, 'alike', { rpc: world.rpc, first: 1, last: 5, opening: false, more: ['--rpc', world.gate.url()] });
    assert(result.stderr.includes('are of one operator by their hosts'), result.stderr);
    assert(exportedRows(await exported(world, 'alike')).every((row) => row.grade === (row.kind === 'internal' ? 'asserted' : 'single')), 'grades');
  });
  await run.test('R15_one_endpoint_is_enough_for_blocks_that_hang_on_a_known_hash', async () => {
    const genesis = (await node.rpc('eth_getBlockByNumber', '0x0', false)).hash;
    const { hash } = await node.rpc('eth_getBlockByNumber', hex(scenario.last), false);
    const other = `0x${hash.slice(2).split('').reverse().join('')}`;
    const anchored = (known) => ({ rpc: world.rpc, first: 1, last: scenario.last - 3, opening: false, more: ['--anchor'],
      config: tracer.writeConfig(`anchored-${known.slice(2, 8)}.json`, run.chainId, genesis, [`${scenario.last}:${known}`]) });
    const refused = await tracer.ingest('forged', anchored(other));
    exits(refused, EXIT.endpoints);
    assert(refused.stderr.includes(`block ${scenario.last}: its hash is ${hash}, but the checkpoint is ${other}`), refused.stderr);
    await ingested(world, 'anchored', anchored(hash));
    const rows = exportedRows(await exported(world, 'anchored'));
    const wanted = (row) => (row.kind === 'internal' ? 'asserted' : 'proven');
    sameLists(rows.map((row) => `${row.key} ${row.grade}`), rows.map((row) => `${row.key} ${wanted(row)}`), 'grades');
    const ledger = (await tracer.store('anchored', 'coverage')).stdout;
    assert(ledger.includes(`linked to checkpoint ${scenario.last} by ${scenario.last} headers`), ledger);
  });
  await run.test('ingest again changes nothing', async () => {
    const before = await exported(world, 'store');
    await ingested(world, 'store', { rpc: world.rpc, first: 1, last: scenario.last });
    await ingested(world, 'store', { rpc: world.rpc, first: 3, last: 7, opening: false, more: ['--refetch'] });
    equal(sha256(await exported(world, 'store')), sha256(before), 'digest of the export');
  });
  await run.test('blocks that are read again with other labels are linked anew', async () => {
    await ingested(world, 'anew', { rpc: world.rpc, first: 1, last: scenario.last, labelled: false });
    const legs = async () => exportedRows(await exported(world, 'anew')).filter((row) => row.leg);
    // A wrapper of the configuration is a venue for every later command: what it mints is not clean.
    const unlabelled = await legs();
    assert(unlabelled.length > 0 && unlabelled.every(({ from, to, asset }) => [from, to, asset].includes(scenario.wrapped.address)), JSON.stringify(unlabelled));
    const labels = await tracer.run('export', 'labels', '--store', tracer.path('anew'));
    equal(readCsv(labels.stdout).find(({ address }) => address === scenario.wrapped.address)?.class, 'venue', 'class of the wrapper');
    await ingested(world, 'anew', { rpc: world.rpc, first: 1, last: scenario.last, opening: false });
    equal((await legs()).length, unlabelled.length, 'legs, as stored blocks are not read again');
    await ingested(world, 'anew', { rpc: world.rpc, first: 1, last: scenario.last, opening: false, more: ['--refetch'] });
    assert((await legs()).length > 20, 'hardly any leg');
    equal(sha256(await exported(world, 'anew')), sha256(await exported(world, 'store')), 'digest of the export');
    exits(await tracer.store('anew', 'verify'), EXIT.done);
  });
  await run.test('a store of another anchor is not mixed with this one', async () => {
    const before = await exported(world, 'store');
    const config = tracer.writeConfig('wrong.json', world.chainId, `0x${'ab'.repeat(32)}`);
    exits(await tracer.ingest('store', { rpc: world.rpc, config }), EXIT.endpoints);
    equal(sha256(await exported(world, 'store')), sha256(before), 'digest of the export');
  });
  await run.test('finality: no block above the finalized one', async () => {
    const finalized = Number((await node.rpc('eth_getBlockByNumber', 'finalized', false)).number);
    assert(finalized > 5 && finalized < scenario.last, `finalized is ${finalized}`);
    await ingested(world, 'finalized', { rpc: world.rpc, first: 1, finality: 'finalized', opening: false });
    const wanted = books.rows.filter((row) => row.block <= finalized);
    sameLists(exportedRows(await exported(world, 'finalized')).map(rowText), wanted.map(rowText), 'rows');
  });
  await run.test('without call traces: no internal rows, and the trace says that it has a gap', async () => {
    await ingested(world, 'untraced', { rpc: world.rpc, first: 1, last: scenario.last, more: ['--no-traces'] });
    const rowOf = (row) => [row.kind, row.asset, row.from, row.to, row.amount, row.hash, row.logIndex ?? ''].join(' ');
    sameLists(exportedRows(await exported(world, 'untraced')).map(rowOf), books.rows.filter((row) => row.kind !== 'internal').map(rowOf), 'rows');
    const sources = [`theft=${scenario.thefts()[1].hash}`];
    exits(await tracer.trace('untraced', 'fifo', sources), EXIT.cannotTell);
    exits(await tracer.check('untraced', 'fifo', sources, [scenario.named.get('token deposit clean').hash]), EXIT.cannotTell);
  });
  await run.test('a split ingest gives the same as one', async () => {
    await ingested(world, 'parts', { rpc: world.rpc, first: 1, last: 5 });
    await ingested(world, 'parts', { rpc: world.rpc, last: 9 });
    await ingested(world, 'parts', { rpc: world.rpc, last: scenario.last });
    equal(sha256(await exported(world, 'parts')), sha256(await exported(world, 'store')), 'digest of the export');
  });
}

// Two histories from the same block on; the second and a third, shorter one replace the first. Three stores see all
// of it: 'reorg' by one call of tracer after each, 'followed' and 'traced' by calls that go on all the time.
async function reorgTests(run, world) {
  const { tracer, node, scenario } = world;
  const sources = scenario.thefts().map((step) => `theft=${step.hash}`);
  const compare = async (fresh) => {
    await ingested(world, 'reorg', { rpc: world.rpc });
    await ingested(world, fresh, { rpc: world.rpc, first: 1 });
    const text = await exported(world, fresh);
    equal(sha256(await exported(world, 'reorg')), sha256(text), 'digest of the export');
    const books = await (await new Books(scenario).read(node, 1, Number(await node.rpc('eth_blockNumber')))).open(node);
    sameLists(exportedRows(text).map(rowText), books.rows.map(rowText), 'rows');
    const traced = await Promise.all(['reorg', fresh].map((store) => tracer.trace(store, 'haircut', sources)));
    for (const result of traced) {
      exits(result, EXIT.done);
      sameLists(tracedHops(result.json).map(hopText), expectedHops(engine(world, 'haircut', { books })), 'hops');
    }
  };
  const branch = async (which) => {
    await scenario.playBranch(which);
    const blocks = [];
    for (let number = scenario.last; number > world.fork; number--)
      blocks.unshift((await node.rpc('eth_getBlockByNumber', hex(number), false)).hash);
    return blocks;
  };
  const follower = tracer.follow('followed', { rpc: world.rpc, first: 1 },
    ['--taint', '--policy', 'fifo', ...sources.flatMap((source) => ['--source', source])]);
  const traceFollower = tracer.followTrace('traced', 'fifo', { rpc: world.rpc, first: 1 }, sources);
  let gone;
  for (const { ended } of [follower, traceFollower])
    ended.then((result) => { gone = result; }, (error) => { gone = { code: error.message, args: [], stderr: '' }; });
  // Wait until a follower has, byte for byte, what the other store has.
  const becomes = async (other, wanted, read) => {
    for (const until = Date.now() + tracer.timeout / 2; ; await sleep(500)) {
      assert(!gone, gone && `a follower ended: ${failure(gone)}`);
      if (await read() === wanted) return;
      assert(Date.now() < until, `the follower did not become as ${other}`);
    }
  };
  const follows = async (other) => {
    await becomes(other, await exported(world, other), async () => {
      const result = await tracer.export('followed');
      return result.code === EXIT.done ? result.text : undefined;
    });
    // The state that --taint keeps answers as one that is made from nothing, and no other one is made.
    const targets = [...new Set(exportedRows(await exported(world, other)).flatMap((row) => [row.key, row.from, row.to]))];
    const copy = `${other}-copy`;
    exits(await tracer.run('store', 'backup', tracer.path(copy), '--store', tracer.path('followed')), EXIT.done);
    const wanted = (await tracer.check(copy, 'fifo', sources, targets)).stdout;
    assert(wanted.includes('"exposed"'), 'nothing is exposed');
    await becomes('a fresh check', wanted, async () => (await tracer.check('followed', 'fifo', sources, targets)).stdout);
    equal(readdirSync(join(tracer.path('followed'), 'taint')).length, 1, 'taint states');
    const traced = await tracer.trace('followed', 'fifo', sources);
    exits(traced, EXIT.done);
    await becomes('a fresh trace', withoutRepeat(traced.text), () => {
      const text = tracer.resultOf('traced');
      return text && withoutRepeat(text);
    });
  };
  await run.test('follow: the blocks that are there', () => follows('store'));
  let snapshot = await node.rpc('evm_snapshot');
  const histories = [];
  await run.test('reorg: the first history', async () => {
    histories.push(await branch('a'));
    await ingested(world, 'reorg', { rpc: world.rpc, first: 1 });
  });
  await run.test('follow: new blocks', () => follows('reorg'));
  for (const [which, name] of [['b', 'a longer history'], ['a', 'a shorter history']]) {
    assert(await node.rpc('evm_revert', snapshot), 'the node did not go back');
    snapshot = await node.rpc('evm_snapshot');
    await run.test(`reorg: ${name} replaces it, as if it had never been`, async () => {
      histories.push(await branch(which));
      assert(histories.at(-1)[0] !== histories.at(-2)[0], 'both histories have the same block after the fork');
      await compare(`fresh-${which}`);
    });
    await run.test(`follow: ${name} replaces it`, () => follows(`fresh-${which}`));
  }
  await run.test('trace --follow: a line for each new flagged hop, and those that are withdrawn', async () => {
    gone = undefined;
    traceFollower.child.kill('SIGTERM');
    const result = await traceFollower.ended;
    exits(result, EXIT.done);
    const lines = result.stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
    const withdrawn = [...result.stderr.matchAll(/^(\d+) flagged hops above block/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
    assert(withdrawn > 0, `nothing was withdrawn:\n${result.stderr}`);
    const hops = JSON.parse(tracer.resultOf('traced')).hops;
    equal(lines.length, hops.length + withdrawn, 'lines told');
    const last = new Map(lines.map((line) => [`${line.key} ${line.source}`, JSON.stringify(line)]));
    for (const hop of hops) equal(last.get(`${hop.key} ${hop.source}`), JSON.stringify(hop), 'the line of a hop');
  });
  await run.test('follow: ends well when told to, and leaves a sound store', async () => {
    follower.child.kill('SIGTERM');
    const result = await follower.ended;
    exits(result, EXIT.done);
    assert(/\b5 blocks left the chain/.test(result.stderr), `no word of the 2 and 3 blocks that were replaced:\n${result.stderr}`);
    equal(await exported(world, 'followed'), await exported(world, 'fresh-a'), 'export');
    exits(await tracer.store('followed', 'verify'), EXIT.done);
    await ingested(world, 'followed', { rpc: world.rpc, opening: false });
    equal(await exported(world, 'followed'), await exported(world, 'fresh-a'), 'export');
  });
}

// ---- what a run that ended in the middle leaves ----

// Whatever write to the disk failed: the same command again ends with a store that says of every block that it was read whole.
async function brokenTests(run) {
  const program = resolve(options.tracer);
  if (options.wrapper || readFileSync(program).includes('__asan_init')) return; // these have to be loaded first
  const directory = mkdtempSync(join(tmpdir(), 'tracer-e2e-'));
  const library = join(directory, 'failing.so');
  const source = join(dirname(fileURLToPath(import.meta.url)), '../preload/failing.c');
  equal(spawnSync(process.env.CC ?? 'cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']).status, 0, 'compiler');
  const node = await Node.start({ chainId: run.chainId });
  try {
    const accounts = await node.rpc('eth_accounts');
    const genesis = (await node.rpc('eth_getBlockByNumber', '0x0', false)).hash;
    const tracer = new Tracer(program, directory, { chainId: run.chainId, genesis, endpoints: [{ name: 'alpha', url: node.url }] });
    const ingest = (store, env) => tracer.ingest(store, { rpc: 'alpha', first: 0, opening: false, labelled: false, more: ['--keep-raw', 'all'], env });
    const covers = async (store) => (await tracer.store(store, 'coverage')).stdout.split('\n').filter((line) => line.startsWith('every account')).map((line) => line.split('  ')[1]).join();
    // A batch that is longer than a transaction of the store has parts; 8 MiB are, and what is random does not get smaller.
    for (const [name, blocks, calldata] of [['every sync', 3, 4], ['a batch of several parts', 16, 120000]])
      await run.test(`S4_S1_blocks_that_are_stored_are_covered, ${name}`, async () => {
        for (let block = 0; block < blocks; block++) {
          for (const from of accounts.slice(0, 5)) await node.rpc('eth_sendTransaction', { from, to: accounts[5], value: '0x1', data: `0x${randomBytes(calldata).toString('hex')}` });
          await node.mine();
        }
        const head = Number(await node.rpc('eth_blockNumber'));
        const counted = join(directory, 'count');
        exits(await ingest(`whole-${blocks}`, { LD_PRELOAD: library, FAIL_KIND: 'sync', FAIL_COUNT: counted }), EXIT.done);
        const last = Number(readFileSync(counted, 'utf8'));
        const asked = async (store) => (await tracer.run('check', '--store', tracer.path(store), '--config', tracer.config, '--source', `x=${accounts[0]}`, accounts[9])).code;
        const sound = await covers(`whole-${blocks}`);
        let failed = 0;
        let parts = 0;
        for (let at = 1; at <= last; at++) {
          const broken = await ingest(`broken-${blocks}-${at}`, { LD_PRELOAD: library, FAIL_KIND: 'sync', FAIL_AT: String(at) });
          failed += broken.code === EXIT.store;
          parts += broken.code === EXIT.store && (await tracer.export(`broken-${blocks}-${at}`)).text.includes('\n1,');
          exits(await ingest(`broken-${blocks}-${at}`), EXIT.done);
          const found = await covers(`broken-${blocks}-${at}`);
          assert(found === sound || (found.split(',').length === 2 && found.endsWith(` ${head}`)), `sync ${at}: covered are ${found}, not ${sound}`);
          equal(await asked(`broken-${blocks}-${at}`), await asked(`whole-${blocks}`), `sync ${at}: check`);
        }
        assert(failed > 0 && parts > 0 === calldata > 1000, `${failed} failed, ${parts} left a part of a batch`);
      });
  } finally {
    await node.stop();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

// ---- the day of a compliance engineer: a list, a range, a file of deposits, one path, one decision asked again ----

async function screeningTests(run, world) {
  const { tracer, scenario } = world;
  const store = ['--store', tracer.path('screened')];
  await run.test('screening: import a sanctions list, ingest with --taint, batch, open a path, replay its decision', async () => {
    const list = readFileSync(join(dirname(fileURLToPath(import.meta.url)), '../label/lists/sdn_advanced.xml'), 'utf8');
    writeFileSync(tracer.path('sdn_advanced.xml'), list.replaceAll(/0xAA0{36}Aa/gi, scenario.at.thief).replaceAll(/<Year>\d+<\/Year>/g, '<Year>2022</Year>'));
    exits(await ingested(world, 'screened', { rpc: world.rpc, first: 1, last: 2, opening: false }), EXIT.done);
    exits(await tracer.run('import', ...store, tracer.path('sdn_advanced.xml')), EXIT.done);
    rmSync(tracer.path('sdn_advanced.xml'));
    exits(await ingested(world, 'screened', { rpc: world.rpc, first: 1, last: scenario.last, opening: false, more: ['--taint', '--policy', 'fifo'] }), EXIT.done);
    const hashes = [...new Set(exportedRows(await exported(world, 'screened')).map((row) => row.hash).filter(Boolean))];
    writeFileSync(tracer.path('deposits.csv'), ['id,target', ...hashes.map((hash, i) => `${i},${hash}`), `x,${scenario.at.thief}`, 'y,0x12'].map((line) => `${line}\n`).join(''));
    const common = ['--config', tracer.config, '--chain', tracer.name, '--labels', tracer.labels, '--assets', tracer.assets, '--policy', 'fifo', '--list-age-max', '36500'];
    const batch = await tracer.run('batch', tracer.path('deposits.csv'), ...store, ...common, '--output', tracer.path('result.csv'), '--decisions', tracer.path('nightly.jsonl'),
      '--columns', 'verdict,tainted,source,key,provisional');
    exits(batch, 12);
    equal(readdirSync(join(tracer.path('screened'), 'taint')).length, 1, 'the state that ingest kept is the one that was used');
    const rows = readCsv(readFileSync(tracer.path('result.csv'), 'utf8'));
    equal(rows.length, hashes.length + 2, 'rows');
    equal(rows.at(-2).verdict, 'exposed', 'the listed address');
    equal(rows.at(-1).verdict, 'cannot_tell', 'what is no target');
    const exposed = rows.find((row) => row.verdict === 'exposed' && row.source.startsWith('ofac.') && row.target.length === 66);
    assert(exposed, 'no deposit is exposed');
    const path = await tracer.run('check', ...store, ...common, exposed.target);
    assert(/one\s+path,\s+oldest\s+first/.test(path.stdout), path.stdout);
    const line = readFileSync(tracer.path('nightly.jsonl'), 'utf8').split('\n').findIndex((text) => text.includes(exposed.target)) + 1;
    const again = await tracer.run('decision', 'replay', tracer.path('nightly.jsonl'), String(line), ...store, '--config', tracer.config, '--labels', tracer.labels, '--assets', tracer.assets);
    exits(again, EXIT.done);
    assert(again.stdout.includes('the same verdict, exposed'), again.stdout);
    // Who looks at the state, or has just made one, holds it for a moment: that ends no ingest.
    const [state] = readdirSync(join(tracer.path('screened'), 'taint'));
    const holder = spawn('flock', ['--shared', join(tracer.path('screened'), 'taint', state), 'sh', '-c', 'echo held; sleep 1'], { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    await ingested(world, 'screened', { rpc: world.rpc, first: 1, last: scenario.last, opening: false, more: ['--taint', '--policy', 'fifo'] });
    equal(readdirSync(join(tracer.path('screened'), 'taint')).join(), state, 'states');
    // One endpoint, latest: nobody says that it is final.
    equal(rows[0].provisional, 'true', 'provisional');
  });
  await run.test('screening: ingest --follow --taint waits for a source that is not there yet', async () => {
    const { child, ended } = tracer.follow('waiting', { rpc: world.rpc, first: 1 }, ['--taint', '--source', `x=0x${'12'.repeat(20)}`]);
    const text = await exported(world, 'screened');
    for (const until = Date.now() + tracer.timeout; Date.now() < until && child.exitCode === null; await sleep(200))
      if ((await tracer.export('waiting')).text === text) break;
    await sleep(500);
    child.kill('SIGTERM');
    const result = await ended;
    exits(result, EXIT.done);
    assert(/note: there is no taint state until all sources are in the store: 0x1212.* is in no stored transfer/.test(result.stderr), result.stderr);
  });
  if (run.chainId === 1) await run.test('screening: the session of the README, to the byte', async () => {
    const directory = tracer.path('session');
    mkdirSync(directory);
    const list = readFileSync(join(dirname(fileURLToPath(import.meta.url)), '../label/lists/sdn_advanced.xml'), 'utf8');
    writeFileSync(join(directory, 'sdn_advanced.xml'), list.replaceAll(/0xAA0{36}Aa/gi, scenario.at.thief).replaceAll(/<Year>\d+<\/Year>/g, '<Year>2022</Year>'));
    const deposits = ['deposit clean', 'deposit partly tainted', 'token deposit clean'].map((name) => scenario.named.get(name).hash);
    writeFileSync(join(directory, 'deposits.csv'), ['customer,target', ...deposits.map((hash, i) => `C-${i + 1},${hash}`)].map((line) => `${line}\n`).join(''));
    cpSync(tracer.config, join(directory, 'devnet.json'));
    tracer.configs.push(join(directory, 'devnet.json'));
    const readme = readFileSync(join(dirname(fileURLToPath(import.meta.url)), '../../README.md'), 'utf8');
    const [, block] = readme.match(/<!-- tests\/e2e -->\n```\n([^]*?)```/);
    const env = { ...tracer.env, PATH: `${dirname(resolve(options.tracer))}:${process.env.PATH}` };
    let printed = '';
    for (const [, command] of block.matchAll(/^\$ (.*)$/gm)) {
      const child = spawn('sh', ['-c', `exec 2>&1; ${command}`], { cwd: directory, env, stdio: ['ignore', 'pipe', 'inherit'] });
      printed += `$ ${command}\n`;
      for await (const data of child.stdout) printed += data;
    }
    rmSync(join(directory, 'sdn_advanced.xml'));
    equal(printed, block, 'what is printed');
  });
  await run.test('X10_an_answer_on_proven_blocks_is_final_and_names_its_block', async () => {
    const { hash } = await world.node.rpc('eth_getBlockByNumber', hex(scenario.last), false);
    await ingested(world, 'final', { rpc: world.rpc, first: 1, last: scenario.last - 3, opening: false, more: ['--anchor'],
      config: tracer.writeConfig('final.json', run.chainId, world.genesis, [`${scenario.last}:${hash}`]) });
    const final = await tracer.check('final', 'fifo', [`theft=${scenario.at.thief}`], [scenario.at.thief]);
    equal(final.json.provisional, false, 'provisional');
    equal(final.json.range.last_block, scenario.last - 3, 'block');
    const open = await tracer.check('screened', 'fifo', [`theft=${scenario.at.thief}`], [scenario.at.thief]);
    equal(open.json.provisional, true, 'provisional, of one endpoint');
  });
}

// ---- what must not be told ----

// Ways in which a text may stand in a file: as it is in any case, in hexadecimal, in base64 (if long enough).
function forms(text) {
  const bytes = Buffer.from(text);
  const base64 = [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').slice(shift ? 4 : 0, -4));
  return { lower: [text.toLowerCase(), bytes.toString('hex')], exact: base64.filter((form) => form.length >= 12) };
}

function tells(content, texts) {
  const exact = Buffer.isBuffer(content) ? content.toString('latin1') : content;
  const lower = exact.toLowerCase();
  return texts.filter((text) => forms(text).lower.some((form) => lower.includes(form)) || forms(text).exact.some((form) => exact.includes(form)));
}

function filesOf(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
    (entry.isDirectory() ? filesOf(join(directory, entry.name)) : [join(directory, entry.name)]));
}

async function refusalTests(run, world) {
  const { tracer, gate, scenario } = world;
  const ask = (how) => {
    const request = { rpc: gate.url(how), first: 1, last: scenario.last };
    return Promise.all([tracer.ingest(`refused-${how}`, { ...request, rpc: `alpha-${how}`, record: `recording-${how}`, more: ['--verbose'] }),
      tracer.probe(gate.url(how)), tracer.traceFrom(request, `refused-trace-${how}`, 'fifo', [scenario.thefts()[0].hash])]);
  };
  const asked = REFUSALS.map(ask); // at once: some wait before they try again
  for (const answers of asked) answers.catch(() => {}); // told by the test
  for (const [index, how] of REFUSALS.entries())
    await run.test(`an endpoint that repeats its keys: ${how}`, async () => {
      for (const result of await asked[index]) exits(result, EXIT.endpoints);
      assert(gate.refused.has(how), 'nobody asked');
    });
  await run.test('an endpoint that repeats its keys: the name of its program', async () => {
    const result = await tracer.probe('alpha-program', ['--store', tracer.path('probed')]);
    exits(result, EXIT.done);
    assert(gate.refused.has('program') && /client +.*project/.test(result.stdout), `no such program in\n${result.stdout}`);
  });
  await run.test('URLs and headers that are no good', async () => {
    const url = gate.url();
    const header = tracer.env.E2E_AUTH;
    const calls = [['--rpc', url.replace('://', ':/')], ['--rpc', url.replace('http', 'ftp')], ['--rpc', `${url} `], ['--rpc', url.replace('127.', 'user:127.')],
      [`--rcp=${url}`], ['--rpc', url, '--rpc'], ['--rpc', url, '--in-flight', 'x']];
    for (const call of calls)
      exits(await tracer.run('ingest', '--store', tracer.path('wrong'), '--config', tracer.config, '--chain', tracer.name, '--allow-local', ...call), EXIT.usage);
    for (const wrong of [`${SECRETS.header}`, `${header}\x01`, `${header}\nX: y`])
      exits(await tracer.ingest('wrong', { rpc: 'alpha', first: 1, last: 2, env: { E2E_AUTH: wrong } }), EXIT.usage);
    assert(!tracer.hasStore('wrong'), 'a store was made');
  });
}

// The books against the node's own balances: they agree, and where internal transfers are missing they differ by exactly these.
async function auditTests(run, world) {
  const { tracer, books } = world;
  const listed = (line) => world.recognised.has(line.asset);
  await run.test('audit: the books agree with the balances of the node', async () => {
    const result = await tracer.audit('store');
    const { lines, sums, nonces } = result.json;
    assert(nonces.lines.length === 0 && nonces.counts.agrees > 0, `nonces: ${JSON.stringify(nonces)}`);
    sameLists(lines.filter(listed).map((line) => JSON.stringify(line)), [], 'recognised assets that do not agree');
    for (const { asset, agrees } of sums.filter(listed)) assert(agrees > 0, `${asset}: ${agrees} agree`);
    // Tokens that only log: one answers nothing, the items are nowhere in its state.
    assert(lines.length > 0 && lines.every(({ asset, outcome }) => outcome === (asset.includes('/') ? 'differs' : 'no_answer')), JSON.stringify(lines));
    exits(result, EXIT.cannotTell);
  });
  await run.test('audit: without call traces the books differ by the internal transfers', async () => {
    const result = await tracer.audit('untraced');
    exits(result, EXIT.cannotTell);
    const missing = new Map();
    const add = (account, amount) => missing.set(account, (missing.get(account) ?? 0n) + amount);
    for (const row of books.rows.filter(({ kind }) => kind === 'internal')) {
      add(row.from, -BigInt(row.amount));
      add(row.to, BigInt(row.amount));
    }
    missing.delete(VOID);
    const seen = new Set(exportedRows(await exported(world, 'untraced')).flatMap(({ from, to }) => [from, to]));
    const wanted = [...missing].filter(([account, amount]) => amount !== 0n && seen.has(account)).map(([account, amount]) => `${account} ${amount}`);
    const signed = (line) => (line.books_have === 'too_little' ? '' : '-') + line.difference;
    sameLists(result.json.lines.filter(listed).map((line) => `${line.account} ${signed(line)}`).sort(), wanted.sort(), 'differences');
  });
  await run.test('audit: one account, a limit, and an account that is none', async () => {
    const hot = await tracer.audit('store', [world.scenario.at.hot]);
    assert(hot.json.counts.agrees > 0 && hot.json.lines.every((line) => !listed(line)), JSON.stringify(hot.json.lines));
    const limited = await tracer.audit('store', ['--max-accounts', '5']);
    exits(limited, EXIT.cannotTell);
    equal(limited.json.counts.agrees, 5, 'compared');
    assert(limited.json.lines.every(({ outcome }) => outcome === 'over_limit'), 'the others are told');
    exits(await tracer.audit('store', ['0x12']), EXIT.usage);
  });
}

async function reportTests(run, world) {
  const { tracer, scenario } = world;
  await run.test('reports in text and CSV, and what the store says of itself', async () => {
    for (const format of ['text', 'csv'])
      exits(await tracer.run('trace', ...tracer.case('store', 'fifo'), '--format', format, scenario.thefts()[0].hash), EXIT.done);
    for (const format of ['text', 'csv'])
      exits(await tracer.run('audit', '--store', tracer.path('store'), '--config', tracer.config, '--chain', tracer.name, '--rpc', 'alpha', '--allow-local',
        '--format', format), EXIT.cannotTell);
    for (const what of ['stat', 'coverage', 'verify']) exits(await tracer.store('store', what), EXIT.done);
  });
}

// The digests of a bundle made right again after one of its files was altered, as whoever alters it would.
function reseal(bundle, files, change = () => {}) {
  const path = join(bundle, 'manifest.json');
  const manifest = JSON.parse(readFileSync(path));
  const text = () => `${JSON.stringify(manifest, null, 1)}\n`;
  for (const file of files)
    Object.assign(manifest.files.find(({ name }) => name === file), { size: statSync(join(bundle, file)).size, sha256: sha256(readFileSync(join(bundle, file))) });
  change(manifest);
  manifest.seal = '';
  manifest.seal = sha256(text());
  writeFileSync(path, text());
}

// Bundles that are checked offline: from a store that kept the blocks, and from one that asks for them again.
async function evidenceTests(run, world) {
  const { tracer, scenario } = world;
  const seeds = scenario.thefts().map((step) => `theft=${step.hash}`);
  const from = { rpc: world.rpc, first: 1, last: scenario.last };
  const bundled = (store, policy, name, more = []) => tracer.trace(store, policy, seeds, ['--evidence', tracer.path(name), ...more]);
  const verify = (name) => tracer.run('verify', tracer.path(name));
  const second = new Map(); // what the second verifier must say, by bundle
  await ingested(world, 'kept', { ...from, more: ['--rpc', world.gate.url(), '--keep-raw', 'all'] });
  for (const policy of POLICIES)
    await run.test(`evidence, ${policy}: every transaction proven, verified offline, the result of the trace`, async () => {
      const plain = await tracer.trace('kept', policy, seeds);
      const result = await bundled('kept', policy, `evidence-${policy}`);
      exits(result, EXIT.done);
      equal(withoutRepeat(result.text), withoutRepeat(plain.text), 'result');
      const [, all, proven, rows, rowsProven] = result.stderr.match(/(\d+) transactions \((\d+) proven\), (\d+) transfers \((\d+) proven\)/).map(Number);
      assert(all > 20 && proven === all && rowsProven > rows / 2, result.stderr);
      const verified = await verify(`evidence-${policy}`);
      exits(verified, EXIT.done);
      assert(verified.stdout.includes(`${plain.json.hops.length} flagged hops`), verified.stdout);
      second.set(`evidence-${policy}`, `all holds: ${plain.json.hops.length} hops, ${rowsProven} of ${rows} transfers from proven bytes`);
    });
  await run.test('evidence from a store that kept nothing: refused, or fetched again from an endpoint, to the same bytes', async () => {
    await ingested(world, 'unkept', { ...from, more: ['--rpc', world.gate.url()] });
    const refused = await bundled('unkept', 'fifo', 'evidence-none');
    exits(refused, EXIT.usage);
    assert(refused.stderr.includes('--keep-raw all'), refused.stderr);
    assert(!existsSync(join(tracer.path('evidence-none'), 'manifest.json')), 'a bundle was left');
    const fetched = await bundled('unkept', 'fifo', 'evidence-fetched', tracer.source({ ...from, opening: false }));
    exits(fetched, EXIT.done);
    for (const file of ['transfers.csv', 'blocks.csv', 'headers.rlp', 'nodes.rlp', 'explored.txt', 'seeds.csv', 'labels.csv', 'assets.csv'])
      equal(sha256(readFileSync(join(tracer.path('evidence-fetched'), file))), sha256(readFileSync(join(tracer.path('evidence-fifo'), file))), file);
    // Without a range an endpoint is for the proofs alone: nothing is ingested, however far the chain goes on.
    const stat = async () => (await tracer.run('store', 'stat', '--store', tracer.path('unkept'))).stdout;
    const before = await stat();
    exits(await bundled('unkept', 'fifo', 'evidence-alone', tracer.source({ rpc: world.gate.url(), opening: false })), EXIT.done);
    equal(sha256(readFileSync(join(tracer.path('evidence-alone'), 'nodes.rlp'))), sha256(readFileSync(join(tracer.path('evidence-fifo'), 'nodes.rlp'))), 'nodes.rlp');
    equal(await stat(), before, 'the store after it');
  });
  await run.test('evidence: what was fetched for it is kept where asked, and the next bundle needs no endpoint', async () => {
    exits(await tracer.run('ingest', '--store', tracer.path('unkept'), '--config', tracer.config, '--chain', tracer.name, '--keep-raw', 'flagged'), EXIT.usage);
    exits(await bundled('unkept', 'fifo', 'evidence-nowhere', ['--keep-raw', 'flagged']), EXIT.usage);
    exits(await bundled('unkept', 'fifo', 'evidence-keeping', [...tracer.source({ ...from, opening: false }), '--keep-raw', 'flagged']), EXIT.done);
    exits(await bundled('unkept', 'fifo', 'evidence-offline'), EXIT.done);
    for (const file of ['headers.rlp', 'nodes.rlp'])
      equal(sha256(readFileSync(join(tracer.path('evidence-offline'), file))), sha256(readFileSync(join(tracer.path('evidence-fifo'), file))), file);
  });
  await run.test('evidence after the blocks were read again to be kept, as the refusal advises', async () => {
    await ingested(world, 'unkept', { ...from, opening: false, more: ['--rpc', world.gate.url(), '--refetch', '--keep-raw', 'all'] });
    exits(await bundled('unkept', 'fifo', 'evidence-refetched'), EXIT.done);
    for (const file of ['headers.rlp', 'nodes.rlp'])
      equal(sha256(readFileSync(join(tracer.path('evidence-refetched'), file))), sha256(readFileSync(join(tracer.path('evidence-fifo'), file))), file);
  });
  await run.test('R1_I8_evidence_that_was_altered_is_told_whatever_its_digests_say', async () => {
    const alter = async (name, file, change) => alterAll(name, { [file]: change });
    const alterAll = async (name, changes, manifest) => {
      cpSync(tracer.path('evidence-fifo'), tracer.path(name), { recursive: true });
      for (const [file, change] of Object.entries(changes)) {
        const path = join(tracer.path(name), file);
        const text = readFileSync(path);
        const changed = change(text);
        assert(!text.equals(changed), `${file} was not altered`);
        writeFileSync(path, changed);
      }
      reseal(tracer.path(name), Object.keys(changes), manifest);
      const result = await verify(name);
      exits(result, EXIT.verification);
      second.set(name, 'it does not hold');
      return result.stderr;
    };
    const flip = (at) => (bytes) => { const copy = Buffer.from(bytes); copy[Math.floor(copy.length * at)] ^= 1; return copy; };
    const replace = (from, to) => (bytes) => Buffer.from(bytes.toString().replace(from, to));
    const row = (kind) => new RegExp(`^(.*,${kind},.*,)(\\d+)(,[^,]*,[^,]*,[^,]*,[^,]*,[^,]*,[^,]*,[^,]*)$`, 'm');
    for (const kind of ['value', 'token', 'fee'])
      assert((await alter(`altered-${kind}`, 'transfers.csv', replace(row(kind), '$1$21$3'))).includes('is not what the proven bytes say'), kind);
    await alter('altered-header', 'headers.rlp', flip(0.5));
    await alter('altered-node', 'nodes.rlp', flip(0.5));
    const { stdout: spare } = spawnSync('python3', ['-c', `import sys, runpy; v = runpy.run_path(${JSON.stringify(VERIFIER)}); data = sys.stdin.buffer.read()
sys.stdout.buffer.write(b''.join(sorted([*v['texts'](data), b'\\xc1\\x80'], key=v['keccak'])))`], { input: readFileSync(join(tracer.path('evidence-fifo'), 'nodes.rlp')), maxBuffer: 1 << 28 });
    assert((await alter('altered-spare', 'nodes.rlp', () => spare)).includes('no proof needs node'), 'a node too many');
    await alter('altered-grade', 'blocks.csv', replace(/,yes$/m, ',no'));
    await alter('altered-result', 'result.json', replace(/"tainted": "(\d+)"/, '"tainted": "1$1"'));
    await alter('altered-seed', 'seeds.csv', (bytes) => Buffer.concat([bytes.subarray(0, bytes.indexOf(10) + 1), bytes.subarray(bytes.lastIndexOf(10, bytes.length - 2) + 1)]));
    // What is shown beside a proven transfer is proven, too: told alike in all files it is still a lie.
    const { block_number: block, time } = JSON.parse(readFileSync(join(tracer.path('evidence-fifo'), 'result.json'))).hops[0];
    const everywhere = (from, to) => (bytes) => Buffer.from(bytes.toString().replaceAll(from, to));
    await alterAll('altered-time', { 'transfers.csv': everywhere(`,${time},`, `,${time - 1},`), 'result.json': everywhere(`"time": ${time}`, `"time": ${time - 1}`) });
    await alterAll('altered-number', { 'transfers.csv': everywhere(new RegExp(`^(${block},.*,0x\\w{64}),${block},`, 'mg'), '$1,4242,'),
      'result.json': everywhere(`"block_number": ${block},`, '"block_number": 4242,') });
    await alter('altered-claim', 'transfers.csv', replace(/,asserted,/, ',proven,'));
    await alter('altered-columns', 'transfers.csv', (bytes) => Buffer.from(bytes.toString().replaceAll('\n', ',0\n').replace(',0', ',status')));
    await alter('altered-places', 'result.json', (bytes) => { const result = JSON.parse(bytes); result.places.pop(); return Buffer.from(JSON.stringify(result)); });
    await alter('altered-range', 'result.json', replace(/"first_hash": "0x..../, '"first_hash": "0x1234'));
    await alterAll('altered-anchor', {}, (manifest) => { manifest.network.anchor = null; });
    await alterAll('altered-rules', {}, (manifest) => { manifest.network.rules = ''; });
    await alter('altered-labels', 'labels.csv', replace(/,mixer,/, ',service,'));
  });
  // In one process, which hashes and recovers once what the bundles share.
  await run.test('evidence: the second verifier says the same of each bundle', async () => {
    assert(second.size > POLICIES.length + 15, `only ${second.size} bundles`);
    const said = spawnSync('python3', [VERIFIER, ...[...second.keys()].map((name) => tracer.path(name))], { encoding: 'utf8' });
    equal(said.status, EXIT.verification, said.stderr);
    const lines = said.stdout.trimEnd().split('\n');
    equal(lines.length, second.size, 'lines');
    for (const [index, [name, wanted]] of [...second].entries()) assert(lines[index].startsWith(wanted), `${name}: ${lines[index]}, expected ${wanted}`);
  });
}

// After everything else: all that tracer wrote in the run.
async function secretTests(run, world) {
  const { tracer, gate } = world;
  const files = filesOf(tracer.directory);
  const ours = new Set(tracer.configs);
  const secrets = Object.values(SECRETS);
  const places = ({ outputs, texts, streams = ['stdout', 'stderr'] }) => [
    ...outputs.flatMap((output) => streams.flatMap((stream) => tells(output[stream], texts)
      .map((text) => `"${text}" in ${stream} of ${output.args.slice(0, 2).join(' ')}: ${output[stream].slice(0, 300)}`))),
    ...files.filter((file) => !ours.has(file)).flatMap((file) => [...tells(readFileSync(file), texts), ...tells(file.slice(tracer.directory.length), texts)]
      .map((text) => `"${text}" in ${file}`))];
  const found = (pattern) => files.filter((file) => pattern.test(file)).length;
  await run.test('T11_keys_of_path_query_and_header_are_in_no_output_no_error_and_no_file', async () => {
    assert(gate.passed.plain > 10 && gate.passed.authorized > 100, 'the keys were not used');
    for (const file of ours) equal(tells(readFileSync(file), secrets.slice(0, 2)).length, 2, `secrets seen in ${file}`);
    for (const form of [SECRETS.header.toUpperCase(), Buffer.from(SECRETS.header).toString('hex'), Buffer.from(`Bearer ${SECRETS.header}.`).toString('base64')])
      equal(tells(`a ${form} b`, secrets).join(), SECRETS.header, `secrets seen in ${form}`);
    assert(tracer.outputs.length > 60 && found(/\.exchange$/) > 10 && found(/data\.mdb$/) > 10, 'too little was looked at');
    equal(places({ outputs: tracer.outputs, texts: secrets }).join('\n'), '', 'secrets told');
  });
  // Recordings, stores, exports and results are what is handed on; error texts stay with the user.
  await run.test('E5_what_is_handed_on_names_no_url_no_key_no_home_path_and_no_host', async () => {
    const texts = [...secrets, 'http:', 'https:', '127.0.0.1', 'localhost', gate.host, 'E2E_AUTH', tracer.directory, tracer.home, `${homedir()}/`,
      ...(hostname().length > 6 ? [hostname()] : []), tracer.env.HOSTNAME];
    const handedOn = tracer.outputs.filter((output) => ['trace', 'check', 'export', 'endpoint'].includes(output.args[0]));
    assert(handedOn.some((output) => output.args[0] === 'check' && output.stdout.length > 1000), 'too little was looked at');
    equal(places({ outputs: handedOn, texts, streams: ['stdout'] }).join('\n'), '', 'private things told');
  });
}

async function replayTests(run, world) {
  const { tracer, scenario } = world;
  await run.test('the recording without the node gives the same bytes', async () => {
    await ingested(world, 'replayed', { replay: 'recording', first: 1, last: world.fork });
    equal(sha256(await exported(world, 'replayed')), sha256(await exported(world, 'store')), 'digest of the export');
    const sources = scenario.thefts().map((step) => `theft=${step.hash}`);
    const [one, two] = await Promise.all(['store', 'replayed'].map((store) => tracer.trace(store, 'fifo', sources)));
    exits(one, EXIT.done);
    exits(two, EXIT.done);
    equal(sha256(JSON.stringify(two.json)), sha256(JSON.stringify(one.json)), 'digest of the trace');
  });
}

async function testChain(run, contracts) {
  const { chainId } = run;
  const directory = mkdtempSync(join(tmpdir(), 'tracer-e2e-'));
  const remove = () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  const forget = options.keep ? undefined : hold(remove);
  let node;
  let gate;
  try {
    node = await Node.start({ chainId });
    const scenario = new Scenario(node, contracts);
    await scenario.prepare();
    await scenario.play();
    const books = await (await new Books(scenario).read(node, 1, scenario.last)).open(node);
    const genesis = (await node.rpc('eth_getBlockByNumber', '0x0', false)).hash;
    const assets = new Map([['native', { decimals: 18n, weight: 2000n }], [scenario.wrapped.address, { decimals: 18n, weight: 2000n }],
      [scenario.usdx.address, { decimals: 6n, weight: 1n }], [scenario.eurx.address, { decimals: 6n, weight: 1n }]]);
    const world = { chainId, node, scenario, books, genesis, fork: scenario.last,
      labels: new Map(scenario.labels().map((label) => [label.address, label])), assets, recognised: new Set(assets.keys()),
      seeds: seedsFor(books, scenario.thefts().map(({ hash }) => ({ source: 'theft', hash }))) };
    await selfTest(run, world);
    if (options.tracer) {
      gate = world.gate = await Gate.open(node);
      world.rpc = 'alpha';
      const endpoints = [['alpha', 'authorized'], ...['program', ...REFUSALS].map((how) => [`alpha-${how}`, how])]
        .map(([name, door]) => ({ name, url: gate.url(door), header_env: 'E2E_AUTH' }));
      world.tracer = new Tracer(resolve(options.tracer), directory, { chainId, genesis, endpoints, wrappers: [scenario.wrapped.address], wrapper: options.wrapper?.split(' '),
        env: { E2E_AUTH: gate.header, HOSTNAME: 'host-of-the-run' } });
      world.tracer.writeLabels(scenario.labels());
      world.tracer.writeAssets([...assets].map(([asset, known]) => ({ asset, ...known })));
      await ingestTests(run, world);
      await traceTests(run, world);
      await checkTests(run, world);
      await screeningTests(run, world);
      if (chainId === 1) await brokenTests(run);
      await bareTests(run, world);
      await auditTests(run, world);
      await reportTests(run, world);
      await evidenceTests(run, world);
      await Promise.all([refusalTests(run, world), reorgTests(run, world)]);
      await node.stop();
      await replayTests(run, world);
      await secretTests(run, world);
    }
  } catch (error) {
    run.failed++;
    console.log(`FAIL  ${chainId}: the run broke off\n      ${error.stack.replaceAll('\n', '\n      ')}`);
  } finally {
    gate?.close();
    await node?.stop();
    forget?.();
    if (options.keep) console.log(`kept: ${directory}`);
    else remove();
  }
}

if (!options.tracer && !options['self-test']) {
  console.error('usage: node run.mjs --tracer PATH [--chain 1|2020] [--keep], or --self-test');
  process.exit(2);
}
if (options['self-test']) options.tracer = undefined;
const start = Date.now();
const contracts = compile();
const runs = (options.chain ?? ['1', '2020']).map((chain) => new Run(Number(chain)));
await Promise.all(runs.map((run) => testChain(run, contracts)));
const passed = runs.reduce((all, run) => all + run.passed, 0);
const failed = runs.reduce((all, run) => all + run.failed, 0);
console.log(`${((Date.now() - start) / 1000).toFixed(1)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
