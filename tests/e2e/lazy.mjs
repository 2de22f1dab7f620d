// A trace from nothing but endpoints, through a proxy that takes capabilities away: what can be known is the same in all, what
// cannot is said. One line a set: hops, verdict, calls.
//   node lazy.mjs --tracer PATH [--full] [--only NAME]
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { hold } from './cleanup.mjs';
import { Explorer } from './explorer.mjs';
import { Node } from './node.mjs';
import { Scenario } from './scenario.mjs';
import { compile } from './solc.mjs';
import { EXIT, Tracer, checkedAnswers, failure, tracedHops, withoutRepeat } from './tracer.mjs';

const { values: options } = parseArgs({
  options: { tracer: { type: 'string' }, full: { type: 'boolean', default: false }, only: { type: 'string' }, keep: { type: 'boolean', default: false } },
});
const NOISE = options.full ? { blocks: 3000, transactions: 5000, empty: 0, drops: 500, interrupts: 20 }
  : { blocks: 120, transactions: 300, empty: 600, drops: 12, interrupts: 2 };

const missing = (method) => ({ code: -32601, message: `the method ${method} does not exist/is not available` });
const pruned = { code: -32000, message: 'missing trie node 5e2f (path ) state 0x5e2f is not available' };
const TRACES = /^(debug_|trace_)/;
const OTS = /^ots_/;
const SENT = /^eth_getTransactionBySenderAndNonce$/;
const LOGS = /^eth_getLogs$/;
const BARE = [OTS, /^trace_/, SENT, LOGS];
const ASSERTED = /only explorer scan says/; // of contracts, which no audit can answer for
const AGENT = new Agent({ keepAlive: true });
const KNOWN = new Map(); // what the node answered, by call
const KEY = 'K7Q2ZSECRETW94XKEYLM31';

// What an endpoint lacks; the block a state is asked of is the last parameter.
// whole: every hop of the indexed trace, and nothing is missing; same: every hop, but it cannot be shown that these are all;
// only: no account has a gap but such.
// probed: traced once more into a store that knows the endpoint from a probe.
const SETS = {
  full: { whole: true, probed: true },
  'no traces': { without: [TRACES], address: true, probed: true, reason: /internal transfers/ },
  'no ots': { without: [OTS], whole: true },
  'no eth_getBlockReceipts': { without: [/^eth_getBlockReceipts$/], whole: true, probed: true },
  'transactions by nonce': { without: [TRACES, OTS, /^eth_getLogs$/], asked: SENT, address: true, reason: /internal transfers/ },
  'by nonce, hashes alone': { without: [TRACES, OTS, /^eth_getLogs$/], hashes: true, asked: /^eth_getTransactionByHash$/, address: true, reason: /internal transfers/ },
  'archive without extras': { without: [TRACES, OTS, SENT, /^eth_getLogs$/], address: true, reason: /internal transfers/ },
  'traces and states only': { without: [OTS, /^trace_/, /^eth_getLogs$/], same: true, reason: /no endpoint answers eth_getLogs/ },
  'logs of 200 blocks': { without: [OTS], range: 200, whole: true },
  'no archive': { without: [OTS], states: 128, whole: true },
  'no archive, no scan': { without: [OTS], states: 128, more: ['--max-scan', '10'], same: true, reason: /no endpoint has the state before block/ },
  'explorer, bare full node': { without: BARE, states: 128, explorer: {}, more: ['--max-scan', '10'], same: true, reason: /no endpoint has the state before block/ },
  'explorer and old state': { without: BARE, explorer: {}, same: true, only: ASSERTED },
  'explorer of few a second': { without: BARE, explorer: { rate: 60 }, same: true, only: ASSERTED },
  'explorer that names blocks in vain': { without: BARE, explorer: { invent: true }, same: true, only: ASSERTED },
  'explorer that refuses the key': { without: BARE, explorer: { refuse: true }, same: true, reason: /no endpoint answers eth_getLogs/ },
  'explorer, no traces': { without: [TRACES, OTS, SENT, LOGS], explorer: {}, address: true, reason: /internal transfers/ },
  'few a second': { rate: options.full ? 5 : 20, whole: true },
  'one call a request': { single: true, whole: true },
};

// What no hash covers: of what moved inside a transaction, and of every list, the last is left out; a balance is one higher.
function invent(method, reply) {
  if (method === 'debug_traceBlockByNumber') reply.result?.forEach(({ result }) => result?.calls?.pop());
  if (method === 'trace_block') reply.result = reply.result?.filter(({ type, traceAddress }) => type === 'reward' || traceAddress.length === 0).map((item) => ({ ...item, subtraces: 0 }));
  if (method === 'eth_getLogs' || method === 'trace_filter') reply.result?.pop();
  if (method === 'ots_searchTransactionsAfter') reply.result?.txs.shift(); // the newest comes first
  if (method === 'eth_getBalance' && reply.result) reply.result = `0x${(BigInt(reply.result) + 1n).toString(16)}`;
}

// A value of a transaction, or an amount of a token, one higher.
function lie(method, result) {
  const one = method === 'eth_getBlockByNumber' ? result?.transactions?.find(({ value }) => value) : undefined;
  if (one) one.value = `0x${(BigInt(one.value) + 1n).toString(16)}`;
  const log = method === 'eth_getBlockReceipts' ? result?.flatMap(({ logs }) => logs).find(({ data }) => data.length === 66) : undefined;
  if (log) log.data = `0x${(BigInt(log.data) ^ 1n).toString(16).padStart(64, '0')}`;
}

class Proxy {
  static async open(node) {
    const proxy = new Proxy();
    Object.assign(proxy, { node, set: {}, calls: 0, requests: 0, window: 0, used: 0, methods: new Map() });
    proxy.server = createServer((incoming, response) => {
      const chunks = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('end', () => proxy.#answer(JSON.parse(Buffer.concat(chunks)), response).catch(() => response.destroy()));
    });
    await new Promise((done) => proxy.server.listen(0, '127.0.0.1', done));
    proxy.url = `http://127.0.0.1:${proxy.server.address().port}`;
    return proxy;
  }

  #refuse({ method, params }, head) {
    const { without = [], range, states } = this.set;
    if (without.some((pattern) => pattern.test(method))) return missing(method);
    if (method === 'eth_getLogs' && range) {
      const [{ fromBlock, toBlock }] = params;
      if (Number(toBlock) - Number(fromBlock) + 1 > range)
        return { code: -32602, message: 'Invalid params', data: `requested block range ${Number(toBlock) - Number(fromBlock) + 1} exceeds the limit of ${range}; narrow your fromBlock/toBlock` };
    }
    const state = { eth_getBalance: 1, eth_getTransactionCount: 1, eth_getCode: 1, eth_call: 1 }[method];
    if (states && state && /^0x/.test(params[state]) && Number(params[state]) < head - states) return pruned;
    return undefined;
  }

  async #answer(body, response) {
    const calls = [body].flat();
    if (this.set.late && ++this.requests % this.set.late.every === 0) await new Promise((done) => setTimeout(done, this.set.late.ms));
    if (this.set.single && Array.isArray(body) && body.length > 1)
      return response.writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32600, message: 'batch requests are not supported' } }));
    if (this.set.rate) {
      const now = Math.floor(Date.now() / 1000);
      if (now !== this.window) Object.assign(this, { window: now, used: 0 });
      if (++this.used > this.set.rate) return response.writeHead(429, { 'content-type': 'text/plain', 'retry-after': '1' }).end('too many requests');
    }
    this.calls += calls.length;
    for (const { method } of calls) this.methods.set(method, (this.methods.get(method) ?? 0) + 1);
    const head = this.head;
    const passed = calls.filter((call) => !this.#refuse(call, head));
    const answers = passed.length === 0 ? [] : await this.#ask(passed);
    const replies = calls.map((call) => {
      const error = this.#refuse(call, head);
      return error ? { jsonrpc: '2.0', id: call.id, error } : answers.find(({ id }) => id === call.id);
    });
    if (this.set.slow) await new Promise((done) => { setTimeout(done, Math.random() * this.set.slow); });
    for (const [index, { method }] of calls.entries()) this.#drop(method, replies[index].result);
    if (this.set.hashes)
      for (const [index, { method }] of calls.entries())
        if (SENT.test(method) && replies[index].result) replies[index].result = replies[index].result.hash;
    if (this.set.invent)
      for (const [index, { method }] of calls.entries()) invent(method, replies[index]);
    if (this.set.lie)
      for (const [index, { method }] of calls.entries()) lie(method, replies[index].result);
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(Array.isArray(body) ? replies : replies[0]));
  }

  // Of the node, which is asked once what it would answer ten times: its chain stands still.
  async #ask(calls) {
    const keys = calls.map(({ method, params }) => JSON.stringify([method, params]));
    const fresh = calls.filter((_, index) => !KNOWN.has(keys[index]));
    if (fresh.length > 0)
      for (const { id, ...answer } of await this.#askNode(fresh)) KNOWN.set(keys[calls.findIndex((call) => call.id === id)], JSON.stringify(answer));
    return calls.map(({ id }, index) => ({ id, ...JSON.parse(KNOWN.get(keys[index])) }));
  }

  // fetch() takes twice the time.
  #askNode(calls) {
    return new Promise((done, failed) => {
      const asked = request({ host: '127.0.0.1', port: this.node.port, method: 'POST', agent: AGENT, headers: { 'content-type': 'application/json' } }, (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('end', () => done(JSON.parse(Buffer.concat(chunks))));
      });
      asked.once('error', failed);
      asked.end(JSON.stringify(calls));
    });
  }

  // One thing is left out of what finds blocks: a log, a transaction, or all of an answer.
  #drop(method, result) {
    const list = method === 'ots_searchTransactionsAfter' ? result?.txs : /^(eth_getLogs|trace_filter)$/.test(method) ? result : undefined;
    if (!this.set.drop || !Array.isArray(list) || list.length === 0) return;
    const { which, whole } = this.set.drop;
    if (this.seen <= which && which < this.seen + list.length) {
      this.dropped = whole ? `${list.length} of ${method}` : `one of ${method}`;
      list.splice(whole ? 0 : which - this.seen, whole ? list.length : 1);
    }
    this.seen += list.length + (this.dropped ? 1 : 0);
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

const exact = (hop) => `${hop.key} ${hop.source} ${hop.asset} ${hop.from}>${hop.to} ${hop.tainted} of ${hop.amount}, hop ${hop.hop}`;
// Without internal transfers keys and distances differ.
const moved = (hop) => `${hop.hash} ${hop.source} ${hop.asset} ${hop.from}>${hop.to} ${hop.tainted} of ${hop.amount}`;
// Of all that one account paid another in a transaction (keys differ): tainted, or what of it is proven.
function sums(json, of) {
  const result = new Map();
  for (const hop of tracedHops(json)) {
    const what = `${hop.hash} ${hop.source} ${hop.asset} ${hop.from}>${hop.to}`;
    result.set(what, (result.get(what) ?? 0n) + of(hop));
  }
  return result;
}
const tainted = (hop) => BigInt(hop.tainted);
const proven = (hop) => BigInt(hop.tainted) - BigInt(hop.unproven);
// Of the accounts' gaps.
const unlike = (result, only) => (only ? gapsOf(result).filter((gap) => /^0x[0-9a-f]{40}: /.test(gap)).flatMap((gap) => gap.split('; ')).filter((gap) => !only.test(gap)) : []);
const gapsOf = (result) => (result.json ? result.json.limits.gaps : [failure(result)]);

let failed = 0;
function check(condition, what) {
  if (condition) return true;
  failed++;
  console.log(`FAIL  ${what}`);
  return false;
}

async function noise(scenario, { blocks, transactions, empty }) {
  for (let i = 0; i < blocks; i++) {
    await scenario.noise(Math.floor(((i + 1) * transactions) / blocks) - Math.floor((i * transactions) / blocks));
    await scenario.node.mine();
    scenario.pending = [];
  }
  if (empty) await scenario.node.rpc('anvil_mine', `0x${empty.toString(16)}`);
  return Number(await scenario.node.rpc('eth_blockNumber'));
}

const directory = mkdtempSync(join(tmpdir(), 'tracer-lazy-'));
const remove = () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
const forget = options.keep ? undefined : hold(remove);
const node = await Node.start({ chainId: 1 });
const servers = [];
try {
  const scenario = new Scenario(node, await compile());
  await scenario.prepare();
  await scenario.play();
  const last = await noise(scenario, NOISE);
  const indexer = await Explorer.open(node, { key: KEY });
  servers.push(indexer);
  await indexer.index(last);
  const genesis = (await node.rpc('eth_getBlockByNumber', '0x0', false)).hash;
  const seeds = scenario.thefts().map((step) => `theft=${step.hash}`);
  const first = Math.min(...scenario.thefts().map((step) => step.block));
  // What was stolen by an internal transfer cannot be a seed where there are no traces; the thief's address can.
  const byAddress = ['--since', String(first), `theft=${scenario.at.thief}`];

  // Endpoints, an explorer and stores for one part of the test: most of it waits for answers, so the parts run at the same time.
  const place = async (name) => {
    const [proxy, liar, quick] = [await Proxy.open(node), await Proxy.open(node), await Proxy.open(node)];
    const explorer = await Explorer.open(node, { key: KEY });
    servers.push(proxy, liar, quick, explorer);
    proxy.head = liar.head = quick.head = last;
    liar.set = { lie: true };
    explorer.lists = indexer.lists;
    mkdirSync(join(directory, name));
    const tracer = new Tracer(resolve(options.tracer), join(directory, name), { chainId: 1, genesis, wrappers: [scenario.wrapped.address],
      explorers: [{ name: 'scan', url: explorer.url, key_env: 'SCAN_KEY', rate: 1000 }], env: { SCAN_KEY: KEY },
      endpoints: [{ name: 'alpha', url: proxy.url }, { name: 'beta', url: proxy.url }, { name: 'gamma', url: liar.url }, { name: 'delta', url: quick.url }] });
    tracer.timeout = 600000;
    tracer.writeLabels(scenario.labels());
    tracer.writeAssets([['native', 18, 2000], [scenario.wrapped.address, 18, 2000], [scenario.usdx.address, 6, 1], [scenario.eurx.address, 6, 1]]
      .map(([asset, decimals, weight]) => ({ asset, decimals, weight })));
    const lazily = (store, { address, explorer: named, more = [] }) => tracer.trace(store, 'fifo', address ? byAddress : seeds,
      ['--rpc', 'alpha', ...(named ? ['--explorer', 'scan'] : []), '--allow-local', '--finality', 'latest', '--verbose', ...more]);
    const use = (set) => {
      Object.assign(proxy, { set, calls: 0, methods: new Map(), seen: 0, dropped: undefined });
      explorer.use(set.explorer ?? {});
    };
    return { proxy, liar, explorer, tracer, lazily, use };
  };

  const { proxy, tracer } = await place('indexed');
  const whole = await tracer.ingest('whole', { rpc: 'alpha', first, last });
  check(whole.code === EXIT.done, failure(whole));
  const [indexed, indexedByAddress] = [await tracer.trace('whole', 'fifo', seeds), await tracer.trace('whole', 'fifo', byAddress)];
  check(indexed.json.hops.length > 40, `only ${indexed.json.hops.length} hops to compare with`);
  const truth = { fifo: [indexed, indexedByAddress], haircut: [await tracer.trace('whole', 'haircut', seeds), await tracer.trace('whole', 'haircut', byAddress)] };
  const deposits = scenario.deposits().map(({ hash }) => hash);
  console.log(`chain: blocks ${first} to ${last}; indexed: ${indexed.json.hops.length} hops, whole, ${proxy.calls} calls`);

  // A part has a store of its own in which every block is.
  const runPart = async (name, body) => {
    const here = await place(name);
    cpSync(tracer.path('whole'), here.tracer.path('whole'), { recursive: true });
    await body(here);
    const shown = here.tracer.outputs.filter(({ stdout, stderr }) => `${stdout}${stderr}`.includes(KEY) || `${stdout}${stderr}`.includes(here.explorer.url));
    check(shown.length === 0, `the explorer's key or URL is shown: ${shown.map(({ args }) => args.join(' ')).join('\n')}`);
  };
  const parts = [];
  const part = (name, body) => {
    if (!options.only || (options.only === 'check' ? name.startsWith('check') : name === 'sets')) parts.push(runPart(name, body));
  };

  // No amount looks proven that may be less, under whichever policy, nor in a check of what the trace stored. -> a line for each policy
  const amountsHold = async (tracer, name, set, store, result) => {
    const shares = [];
    for (const policy of ['fifo', 'haircut']) {
      const told = policy === 'fifo' ? result : await tracer.trace(store, policy, set.address ? byAddress : seeds);
      if (!check(told.json, `${name}, ${policy}: ${failure(told)}`)) continue;
      const most = sums(truth[policy][set.address ? 1 : 0].json, tainted);
      const wrong = [...sums(told.json, proven)].filter(([what, amount]) => amount > (most.get(what) ?? 0n));
      const open = tracedHops(told.json).filter((hop) => hop.unproven !== '0').length;
      const over = [...sums(told.json, tainted)].filter(([what, amount]) => amount > (most.get(what) ?? 0n)).length;
      shares.push(`${policy}: ${open} of ${told.json.hops.length} not all proven${over ? `, of these ${over} too high` : ''}`);
      check(wrong.length === 0, `${name}, ${policy}: more than is true is told as proven\n${wrong.map(([what, amount]) => `${what}: ${amount}, not ${most.get(what)}`).join('\n')}`);
      check(!set.whole || (open === 0 && told.json.gapped.length === 0), `${name}, ${policy}: not all is proven`);
      check(told.json.hops.every((hop) => BigInt(hop.unproven ?? 0) <= BigInt(hop.tainted)), `${name}, ${policy}: more is not proven than is tainted`);
      for (const { places, unproven, seeded, emitted, converted_in } of told.json.totals)
        check(BigInt(unproven ?? 0) <= BigInt(seeded) + BigInt(emitted) + BigInt(converted_in) && Object.keys(places).length > 0, `${name}, ${policy}: more is not proven than there is`);
      if (!set.whole && !set.same) continue;
      const answers = (of) => new Map(checkedAnswers(of.json).flatMap((answer) => answer.lines).map((line) => [`${line.key} ${line.what}`, line]));
      const [asked, known] = [await tracer.check(store, policy, seeds, deposits), await tracer.check('whole', policy, seeds, deposits)];
      if (!check(asked.json && known.json, failure(asked))) continue;
      const right = answers(known);
      for (const [what, line] of answers(asked))
        check(line.status !== 'ok' || (line.tainted <= right.get(what).tainted && right.get(what).tainted <= line.tainted + line.unknown),
          `${name}, ${policy}: check of the store: ${what}: ${line.tainted} and ${line.unknown} unknown, not ${right.get(what).tainted}`);
    }
    return shares;
  };

  part('sets', async ({ proxy, explorer, tracer, lazily, use }) => {
    for (const [name, set] of Object.entries(SETS)) {
      if (options.only && name !== options.only) continue;
      use(set);
      const start = Date.now();
      const store = `lazy-${name.replaceAll(/\W/g, '-')}`;
      const result = await lazily(store, set);
      if (!check([EXIT.done, EXIT.cannotTell].includes(result.code), `${name}: ${failure(result)}`)) continue;
      const text = set.whole || set.same ? exact : moved;
      const [hops, wanted] = [result, set.address ? indexedByAddress : indexed].map((of) => tracedHops(of.json).map(text));
      const wrong = hops.filter((hop) => !wanted.includes(hop));
      const lost = wanted.filter((hop) => !hops.includes(hop));
      console.log(`${name}: ${hops.length} hops, ${lost.length} not seen, ${wrong.length} wrong; ${result.code === EXIT.done ? 'whole' : 'cannot tell'}; ` +
        `${proxy.calls + explorer.calls} calls${set.explorer ? ` (${explorer.calls} to the explorer)` : ''}, ${((Date.now() - start) / 1000).toFixed(1)} s`);
      check(wrong.length === 0, `${name}: wrong hops\n${wrong.join('\n')}`);
      check(!(set.whole || set.same) || lost.length === 0, `${name}: hops not seen\n${lost.join('\n')}`);
      check(result.code === (set.whole ? EXIT.done : EXIT.cannotTell), `${name}: exit ${result.code}: ${gapsOf(result).join('\n')}`);
      check(!set.reason || gapsOf(result).some((gap) => set.reason.test(gap)), `${name}: no reason: ${gapsOf(result).join('\n')}`);
      check(!set.only || unlike(result, set.only).length === 0, `${name}: other gaps: ${unlike(result, set.only).join('\n')}`);
      check(!set.asked || [...proxy.methods.keys()].some((method) => set.asked.test(method)), `${name}: ${set.asked} was not asked`);
      check(Boolean(set.explorer) === explorer.calls > 0, `${name}: the explorer was asked ${explorer.calls} times`);
      const shares = await amountsHold(tracer, name, set, store, result);
      console.log(`  ${shares.join('; ')}`);
      if (set.probed) {
        // With a limit of requests nothing is read ahead, so that calls can be compared.
        const counted = { ...set, more: [...set.more ?? [], '--max-requests', '100000'] };
        use(set);
        await lazily(`counted-${name.replaceAll(/\W/g, '-')}`, counted);
        const cold = proxy.calls;
        const probe = await tracer.probe('alpha', ['--store', tracer.path(`probed-${name.replaceAll(/\W/g, '-')}`)]);
        check(probe.code === EXIT.done, `${name}: ${failure(probe)}`);
        use(set);
        const warm = await lazily(`probed-${name.replaceAll(/\W/g, '-')}`, counted);
        console.log(`${name}, from a store that knows the endpoint: ${withoutRepeat(warm.text) === withoutRepeat(result.text) ? 'the same bytes' : 'OTHER BYTES'}, ${proxy.calls} calls`);
        check(withoutRepeat(warm.text) === withoutRepeat(result.text), `${name}: other bytes after a probe`);
        check(proxy.calls <= cold, `${name}: ${proxy.calls} calls after a probe, ${cold} without`);
      }
      if (name === 'explorer and old state') {
        const { stdout } = await tracer.run('store', 'coverage', scenario.at.thief, '--store', tracer.path(`lazy-${name.replaceAll(/\W/g, '-')}`));
        check(/found by explorer scan,.*; cross-check: nonces \d+ to \d+ are all there; .*grade asserted$/m.test(stdout), `the ledger does not name the explorer: ${stdout}`);
      }
    }
  });

  // Checks of what no store has: the answers of the store that has everything, from the histories alone that they depend on.
  const questions = [...scenario.deposits().map(({ hash }) => hash), ...['depositClean', 'depositMixed', 'depositEoa', 'w2', 'fan', 'out1', 'late'].map((role) => scenario.at[role])];
  const fetching = ['--rpc', 'alpha', '--allow-local', '--finality', 'latest'];
  // A shorter path over units that went elsewhere is not looked for, except where the rules or the policy ask for it.
  const plain = (answer, whole) => JSON.stringify({ verdict: answer.verdict, lines: answer.lines },
    (key, part) => (typeof part === 'bigint' ? String(part) : whole || !['hop', 'path'].includes(key) ? part : undefined));
  part('check', async ({ proxy, tracer, use }) => {
    const rules = tracer.path('rules.json');
    writeFileSync(rules, JSON.stringify({ schema: 'tracer/rules/1', rules: [{ name: 'near', verdict: 'exposed', hops_max: 6 }], otherwise: 'ignore' }));
    for (const [policy, each, more, whole] of [['fifo', true, [], false], ['fifo', true, ['--rules', rules], true], ['haircut', false, [], false],
      ['poison', false, [], true], ['taintfirst', false, [], true]]) {
      use({});
      const wanted = checkedAnswers((await tracer.check('whole', policy, seeds, questions, more)).json).map((answer) => plain(answer, whole));
      const all = await tracer.check(`checked-${policy}${more.length}`, policy, seeds, questions, [...more, ...fetching]);
      if (!check(all.json, failure(all))) continue;
      const wrong = checkedAnswers(all.json).map((answer) => plain(answer, whole)).map((answer, i) => (answer === wanted[i] ? '' : `${questions[i]}\n  ${answer}\n  ${wanted[i]}`)).filter(Boolean);
      check(wrong.length === 0, `check --rpc, ${policy}: ${wrong.join('\n')}\n${all.json.limits.gaps.join('\n')}`);
      console.log(`check --rpc, ${policy}: ${questions.length} answers, ${wrong.length} other than the store's; ${/[0-9]+ accounts explored/.exec(all.stderr)}, ${proxy.calls} calls`);
      const explored = [];
      for (const [i, question] of questions.entries()) {
        if (!each) break;
        const one = await tracer.check(`check-${i}-${more.length}`, policy, seeds, [question], [...more, ...fetching]);
        const told = one.json ? plain(checkedAnswers(one.json)[0], whole) : failure(one);
        check(told === wanted[i], `check --rpc ${question}: ${told}\n${wanted[i]}`);
        explored.push(Number(/([0-9]+) accounts explored/.exec(one.stderr)?.[1]));
      }
      if (each) console.log(`  one by one: ${explored.join(' ')} accounts explored`);
    }

    // Decided on what was fetched, and asked again of the store without an endpoint: the same, whatever the store read since; where the
    // histories are not there any more, never clean and no replay.
    {
      use({});
      const log = tracer.path('fetched.jsonl');
      const [deposit] = questions, common = ['--config', tracer.config, '--labels', tracer.labels, '--assets', tracer.assets];
      const decided = await tracer.check('decided', 'fifo', seeds, [deposit], [...fetching, '--decisions', log]);
      const before = await tracer.check('check-0-0', 'fifo', seeds, [deposit], fetching);
      check(decided.json && plain(checkedAnswers(decided.json)[0], true) === plain(checkedAnswers(before.json)[0], true), `a recorded answer is another: ${failure(decided)}`);
      const records = readFileSync(log, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
      const { fetched } = records.find(({ kind }) => kind === 'context');
      check(fetched?.accounts.length > 0 && fetched.accounts.length === Number(/([0-9]+) accounts explored/.exec(decided.stderr)[1]), `fetched: ${JSON.stringify(fetched)}`);
      const number = records.findLast(({ kind }) => kind === 'decision').number;
      const again = (store) => tracer.run('decision', 'replay', log, String(number), '--store', tracer.path(store), ...common);
      const calls = proxy.calls;
      const at = await again('decided');
      check(at.code === EXIT.done && /nothing differs/.test(at.stdout), `asked again: ${failure(at)}${at.stdout}`);
      await tracer.check('decided', 'fifo', seeds, questions, fetching);
      const later = await again('decided');
      check(later.code === EXIT.done && /nothing differs/.test(later.stdout), `asked again of a store that read more: ${failure(later)}${later.stdout}`);
      const everything = await again('whole');
      check(everything.code === EXIT.done, `asked again of a store that has everything: ${failure(everything)}${everything.stdout}`);
      const screened = await tracer.run('rescreen', log, '--store', tracer.path('decided'), ...common);
      check(screened.code === EXIT.done && /1 decisions asked again: 1 as they were/.test(screened.stdout), `rescreen: ${failure(screened)}${screened.stdout}`);
      const other = await tracer.check('lacking', 'fifo', seeds, [deposit], [...fetching, '--max-accounts', '1']);
      check(fetched.accounts.length > 1 && other.code === EXIT.cannotTell, `one account: ${failure(other)}`);
      const lacking = await again('lacking');
      check(lacking.code === EXIT.cannotTell && /histories of \d+ of the \d+ accounts that were fetched are not in the store/.test(lacking.stdout) && !/is clean/.test(lacking.stdout),
        `asked again without the histories: ${failure(lacking)}${lacking.stdout}`);
      const nowhere = await tracer.run('check', ...fetching, ...common, '--decisions', log, '--source', seeds[0], deposit);
      check(nowhere.code === EXIT.usage && /--store DIR/.test(nowhere.stderr), `a decision that keeps nothing: ${failure(nowhere)}`);
      check(readFileSync(log, 'utf8').trim().split('\n').length === records.length, 'more is on record than was decided');
      console.log(`check --rpc --decisions: on record with ${fetched.accounts.length} accounts; asked again the same, ${proxy.calls} calls in all (${calls} before)`);
    }

  });

  // What cannot be seen is never clean, and what is told to be tainted is.
  part('check-short', async ({ tracer, use }) => {
    const whole = checkedAnswers((await tracer.check('whole', 'fifo', seeds, questions)).json);
    const byKey = (answer) => new Map(answer.lines.map((line) => [`${line.what} ${line.key ?? line.asset}`, line]));
    for (const [name, set, more, reason] of [['no archive, no scan', { states: 128, without: [OTS] }, ['--max-scan', '10'], /no endpoint has the state before block/],
      ['2 accounts', {}, ['--max-accounts', '2'], /stopped after 2 explored accounts/], ['60 requests', {}, ['--max-requests', '60'], /limit of 60 requests/],
      ['degree 12', {}, ['--max-degree', '12'], /--max-degree/], ['final blocks only', {}, ['--finality', String(last - 12)], /the last that is final is/],
      ['an explorer', { without: BARE, explorer: {} }, ['--explorer', 'scan'], ASSERTED],
      ['an explorer that leaves out a transaction, no archive', { states: 128, without: BARE, explorer: { omit: 3 } }, ['--max-scan', '10', '--explorer', 'scan'], /no endpoint has the state before block/]]) {
      use(set);
      let open = 0;
      for (const [i, question] of questions.entries()) {
        if (!options.full && i % 2) continue;
        if (name === 'final blocks only' && question.length === 42) continue; // what an address has is as of that block
        const result = await tracer.check(`short-${name.replaceAll(/\W/g, '-')}-${i}`, 'fifo', seeds, [question], [...fetching, ...more]);
        if (!result.json) { // a thief who is too busy is no answer at all
          check(result.code !== EXIT.done && /where a source arrives/.test(result.stderr), `${name}: ${failure(result)}`);
          continue;
        }
        const [answer] = checkedAnswers(result.json);
        open += answer.verdict !== whole[i].verdict;
        check(answer.verdict === whole[i].verdict || answer.verdict === 'cannot_tell', `${name}: ${question}: ${answer.verdict}, not ${whole[i].verdict}`);
        check(answer.verdict !== 'cannot_tell' || result.code === EXIT.cannotTell, `${name}: exit ${result.code}`);
        check(answer.verdict === whole[i].verdict || [...result.json.limits.gaps, ...answer.reasons].some((text) => reason.test(text)), `${name}: ${question}: no reason: ${result.json.limits.gaps.join('; ')}`);
        const wanted = byKey(whole[i]);
        for (const [key, line] of byKey(answer))
          check(line.status !== 'ok' || (line.tainted <= wanted.get(key).tainted && wanted.get(key).tainted <= line.tainted + line.unknown), `${name}: ${question}: ${key}: ${line.tainted} tainted of ${wanted.get(key).tainted}`);
      }
      check(open > 0, `${name}: nothing was left out`);
      console.log(`check --rpc, ${name}: ${open} of ${questions.length} cannot tell, none wrong`);
    }
    use({});
    // What is known of single accounts takes nothing from a store that has read every block.
    const more = await tracer.check('whole', 'fifo', seeds, questions.slice(0, 3), [...fetching, '--from', String(first), '--to', String(last)]);
    check(more.json, failure(more));
    const after = await tracer.check('whole', 'fifo', seeds, questions);
    check(after.json && checkedAnswers(after.json).map((answer) => plain(answer, true)).join() === whole.map((answer) => plain(answer, true)).join(),
      `a whole store that also has single accounts: ${after.json ? after.json.limits.gaps.join('; ') : failure(after)}`);
    const nowhere = await tracer.check('nowhere', 'fifo', seeds, [`0x${'12'.repeat(32)}`], fetching);
    check(nowhere.code === EXIT.cannotTell, `a transaction that no endpoint knows: ${failure(nowhere)}`);
  });

  part('bytes', async ({ proxy, explorer, tracer, lazily, use }) => {
    use({});
    const reference = await lazily('reference', {});
    const again = await lazily('again', {});
    check(withoutRepeat(again.text) === withoutRepeat(reference.text), 'the same trace again: other bytes');
    // Whatever is asked ahead, and in whatever order answers come: one at a time, many, late ones, nothing ahead; also where the search is by halves.
    for (const [without, wanted] of [[[], reference], [SETS['archive without extras'].without, undefined]]) {
      let first = wanted;
      for (const [at, more] of [['--in-flight', '1'], ['--in-flight', '16'], ['--in-flight', '64'], ['--max-requests', '1000000']].entries()) {
        use({ without, slow: 12 });
        const result = await lazily(`ahead-${without.length}-${at}`, { address: without.length > 0, more });
        first ??= result;
        check(result.text && withoutRepeat(result.text) === withoutRepeat(first.text), `${more.join(' ')}, late answers: other bytes`);
      }
    }
    use({});
    console.log('late answers, 1 to 64 in flight, and nothing asked ahead: the same bytes');
    // Later, from the store alone.
    const offline = await tracer.trace('again', 'fifo', seeds);
    check(tracedHops(offline.json).map(exact).join() === tracedHops(reference.json).map(exact).join(), 'from the store alone: other hops');

    // Without a store it is kept for the run alone; a recording repeats it without the node.
    const args = ['--config', tracer.config, '--chain', 'devnet', '--labels', tracer.labels, '--assets', tracer.assets, '--format', 'json', '--finality', 'latest', '--allow-local', ...seeds];
    const recorded = await tracer.run('trace', '--rpc', 'alpha', '--record', tracer.path('recording'), ...args);
    check(recorded.code === EXIT.done && withoutRepeat(recorded.stdout) === withoutRepeat(reference.text), `without a store: ${failure(recorded)}`);
    const calls = proxy.calls;
    const replayed = await tracer.run('trace', '--replay', tracer.path('recording'), ...args);
    check(replayed.stdout === recorded.stdout && proxy.calls === calls, `from the recording: ${failure(replayed)}`);
    use({ without: BARE, explorer: {} });
    const both = await tracer.run('trace', '--rpc', 'alpha', '--explorer', 'scan', '--record', tracer.path('both'), ...args);
    const [ofNode, ofExplorer] = [proxy.calls, explorer.calls];
    const bothReplayed = await tracer.run('trace', '--replay', tracer.path('both'), '--explorer', 'scan', ...args);
    check(both.code === EXIT.cannotTell && bothReplayed.stdout === both.stdout && proxy.calls === ofNode && explorer.calls === ofExplorer && ofExplorer > 0,
      `from the recording of endpoint and explorer: ${failure(bothReplayed)}`);
    const told = readdirSync(tracer.path('both')).filter((file) => readFileSync(join(tracer.path('both'), file), 'utf8').includes(KEY));
    check(told.length === 0, `the recording holds the explorer's key: ${told}`);

  });

  part('drops', async ({ proxy, explorer, tracer, lazily, use }) => {
    use({});
    const reference = await lazily('reference', {});
    // Whatever is left out of an answer that finds blocks is missed by nonces and balances, and searched for.
    let noticed = 0;
    const random = ((state) => (below) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    })(20221103);
    for (let i = 0; i < NOISE.drops; i++) {
      use({ without: i % 2 ? [OTS] : [], drop: { which: random(120), whole: i % 3 === 2 } });
      const result = await lazily(`drop-${i}`, {});
      const same = result.json && tracedHops(result.json).map(exact).join() === tracedHops(reference.json).map(exact).join();
      noticed += Boolean(same && proxy.dropped);
      check(same && result.code === EXIT.done, `${proxy.dropped} dropped: ${result.json ? gapsOf(result).join('\n') : failure(result)}`);
    }
    console.log(`${noticed} of ${NOISE.drops} drops hit an answer, and all were made good`);
    check(noticed > NOISE.drops / 3, 'too few drops');

    // An explorer that leaves out a transaction: nonces and balances make it good; without old state it is never said that all was found.
    let omissions = 0;
    let overstated = 0;
    for (let i = 0; i < NOISE.drops / 2; i++) {
      const old = i % 3 !== 2;
      use({ without: BARE, ...(old ? {} : { states: 128 }), explorer: { omit: random(60) } });
      const result = await lazily(`omitted-${i}`, { explorer: true, more: old ? [] : ['--max-scan', '10'] });
      const same = result.json && tracedHops(result.json).map(exact).join() === tracedHops(reference.json).map(exact).join();
      omissions += Boolean(explorer.omitted);
      if (!old && result.json) overstated += (await amountsHold(tracer, `${explorer.omitted} left out by the explorer`, { same: true }, `omitted-${i}`, result)).filter((line) => /too high/.test(line)).length;
      check(result.code === EXIT.cannotTell && (!old || (same && unlike(result, ASSERTED).length === 0)), `${explorer.omitted} left out by the explorer: exit ${result.code}: ${result.json ? gapsOf(result).join('\n') : failure(result)}`);
    }
    console.log(`${omissions} of ${NOISE.drops / 2} runs had a transaction left out by the explorer: all were made good, or told; of ${overstated} amounts were told that are too high, as not proven`);
    check(omissions > NOISE.drops / 4, 'too few transactions were left out');

    // Interrupted, and gone on with.
    for (let i = 0; i < NOISE.interrupts; i++) {
      use({});
      const args = (more) => ['trace', ...tracer.case(`stopped-${i}`, 'fifo'), '--output', tracer.path(`stopped-${i}.json`), '--rpc', 'alpha', '--allow-local', '--finality', 'latest', ...more];
      let stops = 0;
      let begun = false;
      for (let round = 0; ; round++) {
        const { child, ended } = tracer.start(args(round ? ['--resume', ...(begun ? [] : seeds)] : seeds));
        const timer = setTimeout(() => child.kill('SIGINT'), round < 3 ? 250 + random(700) : 60000);
        const result = await ended;
        clearTimeout(timer);
        if (result.code === EXIT.done) break;
        stops++;
        begun ||= /accounts explored/.test(result.stderr);
        if (!check(/stopped/.test(result.stderr) && round < 10, failure(result))) break;
      }
      const result = readFileSync(tracer.path(`stopped-${i}.json`), 'utf8');
      check(withoutRepeat(result) === withoutRepeat(reference.text), `stopped ${stops} times and gone on with: other bytes`);
      console.log(`stopped ${stops} times, gone on with: the same bytes`);
    }

  });

  part('limits', async ({ liar, lazily, use }) => {
    // A lying endpoint among three changes nothing, and the report names it.
    use({});
    const lied = await lazily('lied', { more: ['--rpc', 'beta', '--rpc', 'gamma'] });
    check(lied.code === EXIT.done && tracedHops(lied.json).map(exact).join() === tracedHops(indexed.json).map(exact).join(), `beside a liar: ${lied.json ? gapsOf(lied).join('\n') : failure(lied)}`);
    check(lied.json?.limits.disagreements.some((text) => text.startsWith('endpoint "gamma" was not believed about')), `the liar is not named: ${lied.json?.limits.disagreements}`);
    // Nor does one who lies about what no hash covers, traces, balances and lists.
    liar.set = { invent: true };
    const invented = await lazily('invented', { more: ['--rpc', 'delta', '--rpc', 'gamma'] });
    liar.set = { lie: true };
    check(invented.code === EXIT.done && tracedHops(invented.json).map(exact).join() === tracedHops(indexed.json).map(exact).join(), `beside an inventor: ${invented.json ? gapsOf(invented).join('\n') : failure(invented)}`);
    const doubted = (invented.stderr.match(/"gamma" was not believed: block \d+: traces/g) ?? []).length;
    check(doubted > 0 && invented.json?.limits.disagreements.some((text) => text.startsWith('endpoint "gamma" was not believed about')), `the inventor is not named: ${invented.json?.limits.disagreements}`);
    console.log(`R16_one_of_three_invents_traces_balances_and_lists: ${invented.json?.hops.length} hops, none other; not believed of traces ${doubted} times`);
    // One of two endpoints hangs now and then: the trace is the same. Which requests hang, and whether these may be asked of the other, is chance.
    use({ late: { every: 60, ms: 8000 } });
    const hedged = await lazily('hedged', { more: ['--rpc', 'delta'] });
    const second = hedged.stderr.match(/, (\d+) for being late elsewhere \((\d+) came first\)/);
    check(hedged.code === EXIT.done && tracedHops(hedged.json).map(exact).join() === tracedHops(indexed.json).map(exact).join(), `beside one that hangs: ${failure(hedged)}`);
    console.log(`one of two endpoints hangs at every 60th request: the same hops; ${second?.[1] ?? 0} requests asked of the other, ${second?.[2] ?? 0} came first`);

    console.log(`a liar among three: ${lied.json?.hops.length} hops, none other; it is named, and no other: ${lied.json?.limits.disagreements.length === 1}`);

    for (const [more, reason] of [[['--max-accounts', '4'], /stopped after 4 explored accounts/], [['--max-requests', '60'], /limit of 60 requests/],
      [['--max-degree', '40'], /more than 40 transfers/]]) {
      use({});
      const result = await lazily(`limit${more[0]}`, { more });
      check(result.code === EXIT.cannotTell && gapsOf(result).some((gap) => reason.test(gap)), `${more.join(' ')}: ${result.json ? gapsOf(result).join('\n') : failure(result)}`);
      check(more[0] === '--max-degree' || (result.json && tracedHops(result.json).length < indexed.json.hops.length), `${more.join(' ')}: nothing was left out`);
    }
    console.log('X9_limits_of_accounts_requests_and_degree_are_told_with_what_waits');
  });

  await Promise.all(parts);
  // Code that was lent to an account with a key (EIP-7702) can send its coins without a transaction of its own: not shown to be whole by nonces.
  if (!options.only) await runPart('lent', async ({ proxy, lazily, use }) => {
    await node.rpc('anvil_setCode', scenario.at.thief, `0xef0100${scenario.wrapped.address.slice(2)}`);
    proxy.head = await node.mine();
    KNOWN.clear();
    use({ without: [OTS, /^trace_filter$/] });
    const lent = await lazily('lent', {});
    check(lent.code === EXIT.cannotTell && gapsOf(lent).some((gap) => gap.startsWith(`${scenario.at.thief}: its code can send`)), `lent code: exit ${lent.code}: ${gapsOf(lent).join('\n')}`);
    // An explorer says that these are all its calls, which nobody can compare with anything: told, not believed.
    use({ without: [OTS, /^trace_filter$/], explorer: {} });
    const said = await lazily('lent-explorer', { explorer: true });
    check(said.code === EXIT.cannotTell && gapsOf(said).some((gap) => gap.startsWith(`${scenario.at.thief}: its code can send: that no other coins`) && gap.endsWith('only explorer scan says')),
      `lent code, with an explorer: exit ${said.code}: ${gapsOf(said).join('\n')}`);
  });
} finally {
  for (const server of servers) server.close();
  await node.stop();
  forget?.();
  if (options.keep) console.log(`kept: ${directory}`);
  else remove();
}
console.log(`${failed} failed`);
process.exitCode = failed ? 1 : 0;
