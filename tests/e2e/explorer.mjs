// A block explorer over the blocks of the test node: the account lists of Etherscan v2, in its shape and with its texts.
import { createServer } from 'node:http';

const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';
const SINGLE = '0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62';
const BATCH = '0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb';
const ACTIONS = ['txlist', 'txlistinternal', 'tokentx', 'tokennfttx', 'token1155tx'];
const WINDOW = 10000; // page * offset
const address = (topic) => `0x${topic.slice(26)}`;
const refused = (result) => ({ status: '0', message: 'NOTOK', result });

export class Explorer {
  // key: the apikey that it wants; pageMax: rows of a page, whatever is asked for
  static async open(node, { key, pageMax = 40 }) {
    const explorer = new Explorer();
    Object.assign(explorer, { node, key, pageMax, set: {}, calls: 0, lists: new Map() });
    explorer.server = createServer((incoming, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(explorer.#answer(incoming)));
    });
    await new Promise((done) => explorer.server.listen(0, '127.0.0.1', done));
    explorer.url = `http://127.0.0.1:${explorer.server.address().port}/v2/api`;
    return explorer;
  }

  #put(action, parties, row) {
    for (const party of new Set(parties.filter(Boolean).map((text) => text.toLowerCase()))) {
      const name = `${action} ${party}`;
      if (!this.lists.has(name)) this.lists.set(name, []);
      this.lists.get(name).push(row);
    }
  }

  #putCalls(frame, row, top = true) {
    if (frame.error) return; // it and what is below it moved nothing
    if (!top && BigInt(frame.value ?? 0) > 0n && !['DELEGATECALL', 'STATICCALL'].includes(frame.type))
      this.#put('txlistinternal', [frame.from, frame.to], { ...row, from: frame.from, to: frame.to ?? '', value: String(BigInt(frame.value)), type: frame.type.toLowerCase(), traceId: '0' });
    for (const call of frame.calls ?? []) this.#putCalls(call, row, false);
  }

  // Read the chain up to a block.
  async index(last) {
    for (let number = 1; number <= last; number++) {
      const block = await this.node.rpc('eth_getBlockByNumber', `0x${number.toString(16)}`, true);
      if (block.transactions.length === 0) continue;
      const receipts = await this.node.rpc('eth_getBlockReceipts', block.number);
      const traces = await this.node.rpc('debug_traceBlockByNumber', block.number, { tracer: 'callTracer' });
      for (const [index, transaction] of block.transactions.entries()) {
        const receipt = receipts[index];
        const row = { blockNumber: String(number), timeStamp: String(Number(block.timestamp)), hash: transaction.hash };
        this.#put('txlist', [transaction.from, transaction.to, receipt.contractAddress], { ...row, nonce: String(Number(transaction.nonce)), from: transaction.from,
          to: transaction.to ?? '', value: String(BigInt(transaction.value)), isError: receipt.status === '0x1' ? '0' : '1', input: transaction.input });
        this.#putCalls(traces[index].result, row);
        for (const log of receipt.logs) {
          const [event, ...topics] = log.topics;
          if (event === TRANSFER && topics.length >= 2)
            this.#put(topics.length === 3 ? 'tokennfttx' : 'tokentx', [address(topics[0]), address(topics[1])], { ...row, contractAddress: log.address, tokenSymbol: '<b>' });
          else if ((event === SINGLE || event === BATCH) && topics.length === 3)
            this.#put('token1155tx', [address(topics[1]), address(topics[2])], { ...row, contractAddress: log.address });
        }
      }
    }
  }

  #answer(incoming) {
    const query = new URL(incoming.url, this.url).searchParams;
    const [action, first, last, page, offset] = ['action', 'startblock', 'endblock', 'page', 'offset'].map((name) => query.get(name));
    this.calls++;
    if (incoming.method !== 'GET' || query.get('module') !== 'account' || !ACTIONS.includes(action) || query.get('sort') !== 'asc')
      return refused('Error! Missing Or invalid Action name');
    if (query.get('chainid') !== '1') return refused('Missing or unsupported chainid parameter (required for v2 api), please see https://api.etherscan.io/v2/chainlist');
    if (query.get('apikey') !== this.key || this.set.refuse) return refused('Invalid API Key');
    const now = Math.floor(Date.now() / 1000);
    if (now !== this.window) Object.assign(this, { window: now, used: 0 });
    if (++this.used > (this.set.rate ?? Infinity)) return refused('Max calls per sec rate limit reached (3/sec)');
    if (Number(page) * Number(offset) > WINDOW) return refused('Result window is too large, PageNo x Offset size must be less than or equal to 10000');
    const all = this.lists.get(`${action} ${query.get('address')}`) ?? [];
    const asked = all.filter(({ blockNumber, hash }) => Number(blockNumber) >= Number(first) && Number(blockNumber) <= Number(last) && !this.#omits(hash));
    const rows = asked.slice(0, Math.min(Number(offset), this.pageMax));
    if (this.set.invent) // blocks in which nothing is of the account
      for (let number = Number(first); number < Number(last) && rows.length < this.pageMax && asked.length === 0; number++)
        if (number % 97 === 0) rows.push({ blockNumber: String(number), hash: `0x${'12'.repeat(32)}` });
    return rows.length ? { status: '1', message: 'OK', result: rows } : { status: '0', message: 'No transactions found', result: [] };
  }

  // One transaction is left out of every list: the n-th that would be told.
  #omits(hash) {
    if (this.set.omit === undefined) return false;
    this.seen ??= new Set();
    if (this.omitted === undefined) {
      this.seen.add(hash);
      if (this.seen.size > this.set.omit) this.omitted = hash;
    }
    return hash === this.omitted;
  }

  use(set) {
    Object.assign(this, { set, calls: 0, seen: undefined, omitted: undefined });
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }
}
