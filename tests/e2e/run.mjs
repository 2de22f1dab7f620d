// The end-to-end test: a heist on a real node, tracer against the script's own bookkeeping.
//   node run.mjs --tracer PATH [--chain 1|2020] [--keep]     without --chain: both
//   node run.mjs --self-test [--chain ...]                   the books against the node only
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Books } from './books.mjs';
import { Node, freePort } from './node.mjs';
import { Scenario, compareSteps } from './scenario.mjs';
import { compile } from './solc.mjs';
import { POLICIES, Taint } from './taint.mjs';
import { EXIT, VERDICT, Tracer, checkedAnswers, exportedRows, failure, tracedHops, tracedTotals } from './tracer.mjs';

const { values: options } = parseArgs({
  options: {
    tracer: { type: 'string' },
    chain: { type: 'string', multiple: true },
    'self-test': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    wrapper: { type: 'string' },
  },
});

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

function engine(world, policy, { seeds = world.seeds, opening, books = world.books } = {}) {
  const taint = new Taint({ policy, seeds, labels: world.labels, opening }).run(books.all());
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
    const wrong = await books.audit(node, [scenario.usdx.address]);
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

const rowText = (row) => [row.key ?? `${row.block}:${row.txi}:${row.idx}`, row.kind, row.asset, row.from, row.to, row.amount,
  row.time, row.hash, row.logIndex ?? ''].join(' ');

const hopText = (hop) => [hop.key, hop.hash, hop.kind, hop.from, hop.to, hop.asset, hop.amount, hop.source, `tainted ${hop.tainted}`,
  `hop ${hop.hop}`, `parent ${hop.parent ?? '-'}`, `log ${hop.logIndex ?? '-'}`].join(' ');

function expectedHops(taint) {
  return taint.hops.map(({ row, ...hop }) => hopText({ ...row, ...hop }));
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
  for (const { policy, name, seeds, args, opening, more } of cases)
    await run.test(`trace, ${policy}, ${name}: every hop, and the totals`, async () => {
      const result = await tracer.trace('store', policy, args, more);
      exits(result, EXIT.done);
      const taint = engine(world, policy, { seeds, opening });
      sameLists(tracedHops(result.json).map(hopText), expectedHops(taint), 'hops');
      if (policy !== 'poison') compareTotals(result.json, taint);
    });
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
  const recognised = new Set(['native', scenario.usdx.address]);
  for (const policy of POLICIES) {
    const taint = engine(world, policy, { opening: 'clean' });
    const questions = [
      ...scenario.deposits().map(({ name, hash }) => ({ name, target: hash, lines: carriedLines(taint, books, hash) })),
      ...['depositClean', 'depositMixed', 'depositEoa', 'depositLabelled', 'hot', 'w2', 'fan', 'out1', 'noise'].map((role) =>
        ({ name: `address of ${role}`, target: scenario.at[role], lines: accountLines(taint, scenario.at[role]) })),
    ].map((question) => ({ ...question, verdict: verdictOf(question.lines, recognised) }));
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
  await run.test('endpoint probe', async () => {
    const result = await tracer.probe(node.url);
    exits(result, EXIT.done);
    for (const pattern of [new RegExp(`chain id +${world.chainId}\\b`), /anchor +fits/, /old state +yes/, /finalized +[0-9]+/, /block receipts +yes/, /internal calls +callTracer with logs/])
      assert(pattern.test(result.stdout), `no ${pattern} in\n${result.stdout}`);
  });
  await run.test('wrong anchor: refused, nothing written', async () => {
    const config = tracer.writeConfig('wrong.json', world.chainId, `0x${'ab'.repeat(32)}`);
    const result = await tracer.ingest('wrong', { rpc: node.url, first: 1, last: scenario.last, config });
    exits(result, EXIT.endpoints);
    assert(!tracer.hasStore('wrong'), 'a store was made');
  });
  await run.test('wrong chain id: refused, nothing written', async () => {
    const config = tracer.writeConfig('other.json', world.chainId + 1, world.genesis);
    const result = await tracer.ingest('wrong', { rpc: node.url, first: 1, last: scenario.last, config });
    exits(result, EXIT.endpoints);
    assert(!tracer.hasStore('wrong'), 'a store was made');
  });
  await run.test('a test node is not the built-in chain of its id', async () => {
    const result = await tracer.ingest('wrong', { rpc: node.url, first: 1, last: scenario.last, chain: world.chainId === 1 ? 'ethereum' : 'ronin' });
    exits(result, EXIT.endpoints);
    assert(!tracer.hasStore('wrong'), 'a store was made');
  });
  await run.test('unreachable endpoint', async () => {
    const result = await tracer.ingest('wrong', { rpc: `http://127.0.0.1:${await freePort()}`, first: 1, last: scenario.last });
    exits(result, EXIT.endpoints);
    assert(!tracer.hasStore('wrong'), 'a store was made');
  });
  await run.test('ingest with openings, recorded', () =>
    ingested(world, 'store', { rpc: node.url, first: 1, last: scenario.last, record: 'recording' }));
  await run.test('export: every row, in the order of execution', async () => {
    sameLists(exportedRows(await exported(world, 'store')).map(rowText), books.rows.map(rowText), 'rows');
  });
  await run.test('ingest again changes nothing', async () => {
    const before = await exported(world, 'store');
    await ingested(world, 'store', { rpc: node.url, first: 1, last: scenario.last });
    await ingested(world, 'store', { rpc: node.url, first: 3, last: 7, opening: false, more: ['--refetch'] });
    equal(sha256(await exported(world, 'store')), sha256(before), 'digest of the export');
  });
  await run.test('a store of another anchor is not mixed with this one', async () => {
    const before = await exported(world, 'store');
    const config = tracer.writeConfig('wrong.json', world.chainId, `0x${'ab'.repeat(32)}`);
    exits(await tracer.ingest('store', { rpc: node.url, config }), EXIT.endpoints);
    equal(sha256(await exported(world, 'store')), sha256(before), 'digest of the export');
  });
  await run.test('finality: no block above the finalized one', async () => {
    const finalized = Number((await node.rpc('eth_getBlockByNumber', 'finalized', false)).number);
    assert(finalized > 5 && finalized < scenario.last, `finalized is ${finalized}`);
    await ingested(world, 'finalized', { rpc: node.url, first: 1, finality: 'finalized', opening: false });
    const wanted = books.rows.filter((row) => row.block <= finalized);
    sameLists(exportedRows(await exported(world, 'finalized')).map(rowText), wanted.map(rowText), 'rows');
  });
  await run.test('without call traces: no internal rows, and the trace says that it has a gap', async () => {
    await ingested(world, 'untraced', { rpc: node.url, first: 1, last: scenario.last, more: ['--no-traces'] });
    const rowOf = (row) => [row.kind, row.asset, row.from, row.to, row.amount, row.hash, row.logIndex ?? ''].join(' ');
    sameLists(exportedRows(await exported(world, 'untraced')).map(rowOf), books.rows.filter((row) => row.kind !== 'internal').map(rowOf), 'rows');
    const sources = [`theft=${scenario.thefts()[1].hash}`];
    exits(await tracer.trace('untraced', 'fifo', sources), EXIT.cannotTell);
    exits(await tracer.check('untraced', 'fifo', sources, [scenario.named.get('token deposit clean').hash]), EXIT.cannotTell);
  });
  await run.test('a split ingest gives the same as one', async () => {
    await ingested(world, 'parts', { rpc: node.url, first: 1, last: 5 });
    await ingested(world, 'parts', { rpc: node.url, last: 9 });
    await ingested(world, 'parts', { rpc: node.url, last: scenario.last });
    equal(sha256(await exported(world, 'parts')), sha256(await exported(world, 'store')), 'digest of the export');
  });
}

// Two histories from the same block on; the second and a third, shorter one replace the first.
async function reorgTests(run, world) {
  const { tracer, node, scenario } = world;
  const sources = scenario.thefts().map((step) => `theft=${step.hash}`);
  const compare = async (fresh) => {
    await ingested(world, 'reorg', { rpc: node.url });
    await ingested(world, fresh, { rpc: node.url, first: 1 });
    const text = await exported(world, fresh);
    equal(sha256(await exported(world, 'reorg')), sha256(text), 'digest of the export');
    const books = await (await new Books().read(node, 1, Number(await node.rpc('eth_blockNumber')))).open(node);
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
  let snapshot = await node.rpc('evm_snapshot');
  const histories = [];
  await run.test('reorg: the first history', async () => {
    histories.push(await branch('a'));
    await ingested(world, 'reorg', { rpc: node.url, first: 1 });
  });
  for (const [which, name] of [['b', 'a longer history'], ['a', 'a shorter history']]) {
    assert(await node.rpc('evm_revert', snapshot), 'the node did not go back');
    snapshot = await node.rpc('evm_snapshot');
    await run.test(`reorg: ${name} replaces it, as if it had never been`, async () => {
      histories.push(await branch(which));
      assert(histories.at(-1)[0] !== histories.at(-2)[0], 'both histories have the same block after the fork');
      await compare(`fresh-${which}`);
    });
  }
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

async function testChain(chainId, contracts) {
  const run = new Run(chainId);
  const directory = mkdtempSync(join(tmpdir(), 'tracer-e2e-'));
  const node = await Node.start({ chainId });
  try {
    const scenario = new Scenario(node, contracts);
    await scenario.prepare();
    await scenario.play();
    const books = await (await new Books().read(node, 1, scenario.last)).open(node);
    const genesis = (await node.rpc('eth_getBlockByNumber', '0x0', false)).hash;
    const world = { chainId, node, scenario, books, genesis, fork: scenario.last,
      labels: new Map(scenario.labels().map((label) => [label.address, label])),
      seeds: seedsFor(books, scenario.thefts().map(({ hash }) => ({ source: 'theft', hash }))) };
    await selfTest(run, world);
    if (options.tracer) {
      world.tracer = new Tracer(resolve(options.tracer), directory, { chainId, genesis, wrapper: options.wrapper?.split(' ') });
      world.tracer.writeLabels(scenario.labels());
      world.tracer.writeAssets([{ asset: 'native', decimals: 18, weight: 2000 }, { asset: scenario.usdx.address, decimals: 6, weight: 1 }]);
      await ingestTests(run, world);
      await traceTests(run, world);
      await checkTests(run, world);
      await reorgTests(run, world);
      await node.stop();
      await replayTests(run, world);
    }
  } finally {
    await node.stop();
    if (options.keep) console.log(`kept: ${directory}`);
    else rmSync(directory, { recursive: true, force: true });
  }
  return run;
}

if (!options.tracer && !options['self-test']) {
  console.error('usage: node run.mjs --tracer PATH [--chain 1|2020] [--keep], or --self-test');
  process.exit(2);
}
if (options['self-test']) options.tracer = undefined;
const start = Date.now();
const contracts = compile();
const runs = await Promise.all((options.chain ?? ['1', '2020']).map((chain) => testChain(Number(chain), contracts)));
const passed = runs.reduce((all, run) => all + run.passed, 0);
const failed = runs.reduce((all, run) => all + run.failed, 0);
console.log(`${passed} passed, ${failed} failed (${((Date.now() - start) / 1000).toFixed(1)} s)`);
process.exitCode = failed ? 1 : 0;
