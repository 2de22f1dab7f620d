// The heist. Every step says what it moves; the books derived from the node must say the same.
import { encodeCall, words } from './solc.mjs';
import { VOID } from './taint.mjs';

const hex = (number) => `0x${BigInt(number).toString(16)}`;
const ether = (text) => {
  const [whole, part = ''] = String(text).split('.');
  return BigInt(whole) * 10n ** 18n + BigInt(part.padEnd(18, '0'));
};
const usd = (number) => BigInt(number) * 10n ** 6n;
const GWEI = 10n ** 9n;

const native = (kind) => (from, to, amount) => ({ kind, asset: 'native', from, to, amount });
const value = native('value');
const internal = native('internal');

// Legs of an exchange that tracer should recognise, by the rule named (docs/linking.md).
const paid = (move, rule) => ({ ...move, leg: 'in', group: 1, rule });
const got = (move, rule) => ({ ...move, leg: 'out', group: 1, rule });

// A small generator with a fixed seed, for the noise.
function random(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

export class Scenario {
  constructor(node, contracts) {
    this.node = node;
    this.contracts = contracts;
    this.pending = [];
    this.steps = []; // {name, hash, block, receipt, moves}
    this.nonces = new Map();
    this.named = new Map(); // step name -> step
    this.random = random(20220323);
  }

  async prepare() {
    const accounts = (await this.node.rpc('eth_accounts')).map((account) => account.toLowerCase());
    const roles = ['deployer', 'whale', 'whale2', 'user', 'user2', 'operator', 'relayer', 'noise', 'noise2', 'miner',
      // From here on accounts without genesis coins.
      'thief', 'w1', 'w2', 'w3', 'p1', 'p2', 'p3', 'p4', 'fan', 'out1', 'out2', 'depositEoa', 'depositLabelled',
      'depositClean', 'depositMixed', 'hot', 'friend', 'heir', 'late', 'gone', 'trader', 'buyer', 'ally'];
    this.at = Object.fromEntries(roles.map((role, index) => [role, accounts[index]]));
    for (const account of accounts.slice(10)) await this.node.rpc('anvil_setBalance', account, '0x0');
    await this.node.rpc('anvil_setCoinbase', this.at.miner);
    await this.node.rpc('anvil_setBlockTimestampInterval', 12);
  }

  // Put a transaction into the pool. `moves`: rows but for fees, or a function of the receipt.
  async send(from, to, { amount = 0n, data, gas = 400000n, moves, name, fails = false, type = 2 } = {}) {
    const nonce = this.nonces.get(from) ?? 0;
    this.nonces.set(from, nonce + 1);
    const price = type === 2 ? { maxFeePerGas: hex(20n * GWEI), maxPriorityFeePerGas: hex(GWEI + BigInt(nonce)) }
      : { gasPrice: hex(3n * GWEI), ...(type === 1 ? { accessList: [] } : {}) };
    const request = { from, value: hex(amount), gas: hex(gas), nonce: hex(nonce), ...price };
    if (to) request.to = to;
    if (data) request.data = data;
    const hash = await this.node.rpc('eth_sendTransaction', request);
    const step = { name, hash, from, to, fails, moves: moves ?? (amount > 0n && !fails ? [value(from, to, amount)] : []) };
    this.pending.push(step);
    if (name) this.named.set(name, step);
    return step;
  }

  pay(from, to, amount, options = {}) {
    return this.send(from, to, { gas: 60000n, ...options, amount });
  }

  call(from, contract, method, args, moves, options = {}) {
    return this.send(from, contract.address, { data: encodeCall(contract, method, args), moves, ...options });
  }

  deploy(name, args = [], amount = 0n) {
    const contract = { ...this.contracts[name] };
    const from = this.at.deployer;
    const moves = (receipt) => (amount > 0n ? [value(from, receipt.contractAddress, amount)] : []);
    return this.send(from, null, { data: contract.code + words(args), amount, gas: 3000000n, moves })
      .then((step) => {
        step.deployed = contract;
        return contract;
      });
  }

  token(from, to, amount, options = {}) {
    return this.call(from, this.usdx, 'transfer', [to, amount], [this.tokenMove(from, to, amount)], options);
  }

  tokenMove(from, to, amount) {
    return { kind: 'token', asset: this.usdx.address, from, to, amount };
  }

  async noise(count) {
    const people = [this.at.noise, this.at.noise2, this.at.user2];
    for (let i = 0; i < count; i++) {
      const from = people[this.random(3)];
      const to = people[this.random(3)];
      await this.pay(from, to, BigInt(this.random(1000000)) * 10n ** 9n + 1n, { type: [0, 1, 2][this.random(3)] });
    }
  }

  // Mine the pool into one block; check that the node did what the steps say.
  async block() {
    const number = await this.node.mine();
    const mined = await this.node.rpc('eth_getBlockByNumber', hex(number), false);
    const hashes = this.pending.map((step) => step.hash);
    if (mined.transactions.join() !== hashes.join())
      throw new Error(`block ${number} has not the transactions that were sent, in their order`);
    for (const step of this.pending) {
      step.block = number;
      step.receipt = await this.node.rpc('eth_getTransactionReceipt', step.hash);
      if ((step.receipt.status === '0x1') === step.fails)
        throw new Error(`${step.name ?? `${step.from} to ${step.to}`} in block ${number}: status ${step.receipt.status}`);
      if (step.deployed) step.deployed.address = step.receipt.contractAddress.toLowerCase();
      if (typeof step.moves === 'function') step.moves = step.moves(step.receipt);
      this.steps.push(step);
    }
    this.pending = [];
    this.last = number;
    return number;
  }

  async play() {
    const at = this.at;

    // 1: the contracts.
    this.usdx = await this.deploy('Token');
    this.bridge = await this.deploy('Bridge');
    this.mixer = await this.deploy('Mixer', [ether(10)]);
    this.oddities = await this.deploy('Oddities', [], ether('20.000000000000000007'));
    this.library = await this.deploy('Library');
    this.collectibles = await this.deploy('Collectibles');
    this.forwarder = await this.deploy('Forwarder', [at.hot]);
    this.forwarder2 = await this.deploy('Forwarder', [at.hot]);
    this.between = await this.deploy('Between');
    await this.block();
    const { usdx, bridge, mixer, oddities, library, collectibles, forwarder, forwarder2, between } = this;

    // 2: honest money.
    for (const [to, amount] of [[at.whale, usd(5000000)], [at.whale2, usd(2000000)], [at.user, usd(40000)], [oddities.address, usd(777)]])
      await this.call(at.deployer, usdx, 'mint', [to, amount], [this.tokenMove(VOID, to, amount)]);
    await this.pay(at.whale, bridge.address, ether('900.25'));
    await this.pay(at.whale2, bridge.address, ether('333.333333333333333333'));
    await this.pay(at.noise, at.thief, ether('0.7'));
    await this.pay(at.whale, mixer.address, ether(10), { data: encodeCall(mixer, 'deposit', []), gas: 100000n });
    await this.block();

    // 3
    await this.token(at.whale, bridge.address, usd(3000000) + 17n);
    await this.token(at.whale2, bridge.address, usd(1500000));
    await this.token(at.whale2, at.w2, usd(100000) + 3n);
    await this.pay(at.whale, at.w2, ether('55.5'));
    await this.noise(3);
    await this.block();

    // 4: the theft, in two transactions between others.
    await this.noise(2);
    const loot = ether('701.000000000000000013');
    await this.call(at.thief, bridge, 'withdraw', [at.thief, loot], [internal(bridge.address, at.thief, loot)], { name: 'theft of ETH' });
    await this.noise(1);
    await this.call(at.thief, bridge, 'withdrawToken', [usdx.address, at.thief, usd(2500000) + 11n],
      [this.tokenMove(bridge.address, at.thief, usd(2500000) + 11n)], { name: 'theft of USDX' });
    await this.pay(at.user, bridge.address, ether(1));
    await this.block();

    // 5: split to three wallets; a poisoner's zero transfer; a transfer to oneself.
    await this.pay(at.thief, at.w1, ether('300.1'));
    await this.pay(at.thief, at.w2, ether('250.000000000000000001'));
    await this.pay(at.thief, at.w3, ether(100));
    await this.token(at.thief, at.w1, usd(1000000));
    await this.token(at.thief, at.w2, usd(900000) + 1n);
    await this.call(at.noise2, usdx, 'poison', [at.thief, at.noise2], [this.tokenMove(at.thief, at.noise2, 0n)]);
    await this.pay(at.thief, at.thief, ether(3), { name: 'self transfer' });
    await this.token(at.thief, at.thief, usd(5));
    await this.pay(at.thief, at.friend, 0n, { name: 'zero value' });
    await this.noise(2);
    await this.block();

    // 6: mixing with clean money in w2, a failed transaction of w1 that pays its fee.
    await this.pay(at.whale2, at.w2, ether('120.7'));
    await this.token(at.user, at.w2, usd(1234) + 5n);
    await this.send(at.w1, oddities.address, { amount: ether(5), data: encodeCall(oddities, 'fail', []), fails: true, name: 'failed' });
    await this.send(at.noise, null, { amount: 1n, data: '0xfe', gas: 100000n, fails: true, name: 'failed creation' });
    await this.pay(at.w1, at.p1, ether('200.3'));
    await this.noise(1);
    await this.block();

    // 7-9: a peel chain, with clean money put in on the way.
    await this.pay(at.p1, forwarder.address, ether('20.000000000000000009'), { gas: 100000n, name: 'deposit fully tainted' });
    await this.pay(at.p1, at.p2, ether('150.000000000000000003'));
    await this.pay(at.w2, at.p4, ether('90.9'));
    await this.token(at.w2, forwarder2.address, usd(300000) + 7n, { name: 'token deposit partly tainted' });
    await this.pay(at.user, at.p2, ether('10.01'));
    await this.block();
    await this.pay(at.p2, at.depositEoa, ether('12.345'), { name: 'deposit partly tainted' });
    await this.pay(at.p2, at.p3, ether('100.000000000000000001'));
    await this.pay(at.w2, at.depositMixed, ether('201.00000000000000001'), { name: 'deposit mixed' });
    await this.token(at.w1, at.p2, usd(400000));
    await this.noise(2);
    await this.block();
    await this.pay(at.p3, at.p4, ether('70.07'));
    await this.pay(at.p2, at.p3, ether('33.3'));
    await this.token(at.p2, at.depositLabelled, usd(250000), { name: 'token deposit labelled' });
    await this.token(at.thief, at.depositMixed, usd(100000) + 9n, { name: 'token deposit fully tainted' });
    await this.block();

    // 10: into the mixer.
    await this.pay(at.w3, mixer.address, ether(10), { data: encodeCall(mixer, 'deposit', []), gas: 100000n, name: 'mixer deposit' });
    await this.pay(at.w3, mixer.address, ether(10), { data: encodeCall(mixer, 'deposit', []), gas: 100000n });
    await this.call(at.w1, usdx, 'approve', [mixer.address, usd(500000)], []);
    await this.call(at.w1, mixer, 'depositToken', [usdx.address, usd(350000) + 1n], [this.tokenMove(at.w1, mixer.address, usd(350000) + 1n)]);
    await this.noise(2);
    await this.block();

    // 11: out of it to fresh addresses; the exchange sweeps.
    await this.call(at.relayer, mixer, 'withdraw', [at.out1], [internal(mixer.address, at.out1, ether(10))]);
    await this.call(at.relayer, mixer, 'withdraw', [at.out2], [internal(mixer.address, at.out2, ether(10))]);
    await this.call(at.relayer, mixer, 'withdrawToken', [usdx.address, at.out2, usd(350000)], [this.tokenMove(mixer.address, at.out2, usd(350000))]);
    await this.call(at.operator, forwarder, 'sweep', [], [internal(forwarder.address, at.hot, ether('20.000000000000000009'))]);
    await this.call(at.operator, forwarder2, 'sweepToken', [usdx.address], [this.tokenMove(forwarder2.address, at.hot, usd(300000) + 7n)]);
    await this.pay(at.depositEoa, at.hot, ether('12.3'));
    await this.pay(at.depositMixed, at.hot, ether('200.9'));
    await this.block();

    // 12: fan-in, mixed with what came out of the mixer; clean deposits.
    for (const [from, amount] of [[at.w1, '70.5'], [at.w3, '50.000000000000000005'], [at.p3, '40'], [at.out1, '9.9'], [at.p4, '100.1']])
      await this.pay(from, at.fan, ether(amount));
    await this.token(at.out2, at.fan, usd(200000));
    await this.token(at.w2, at.fan, usd(123456));
    await this.pay(at.user, at.depositClean, ether('5.5'), { name: 'deposit clean' });
    await this.token(at.user, at.depositClean, usd(1000), { name: 'token deposit clean' });
    await this.pay(at.out2, at.depositEoa, ether('4.2'), { name: 'deposit from mixer' });
    await this.block();

    // 13: from the fan-in to the exchange and through contracts.
    await this.pay(at.fan, at.depositLabelled, ether('150.000000000000000011'), { name: 'deposit labelled' });
    await this.pay(at.fan, at.depositMixed, ether('61.7'), { name: 'deposit after fan-in' });

    await this.call(at.fan, oddities, 'interleave', [at.friend, at.heir, usdx.address, 1000003n], [
      value(at.fan, oddities.address, ether(7)), internal(oddities.address, at.friend, 1000003n), this.tokenMove(oddities.address, at.friend, 1000003n),
      internal(oddities.address, at.heir, 1000004n), this.tokenMove(oddities.address, at.heir, 1000004n)], { amount: ether(7), name: 'interleaved' });
    await this.call(at.fan, oddities, 'delegate', [library.address, at.heir, ether('6.5')],
      [value(at.fan, oddities.address, ether('6.6')), internal(oddities.address, at.heir, ether('6.5'))], { amount: ether('6.6'), name: 'delegatecall' });
    const unit = ether('0.1');
    const logged = (from, to, amount) => ({ kind: 'token', asset: between.address, from, to, amount });
    const paid = (to, units) => internal(between.address, to, unit * units);
    await this.call(at.fan, between, 'play', [at.friend, at.heir, unit], [value(at.fan, between.address, ether(2)),
      logged(between.address, at.friend, 1n), paid(at.friend, 1n), logged(between.address, at.friend, 2n), logged(at.friend, at.heir, 3n),
      paid(at.heir, 2n), logged(at.heir, at.friend, 4n), logged(between.address, at.friend, 5n), paid(at.friend, 3n),
      logged(between.address, at.friend, 6n), logged(at.friend, at.heir, 7n), logged(between.address, at.heir, 8n), paid(at.heir, 4n),
      logged(between.address, at.friend, 9n), paid(at.friend, 5n), logged(at.heir, at.friend, 10n)], { amount: ether(2), name: 'logs between calls' });
    await this.noise(1);
    await this.block();

    // 14: the oddities.
    const child = (receipt) => `0x${receipt.logs.find((log) => log.address.toLowerCase() === oddities.address).data.slice(26)}`.toLowerCase();
    const odd = (from, method, args, amount, moves, options = {}) => this.call(from, oddities, method, args,
      (receipt) => [...(amount > 0n ? [value(from, oddities.address, amount)] : []), ...moves(receipt)], { amount, gas: 600000n, ...options });
    await odd(at.w3, 'innerRevert', [at.friend, usdx.address, ether(2)], ether('2.5'), () => [this.tokenMove(oddities.address, at.friend, 1n)], { name: 'inner revert' });
    await odd(at.w3, 'innerOutOfGas', [at.friend, ether(1)], 0n, () => [], { name: 'inner out of gas' });
    const bomb = await odd(at.w3, 'createBomb', [ether('1.5')], ether('1.6'), (receipt) => [internal(oddities.address, child(receipt), ether('1.5'))]);
    await odd(at.noise, 'create2Bomb', [ether('0.25'), 7n], 0n, (receipt) => [internal(oddities.address, child(receipt), ether('0.25'))]);
    await odd(at.w3, 'flash', [at.late, ether('3.25')], ether('3.25'), (receipt) =>
      [internal(oddities.address, child(receipt), ether('3.25')), internal(child(receipt), at.late, ether('3.25'))], { name: 'flash' });
    await odd(at.noise, 'flashToItself', [ether('0.125')], 0n, (receipt) =>
      [internal(oddities.address, child(receipt), ether('0.125')), internal(child(receipt), VOID, ether('0.125'))], { name: 'destroyed' });
    await odd(at.w3, 'callCode', [library.address, ether('0.5')], ether('0.5'), () => []);
    await odd(at.noise2, 'payMyself', [ether('0.75')], 0n, () => [internal(oddities.address, oddities.address, ether('0.75'))]);
    await this.block();

    // 15
    const bombAddress = child(bomb.receipt);
    await odd(at.noise, 'blowBombToItself', [], 0n, () => []);
    await this.pay(at.w3, bombAddress, ether('0.5'));
    await odd(at.noise, 'blowBomb', [at.late], 0n, () => [internal(bombAddress, at.late, ether(2))], { name: 'self-destruct' });
    const item = (id) => `${collectibles.address}/${id}`;
    await this.call(at.thief, collectibles, 'give', [VOID, at.thief, 42n], [{ kind: 'token', asset: item(42), from: VOID, to: at.thief, amount: 1n }]);
    await this.call(at.thief, collectibles, 'giveSome', [at.thief, at.friend, 2n ** 255n, 9n], [{ kind: 'token', asset: item(2n ** 255n), from: at.thief, to: at.friend, amount: 9n }]);
    await this.call(at.noise, collectibles, 'giveTwo', [VOID, at.friend, 1n, 5n, 2n, 6n], [
      { kind: 'token', asset: item(1), from: VOID, to: at.friend, amount: 5n }, { kind: 'token', asset: item(2), from: VOID, to: at.friend, amount: 6n }]);
    await this.call(at.w2, usdx, 'burn', [usd(1000)], [this.tokenMove(at.w2, VOID, usd(1000))]);
    await this.pay(at.w3, VOID, ether('0.05'), { name: 'burned' });
    await this.pay(at.miner, at.late, ether('0.33'));
    await this.block();

    await this.playExchange();

    // Nothing happens. Then the exchange pays out; the last sweeps.
    await this.block();
    await this.pay(at.hot, at.gone, ether('150'));
    await this.pay(at.late, at.depositClean, ether('1.1'), { name: 'deposit into the clean address' });
    await this.noise(4);
    await this.block();
    return this;
  }

  // A pool, a router, a wrapper: what the thief exchanges, and what no rule may take for an exchange.
  async playExchange() {
    const { at, usdx } = this;
    const gas = { gas: 900000n };
    const money = (contract) => (from, to, amount) => ({ kind: 'token', asset: contract.address, from, to, amount });
    const dollars = money(usdx);

    // The contracts.
    const wrapped = this.wrapped = await this.deploy('Wrapped');
    const eurx = this.eurx = await this.deploy('Token');
    const junk = this.junk = await this.deploy('Token');
    await this.block();
    const [coin, euros, trash] = [wrapped, eurx, junk].map(money);
    const pair = this.pair = await this.deploy('Pair', [wrapped.address, usdx.address]);
    const pairJunk = this.pairJunk = await this.deploy('Pair', [wrapped.address, junk.address]);
    const pairEurx = this.pairEurx = await this.deploy('Pair', [wrapped.address, eurx.address]);
    const unknown = this.unknownPair = await this.deploy('Pair', [wrapped.address, usdx.address]);
    const router = this.router = await this.deploy('Router', [wrapped.address]);
    const spender = await this.deploy('Spender');
    await this.block();
    const wraps = (who, amount, options) => this.call(who, wrapped, 'deposit', [],
      [paid(value(who, wrapped.address, amount), 'wrap'), got(coin(VOID, who, amount), 'wrap')], { amount, ...options });
    const unwraps = (who, amount, options) => this.call(who, wrapped, 'withdraw', [amount],
      [got(internal(wrapped.address, who, amount), 'unwrap'), paid(coin(who, VOID, amount), 'unwrap')], options);
    const gives = (from, contract, to, amount, options) =>
      this.call(from, contract, 'transfer', [to, amount], [money(contract)(from, to, amount)], options);

    // Liquidity, and stolen units for the trader.
    await wraps(at.whale, ether(200));
    for (const [pool, amount] of [[pair, 100], [pairJunk, 20], [pairEurx, 50], [unknown, 5]])
      await gives(at.whale, wrapped, pool.address, ether(amount));
    await this.token(at.whale2, pair.address, usd(250000));
    await this.token(at.whale2, unknown.address, usd(2000));
    await this.call(at.deployer, eurx, 'mint', [pairEurx.address, usd(100000)], [euros(VOID, pairEurx.address, usd(100000))]);
    await this.call(at.deployer, junk, 'mint', [pairJunk.address, usd(1000000)], [trash(VOID, pairJunk.address, usd(1000000))]);
    for (const pool of [pair, pairJunk, pairEurx, unknown]) await this.call(at.noise2, pool, 'sync', [], []);
    await this.pay(at.p4, at.trader, ether('38.5'));
    await this.pay(at.p4, at.buyer, ether(1));
    await this.token(at.w1, at.trader, usd(120000) + 1n);
    await this.block();

    // Exchanges.
    const swapped = 'swap.v2';
    await wraps(at.trader, ether(9) + 7n, { name: 'wrap' });
    await unwraps(at.trader, ether('1.5'), { name: 'unwrap' });
    await this.call(at.trader, router, 'swapCoin', [pair.address, ether(3), 0n, usd(5000), at.buyer], [
      paid(value(at.trader, router.address, ether(4)), `wrap+${swapped}`), internal(router.address, wrapped.address, ether(3)),
      coin(VOID, router.address, ether(3)), coin(router.address, pair.address, ether(3)), got(dollars(pair.address, at.buyer, usd(5000)), `wrap+${swapped}`),
      got(internal(router.address, at.trader, ether(1)), `wrap+${swapped}`)], { ...gas, amount: ether(4), name: 'swap of coins, the rest comes back' });
    await this.call(at.trader, usdx, 'approve', [router.address, usd(1000000)], []);
    await this.call(at.trader, wrapped, 'approve', [router.address, ether(1000)], []);
    await this.call(at.trader, router, 'swapToCoin', [pair.address, usdx.address, usd(20000), ether(10), 0n], [
      paid(dollars(at.trader, pair.address, usd(20000)), `unwrap+${swapped}`), coin(pair.address, router.address, ether(10)),
      internal(wrapped.address, router.address, ether(10)), coin(router.address, VOID, ether(10)),
      got(internal(router.address, at.trader, ether(10)), `unwrap+${swapped}`)], { ...gas, name: 'swap to coins' });
    await this.call(at.trader, router, 'payLater', [pair.address, usdx.address, usd(7000), ether(3), 0n], [
      got(coin(pair.address, at.trader, ether(3)), swapped), paid(dollars(at.trader, pair.address, usd(7000)), swapped)],
    { ...gas, name: 'the pool pays first' });
    await this.call(at.trader, router, 'swapTwice', [pair.address, pairEurx.address, usdx.address, usd(9000) + 3n, ether(4), usd(8900), at.buyer], [
      paid(dollars(at.trader, pair.address, usd(9000) + 3n), swapped), coin(pair.address, pairEurx.address, ether(4)),
      got(euros(pairEurx.address, at.buyer, usd(8900)), swapped)], { ...gas, name: 'two hops' });
    await this.call(at.trader, router, 'split', [at.friend, at.ally], [paid(value(at.trader, router.address, ether(2) + 1n), 'pass'),
      got(internal(router.address, at.friend, ether(1)), 'pass'), got(internal(router.address, at.ally, ether(1) + 1n), 'pass')],
    { ...gas, amount: ether(2) + 1n, name: 'split' });
    await gives(at.trader, wrapped, at.ally, ether(1));
    await this.call(at.user, router, 'swapCoin', [pair.address, ether(1), 0n, usd(1700), at.user], [
      paid(value(at.user, router.address, ether(1)), `wrap+${swapped}`), internal(router.address, wrapped.address, ether(1)),
      coin(VOID, router.address, ether(1)), coin(router.address, pair.address, ether(1)), got(dollars(pair.address, at.user, usd(1700)), `wrap+${swapped}`)],
    { ...gas, amount: ether(1), name: 'clean swap' });
    await this.block();

    // No exchanges: into a worthless token; at a pool that nobody labelled; of two payers; beside liquidity taken out; bought, spent, then paid.
    await this.call(at.trader, router, 'swapTokens', [pairJunk.address, wrapped.address, ether(1), 0n, usd(500), at.trader],
      [coin(at.trader, pairJunk.address, ether(1)), trash(pairJunk.address, at.trader, usd(500))], { ...gas, name: 'swap into junk' });
    await this.call(at.trader, router, 'swapTokens', [unknown.address, wrapped.address, ether(1), 0n, usd(1500), at.trader],
      [coin(at.trader, unknown.address, ether(1)), dollars(unknown.address, at.trader, usd(1500))], { ...gas, name: 'swap at an unknown pool' });
    await this.call(at.buyer, usdx, 'approve', [router.address, usd(100)], []);
    await this.call(at.trader, router, 'payTogether', [pair.address, usdx.address, at.buyer, usd(100), ether('0.05'), 0n], [
      dollars(at.buyer, pair.address, usd(100)), dollars(at.trader, pair.address, usd(100)), coin(pair.address, at.trader, ether('0.05'))],
    { ...gas, name: 'two payers' });
    await this.call(at.trader, router, 'swapAndTake', [pair.address, usdx.address, usd(1000), ether('0.4'), wrapped.address, ether(2)], [
      dollars(at.trader, pair.address, usd(1000)), coin(pair.address, at.trader, ether('0.4')), coin(pair.address, at.trader, ether(2))],
    { ...gas, name: 'liquidity beside a swap' });
    await gives(at.trader, wrapped, spender.address, ether(1));
    await this.call(at.trader, spender, 'spend', [pair.address, wrapped.address, ether('0.5'), usdx.address, usd(900), at.friend], [
      dollars(pair.address, spender.address, usd(900)), dollars(spender.address, at.friend, usd(900)), coin(spender.address, pair.address, ether('0.5'))],
    { ...gas, name: 'spent before it is paid' });
    await unwraps(at.ally, ether('0.75'));
    await this.block();

    // What becomes of it.
    await this.token(at.buyer, at.depositMixed, usd(3000), { name: 'token deposit after a swap' });
    await gives(at.buyer, eurx, at.depositMixed, usd(8000), { name: 'eurx deposit after two hops' });
    await this.pay(at.trader, at.depositEoa, ether(12), { name: 'deposit after swap and unwrap' });
    await this.pay(at.ally, at.depositMixed, ether('1.2'), { name: 'deposit of the ally' });
    await this.token(at.user, at.depositClean, usd(1700), { name: 'token deposit after a clean swap' });
    await gives(at.trader, junk, at.friend, usd(10));
    await this.block();
  }

  labels() {
    const venue = (contract, name) => ({ address: contract.address, class: 'venue', name, category: 'dex', entity: 'dex' });
    return [
      venue(this.wrapped, 'Wrapped coin'), venue(this.pair, 'USDX pool'), venue(this.pairJunk, 'Junk pool'), venue(this.pairEurx, 'EURX pool'),
      venue(this.router, 'Router'),
      { address: this.mixer.address, class: 'mixer', name: 'Test mixer', category: 'mixer', entity: 'mixer' },
      { address: this.at.hot, class: 'service', name: 'Exchange hot wallet', category: 'exchange', entity: 'exchange' },
      { address: this.at.depositLabelled, class: 'service', name: 'Exchange deposit', category: 'exchange', entity: 'exchange' },
    ];
  }

  thefts() {
    return [this.named.get('theft of ETH'), this.named.get('theft of USDX')];
  }

  deposits() {
    return [...this.named].filter(([name]) => /deposit/.test(name)).map(([name, step]) => ({ name, ...step }));
  }

  // Another history from the given block on: what a reorg brings. -> hash of the last block
  async playBranch(which) {
    const at = this.at;
    this.nonces = new Map();
    for (const account of [at.noise, at.p4, at.fan, at.user])
      this.nonces.set(account, Number(await this.node.rpc('eth_getTransactionCount', account, 'latest')));
    for (let i = 0; i < (which === 'a' ? 2 : 3); i++) {
      await this.pay(at.fan, at.gone, ether('0.25') + BigInt(i) + (which === 'a' ? 0n : 1000n));
      await this.pay(at.p4, which === 'a' ? at.depositClean : at.depositEoa, ether('1.5'));
      if (which === 'b') await this.token(at.fan, at.gone, usd(10 + i));
      await this.pay(at.user, at.noise, ether('0.1'));
      await this.block();
    }
  }
}

// Do the steps say what the books say? -> list of differences
export function compareSteps(scenario, books) {
  const wrong = [];
  const text = (rows) => rows.map((row) => `${row.kind} ${row.asset} ${row.from.toLowerCase()}>${row.to.toLowerCase()} ${row.amount}`).join('\n  ');
  for (const step of scenario.steps) {
    const rows = books.inTransaction(step.hash).filter((row) => row.kind !== 'fee');
    if (text(rows) !== text(step.moves))
      wrong.push(`${step.name ?? step.hash} in block ${step.block}:\n  ${text(step.moves)}\nbut the node says\n  ${text(rows)}`);
  }
  return wrong;
}
