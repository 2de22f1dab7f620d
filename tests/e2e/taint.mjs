// The taint specification (taint/1, without exchange groups) once more, as plainly as it can be said: lots in
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
  constructor({ policy, seeds, labels, opening = 'unknown' }) {
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
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      if (i === 0 || rows[i - 1].block !== row.block || rows[i - 1].txi !== row.txi) this.activate(row.block);
      this.row(row);
    }
    for (const assets of this.holdings.values())
      for (const [asset, holding] of assets)
        for (const tag of this.order) this.count(asset, tag, 'held', this.unitsOf(holding, tag));
    return this;
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
      const into = of('seeded', 'emitted', 'created');
      const out = of('held', 'service', 'mixer', 'bridge', 'venue', 'burned', 'fees', 'retagged');
      if (into !== out) throw new Error(`${this.policy}: totals of ${key} do not balance: ${into} and ${out}`);
    }
  }
}
