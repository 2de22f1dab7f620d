// What a slow line costs an ingest (goal: at most 2 times with 16 requests in flight): the same blocks of a real node,
// once straight and once with every reply held back by 100 ms.
//
//     node tests/bench/ingest_delay.mjs --tracer build/release/tracer [--blocks 2000] [--transfers 20] [--delay 100]
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Node } from '../e2e/node.mjs';

const { values: options } = parseArgs({ options: {
  tracer: { type: 'string' }, blocks: { type: 'string', default: '2000' }, transfers: { type: 'string', default: '20' },
  delay: { type: 'string', default: '100' } } });
if (!options.tracer || spawnSync(options.tracer, ['--version']).status !== 0) throw new Error('--tracer FILE');
const blocks = Number(options.blocks);
const transfers = Number(options.transfers);

// A line with a delay: each request goes on at once, each answer waits.
async function line(node, delay) {
  const agent = new Agent({ keepAlive: true });
  const server = createServer((incoming, response) => {
    const chunks = [];
    incoming.on('data', (chunk) => chunks.push(chunk));
    incoming.on('end', () => {
      server.requests++;
      const body = Buffer.concat(chunks);
      const forward = request({ host: '127.0.0.1', port: node.port, method: 'POST', agent,
        headers: { 'content-type': 'application/json', 'content-length': body.length } }, (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('end', () => setTimeout(() => response.writeHead(answer.statusCode, { 'content-type': 'application/json' }).end(Buffer.concat(parts)), delay));
      });
      forward.once('error', () => response.destroy());
      forward.end(body);
    });
  });
  server.requests = 0;
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return server;
}

async function ingest(directory, server) {
  const store = join(directory, `store-${server.address().port}`);
  const begun = process.hrtime.bigint();
  const child = spawn(options.tracer, ['ingest', '--store', store, '--config', join(directory, 'config.json'), '--chain', 'devnet',
    '--rpc', `http://127.0.0.1:${server.address().port}/`, '--allow-local', '--from', '0', '--to', String(blocks), '--finality', 'latest', '--quiet'],
  { stdio: 'inherit' });
  const code = await new Promise((resolve) => { child.once('exit', resolve); });
  if (code !== 0) throw new Error(`ingest: exit ${code}`);
  return Number(process.hrtime.bigint() - begun) / 1e9;
}

const directory = mkdtempSync(join(tmpdir(), 'tracer-bench-'));
const node = await Node.start({ chainId: 31337 });
const lines = [await line(node, 0), await line(node, Number(options.delay))];
try {
  const accounts = await node.rpc('eth_accounts');
  const genesis = (await node.rpc('eth_getBlockByNumber', '0x0', false)).hash;
  writeFileSync(join(directory, 'config.json'),
    JSON.stringify({ networks: [{ name: 'devnet', chain_id: 31337, anchor: `0:${genesis}`, rules: 'latest' }] }));
  for (let block = 0; block < blocks; block++) {
    await Promise.all(Array.from({ length: transfers }, (_, i) => node.rpc('eth_sendTransaction',
      { from: accounts[i % accounts.length], to: accounts[(i + 1) % accounts.length], value: '0x1', gas: '0x5208' })));
    await node.mine();
  }
  await ingest(directory, lines[0]); // warm
  for (const server of lines) {
    rmSync(join(directory, `store-${server.address().port}`), { recursive: true, force: true });
    server.requests = 0;
    server.seconds = await ingest(directory, server);
    console.log(`${server === lines[0] ? 'no delay' : `${options.delay} ms a reply`}: ${server.seconds.toFixed(2)} s, ` +
      `${Math.round(blocks / server.seconds)} blocks/s, ${Math.round(blocks * transfers / server.seconds)} transfers/s, ${server.requests} requests`);
  }
  console.log(`ratio ${(lines[1].seconds / lines[0].seconds).toFixed(2)} (goal 2)`);
} finally {
  for (const server of lines) {
    server.close();
    server.closeAllConnections();
  }
  await node.stop();
  rmSync(directory, { recursive: true, force: true });
}
