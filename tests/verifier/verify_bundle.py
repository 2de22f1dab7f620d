"""A second, independent check of an evidence bundle (docs/evidence.md), in Python's standard library alone: digests, headers,
proofs in the tries, hashes, senders from signatures, and that the transfers are exactly those that follow from proven bytes; then that every flagged
hop is one of these transfers and that paths hang together. It shares nothing with the program; the replay itself is what the
taint specification describes, and is not repeated here.

    python3 verify_bundle.py DIRECTORY...     a line for each; exit 0: all holds, 5: it does not
"""
import csv
import functools
import hashlib
import io
import json
import pathlib
import re
import sys
import time

COLUMNS = {
    "transfers.csv": "block,txi,idx,kind,asset,from,to,amount,link,leg,time,transaction_hash,block_number,grade,log_index".split(","),
    "blocks.csv": "number,hash,time,grade,header".split(",")}
KINDS = ["value", "internal", "token", "reward", "fee", "opening", "adjust"]
FILES = ["transfers.csv", "seeds.csv", "labels.csv", "assets.csv", "explored.txt", "blocks.csv", "headers.rlp", "nodes.rlp", "result.json"]
GRADES = ["proven", "linked", "single", "asserted", "inferred"]
VOID = "0x" + "0" * 40
SETTLEMENT = "0x" + "42".ljust(38, "0") + "1a"  # of the OP Stack: receipts state what goes there, no root covers it


class Fault(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Fault(text)


# ---- Keccak-256, padding 0x01 ----

ROTATIONS = [[0, 36, 3, 41, 18], [1, 44, 10, 45, 2], [62, 6, 43, 15, 61], [28, 55, 25, 21, 56], [27, 20, 39, 8, 14]]
MASK = (1 << 64) - 1


def round_constants():
    constants, lfsr = [], 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if lfsr & 1:
                constant |= 1 << ((1 << j) - 1)
            lfsr = (lfsr << 1) ^ (0x171 if lfsr & 0x80 else 0)
        constants.append(constant)
    return constants


CONSTANTS = round_constants()
# Lane x, y is at x + 5 y. To, from, its column, how far left and how far right; then each lane and the next two of its row.
MOVES = [(y + (2 * x + 3 * y) % 5 * 5, x + 5 * y, x, ROTATIONS[x][y], 64 - ROTATIONS[x][y]) for x in range(5) for y in range(5)]
ROWS = [(x + 5 * y, (x + 1) % 5 + 5 * y, (x + 2) % 5 + 5 * y) for y in range(5) for x in range(5)]


def rotate(value, by):
    return ((value << by) | (value >> (64 - by))) & MASK


def permute(a):
    for constant in CONSTANTS:
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        d = [c[x - 1] ^ rotate(c[(x + 1) % 5], 1) for x in range(5)]
        b = [0] * 25
        for to, at, x, left, right in MOVES:
            value = a[at] ^ d[x]
            b[to] = (value << left | value >> right) & MASK
        a = [b[at] ^ (~b[one] & b[two]) for at, one, two in ROWS]
        a[0] ^= constant
    return a


@functools.lru_cache(None)  # bundles of one chain hold the same nodes
def keccak(data):
    rate = 136
    padded = data + b"\x01" + b"\x00" * (-(len(data) + 1) % rate)
    padded = padded[:-1] + bytes([padded[-1] | 0x80])
    a = [0] * 25
    for at in range(0, len(padded), rate):
        for i in range(rate // 8):
            a[i] ^= int.from_bytes(padded[at + 8 * i:at + 8 * i + 8], "little")
        a = permute(a)
    return b"".join(a[i].to_bytes(8, "little") for i in range(4))


# ---- RLP ----

def item_at(data, at):
    """(payload begin, payload end, is list) of the item at `at`."""
    need(at < len(data), "RLP: ends too soon")
    first = data[at]
    if first < 0x80:
        return at, at + 1, False
    base = 0xC0 if first >= 0xC0 else 0x80
    size, head = first - base, 1
    if size > 55:
        head += size - 55
        size = int.from_bytes(data[at + 1:at + head], "big")
        need(size > 55 and data[at + 1] != 0, "RLP: a length that is not the shortest")
    need(at + head + size <= len(data), "RLP: ends too soon")
    need(base == 0xC0 or size != 1 or data[at + head] >= 0x80, "RLP: a byte that would stand for itself")
    return at + head, at + head + size, base == 0xC0


def items(data, depth=0):
    """The items of a byte string: bytes, or lists of items."""
    out, at = [], 0
    while at < len(data):
        begin, end, is_list = item_at(data, at)
        need(not is_list or depth < 8, "RLP: too deep")
        out.append(items(data[begin:end], depth + 1) if is_list else data[begin:end])
        at = end
    return out


def one(data, what):
    """The one list that the bytes are."""
    found = items(data)
    need(len(found) == 1 and isinstance(found[0], list), f"{what}: not one list")
    return found[0]


def texts(data):
    """The same, one level only, each with its head."""
    out, at = [], 0
    while at < len(data):
        _, end, _ = item_at(data, at)
        out.append(data[at:end])
        at = end
    return out


def encode(value):
    if isinstance(value, int):
        value = value.to_bytes((value.bit_length() + 7) // 8, "big")
    if isinstance(value, list):
        payload, base = b"".join(encode(item) for item in value), 0xC0
    elif len(value) == 1 and value[0] < 0x80:
        return value
    else:
        payload, base = value, 0x80
    if len(payload) < 56:
        return bytes([base + len(payload)]) + payload
    size = len(payload).to_bytes((len(payload).bit_length() + 7) // 8, "big")
    return bytes([base + 55 + len(size)]) + size + payload


def number(data, size=32):
    need(isinstance(data, bytes) and len(data) <= size and not data.startswith(b"\0"), "RLP: an integer that is not the shortest")
    return int.from_bytes(data, "big")


def fixed(data, size):
    need(isinstance(data, bytes) and len(data) == size, f"RLP: {size} bytes were expected")
    return data


# ---- tries ----

EMPTY_ROOT = keccak(b"\x80")


def node_at(nodes, name):
    need(name in nodes, f"nodes.rlp: node {name.hex()} is missing")
    nodes.used.add(name)
    return one(nodes[name], "nodes.rlp")


def nibbles_of(path):
    """(nibbles, whether it is a leaf's) of a hex-prefix path."""
    need(isinstance(path, bytes) and path and path[0] < 0x40 and (path[0] & 0x10 or not path[0] & 0x0F), "nodes.rlp: no path")
    nibbles = [n for byte in path for n in (byte >> 4, byte & 15)]
    return nibbles[1 if nibbles[0] & 1 else 2:], nibbles[0] & 2


def look_up(root, index, nodes):
    """The value at rlp(index), None: proven absent."""
    path = [n for byte in encode(index) for n in (byte >> 4, byte & 15)]
    if root == EMPTY_ROOT:
        return None
    node = node_at(nodes, root)
    while True:
        need(len(node) in (2, 17), "nodes.rlp: not a node of a trie")
        if len(node) == 17:
            need(path and node[16] == b"", "nodes.rlp: a key ends at a branch")
            child, path = node[path[0]], path[1:]
            if child == b"":
                return None
        else:
            nibbles, is_leaf = nibbles_of(node[0])
            need(not is_leaf or (isinstance(node[1], bytes) and node[1]), "nodes.rlp: a leaf without a value")
            if path[:len(nibbles)] != nibbles or (is_leaf and len(path) != len(nibbles)):
                return None
            if is_leaf:
                return node[1]
            need(nibbles, "nodes.rlp: an extension of nothing")
            child, path = node[1], path[len(nibbles):]
        if isinstance(child, list):
            need(len(encode(child)) < 32, "nodes.rlp: a long node within another")
            node = child
        else:
            node = node_at(nodes, fixed(child, 32))
            need(len(nodes[child]) >= 32, "nodes.rlp: a short node by its hash")


# ---- signatures on secp256k1 ----

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798, 0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)


def double(p):
    x, y, z = p
    if y == 0:
        return 0, 1, 0
    s, m = 4 * x * y * y % P, 3 * x * x % P
    u = (m * m - 2 * s) % P
    return u, (m * (s - u) - 8 * pow(y, 4, P)) % P, 2 * y * z % P


def add(p, q):
    if p[2] == 0:
        return q
    if q[2] == 0:
        return p
    z1, z2 = p[2] * p[2] % P, q[2] * q[2] % P
    u1, u2, s1, s2 = p[0] * z2 % P, q[0] * z1 % P, p[1] * z2 * q[2] % P, q[1] * z1 * p[2] % P
    if u1 == u2:
        return double(p) if s1 == s2 else (0, 1, 0)
    h, r = (u2 - u1) % P, (s2 - s1) % P
    h2, h3 = h * h % P, h * h * h % P
    x = (r * r - h3 - 2 * u1 * h2) % P
    return x, (r * (u1 * h2 - x) - s1 * h3) % P, h * p[2] * q[2] % P


def times(k, p, l, q):
    """k p + l q"""
    p, q, total = (*p, 1), (*q, 1), (0, 1, 0)
    sums = [None, p, q, add(p, q)]
    for bit in reversed(range(256)):
        total = double(total)
        if which := (k >> bit & 1) + 2 * (l >> bit & 1):
            total = add(total, sums[which])
    return total


@functools.lru_cache(None)
def signer(digest, parity, r, s):
    need(0 < r < N and 0 < s < N and parity in (0, 1), "a signature out of range")
    square = (pow(r, 3, P) + 7) % P
    y = pow(square, (P + 1) // 4, P)
    need(y * y % P == square, "a signature that no key makes")
    y = y if y & 1 == parity else P - y
    inverse = pow(r, -1, N)
    point = times(s * inverse % N, (r, y), -int.from_bytes(digest, "big") * inverse % N, G)
    need(point[2], "a signature that no key makes")
    z = pow(point[2], -1, P)
    x, y = point[0] * z * z % P, point[1] * z * z * z % P
    return "0x" + keccak(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:].hex()


# ---- rules of chains: what differs between them and from height to height ----

NEVER = 1 << 64
BUILT_IN = {  # chain id and first block of the networks whose names are taken
    "ethereum": (1, "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"),
    "ronin": (2020, "0x6e675ee97607f4e695188786c3c1853fb1562f1c075629eb5dbcff269422a1a4")}
RULES = {
    "ethereum": {"homestead": 1150000, "spurious_dragon": 2675000, "byzantium": 4370000,
                 "blobs": [(1710338135, 3338477), (1746612311, 5007716), (1765290071, 8346193), (1767747671, 11684671)]},
    "latest": {},
    # the base fee goes to the treasury, later to a contract of the OP Stack; that has 0x7E from then on
    "ronin": {"base_fee": [(43447600, "0xb903e3936d3ca90b69b29f1df2810083a2dc0d71"), (55577490, "0x" + "42".ljust(38, "0") + "19")],
              "sponsored": True, "deposits": True, "free": True},
}


def latest(table, at, otherwise):
    return next((value for first, value in reversed(table) if first <= at), otherwise)


def read_header(text):
    parts = one(text, "headers.rlp")
    need(len(parts) >= 15, "headers.rlp: no header")
    for place, size in {0: 32, 1: 32, 2: 20, 3: 32, 4: 32, 5: 32, 6: 256, 13: 32, 14: 8}.items():
        fixed(parts[place], size)
    need(isinstance(parts[12], bytes), "headers.rlp: no header")
    header = {"number": number(parts[8], 8), "time": number(parts[11], 8), "parent": "0x" + parts[0].hex(), "miner": "0x" + parts[2].hex(),
              "transactions": parts[4], "receipts": parts[5], "base_fee": 0, "withdrawals": EMPTY_ROOT, "excess": None,
              "hash": "0x" + keccak(text).hex()}
    for place, size in ((7, 32), (9, 8), (10, 8)):
        number(parts[place], size)
    more = parts[15:]
    if more:
        header["base_fee"] = number(more.pop(0))
    if more and len(more[0]) == 32:  # Ronin's have blob gas there
        header["withdrawals"] = fixed(more.pop(0), 32)
    if more:
        number(more.pop(0), 8)
        header["excess"] = number(more.pop(0), 8)
    for _ in range(2):  # of the beacon chain: a block's root, a hash of requests
        if more:
            fixed(more.pop(0), 32)
    if more:
        fixed(more.pop(0), 32)
        number(more.pop(0), 8)
    need(not more, "headers.rlp: more members than a header has")
    return header


# ---- transactions and receipts ----

# type: places of chain id, nonce, price or (priority fee, fee), to, value; how many members
SHAPES = {1: (0, 1, (2, 2), 4, 5, 11), 2: (0, 1, (2, 3), 5, 6, 12), 3: (0, 1, (2, 3), 5, 6, 14), 4: (0, 1, (2, 3), 5, 6, 13),
          0x64: (0, 1, (2, 3), 5, 6, 15)}
LISTS = {1: [7], 2: [8], 3: [8, 10], 4: [8, 9], 0x64: []}


def signed_by(digest, parity, r, s, rules, header):
    need(header["number"] < rules.get("homestead", 0) or number(s) <= N // 2, "a signature in the upper half")
    return signer(digest, parity, number(r), number(s))


def target_of(to, sender, nonce):
    need(isinstance(to, bytes) and len(to) in (0, 20), "a recipient that is no address")
    return "0x" + (to.hex() if to else keccak(encode([bytes.fromhex(sender[2:]), nonce]))[12:].hex())


def read_deposit(parts):
    """Made by the OP Stack: nobody signs it, and it pays no fee. Its nonce stands in its receipt."""
    need(len(parts) == 8 and number(parts[6], 8) <= 1 and isinstance(parts[7], bytes), "not a deposit")
    fixed(parts[0], 32), number(parts[5], 8)
    sender = "0x" + fixed(parts[1], 20).hex()
    return {"type": 0x7E, "sender": sender, "payer": sender, "to": parts[2], "nonce": None, "value": number(parts[4]), "price": 0, "gas": 0,
            "mint": number(parts[3]), "blobs": 0}


def read_transaction(data, chain_id, rules, header):
    if data[0] >= 0xC0:
        parts = one(data, "a transaction")
        need(len(parts) == 9, "not a legacy transaction")
        v = number(parts[6])
        protected = v > 28
        need(not protected or header["number"] >= rules.get("spurious_dragon", 0), "a v of later blocks")
        signed = encode(parts[:6] + ([chain_id, b"", b""] if protected else []))
        parity, price, gas, to, value, nonce, kind = (v - (35 + 2 * chain_id if protected else 27), number(parts[1]), number(parts[2], 8), parts[3],
                                                      number(parts[4]), number(parts[0], 8), 0)
    else:
        kind = data[0]
        parts = one(data[1:], "a transaction")
        if kind == 0x7E and rules.get("deposits"):
            return read_deposit(parts)
        need(kind in SHAPES and (kind != 0x64 or rules.get("sponsored")), f"transactions of type {kind} are not known here")
        chain, place, prices, to_place, value_place, count = SHAPES[kind]
        need(len(parts) == count, f"not a transaction of type {kind}")
        need(number(parts[chain]) == chain_id, "a transaction of another chain")
        signed = bytes([kind]) + encode(parts[:-3])
        parity, nonce, gas, to, value = (number(parts[-3]), number(parts[place], 8), number(parts[prices[1] + 1], 8), parts[to_place],
                                         number(parts[value_place]))
        tip, fee = number(parts[prices[0]]), number(parts[prices[1]])
        need(tip <= fee and header["base_fee"] + tip < 1 << 256, "a tip above the fee")
        price = fee if kind == 1 else min(fee, header["base_fee"] + tip)
    for place, part in enumerate(parts):
        need(isinstance(part, list) == (place in LISTS.get(kind, [])), f"not a transaction of type {kind}")
    sender = payer = signed_by(keccak(signed), parity, parts[-2], parts[-1], rules, header)
    if kind == 0x64:  # a second account signs that it pays
        number(parts[8])
        paid = encode([parts[0], bytes.fromhex(sender[2:]), *parts[1:9]])
        payer = signed_by(keccak(paid), number(parts[9]), parts[10], parts[11], rules, header)
    return {"type": kind, "sender": sender, "payer": payer, "to": to, "nonce": nonce, "value": value, "price": price, "gas": gas, "mint": 0,
            "blobs": len(parts[10]) if kind == 3 else 0}


def read_receipt(data, rules, header):
    kind = data[0] if data[0] < 0x80 else 0
    parts = one(data[1:] if kind else data, "a receipt")
    need(len(parts) == 4 or (kind == 0x7E and len(parts) == 6 and [number(part, 8) for part in parts[4:]]), "not a receipt")
    status, gas, bloom, logs = parts[:4]
    fixed(bloom, 256)
    ok = None  # before Byzantium it is not said
    if header["number"] >= rules.get("byzantium", 0):
        ok = number(status) == 1
        need(number(status) <= 1, "a status that is none")
    else:
        fixed(status, 32)
    need(isinstance(logs, list), "not a receipt")
    for log in logs:
        need(isinstance(log, list) and len(log) == 3 and isinstance(log[1], list) and len(log[1]) <= 4 and isinstance(log[2], bytes), "not a log")
        fixed(log[0], 20)
        all(fixed(topic, 32) for topic in log[1])
    return {"type": kind, "ok": ok, "gas": number(gas, 8), "logs": logs, "nonce": number(parts[4], 8) if len(parts) == 6 else 0}


TRANSFER = keccak(b"Transfer(address,address,uint256)")
SINGLE = keccak(b"TransferSingle(address,address,address,uint256,uint256)")
BATCH = keccak(b"TransferBatch(address,address,address,uint256[],uint256[])")
DEPOSIT = keccak(b"Deposit(address,uint256)")
WITHDRAWAL = keccak(b"Withdrawal(address,uint256)")
NATIVE = b"\xff" * 19 + b"\xfe"  # says with Transfer what native coin did (EIP-7708), which is known already


def account(word):
    return None if any(word[:12]) else "0x" + word[12:].hex()


def words(data):
    return [int.from_bytes(data[i:i + 32], "big") for i in range(0, len(data), 32)]


def batch_of(log, contract, who):
    w = words(log[2])
    if len(log[2]) % 32 or len(w) < 4 or None in who:
        return []
    arrays = []
    for offset in w[:2]:
        if offset % 32 or offset // 32 >= len(w) or w[offset // 32] > len(w) - offset // 32 - 1:
            return []
        arrays.append(w[offset // 32 + 1:][:w[offset // 32]])
    return [] if len(arrays[0]) != len(arrays[1]) else [(f"{contract}/{i}", *who, amount) for i, amount in zip(*arrays)]


def rows_of_log(logs, place, wrappers):
    """(asset, from, to, amount) of the tokens that a log moves."""
    log = logs[place]
    contract, topics, data = "0x" + log[0].hex(), log[1], log[2]
    if not topics or (topics[0] == TRANSFER and log[0] == NATIVE):
        return []
    shape = (len(topics), len(data))
    if topics[0] == TRANSFER and shape == (1, 96):
        who, asset, amount = (account(data[:32]), account(data[32:64])), f"{contract}/{words(data)[2]}", 1
    elif topics[0] == TRANSFER and shape == (3, 32):
        who, asset, amount = (account(topics[1]), account(topics[2])), contract, words(data)[0]
    elif topics[0] == TRANSFER and shape == (4, 0):
        who, asset, amount = (account(topics[1]), account(topics[2])), f"{contract}/{words(topics[3])[0]}", 1
    elif topics[0] == SINGLE and shape == (4, 64):
        who, asset, amount = (account(topics[2]), account(topics[3])), f"{contract}/{words(data)[0]}", words(data)[1]
    elif topics[0] == BATCH and len(topics) == 4:
        return batch_of(log, contract, (account(topics[2]), account(topics[3])))
    elif topics[0] in (DEPOSIT, WITHDRAWAL) and shape == (2, 32) and contract in wrappers and account(topics[1]):
        here, amount = account(topics[1]), words(data)[0]
        move = (contract, VOID, here, amount) if topics[0] == DEPOSIT else (contract, here, VOID, amount)
        told = [other for other in logs[max(place - 1, 0):place] + logs[place + 1:place + 2] if other[1] and other[1][0] == TRANSFER and len(other[1]) == 3]
        return [] if any(rows_of_log([other], 0, ()) == [move] for other in told) else [move]
    else:
        return []
    return [] if None in who else [(asset, *who, amount)]


def blob_price(excess, fraction):
    """fake_exponential of EIP-4844"""
    total, term, i = 0, fraction, 1
    while term:
        total, term, i = total + term, term * excess // (fraction * i), i + 1
    return total // fraction


def rows_of(transaction, receipt, gas, header, rules, wrappers):
    """(kind, asset, from, to, amount, place of its log) of everything that the bytes say, in order."""
    payer, price, rows = transaction["payer"], transaction["price"], []
    burned = latest(rules.get("base_fee", []), header["number"], VOID)
    if transaction["type"] != 0x7E and (price or not rules.get("free")):
        need(price >= header["base_fee"], "a price below the base fee")
        rows.append(("fee", payer, burned, gas * header["base_fee"]))
        if transaction["type"] == 3:
            fraction = latest(rules.get("blobs", []), header["time"], None)
            need(fraction is None or header["excess"] is not None, "the price of blobs is not known")
            rows.append(("fee", payer, burned, None) if fraction is None else  # asserted: nothing that is hashed gives it
                        ("fee", payer, burned, transaction["blobs"] * 131072 * blob_price(header["excess"], fraction)))
        rows.append(("fee", payer, header["miner"], gas * (price - header["base_fee"])))
    rows = [row for row in rows if row[1] != row[2]]
    rows.append(("reward", VOID, transaction["sender"], transaction["mint"]))
    if receipt["ok"] is not False:
        nonce = receipt["nonce"] if transaction["nonce"] is None else transaction["nonce"]
        rows.append(("value", transaction["sender"], target_of(transaction["to"], transaction["sender"], nonce), transaction["value"]))
    out = [(kind, "native", sender, to, amount, None) for kind, sender, to, amount in rows if amount != 0]
    if receipt["ok"] is not False:
        logs = receipt["logs"]
        out += [("token", *move, place) for place in range(len(logs)) for move in rows_of_log(logs, place, wrappers)]
    return out


# ---- the bundle ----

class Nodes(dict):
    """By hash, and which of them a proof needed."""

    def __init__(self):
        super().__init__()
        self.used = set()


class Bundle:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.data = {}

    def check_manifest(self):
        text = (self.path / "manifest.json").read_bytes()
        self.manifest = manifest = strict_json(text)
        need(manifest["schema"] == "tracer/evidence/1", "manifest.json: another schema")
        seal, manifest["seal"] = manifest["seal"], ""
        plain = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        need(hashlib.sha256(plain.encode()).hexdigest() == seal, "manifest.json: the seal does not fit")
        need(text.decode() == plain.replace('"seal": ""', f'"seal": "{seal}"'), "manifest.json: not in its form")
        need(set(manifest) == {"schema", "version", "commit", "network", "blocks", "options", "counts", "files", "seal"}, "manifest.json: other members")
        need(not re.search(r"[\x00-\x1f\x7f]", "".join(manifest[name] for name in ("version", "commit"))), "manifest.json: control characters")
        need([file["name"] for file in manifest["files"]] == FILES, "manifest.json: other files")
        need({p.name for p in self.path.iterdir()} == {*FILES, "manifest.json"}, "files that do not belong to the bundle")
        for file in manifest["files"]:
            path = self.path / file["name"]
            need(path.is_file() and not path.is_symlink(), f"{file['name']}: not a file")
            data = path.read_bytes()
            need(len(data) == file["size"] and hashlib.sha256(data).hexdigest() == file["sha256"], f"{file['name']}: another digest")
            self.data[file["name"]] = data

    def lines(self, name):
        return list(csv.DictReader(io.StringIO(self.data[name].decode())))

    def table(self, name):
        """Lines of plain cells, each ended, in the columns that the file has."""
        text = self.data[name].decode("ascii")
        need(re.fullmatch("[a-z0-9,_/\n-]*\n", text) and "\n\n" not in text, f"{name}: not in its form")
        lines = [line.split(",") for line in text[:-1].split("\n")]
        need(lines[0] == COLUMNS[name] and all(len(line) == len(lines[0]) for line in lines), f"{name}: other columns")
        return [dict(zip(lines[0], line)) for line in lines[1:]]

    def read_blocks(self):
        network, hashes = self.manifest["network"], []
        own = BUILT_IN.get(network["name"])
        need(not own or own[0] == network["chain_id"] and network["anchor"] in (None, {"number": 0, "hash": own[1]}), "manifest.json: another network's name")
        self.nodes, headers, self.blocks, self.rules = Nodes(), {}, {}, RULES.get(network["rules"])
        for node in texts(self.data["nodes.rlp"]):
            hashes.append(keccak(node))
            self.nodes[hashes[-1]] = node
        need(all(a < b for a, b in zip(hashes, hashes[1:])), "nodes.rlp: not in the order of hashes")
        before = None
        for text in texts(self.data["headers.rlp"]):
            header = read_header(text)
            need(self.rules is not None and network["anchor"], "manifest.json: headers, but no rules or no anchor")
            need(before is None or before["number"] < header["number"], "headers.rlp: not in order")
            need(before is None or before["number"] + 1 < header["number"] or before["hash"] == header["parent"], "headers.rlp: not the block before")
            need(header["number"] != network["anchor"]["number"] or header["hash"] == network["anchor"]["hash"], "headers.rlp: another anchor")
            headers[header["hash"]] = before = header
        last = -1
        for line in self.table("blocks.csv"):
            at = whole(line["number"], 63)
            header = headers.pop(line["hash"], None) if line["header"] == "yes" else None
            need(at > last and (not line["hash"] or re.fullmatch("0x[0-9a-f]{64}", line["hash"])), "blocks.csv: not in order, or no hash")
            need(header or line["header"] == "no", f"blocks.csv: the header of block {at} is missing")
            need(header or GRADES.index(line["grade"]) >= 3, f"blocks.csv: block {at} claims {line['grade']} without a header")
            need(not header or (header["number"] == at and header["time"] == whole(line["time"])), "blocks.csv: another number or time")
            self.blocks[at], last = {"header": header, "time": whole(line["time"]), "hash": line["hash"], "grade": GRADES.index(line["grade"])}, at
        need(not headers, "headers.rlp: headers of no block")

    def check_transaction(self, block, index, rows):
        header = block["header"]
        data, after = (look_up(header[which], index, self.nodes) for which in ("transactions", "receipts"))
        before = look_up(header["receipts"], index - 1, self.nodes) if index else None
        where = f"transaction {index} of block {header['number']}"
        need(data and after and (before or not index), f"{where} is not proven")
        need(rows[0]["transaction_hash"] == "0x" + keccak(data).hex(), f"{where} has another hash")
        transaction = read_transaction(data, self.manifest["network"]["chain_id"], self.rules, header)
        receipt = read_receipt(after, self.rules, header)
        gas = receipt["gas"] - (read_receipt(before, self.rules, header)["gas"] if before else 0)
        need(gas > 0 and receipt["type"] == transaction["type"], f"{where}: its receipt is another's")
        wanted = rows_of(transaction, receipt, gas, header, self.rules, self.manifest["network"]["wrappers"])
        found = [row for row in rows if row["kind"] != "internal" and (row["kind"], row["to"]) != ("fee", SETTLEMENT)]
        guessed = receipt["ok"] is None and not receipt["logs"] and gas >= transaction["gas"]  # it may have failed
        if guessed and "value" not in {row["kind"] for row in found}:
            wanted = [row for row in wanted if row[0] != "value"]
        unsaid = [row[4] is None for row in wanted]
        need(len(found) == len(wanted), f"{where}: rows that are missing, or too many")
        wanted = [(*row[:4], whole(there["amount"], 256), None) if row[4] is None else row for row, there in zip(wanted, found)]
        need([(row["kind"], *self.plain(row)) for row in found] == [row[:5] for row in wanted], f"{where}: its rows are not what its bytes say")
        bases = {int(row["log_index"] or -1) - place for row, (*_, place) in zip(found, wanted) if place is not None}
        need(len(bases) <= 1 and min(bases, default=0) >= 0, f"{where}: the places of its logs")
        need(all(bool(row["log_index"]) == (place is not None) for row, (*_, place) in zip(found, wanted)), f"{where}: a log too many")
        for row, asserted in zip(found, unsaid):
            row["best"] = 3 if asserted or (guessed and row["kind"] == "value") else block["grade"]
        return len(found) - sum(unsaid) - (guessed and "value" in {row["kind"] for row in found})

    @staticmethod
    def plain(row):
        return row["asset"], row["from"], row["to"], whole(row["amount"], 256)

    def check_withdrawals(self, block, rows):
        wanted, index, header = [], 0, block["header"]
        if self.rules.get("deposits"):  # the root is of something else there
            return 0
        while (data := look_up(header["withdrawals"], index, self.nodes)) is not None:
            _, _, to, gwei = parts = one(data, "a withdrawal")
            number(parts[0], 8), number(parts[1], 8)
            wanted += [("reward", "native", VOID, "0x" + fixed(to, 20).hex(), number(gwei, 8) * 10**9)] if number(gwei, 8) else []
            index += 1
        rows = rows[len(rows) - len(wanted):] if wanted else []
        need([(row["kind"], *self.plain(row)) for row in rows] == wanted, f"withdrawals of block {header['number']}")
        for row in rows:
            row["best"] = block["grade"]
        return len(wanted)

    def check_rows(self):
        self.rows, groups, self.proven, last = {}, {}, 0, (-1, 0, 0)
        for row in self.table("transfers.csv"):
            place = (whole(row["block"], 63), whole(row["txi"].removeprefix("-"), 31) * (-1 if row["txi"][0] == "-" else 1), whole(row["idx"], 32))
            key = f"{row['block']}:{row['txi']}:{row['idx']}"
            need(place > last and place[1] >= -1, f"transfers.csv: {key} is not in order")
            need(row["kind"] in KINDS and re.fullmatch("native|0x[0-9a-f]{40}(/[0-9]+)?", row["asset"]), f"transfers.csv: the kind or asset of {key}")
            need(all(re.fullmatch("0x[0-9a-f]{40}", row[end]) for end in ("from", "to")), f"transfers.csv: an account of {key}")
            whole(row["amount"], 256), whole(row["log_index"] or "0", 32)
            need((row["leg"] in ("in", "out")) if whole(row["link"] or "0", 31) else row["leg"] == "", f"transfers.csv: the link of {key}")
            row["best"], self.rows[key], last = 3, row, place
            groups.setdefault(place[:2], []).append(row)
        transactions = proven = 0
        for (at, index), rows in groups.items():
            need(at in self.blocks, f"blocks.csv: block {at} is missing")
            block, within = self.blocks[at], 0 <= index < 2**31 - 1
            transactions += within
            need(all(whole(row["time"] or "0") == block["time"] for row in rows), f"transfers.csv: the time of block {at}")
            need(len({row["transaction_hash"] for row in rows}) == 1, f"transfers.csv: hashes of transaction {index} of block {at}")
            need(not block["header"] or {row["block_number"] for row in rows} <= {str(at), ""}, f"transfers.csv: the number of block {at}")
            if block["header"] and within:
                self.proven += self.check_transaction(block, index, rows)
                proven += 1
            elif block["header"] and index == 2**31 - 1:
                self.proven += self.check_withdrawals(block, rows)
            for row in rows:
                need(GRADES.index(row["grade"]) >= row["best"], f"transfers.csv: {row['block']}:{row['txi']}:{row['idx']} claims {row['grade']}")
        need(self.nodes.used == set(self.nodes), "nodes.rlp: nodes that no proof needs")
        need({at for at, _ in groups} == set(self.blocks), "blocks.csv: blocks without a transfer")
        counts = self.manifest["counts"]
        need([counts["blocks"], counts["transactions"], counts["transactions_proven"], counts["rows"]] ==
             [len(self.blocks), transactions, proven, len(self.rows)], "manifest.json: other counts")

    def strict(self, name, heading, pattern):
        """Lines of one form behind a heading, each ended."""
        text = self.data[name].decode("ascii")
        need(text.startswith(heading) and (text.endswith("\n") or not text), f"{name}: not in its form")
        lines = text[len(heading):].split("\n")[:-1]
        need(all(re.fullmatch(pattern, line) for line in lines), f"{name}: not in its form")
        return [line.split(",") for line in lines]

    def check_inputs(self, result):
        address, asset = "0x[0-9a-f]{40}", "native|0x[0-9a-f]{40}(/[0-9]+)?"
        met = {row[end] for row in self.rows.values() for end in ("from", "to")} | {row["asset"][:42] for row in self.rows.values()}
        labels = self.strict("labels.csv", "address,class,emit\n", f"{address},(service|mixer|bridge|venue),[A-Za-z0-9_.-]*")
        assets = self.strict("assets.csv", "asset,decimals,weight,dust\n", f"({asset})(,[0-9]+){{3}}")
        seeds = self.strict("seeds.csv", "source,kind,address,block,txi,idx,amount\n",
                            f"[A-Za-z0-9_.-]+,(address,{address},[0-9]+,,,|transfer,,[0-9]+,-?[0-9]+,[0-9]+,[0-9]*)")
        explored = [line for line, in self.strict("explored.txt", "", address)]
        for number in [cell for line in assets for cell in (*line[1:], *line[0].split("/")[1:])] + [cell.removeprefix("-") for line in seeds for cell in line[3:] if cell]:
            whole(number, 256)
        for name, keys in (("labels.csv", [line[0] for line in labels]), ("assets.csv", [line[0] for line in assets]), ("explored.txt", explored)):
            need(all(a < b for a, b in zip(keys, keys[1:])), f"{name}: not in order")
        need(all(line[2] or line[0] in met for line in labels), "labels.csv: a label that no transfer meets")
        need(all(line[0] == "native" or line[0][:42] in met for line in assets), "assets.csv: an asset that no transfer meets")
        followed, touched = set(explored), {hop[end] for hop in result["hops"] for end in ("from", "to")} | {line[2] for line in seeds if line[1] == "address"}
        need(followed <= touched, "explored.txt: an account that never held anything that is tainted")
        groups = {}
        for row in self.rows.values():
            at = row["block"], row["txi"]
            groups[at] = groups.get(at) or row["from"] in followed or row["to"] in followed
        need(all(groups.values()), "transfers.csv: a transaction that touches no explored account")

    def check_time(self, shown, row, where):
        stamp = int(row["time"] or 0)
        utc = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(stamp)) if stamp else None
        need((shown["transaction_hash"] or "") == row["transaction_hash"] and (shown["time"] or 0) == stamp and shown["time_utc"] == utc,
             f"{where}: another hash or time")

    def check_hop(self, hop, hops):
        row = self.rows.get(hop["key"])
        where = f"result.json: hop {hop['key']}"
        need(row and all(hop[name] == row[name] for name in ("from", "to", "asset", "amount", "kind")), f"{where} is no transfer of the bundle")
        self.check_time(hop, row, where)
        need(hop["block_number"] == int(row["block_number"] or row["block"]) or (not row["block_number"] and hop["block_number"] is None),
             f"{where}: another block")
        need(str("" if hop["log_index"] is None else hop["log_index"]) == row["log_index"], f"{where}: another log")
        need(0 <= whole(hop["tainted"], 256) <= int(hop["amount"]), f"{where} carries more than it moves")
        need(GRADES.index(hop["grade"]) >= row["best"], f"{where} claims {hop['grade']}")
        need(GRADES.index(hop["path_grade"]) >= GRADES.index(hop["grade"]), f"{where}: its path is better than itself")
        if hop["parent"] is None:
            return
        parent = hops.get((hop["parent"], hop["source"]))
        need(parent, f"{where}: its parent is not flagged")
        need(GRADES.index(hop["path_grade"]) >= GRADES.index(parent["path_grade"]), f"{where}: its path is better than its parent's")
        need(hop["leg"] == "out" or parent["to"] == hop["from"], f"{where} does not leave where its parent arrived")
        need(hop["leg"] == "out" or hop["hop"] == parent["hop"] + 1 or hop["hop"] <= parent["hop"], f"{where}: its number")

    def check_tables(self, result):
        classes = {line["address"]: line["class"] for line in self.lines("labels.csv")}
        for shown in result["accounts"]:
            need((shown["label"] or {"class": ""})["class"] == classes.get(shown["address"], ""), f"result.json: the class of {shown['address']}")
        for name, key in (("accounts", "address"), ("assets", "asset")):
            keys = [shown[key] for shown in result[name]]
            need(all(a < b for a, b in zip(keys, keys[1:])), f"result.json: {name} out of order, or twice")
        ends = {hop[end] for hop in result["hops"] for end in ("from", "to")}
        need(ends <= {shown["address"] for shown in result["accounts"]}, "result.json: an end of a hop that is not among its accounts")
        decimals = {line["asset"]: int(line["decimals"]) for line in self.lines("assets.csv")}
        for shown in result["assets"] + result["totals"]:
            listed = shown["asset"] in decimals
            need(shown["recognised"] == listed and (not listed or shown["decimals"] == decimals[shown["asset"]]), f"result.json: asset {shown['asset']}")
        notes = result["limits"]
        need(set(notes) == {"limits", "gaps", "disagreements", "assumptions"} and all(isinstance(note, str) for kind in notes.values() for note in kind)
             and (notes["gaps"] or not result["gapped"]), "result.json: its limits, or gaps of accounts that they leave out")

    def check_result(self):
        result, held = strict_json(self.data["result.json"]), {}
        need(result["schema"] == "tracer/trace/1" and isinstance(result["gapped"], list), "result.json: another schema")
        self.check_inputs(result)
        hops = {(hop["key"], hop["source"]): hop for hop in result["hops"]}
        need(len(hops) == len(result["hops"]), "result.json: a hop stands twice")
        for hop in result["hops"]:
            self.check_hop(hop, hops)
        named = self.lines("seeds.csv")
        need(len(named) == len(result["seeds"]) and result["sources"] == sorted({seed["source"] for seed in named} | {label["emit"] for label in self.lines("labels.csv")} - {""}), "result.json: other seeds")
        for seed, line in zip(result["seeds"], named):
            need((seed["source"], seed["kind"]) == (line["source"], line["kind"]), "result.json: another seed")
            if seed["kind"] == "transfer":
                need(seed["key"] in self.rows, f"result.json: seed {seed['key']} is no transfer of the bundle")
                row = self.rows[seed["key"]]
                self.check_time(seed, row, f"result.json: seed {seed['key']}")
                most = min(int(line["amount"] or row["amount"]), int(row["amount"]))
                need((seed["asset"], seed["amount"]) == (row["asset"], str(most)), f"result.json: the amount of seed {seed['key']}")
        self.check_tables(result)
        network, edges = self.manifest["network"], result["range"]
        need((result["network"]["name"], result["network"]["chain_id"]) == (network["name"], network["chain_id"]), "result.json: another network")
        for end in ("first", "last"):
            need(edges[f"{end}_block"] == self.manifest["blocks"][end], "result.json: another range")
            block = self.blocks.get(edges[f"{end}_block"])
            if block and block["header"]:
                need((edges[f"{end}_hash"], edges[f"{end}_time"]) == (block["hash"], block["time"]), "result.json: another end of the range")
        for place in result["places"]:
            key = place["source"], place["asset"], place["place"], place["account"]
            need(key not in held and key[3], "result.json: a place that stands twice, or is nobody's")
            held[key] = whole(place["amount"], 320)
        for total in result["totals"]:
            came = sum(int(total[name]) for name in ("seeded", "emitted", "converted_in"))
            need(came == sum(int(amount) for amount in total["places"].values()) or result["policy"] == "poison", "result.json: a total that does not balance")
            for name in ("held", "service", "mixer", "bridge", "venue", "not_explored"):
                there = sum(amount for key, amount in held.items() if key[:3] == (total["source"], total["asset"], name))
                need(there == int(total["places"][name]), f"result.json: the places \"{name}\" are not their total")
        return len(hops)


def whole(text, bits=64):
    need(re.fullmatch("0|[1-9][0-9]*", text) and int(text) < 1 << bits, f"not a whole number: {text[:80]}")
    return int(text)


def once(pairs):
    need(len(dict(pairs)) == len(pairs), "JSON: a member stands twice")
    return dict(pairs)


def strict_json(text):
    return json.loads(text.decode(), object_pairs_hook=once, parse_constant=lambda name: need(False, f"JSON: {name}"))


def main(path):
    bundle = Bundle(path)
    try:
        bundle.check_manifest()
        bundle.read_blocks()
        bundle.check_rows()
        hops = bundle.check_result()
    except Fault as fault:
        print(f"it does not hold: {fault}")
        return 5
    except Exception as problem:  # whatever is not as it must be
        print(f"it does not hold: malformed ({type(problem).__name__}: {problem})")
        return 5
    print(f"all holds: {hops} hops, {bundle.proven} of {len(bundle.rows)} transfers from proven bytes")
    return 0


if __name__ == "__main__":
    sys.exit(max([main(path) for path in sys.argv[1:]]))
