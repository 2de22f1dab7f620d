// The time of `verify` for a bundle of 500 flagged hops, and its bytes a transaction (goal: at most 6 KB for plain transfers): stolen
// coin goes through 500 accounts one a block, among 20 plain transfers.
//
//     node tests/bench/verify_bundle.mjs --tracer build/release/tracer [--hops 500] [--transfers 20]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Node } from '../e2e/node.mjs';

const { values: options } = parseArgs({ options: {
  tracer: { type: 'string' }, hops: { type: 'string', default: '500' }, transfers: { type: 'string', default: '20' } } });
if (!options.tracer || spawnSync(options.tracer, ['--version']).status !== 0) throw new Error('--tracer FILE');
const [hops, transfers] = [Number(options.hops), Number(options.transfers)];
const directory = mkdtempSync(join(tmpdir(), 'tracer-bench-'));
const at = (name) => join(directory, name);
const hex = (value) => `0x${value.toString(16)}`;
function run(...args) {
  const begun = process.hrtime.bigint();
  const done = spawnSync(options.tracer, args, { encoding: 'utf8', maxBuffer: 1 << 30 });
  if (done.status !== 0) throw new Error(`exit ${done.status} of ${args.join(' ')}: ${done.stderr}`);
  return Number(process.hrtime.bigint() - begun) / 1e6;
}

const node = await Node.start({ chainId: 31337, accounts: hops + 41 });
try {
  const accounts = await node.rpc('eth_accounts');
  const others = accounts.slice(hops + 1); // the hops have accounts of their own; each pays its newest units (lifo)
  const genesis = (await node.rpc('eth_getBlockByNumber', '0x0', false)).hash;
  writeFileSync(at('config.json'), JSON.stringify({ networks: [{ name: 'devnet', chain_id: 31337, anchor: `0:${genesis}`, rules: 'latest' }] }));
  const send = (from, to, value) => node.rpc('eth_sendTransaction', { from, to, value: hex(value), gas: '0x5208', gasPrice: hex(2000000000n) });
  let value = 5000n * 10n ** 18n;
  for (let hop = 0; hop < hops; hop++) {
    value -= 10n ** 15n;
    await send(accounts[hop], accounts[hop + 1], value);
    for (let i = 1; i < transfers; i++)
      await send(others[i % others.length], others[(i + 1) % others.length], 1n);
    await node.mine();
  }
  const last = Number(await node.rpc('eth_blockNumber'));
  const common = ['--store', at('store'), '--config', at('config.json'), '--chain', 'devnet'];
  run('ingest', ...common, '--rpc', node.url, '--allow-local', '--from', '1', '--to', String(last), '--finality', 'latest', '--keep-raw', 'all', '--opening', '--quiet');
  const first = await node.rpc('eth_getBlockByNumber', '0x1', true);
  const traced = at('trace.json');
  run('trace', ...common, '--policy', 'lifo', '--format', 'json', '--output', traced, '--evidence', at('bundle'), `theft=${first.transactions[0].hash}`);
  const flagged = JSON.parse(readFileSync(traced, 'utf8')).hops.length;
  const files = readdirSync(at('bundle'));
  const bytes = files.reduce((sum, name) => sum + statSync(join(at('bundle'), name)).size, 0);
  const times = Array.from({ length: 5 }, () => run('verify', at('bundle'))).sort((a, b) => a - b);
  console.log(`${flagged} flagged hops, ${files.length} files, ${bytes} bytes`);
  console.log(`bytes a flagged hop: ${(bytes / flagged).toFixed(0)} (goal: 6000)`);
  console.log(`verify: ${times[2].toFixed(1)} ms median of 5 (${(times[2] / flagged * 1000).toFixed(0)} us a hop)`);
} finally {
  await node.stop();
  rmSync(directory, { recursive: true, force: true });
}
