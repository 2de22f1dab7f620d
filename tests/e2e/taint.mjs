// The taint specification (taint/1) once more, as plainly as it can be said: lots in
// arrays, no trees, no indexes. Written from the text, not from tracer's engine.
export const VOID = `0x${'0'.repeat(40)}`;
export const POLICIES = ['fifo', 'lifo', 'haircut', 'poison'];

const keyOf = (row) => `${row.block}:${row.txi}:${row.idx}`;
const sum = (values) => values.reduce((a, b) => a + b, 0n);
const least = (a, b) => (a < b ? a : b);

// 3.4: neighbours of one tag merge, empty entries vanish.
function canonical(lots) {
  const result = [];
  for (const [units, tag] of lots) {
    if (units === 0n) continue;
    const last = result.at(-1);
    if (last && last[1] === tag) last[0] += units;
    else result.push([units, tag]);
  }
  return result;
}

export class Taint {
  // seeds: [{source, block, txi, idx, amount?}] or [{source, address, block}]; labels: Map address -> {class, emit?}
  // assets: Map asset -> {decimals, weight}; links: 'given' or 'none'
  constructor({ policy, seeds, labels, assets = new Map(), opening = 'unknown', links = 'given' }) {
    this.assets = assets;
    this.links = links;
    this.policy = policy;
    this.opening = opening;
    this.labels = labels;
    this.sources = [...new Set([...seeds.map((seed) => seed.source),
      ...[...labels.values()].filter((label) => label.emit).map((label) => label.emit)])].sort();
    this.order = [...this.sources, 'unknown'];
    this.transferSeeds = new Map(); // key -> seeds in source order
    for (const seed of seeds.filter((s) => !s.address)) {
      const list = this.transferSeeds.get(keyOf(seed)) ?? [];
      list.push(seed);
      list.sort((a, b) => (a.source < b.source ? -1 : 1));
      this.transferSeeds.set(keyOf(seed), list);
    }
    this.waiting = seeds.filter((s) => s.address).sort((a, b) =>
      a.block - b.block || (a.source < b.source ? -1 : a.source > b.source ? 1 : a.address < b.address ? -1 : 1));
    this.active = new Map(); // address -> sorted sources
    this.holdings = new Map(); // account -> asset -> holding
    this.hops = [];
    this.carried = new Map(); // key -> {amount, tags: Map, info, status}
    this.totals = new Map(); // "asset tag" -> counters
    this.received = new Map(); // account -> asset -> Map tag -> units, with 'amount'
  }

  holding(account, asset) {
    if (!this.holdings.has(account)) this.holdings.set(account, new Map());
    const assets = this.holdings.get(account);
    if (!assets.has(asset)) assets.set(asset, { lots: [], balance: 0n, tags: new Map(), set: new Set(), via: new Map() });
    return assets.get(asset);
  }

  count(asset, tag, what, units) {
    if (tag === 'clean' || units === 0n || this.policy === 'poison') return;
    const key = `${asset} ${tag}`;
    if (!this.totals.has(key)) this.totals.set(key, {});
    const counters = this.totals.get(key);
    counters[what] = (counters[what] ?? 0n) + units;
  }

  classOf(account) {
    return account === VOID ? 'void' : this.labels.get(account)?.class ?? 'plain';
  }

  activeSource(account) {
    return this.active.get(account)?.[0];
  }

  balance(holding) {
    return this.policy === 'fifo' || this.policy === 'lifo' ? sum(holding.lots.map(([units]) => units)) : holding.balance;
  }

  unitsOf(holding, tag) {
    if (this.policy === 'poison') return holding.set.has(tag) ? holding.balance : 0n;
    if (this.policy === 'haircut') return holding.tags.get(tag) ?? 0n;
    return sum(holding.lots.filter(([, t]) => t === tag).map(([units]) => units));
  }

  // 5.1
  scale(tags, whole, x) {
    const result = new Map();
    let before = 0n;
    let p = 0n;
    for (const tag of this.order) {
      p += tags.get(tag) ?? 0n;
      const q = (p * x) / whole;
      result.set(tag, q - before);
      before = q;
    }
    return result;
  }

  // 6.1: what an active address seed holds is its source's.
  retag(account, asset) {
    const source = this.activeSource(account);
    if (!source) return;
    const holding = this.holding(account, asset);
    if (this.policy === 'poison') {
      if (holding.balance > 0n)
        for (const s of this.active.get(account)) {
          holding.set.add(s);
          holding.via.set(s, { hop: 0, via: null });
        }
      return;
    }
    let seeded = 0n;
    if (this.policy === 'haircut') {
      const clean = holding.balance - sum([...holding.tags.values()]);
      const unknown = holding.tags.get('unknown') ?? 0n;
      seeded = clean + unknown;
      holding.tags.set('unknown', 0n);
      holding.tags.set(source, (holding.tags.get(source) ?? 0n) + seeded);
      this.count(asset, 'unknown', 'retagged', unknown);
    } else {
      for (const lot of holding.lots) {
        if (lot[1] !== 'clean' && lot[1] !== 'unknown') continue;
        if (lot[1] === 'unknown') this.count(asset, 'unknown', 'retagged', lot[0]);
        seeded += lot[0];
        lot[1] = source;
      }
      holding.lots = canonical(holding.lots);
    }
    this.count(asset, source, 'seeded', seeded);
    if (this.unitsOf(holding, source) > 0n) holding.via.set(source, { hop: 0, via: null });
  }

  activate(block) {
    while (this.waiting.length && this.waiting[0].block <= block) {
      const { address, source } = this.waiting.shift();
      const sources = this.active.get(address) ?? [];
      if (sources.includes(source)) continue;
      this.active.set(address, [...sources, source].sort());
      for (const asset of this.holdings.get(address)?.keys() ?? []) this.retag(address, asset);
    }
  }

  // 4.3, 4.4. A parcel is {lots} for queues and haircut, {set} for poison; info: source -> {hop, parent}.
  depart(row) {
    const { from, asset, amount } = row;
    const kind = this.classOf(from);
    const poison = this.policy === 'poison';
    const made = (tag) => {
      if (tag === 'unknown') this.count(asset, 'unknown', kind === 'void' ? 'created' : 'emitted', amount);
      else this.count(asset, tag, 'emitted', amount);
      return { lots: [[amount, tag]], set: new Set(poison && this.sources.includes(tag) ? [tag] : []) };
    };
    if (kind === 'void') {
      const unknown = row.kind === 'adjust' || (row.kind === 'opening' && this.opening !== 'clean');
      return { parcel: made(unknown ? 'unknown' : 'clean'), info: new Map() };
    }
    if (kind !== 'plain') {
      const emit = this.labels.get(from).emit;
      const info = new Map(emit ? [[emit, { hop: 1, parent: null }]] : []);
      return { parcel: made(emit ?? (kind === 'service' ? 'clean' : 'unknown')), info };
    }
    const holding = this.holding(from, asset);
    const short = amount - this.balance(holding);
    if (short > 0n) {
      const source = this.activeSource(from);
      const tag = source ?? 'unknown';
      this.count(asset, tag, source ? 'seeded' : 'created', short);
      if (poison) {
        holding.balance = amount;
        for (const s of this.active.get(from) ?? []) {
          holding.set.add(s);
          holding.via.set(s, { hop: 0, via: null });
        }
      } else if (this.policy === 'haircut') {
        holding.balance = amount;
        holding.tags.set(tag, (holding.tags.get(tag) ?? 0n) + short);
      } else {
        holding.lots = canonical([[short, tag], ...holding.lots]);
      }
      if (source) holding.via.set(source, { hop: 0, via: null });
    }
    const info = new Map();
    for (const s of this.sources)
      if (this.unitsOf(holding, s) > 0n) {
        const { hop, via } = holding.via.get(s);
        info.set(s, { hop: hop + 1, parent: via });
      }
    let parcel;
    if (poison) {
      parcel = { lots: [[amount, 'clean']], set: new Set(holding.set) };
      holding.balance -= amount;
      if (holding.balance === 0n) holding.set.clear();
    } else if (this.policy === 'haircut') {
      const taken = this.scale(holding.tags, holding.balance, amount);
      for (const [tag, units] of taken) holding.tags.set(tag, (holding.tags.get(tag) ?? 0n) - units);
      holding.balance -= amount;
      const clean = amount - sum([...taken.values()]);
      parcel = { lots: canonical([...this.order.map((tag) => [taken.get(tag), tag]), [clean, 'clean']]) };
    } else {
      parcel = { lots: this.takeFromQueue(holding, amount) };
    }
    for (const s of this.sources) if (this.unitsOf(holding, s) === 0n) holding.via.delete(s);
    return { parcel, info };
  }

  takeFromQueue(holding, amount) {
    const taken = [];
    let left = amount;
    while (left > 0n) {
      const lot = this.policy === 'fifo' ? holding.lots[0] : holding.lots.at(-1);
      const units = least(left, lot[0]);
      if (this.policy === 'fifo') taken.push([units, lot[1]]);
      else taken.unshift([units, lot[1]]);
      lot[0] -= units;
      left -= units;
      if (lot[0] === 0n) {
        if (this.policy === 'fifo') holding.lots.shift();
        else holding.lots.pop();
      }
    }
    return canonical(taken);
  }

  // 6.2
  seed(row, parcel, info) {
    for (const { source, amount } of this.transferSeeds.get(keyOf(row)) ?? []) {
      if (this.policy === 'poison') {
        parcel.set.add(source);
        info.set(source, { hop: 0, parent: null });
        continue;
      }
      let left = amount ?? row.amount;
      let seeded = 0n;
      const lots = [];
      for (const [units, tag] of parcel.lots) {
        const take = tag === 'clean' || tag === 'unknown' ? least(left, units) : 0n;
        lots.push([take, source], [units - take, tag]);
        left -= take;
        seeded += take;
        if (tag === 'unknown') this.count(row.asset, 'unknown', 'retagged', take);
      }
      parcel.lots = canonical(lots);
      if (seeded > 0n) info.set(source, { hop: 0, parent: null });
      this.count(row.asset, source, 'seeded', seeded);
    }
  }

  // 4.5
  arrive(row, parcel, info) {
    const { to, asset, amount } = row;
    const kind = this.classOf(to);
    if (kind !== 'plain') {
      for (const [units, tag] of parcel.lots) this.count(asset, tag, kind === 'void' ? 'burned' : kind, units);
      return;
    }
    const holding = this.holding(to, asset);
    const held = new Set(this.sources.filter((s) => this.unitsOf(holding, s) > 0n));
    if (this.policy === 'poison') {
      holding.balance += amount;
      for (const s of parcel.set) holding.set.add(s);
    } else if (this.policy === 'haircut') {
      holding.balance += amount;
      for (const [units, tag] of parcel.lots)
        if (tag !== 'clean') holding.tags.set(tag, (holding.tags.get(tag) ?? 0n) + units);
    } else {
      holding.lots = canonical([...holding.lots, ...parcel.lots]);
    }
    for (const s of this.tagsIn(parcel)) {
      if (this.active.get(to)?.includes(s)) holding.via.set(s, { hop: 0, via: null });
      else if (!held.has(s) || info.get(s).hop < holding.via.get(s).hop)
        holding.via.set(s, { hop: info.get(s).hop, via: keyOf(row) });
    }
    this.retag(to, asset);
  }

  tagsIn(parcel) {
    return this.sources.filter((s) => (this.policy === 'poison' ? parcel.set.has(s) : parcel.lots.some(([, t]) => t === s)));
  }

  run(rows) {
    for (let i = 0, end = 0; i < rows.length; i = end) {
      while (end < rows.length && rows[end].block === rows[i].block && rows[end].txi === rows[i].txi) end++;
      this.activate(rows[i].block);
      this.transaction(rows.slice(i, end));
    }
    for (const assets of this.holdings.values())
      for (const [asset, holding] of assets)
        for (const tag of this.order) this.count(asset, tag, 'held', this.unitsOf(holding, tag));
    return this;
  }

  transaction(rows) {
    const groups = this.links === 'given' ? this.findGroups(rows) : [];
    rows.forEach((row, index) => {
      const group = groups.find(({ legs }) => legs.includes(row));
      if (!group) this.row(row);
      else if (row.leg === 'out' && index > group.last) this.outLeg(group, row);
      else if (row.leg === 'in') {
        this.inLeg(group, row);
        if (index !== group.last) return;
        this.settle(group);
        for (const out of rows.slice(0, index)) if (out.leg === 'out' && group.legs.includes(out)) this.outLeg(group, out);
      }
    });
  }

  // 8.1, 8.2: the valid ones.
  findGroups(rows) {
    const moves = (row) => row.amount > 0n && row.from !== row.to;
    const atVenue = (account) => ['venue', 'void'].includes(this.classOf(account));
    const numbers = [...new Set(rows.filter((row) => row.group).map((row) => row.group))];
    return numbers.map((number) => {
      const legs = rows.filter((row) => row.group === number && row.leg && moves(row) && ['value', 'internal', 'token'].includes(row.kind));
      const last = rows.findLastIndex((row) => row.leg === 'in' && legs.includes(row));
      return { legs, last, paid: new Map(), tags: new Map(), pot: new Map(), to: new Map(), payers: new Set(), purse: new Map() };
    }).filter(({ legs, last }) => last >= 0 && legs.some((row) => row.leg === 'out')
      && legs.every(({ leg, from, to }) => (leg === 'in' ? atVenue(to) && !atVenue(from) : atVenue(from) && !atVenue(to)))
      && legs.every((out) => out.leg === 'in' || !rows.some((row, index) => index > rows.indexOf(out) && index <= last
        && moves(row) && row.from === out.to && row.asset === out.asset)));
  }

  // 8.3
  inLeg(group, row) {
    const { parcel, info } = this.depart(row);
    this.seed(row, parcel, info);
    this.record(row, parcel, info);
    const { asset } = row;
    group.paid.set(asset, (group.paid.get(asset) ?? 0n) + row.amount);
    group.to.set(asset, row.to);
    group.payers.add(row.from);
    if (!group.tags.has(asset)) group.tags.set(asset, new Map());
    const tags = group.tags.get(asset);
    if (this.policy !== 'poison')
      for (const [units, tag] of parcel.lots) if (tag !== 'clean') tags.set(tag, (tags.get(tag) ?? 0n) + units);
    for (const s of this.tagsIn(parcel)) {
      const base = Math.max(info.get(s).hop - 1, 0);
      if (!group.purse.has(s) || base < group.purse.get(s).base) group.purse.set(s, { base, key: keyOf(row) });
    }
  }

  settle(group) {
    const received = new Map();
    for (const { leg, asset, amount } of group.legs) if (leg === 'out') received.set(asset, (received.get(asset) ?? 0n) + amount);
    group.undrawn = new Map(received);
    for (const asset of received.keys()) group.pot.set(asset, new Map());
    if (this.policy === 'poison') return;
    const move = (from, to, part) => part.forEach((units, tag) => {
      from?.set(tag, from.get(tag) - units);
      to.set(tag, (to.get(tag) ?? 0n) + units);
    });
    for (const [asset, units] of group.paid) {
      if (!received.has(asset)) continue;
      const x = least(units, received.get(asset));
      const part = this.scale(group.tags.get(asset), units, x);
      for (const [tag, share] of [...part]) if (share === 0n) part.delete(tag);
      move(group.tags.get(asset), group.pot.get(asset), part);
      group.paid.set(asset, units - x);
      received.set(asset, received.get(asset) - x);
    }
    const sorted = (map) => [...map].filter(([, units]) => units > 0n).map(([asset]) => asset).sort();
    const [ins, outs] = [sorted(group.paid), sorted(received)];
    if (outs.length === 0) {
      for (const asset of ins) {
        const kind = this.classOf(group.to.get(asset));
        for (const [tag, units] of group.tags.get(asset)) this.count(asset, tag, kind === 'void' ? 'burned' : kind, units);
      }
      return;
    }
    if (ins.length === 0) {
      for (const asset of outs) {
        move(undefined, group.pot.get(asset), new Map([['unknown', received.get(asset)]]));
        this.count(asset, 'unknown', 'emitted', received.get(asset));
      }
      return;
    }
    const tainted = (asset) => sum(this.sources.map((s) => group.tags.get(asset).get(s) ?? 0n));
    const worth = (asset) => least((group.paid.get(asset) * this.assets.get(asset).weight) / 10n ** this.assets.get(asset).decimals, 2n ** 128n - 1n);
    let pays = ins.map((asset) => [asset, this.assets.get(asset)?.weight > 0n ? worth(asset) : undefined]);
    if (pays.some(([, v]) => v === undefined) || sum(pays.map(([, v]) => v)) === 0n) {
      const best = ins.reduce((a, b) => (tainted(b) * group.paid.get(a) > tainted(a) * group.paid.get(b) ? b : a));
      pays = [[best, 1n]];
    }
    const whole = sum(pays.map(([, v]) => v));
    for (const bought of outs) {
      let upto = 0n;
      let before = 0n;
      for (const [asset, v] of pays) {
        upto += v;
        const end = (received.get(bought) * upto) / whole;
        const part = this.scale(group.tags.get(asset), group.paid.get(asset), end - before);
        before = end;
        move(undefined, group.pot.get(bought), part);
        for (const [tag, units] of part) this.count(bought, tag, 'convertedIn', units);
      }
    }
    for (const asset of ins) for (const [tag, units] of group.tags.get(asset)) this.count(asset, tag, 'converted', units);
  }

  outLeg(group, row) {
    const { asset, amount } = row;
    const info = new Map([...group.purse].map(([s, { base, key }]) => [s, { hop: base + (group.payers.has(row.to) ? 0 : 1), parent: key }]));
    let parcel = { lots: [[amount, 'clean']], set: new Set(group.purse.keys()) };
    if (this.policy !== 'poison') {
      const pot = group.pot.get(asset);
      const drawn = this.scale(pot, group.undrawn.get(asset), amount);
      for (const [tag, units] of drawn) pot.set(tag, (pot.get(tag) ?? 0n) - units);
      group.undrawn.set(asset, group.undrawn.get(asset) - amount);
      parcel = { lots: canonical([...this.order.map((tag) => [drawn.get(tag), tag]), [amount - sum([...drawn.values()]), 'clean']]) };
    }
    if (this.classOf(row.to) === 'plain' && this.balance(this.holding(row.to, asset)) + amount >= 2n ** 256n) throw new Error('no scenario does this');
    this.seed(row, parcel, info);
    this.arrive(row, parcel, info);
    this.record(row, parcel, info);
  }

  row(row) {
    if (row.amount === 0n || row.from === row.to) {
      this.carried.set(keyOf(row), { row, status: row.amount === 0n ? 'zero' : 'self', tags: new Map(), info: new Map() });
      return;
    }
    if (this.classOf(row.to) === 'plain' && this.balance(this.holding(row.to, row.asset)) + row.amount >= 2n ** 256n) {
      this.carried.set(keyOf(row), { row, status: 'overflow', tags: new Map(), info: new Map() });
      return;
    }
    const { parcel, info } = this.depart(row);
    if (row.kind === 'fee') { // 4.6, fees=sink
      for (const [units, tag] of parcel.lots) this.count(row.asset, tag, 'fees', units);
      if (this.classOf(row.to) === 'plain')
        this.arrive(row, { lots: [[row.amount, 'clean']], set: new Set() }, new Map());
      return;
    }
    this.seed(row, parcel, info);
    this.arrive(row, parcel, info);
    this.record(row, parcel, info);
  }

  record(row, parcel, info) {
    const tags = new Map();
    if (this.policy === 'poison') for (const s of parcel.set) tags.set(s, row.amount);
    else for (const [units, tag] of parcel.lots) tags.set(tag, (tags.get(tag) ?? 0n) + units);
    this.carried.set(keyOf(row), { row, status: 'ok', tags, info });
    this.receive(row, tags);
    for (const source of this.sources)
      if ((tags.get(source) ?? 0n) > 0n)
        this.hops.push({ row, key: keyOf(row), source, tainted: tags.get(source), hop: info.get(source).hop,
          parent: info.get(source).parent });
  }

  receive(row, tags) {
    if (!this.received.has(row.to)) this.received.set(row.to, new Map());
    const assets = this.received.get(row.to);
    if (!assets.has(row.asset)) assets.set(row.asset, { amount: 0n, tags: new Map() });
    const all = assets.get(row.asset);
    all.amount += row.amount;
    for (const [tag, units] of tags) all.tags.set(tag, (all.tags.get(tag) ?? 0n) + units);
  }

  // Section 10 for one transfer.
  check(row) {
    const { status, tags } = this.carried.get(keyOf(row));
    return { status, amount: row.amount, ...this.split(tags, row.amount) };
  }

  // What each source has in the transfer, and the keys of the path from its origin.
  sourcesOf(row) {
    return this.hops.filter((hop) => hop.key === keyOf(row)).map(({ key, source, tainted, hop, parent }) => {
      const path = [key];
      for (let at = parent; at; at = this.hops.find((h) => h.key === at && h.source === source).parent) path.unshift(at);
      return { source, amount: tainted, hop, path };
    });
  }

  split(tags, amount) {
    const sources = this.sources.map((s) => tags.get(s) ?? 0n);
    const tainted = this.policy === 'poison' ? (sources.some((v) => v > 0n) ? amount : 0n) : sum(sources);
    const unknown = this.policy === 'poison' ? 0n : tags.get('unknown') ?? 0n;
    return { tainted, unknown, clean: amount - tainted - unknown };
  }

  // Section 9.1; throws if the books do not balance.
  verify() {
    for (const [key, counters] of this.totals) {
      const of = (...names) => sum(names.map((name) => counters[name] ?? 0n));
      const into = of('seeded', 'emitted', 'created', 'convertedIn');
      const out = of('held', 'service', 'mixer', 'bridge', 'venue', 'burned', 'fees', 'converted', 'retagged');
      if (into !== out) throw new Error(`${this.policy}: totals of ${key} do not balance: ${into} and ${out}`);
    }
  }
}
