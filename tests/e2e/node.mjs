// A test node of our own: anvil as a child process, and JSON-RPC to it.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hold } from './cleanup.mjs';

const require = createRequire(import.meta.url);

// The binary of the platform package itself: the package's bin/anvil is a script that starts it,
// and killing that script would leave the node behind.
export function anvilBinary() {
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch] ?? process.arch;
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`;
  const from = dirname(require.resolve('@foundry-rs/anvil/package.json'));
  const root = dirname(require.resolve(`${name}/package.json`, { paths: [from] }));
  const binary = join(root, 'bin', process.platform === 'win32' ? 'anvil.exe' : 'anvil');
  if (!existsSync(binary)) throw new Error(`${name} has no ${binary}; run npm ci in tests/e2e`);
  return binary;
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export class RpcError extends Error {
  constructor(method, error) {
    super(`${method}: ${error.message}`);
    this.code = error.code;
    this.data = error.data;
  }
}

export class Node {
  static async start({ chainId, timestamp = 1700000000, accounts = 40 }) {
    const node = new Node();
    for (let attempt = 0; ; attempt++) {
      try {
        await node.#start(chainId, timestamp, accounts);
        return node;
      } catch (error) {
        await node.stop();
        if (attempt === 2) throw error; // somebody else may have taken the port
      }
    }
  }

  async #start(chainId, timestamp, accounts) {
    this.port = await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    this.id = 0;
    this.exited = false;
    this.log = '';
    const child = spawn(anvilBinary(), [
      '--host', '127.0.0.1', '--port', String(this.port), '--chain-id', String(chainId),
      '--timestamp', String(timestamp), '--slots-in-an-epoch', '1', '--no-mining', '--order', 'fifo',
      '--accounts', String(accounts), '--balance', '10000', '--quiet',
    ], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data) => { this.log = (this.log + data).slice(-4000); });
    this.gone = new Promise((resolve) => {
      child.once('error', (error) => { this.exited = true; this.log += error.message; resolve(); });
      child.once('exit', () => { this.exited = true; resolve(); });
    });
    this.forget = hold(() => child.kill('SIGKILL'));
    const until = Date.now() + 15000;
    for (;;) {
      if (this.exited) throw new Error(`anvil ended: ${this.log}`);
      try {
        const id = await this.rpc('eth_chainId');
        if (Number(id) !== chainId) throw new Error(`another node answers on port ${this.port}`);
        return;
      } catch (error) {
        if (Date.now() > until) throw error;
        await sleep(50);
      }
    }
  }

  async rpc(method, ...params) {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: ++this.id, method, params }),
    });
    const answer = await response.json();
    if (answer.error) throw new RpcError(method, answer.error);
    return answer.result;
  }

  // Mine what is in the pool into one block.
  async mine() {
    await this.rpc('evm_mine');
    return Number(await this.rpc('eth_blockNumber'));
  }

  async stop() {
    if (!this.child) return;
    if (!this.exited) this.child.kill('SIGTERM');
    const hard = globalThis.setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await this.gone;
    clearTimeout(hard);
    this.forget();
    this.child = undefined;
  }
}
