// The program under test: how it is called and where its answers stand. Nothing else here knows its names.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hold } from './cleanup.mjs';

export const EXIT = { done: 0, verification: 5, exposed: 10, cannotTell: 11, usage: 2, endpoints: 3, store: 4 };
export const VERDICT = { exposed: EXIT.exposed, cannot_tell: EXIT.cannotTell, clean: EXIT.done };

// -> {child, ended}, the latter a promise of {code, stdout, stderr, args}
function start(program, args, env, timeout) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const forget = hold(() => child.kill('SIGKILL'));
  const ended = new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => { stdout += data; });
    child.stderr.on('data', (data) => { stderr += data; });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      forget();
      resolve({ code: signal ? signal : code, stdout, stderr, args });
    });
  });
  return { child, ended };
}

export function failure(result) {
  const line = result.args.join(' ');
  return `exit ${result.code} of: tracer ${line.length > 500 ? `${line.slice(0, 500)} ...` : line}\n${result.stderr.trim().split('\n').slice(-8).join('\n')}`;
}

// RFC 4180 is not needed: no field of these files has a comma or a quote.
export function readCsv(text) {
  const [header, ...lines] = text.trimEnd().split('\n');
  const names = header.split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((field, index) => [names[index], field])));
}

export class Tracer {
  // endpoints, explorers: of the configuration; env: beside the environment of this process
  // wrappers: contracts that wrap the chain's coin
  constructor(program, directory, { chainId, genesis, endpoints, explorers = [], wrappers = [], env = {}, name = 'devnet', wrapper = [] }) {
    this.wrappers = wrappers;
    this.command = [...wrapper, program];
    this.directory = directory;
    this.name = name;
    this.endpoints = endpoints;
    this.explorers = explorers;
    this.home = this.path('home-of-the-run');
    mkdirSync(this.home);
    this.env = { ...process.env, HOME: this.home, TMPDIR: this.home, ...env };
    this.timeout = wrapper.length ? 300000 : 60000;
    this.outputs = []; // of every call: {args, stdout, stderr}
    this.configs = []; // paths
    this.config = this.writeConfig('config.json', chainId, genesis);
  }

  path(name) {
    return join(this.directory, name);
  }

  writeConfig(file, chainId, genesis, checkpoints = []) {
    const networks = [{ name: this.name, chain_id: chainId, anchor: `0:${genesis}`, rules: 'latest', wrappers: this.wrappers, checkpoints }];
    writeFileSync(this.path(file), `${JSON.stringify({ endpoints: this.endpoints, explorers: this.explorers, networks }, null, 1)}\n`);
    if (!this.configs.includes(this.path(file))) this.configs.push(this.path(file));
    return this.path(file);
  }

  writeLabels(labels) {
    const columns = ['address', 'class', 'emit', 'name', 'category', 'entity'];
    const lines = [columns, ...labels.map((label) => columns.map((column) => label[column] ?? ''))];
    this.labels = this.path('labels.csv');
    writeFileSync(this.labels, lines.map((line) => `${line.join(',')}\n`).join(''));
  }

  writeAssets(assets) {
    const lines = ['asset,decimals,weight,dust', ...assets.map(({ asset, decimals, weight }) => `${asset},${decimals},${weight},0`)];
    this.assets = this.path('assets.csv');
    writeFileSync(this.assets, lines.map((line) => `${line}\n`).join(''));
  }

  start(args, { timeout = this.timeout, env = {} } = {}) {
    const [program, ...rest] = this.command;
    const { child, ended } = start(program, [...rest, ...args], { ...this.env, ...env }, timeout);
    return { child, ended: ended.then((result) => {
      this.outputs.push({ ...result, args });
      return result;
    }) };
  }

  run(...args) {
    return this.start(args).ended;
  }

  probe(endpoint, more = []) {
    return this.run('endpoint', 'probe', endpoint, '--config', this.config, '--chain', this.name, '--allow-local', ...more);
  }

  store(store, what) {
    return this.run('store', what, '--store', this.path(store));
  }

  // from: {rpc: URL or name} or {replay: DIRECTORY}
  source({ rpc, replay, record, first, last, opening = true, finality = 'latest' }) {
    const args = [];
    if (rpc) args.push('--rpc', rpc, '--allow-local');
    if (replay) args.push('--replay', this.path(replay));
    if (record) args.push('--record', this.path(record));
    if (first !== undefined) args.push('--from', String(first));
    if (last !== undefined) args.push('--to', String(last));
    if (finality) args.push('--finality', finality);
    if (opening) args.push('--opening');
    return args;
  }

  ingestCall(store, request) {
    const { config = this.config, chain = this.name, labelled = true, more = [] } = request;
    const known = labelled ? ['--labels', this.labels, '--assets', this.assets] : [];
    return ['ingest', '--store', this.path(store), '--config', config, '--chain', chain, ...known, ...this.source(request), ...more];
  }

  // request.env: over the environment of the run, for this call alone; other calls may run at the same time
  ingest(store, request) {
    return this.start(this.ingestCall(store, request), { env: request.env }).ended;
  }

  // -> {child, ended}; stopped with a signal
  follow(store, request, more = []) {
    return this.start([...this.ingestCall(store, { opening: false, ...request }), '--follow', ...more], { timeout: 10 * this.timeout });
  }

  // A trace that goes on at the head; its result so far is in the file that resultOf() reads.
  followTrace(store, policy, request, seeds) {
    return this.start(['trace', ...this.case(store, policy), '--output', this.path(`${store}.json`), ...this.source({ opening: false, ...request }),
      '--follow', ...seeds], { timeout: 10 * this.timeout });
  }

  // -> text, undefined if there is none yet
  resultOf(store) {
    return existsSync(this.path(`${store}.json`)) ? readFileSync(this.path(`${store}.json`), 'utf8') : undefined;
  }

  // -> {code, stderr, json}
  async audit(store, more = []) {
    const result = await this.run('audit', '--store', this.path(store), '--config', this.config, '--chain', this.name, '--labels', this.labels,
      '--assets', this.assets, '--rpc', 'alpha', '--allow-local', '--format', 'json', ...more);
    return { ...result, json: [EXIT.done, EXIT.cannotTell].includes(result.code) ? JSON.parse(result.stdout) : undefined };
  }

  hasStore(store) {
    return existsSync(this.path(store));
  }

  // -> {code, text}
  async export(store) {
    const file = this.path(`${store}.csv`);
    const result = await this.run('export', 'transfers', '--store', this.path(store), '--output', file);
    return { ...result, text: result.code === EXIT.done ? readFileSync(file, 'utf8') : '' };
  }

  case(store, policy) {
    return ['--store', this.path(store), '--config', this.config, '--chain', this.name, '--labels', this.labels,
      '--assets', this.assets, '--policy', policy, '--format', 'json'];
  }

  // -> {code, text, json}
  async trace(store, policy, seeds, more = []) {
    const file = this.path(`${store}-${policy}.json`);
    const result = await this.run('trace', ...this.case(store, policy), '--output', file, ...more, ...seeds);
    const answered = result.code === EXIT.done || result.code === EXIT.cannotTell;
    const text = answered && existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    return { ...result, text, json: text && JSON.parse(text) };
  }

  // A trace that ingests first.
  traceFrom(request, store, policy, seeds) {
    return this.trace(store, policy, seeds, this.source(request));
  }

  async check(store, policy, sources, targets, more = []) {
    const named = sources.flatMap((source) => ['--source', source]);
    const result = await this.run('check', ...this.case(store, policy), ...named, ...more, ...targets);
    return { ...result, json: result.stdout && Object.values(VERDICT).includes(result.code) ? JSON.parse(result.stdout) : undefined };
  }
}

// ---- where the answers stand ----

// docs/linking.md
const RULES = ['pass', 'wrap', 'unwrap', 'issue', 'redeem', 'swap.v2', 'swap.v3', 'swap.curve', 'swap.balancer', 'swap.1inch'];
const groupOf = (link) => (link ? Math.floor(link / 4096) + 1 : null);
const ruleOf = (link) => (link ? RULES.filter((rule, bit) => (link >> bit) & 1).join('+') : null);

export function exportedRows(text) {
  return readCsv(text).map((row) => ({
    leg: row.leg || null, group: groupOf(Number(row.link)), rule: ruleOf(Number(row.link)),
    key: `${row.block}:${row.txi}:${row.idx}`,
    kind: row.kind, asset: row.asset, from: row.from, to: row.to, amount: row.amount,
    time: row.time, hash: row.transaction_hash, logIndex: row.log_index, grade: row.grade,
  }));
}

export function tracedHops(json) {
  return json.hops.map((hop) => ({
    key: hop.key, hash: hop.transaction_hash, kind: hop.kind, from: hop.from, to: hop.to, asset: hop.asset, amount: hop.amount,
    leg: hop.leg, group: groupOf(hop.link), rule: hop.rule, source: hop.source, tainted: hop.tainted, unproven: hop.unproven ?? '0', hop: hop.hop, parent: hop.parent ?? null, logIndex: hop.log_index,
  }));
}

// The result without the line that tells the command to repeat it.
export function withoutRepeat(text) {
  const lines = text.split('\n');
  const kept = lines.filter((line) => !/^ *"repeat": /.test(line));
  if (kept.length !== lines.length - 1) throw new Error('not one line "repeat"');
  return kept.join('\n');
}

// One entry per source and asset: what came in and where it is.
export function tracedTotals(json) {
  return json.totals.map((total) => ({
    source: total.source, asset: total.asset, seeded: BigInt(total.seeded), emitted: BigInt(total.emitted), convertedIn: BigInt(total.converted_in),
    places: Object.fromEntries(Object.entries(total.places).map(([place, units]) => [place, BigInt(units)])), balanced: total.balanced,
  }));
}

export function checkedAnswers(json) {
  return json.answers.map((answer) => ({
    target: answer.target, verdict: answer.verdict, reasons: answer.reasons,
    lines: answer.lines.map((line) => ({
      what: line.what, key: line.key, status: line.status, asset: line.asset, amount: BigInt(line.amount), tainted: BigInt(line.tainted),
      unknown: BigInt(line.unknown), clean: BigInt(line.clean), low: line.ppm_min, high: line.ppm_max,
      sources: line.sources.map(({ source, amount, hop, path }) => ({ source, amount, hop, path })),
    })),
  }));
}
