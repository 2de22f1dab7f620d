// The chain's books, kept apart from tracer: rows of transfers from blocks, receipts and call traces.
import { VOID } from './taint.mjs';

const hex = (number) => `0x${number.toString(16)}`;
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';
const SINGLE = '0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62';
const DEPOSIT = '0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c';
const WITHDRAWAL = '0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65';
const BATCH = '0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb';

const topicAddress = (topic) => `0x${topic.slice(26)}`.toLowerCase();
const word = (data, index) => BigInt(`0x${data.slice(2 + 64 * index, 66 + 64 * index)}`);

function tokenMoves(log, wrapped) {
  const [name, ...topics] = log.topics;
  const asset = log.address.toLowerCase();
  if (asset === wrapped && name === DEPOSIT) return [{ asset, from: VOID, to: topicAddress(topics[0]), amount: word(log.data, 0) }];
  if (asset === wrapped && name === WITHDRAWAL) return [{ asset, from: topicAddress(topics[0]), to: VOID, amount: word(log.data, 0) }];
  if (name === TRANSFER && topics.length === 2)
    return [{ asset, from: topicAddress(topics[0]), to: topicAddress(topics[1]), amount: word(log.data, 0) }];
  if (name === TRANSFER && topics.length === 3)
    return [{ asset: `${asset}/${BigInt(topics[2])}`, from: topicAddress(topics[0]), to: topicAddress(topics[1]), amount: 1n }];
  if (topics.length !== 3 || (name !== SINGLE && name !== BATCH)) return [];
  const from = topicAddress(topics[1]);
  const to = topicAddress(topics[2]);
  if (name === SINGLE) return [{ asset: `${asset}/${word(log.data, 0)}`, from, to, amount: word(log.data, 1) }];
  const ids = Number(word(log.data, 0)) / 32;
  const values = Number(word(log.data, 1)) / 32;
  return Array.from({ length: Number(word(log.data, ids)) }, (_, i) =>
    ({ asset: `${asset}/${word(log.data, ids + 1 + i)}`, from, to, amount: word(log.data, values + 1 + i) }));
}

// Native moves and logs of a call frame in the order of execution; nothing of a frame that failed.
function walk(frame, top, into) {
  if (frame.error) return;
  const value = BigInt(frame.value ?? 0);
  if (!top && value > 0n && ['CALL', 'CREATE', 'CREATE2'].includes(frame.type))
    into.push({ kind: 'internal', asset: 'native', from: frame.from, to: frame.to, amount: value });
  if (frame.type === 'SELFDESTRUCT' && value > 0n)
    into.push({ kind: 'internal', asset: 'native', from: frame.from, to: frame.from === frame.to ? VOID : frame.to, amount: value });
  const logs = frame.logs ?? [];
  let next = 0;
  const emit = (position) => {
    while (next < logs.length && Number(logs[next].position) <= position) into.push({ log: logs[next++] });
  };
  (frame.calls ?? []).forEach((call, index) => {
    emit(index);
    walk(call, false, into);
  });
  emit(Infinity);
}

function movesOf(transaction, receipt, frame, wrapped) {
  const moves = [];
  if (receipt.status !== '0x1') return moves;
  const value = BigInt(transaction.value);
  if (value > 0n)
    moves.push({ kind: 'value', asset: 'native', from: transaction.from, to: transaction.to ?? receipt.contractAddress, amount: value });
  const found = [];
  walk(frame, true, found);
  let log = 0;
  for (const item of found) {
    if (!item.log) {
      moves.push(item);
      continue;
    }
    const kept = receipt.logs[log++];
    if (kept.address.toLowerCase() !== item.log.address.toLowerCase() || kept.data !== item.log.data)
      throw new Error(`${transaction.hash}: the receipt's log ${log - 1} is not the trace's`);
    for (const move of tokenMoves(kept, wrapped)) moves.push({ kind: 'token', ...move, logIndex: Number(kept.logIndex) });
  }
  if (log !== receipt.logs.length) throw new Error(`${transaction.hash}: ${receipt.logs.length} logs in the receipt, ${log} in the trace`);
  return moves;
}

function feesOf(transaction, receipt, block) {
  const used = BigInt(receipt.gasUsed);
  const base = BigInt(block.baseFeePerGas) * used;
  const tip = BigInt(receipt.effectiveGasPrice) * used - base;
  const fees = [];
  if (base > 0n) fees.push({ kind: 'fee', asset: 'native', from: transaction.from, to: VOID, amount: base });
  if (tip > 0n && block.miner.toLowerCase() !== transaction.from.toLowerCase())
    fees.push({ kind: 'fee', asset: 'native', from: transaction.from, to: block.miner, amount: tip });
  return fees;
}

export class Books {
  // The scenario knows which contract wraps, and which moves are legs of an exchange.
  constructor(scenario) {
    this.wrapped = scenario.wrapped.address;
    this.steps = new Map(scenario.steps.map((step) => [step.hash, step]));
    this.rows = []; // without openings
    this.openings = [];
    this.blocks = [];
  }

  async read(node, first, last) {
    for (let number = first; number <= last; number++) {
      const [block, receipts, traces] = await Promise.all([
        node.rpc('eth_getBlockByNumber', hex(number), true),
        node.rpc('eth_getBlockReceipts', hex(number)),
        node.rpc('debug_traceBlockByNumber', hex(number), { tracer: 'callTracer', tracerConfig: { withLog: true } }),
      ]);
      this.blocks.push(block);
      block.transactions.forEach((transaction, txi) => {
        const receipt = receipts[txi];
        if (receipt.transactionHash !== transaction.hash) throw new Error('receipts are not in the order of the block');
        const fees = feesOf(transaction, receipt, block);
        const legs = this.steps.get(transaction.hash)?.moves ?? [];
        const moves = [...fees, ...movesOf(transaction, receipt, traces[txi].result, this.wrapped)
          .map((move, index) => ({ ...move, leg: legs[index]?.leg, group: legs[index]?.group, rule: legs[index]?.rule }))];
        moves.forEach((move, idx) => this.rows.push({
          leg: move.leg ?? null, group: move.group ?? null, rule: move.rule ?? null, block: number, txi, idx, kind: move.kind, asset: move.asset, from: move.from.toLowerCase(), to: move.to.toLowerCase(),
          amount: move.amount, time: Number(block.timestamp), hash: transaction.hash, logIndex: move.logIndex ?? null,
        }));
      });
    }
    return this;
  }

  accounts() {
    return [...new Set(this.rows.flatMap((row) => [row.from, row.to]))].filter((account) => account !== VOID).sort();
  }

  // What accounts had before the first block. Tokens did not exist then.
  async open(node) {
    for (const account of this.accounts()) {
      const amount = BigInt(await node.rpc('eth_getBalance', account, '0x0'));
      if (amount > 0n)
        this.openings.push({ block: 1, txi: -1, idx: this.openings.length, kind: 'opening', asset: 'native', from: VOID,
          to: account, amount, time: null, hash: null, logIndex: null });
    }
    return this;
  }

  all() {
    return [...this.openings, ...this.rows];
  }

  // Sums of the rows against the chain's state: native of every account, and the given tokens. -> differences
  async audit(node, tokens) {
    const balances = new Map();
    const add = (account, asset, amount) => {
      const key = `${account} ${asset}`;
      balances.set(key, (balances.get(key) ?? 0n) + amount);
    };
    for (const row of this.all()) {
      add(row.from, row.asset, -row.amount);
      add(row.to, row.asset, row.amount);
    }
    const wrong = [];
    for (const account of this.accounts())
      for (const asset of ['native', ...tokens]) {
        const chain = BigInt(asset === 'native' ? await node.rpc('eth_getBalance', account, 'latest')
          : await node.rpc('eth_call', { to: asset, data: `0x70a08231${account.slice(2).padStart(64, '0')}` }, 'latest'));
        const mine = balances.get(`${account} ${asset}`) ?? 0n;
        if (chain !== mine) wrong.push(`${account} ${asset}: the chain says ${chain}, the books ${mine}`);
      }
    return wrong;
  }

  inTransaction(hash) {
    return this.rows.filter((row) => row.hash === hash);
  }
}
