// How full a lazy trace keeps its line (goal: at least 80 % of 16 requests in flight over a line with 100 ms), and what it asks for each
// account it explores, by what the endpoint offers, against the least that could do.
//
//     node tests/bench/lazy_pipe.mjs --tracer build/release/tracer [--blocks 3000] [--wide 7] [--deep 6] [--sends 8] [--delay 100] [--in-flight 16] [--only NAME]
//
// The theft: an account of a thief pays `wide` accounts, each of these `deep` others, and each of those `sends` times an exchange:
// 1 + 7 + 7 * 6 = 50 accounts to explore, their payments spread over the blocks.
//
// The least: every block that holds a payment is read once (block, receipts, traces). Of each account it is asked what it is
// (its code at both ends), and what it had at both ends (nonce, coin); then who lists transactions is asked once, who filters once
// for each direction and 300 blocks (no more are accepted by this node), eth_getLogs once for each place in the topics. Where only states are told: log2 N questions (N: blocks) for the
// first block in which an account paid, and for m of them in all at most log2(N / m) + 1 for each other one, since the first
// questions are the same for all. What came to an account is then known from the blocks in which it was sent.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Node } from '../e2e/node.mjs';

const { values: options } = parseArgs({ options: {
  tracer: { type: 'string' }, blocks: { type: 'string', default: '3000' }, wide: { type: 'string', default: '7' }, deep: { type: 'string', default: '6' },
  sends: { type: 'string', default: '8' }, delay: { type: 'string', default: '100' }, 'in-flight': { type: 'string', default: '16' },
  only: { type: 'string' } } });
if (!options.tracer || spawnSync(options.tracer, ['--version']).status !== 0) throw new Error('--tracer FILE');
const [blocks, wide, deep, sends, delay, places] = [options.blocks, options.wide, options.deep, options.sends, options.delay, options['in-flight']].map(Number);

const OTS = /^ots_/, FILTER = /^trace_filter$/, LOGS = /^eth_getLogs$/, SENT = /^eth_getTransactionBySenderAndNonce$/, TRACES = /^(debug_|trace_)/;
const SETS = { // what the endpoint lacks; questions that find the blocks of an account
  ots: { without: [FILTER], find: 1 + 3 },
  trace_filter: { without: [OTS], find: 2 * Math.ceil(blocks / 300) + 3 },
  'by nonce': { without: [OTS, FILTER, LOGS], find: 0, sent: true },
  'states alone': { without: [OTS, TRACES, LOGS, SENT], find: 0, search: true },
};

// A line with a delay and the number of requests on it, over the time.
class Line {
  static async open(node) {
    const line = new Line();
    line.agent = new Agent({ keepAlive: true });
    line.server = createServer((incoming, response) => {
      const chunks = [];
      line.#count(1);
      response.once('close', () => line.#count(-1));
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('end', () => line.#answer(node, JSON.parse(Buffer.concat(chunks)), response));
    });
    await new Promise((resolve) => { line.server.listen(0, '127.0.0.1', resolve); });
    line.use([]);
    return line;
  }

  use(without) {
    Object.assign(this, { without, requests: 0, calls: new Map(), searches: new Map(), alive: 0, busy: 0, first: 0, last: 0 });
  }

  #count(more) {
    const now = performance.now();
    if (this.requests === 0) this.first = this.last = now;
    this.busy += Math.min(this.alive, places) * (now - this.last);
    this.last = now;
    this.alive += more;
    this.requests += more > 0;
  }

  #answer(node, body, response) {
    const calls = [body].flat();
    for (const { method, params } of calls) {
      this.calls.set(method, (this.calls.get(method) ?? 0) + 1);
      if (method === 'eth_getTransactionCount') this.searches.set(params[0], (this.searches.get(params[0]) ?? 0) + 1);
    }
    const missing = ({ method }) => this.without.some((pattern) => pattern.test(method));
    const text = JSON.stringify(calls.map((call) => (missing(call) ? { ...call, method: 'web3_clientVersion', params: [] } : call)));
    const reply = (answers) => {
      const all = calls.map((call) => (missing(call)
        ? { jsonrpc: '2.0', id: call.id, error: { code: -32601, message: `the method ${call.method} does not exist/is not available` } }
        : answers.find(({ id }) => id === call.id)));
      const said = JSON.stringify(Array.isArray(body) ? all : all[0]);
      setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end(said), delay);
    };
    const forward = request({ host: '127.0.0.1', port: node.port, method: 'POST', agent: this.agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => reply(JSON.parse(Buffer.concat(parts))));
    });
    forward.once('error', () => response.destroy());
    forward.end(text);
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

// -> {first, seed, sent}: sent is a map of account to the blocks in which it paid
async function play(node) {
  const hex = (number) => `0x${BigInt(number).toString(16)}`;
  const ether = 10n ** 18n;
  const [whale, exchange, thief, ...others] = (await node.rpc('eth_accounts')).map((account) => account.toLowerCase());
  const payments = [];
  const pay = (from, to, amount) => payments.push({ from, to, value: hex(amount), gas: '0x5208' });
  for (const account of [thief, ...others]) await node.rpc('anvil_setBalance', account, '0x0');
  pay(whale, thief, 9000n * ether);
  for (let i = 0; i < wide; i++) pay(thief, others[i], (8000n * ether) / BigInt(wide));
  for (let i = 0; i < wide; i++)
    for (let k = 0; k < deep; k++) pay(others[i], others[wide + i * deep + k], (7000n * ether) / BigInt(wide * deep));
  for (let s = 0; s < sends; s++)
    for (let i = wide; i < wide + wide * deep; i++) pay(others[i], exchange, (6000n * ether) / BigInt(wide * deep * sends));
  const gap = Math.max(1, Math.floor(blocks / payments.length));
  const sent = new Map();
  let seed, first;
  for (const payment of payments) {
    if (gap > 1) await node.rpc('anvil_mine', hex(gap - 1));
    const hash = await node.rpc('eth_sendTransaction', payment);
    const block = await node.mine();
    seed ??= hash;
    first ??= block;
    sent.set(payment.from, (sent.get(payment.from) ?? new Set()).add(block));
  }
  sent.delete(whale);
  await node.rpc('anvil_mine', hex(gap));
  return { seed, exchange, sent, range: Number(await node.rpc('eth_blockNumber')) - first + 1 };
}

const directory = mkdtempSync(join(tmpdir(), 'tracer-bench-'));
const node = await Node.start({ chainId: 31337, accounts: 3 + wide + wide * deep });
const line = await Line.open(node);
try {
  const genesis = (await node.rpc('eth_getBlockByNumber', '0x0', false)).hash;
  const { seed, exchange, sent, range } = await play(node);
  writeFileSync(join(directory, 'config.json'), JSON.stringify({ networks: [{ name: 'devnet', chain_id: 31337, anchor: `0:${genesis}`, rules: 'latest' }] }));
  writeFileSync(join(directory, 'labels.csv'), `address,class,emit,name,category,entity\n${exchange},service,,Exchange,exchange,\n`);
  writeFileSync(join(directory, 'assets.csv'), 'asset,decimals,weight,dust\nnative,18,1,0\n');
  console.log(`${sent.size} accounts that paid, ${range} blocks, ${delay} ms a reply, ${places} in flight`);
  for (const [name, { without, find, sent: asked, search }] of Object.entries(SETS)) {
    if (options.only && options.only !== name) continue;
    line.use(without);
    const result = join(directory, 'result.json');
    const child = spawn(options.tracer, ['trace', `theft=${seed}`, '--config', join(directory, 'config.json'), '--chain', 'devnet', '--labels',
      join(directory, 'labels.csv'), '--assets', join(directory, 'assets.csv'), '--rpc', `http://127.0.0.1:${line.server.address().port}/`, '--allow-local',
      '--finality', 'latest', '--in-flight', String(places), '--format', 'json', '--output', result], { stdio: ['ignore', 'inherit', 'pipe'] });
    let told = '';
    child.stderr.on('data', (data) => { told += data; });
    const code = await new Promise((resolve) => { child.once('close', resolve); });
    if (code !== 0 && code !== 11) throw new Error(`trace: exit ${code}: ${told}`);
    const explored = Number(/(\d+) accounts explored/.exec(told)?.[1]);
    const hops = JSON.parse(readFileSync(result)).hops.length;
    const read = line.calls.get('eth_getBlockByNumber');
    const calls = [...line.calls.values()].reduce((sum, count) => sum + count, 0);
    const seconds = (line.last - line.first) / 1000;
    const paid = [...sent.values()].map((set) => set.size);
    const payments = paid.reduce((sum, count) => sum + count, 0);
    const least = (m) => (m ? Math.log2(range) + (m - 1) * (Math.log2(range / m) + 1) : 0);
    const searched = paid.reduce((sum, count) => sum + least(count), 0);
    const parts = search ? 2 : 3;
    const floor = (payments * parts + (asked ? payments : 0) + (search ? searched : 0)) / explored + 2 + 4 + find;
    console.log(`${name}: fill ${((line.busy / (seconds * 1000) / places) * 100).toFixed(0)} %, ${seconds.toFixed(1)} s, ${line.requests} requests, ${explored} accounts explored, ${hops} hops`);
    console.log(`  ${(calls / explored).toFixed(1)} calls an account, at least ${floor.toFixed(1)}: ratio ${(calls / explored / floor).toFixed(2)}; ${read} blocks read for ${payments + 1} payments`);
    if (search) {
      const questions = [...line.searches].filter(([account]) => sent.has(account)).reduce((sum, [, count]) => sum + count - 2, 0);
      console.log(`  nonces: ${questions} questions, log2 of the range and the shared search ${searched.toFixed(0)}: ratio ${(questions / searched).toFixed(2)} (goal 1.5)`);
    }
    console.log(`  ${[...line.calls].sort(([, a], [, b]) => b - a).map(([method, count]) => `${method} ${count}`).join(', ')}`);
  }
} finally {
  line.close();
  await node.stop();
  rmSync(directory, { recursive: true, force: true });
}
