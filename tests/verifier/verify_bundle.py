"""A second, independent check of an evidence bundle (docs/evidence.md), in Python's standard library alone: digests, headers,
proofs in the tries, hashes, senders from signatures, and the transfers that follow from proven bytes; then that every flagged
hop is one of these transfers and that paths hang together. It shares nothing with the program; the replay itself is what the
taint specification describes, and is not repeated here.

    python3 verify_bundle.py DIRECTORY        exit 0: all holds, 5: it does not
"""
import csv
import hashlib
import json
import pathlib
import sys

FILES = ["transfers.csv", "seeds.csv", "labels.csv", "assets.csv", "explored.txt", "blocks.csv", "headers.rlp", "nodes.rlp", "result.json"]
GRADES = ["proven", "linked", "single", "asserted", "inferred"]
VOID = "0x" + "0" * 40


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


def rotate(value, by):
    return ((value << by) | (value >> (64 - by))) & MASK


def permute(a):
    for constant in CONSTANTS:
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        d = [c[x - 1] ^ rotate(c[(x + 1) % 5], 1) for x in range(5)]
        b = [[0] * 5 for _ in range(5)]
        for x in range(5):
            for y in range(5):
                b[y][(2 * x + 3 * y) % 5] = rotate(a[x][y] ^ d[x], ROTATIONS[x][y])
        a = [[b[x][y] ^ (~b[(x + 1) % 5][y] & MASK & b[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]
        a[0][0] ^= constant
    return a


def keccak(data):
    rate = 136
    padded = data + b"\x01" + b"\x00" * (-(len(data) + 1) % rate)
    padded = padded[:-1] + bytes([padded[-1] | 0x80])
    a = [[0] * 5 for _ in range(5)]
    for at in range(0, len(padded), rate):
        for i in range(rate // 8):
            a[i % 5][i // 5] ^= int.from_bytes(padded[at + 8 * i:at + 8 * i + 8], "little")
        a = permute(a)
    return b"".join(a[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


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


def items(data):
    """The items of a byte string: bytes, or lists of items."""
    out, at = [], 0
    while at < len(data):
        begin, end, is_list = item_at(data, at)
        out.append(items(data[begin:end]) if is_list else data[begin:end])
        at = end
    return out


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


def number(data):
    need(len(data) <= 32 and not data.startswith(b"\0"), "RLP: an integer that is not the shortest")
    return int.from_bytes(data, "big")


# ---- tries ----

EMPTY_ROOT = keccak(b"\x80")


def look_up(root, index, nodes):
    """The value at rlp(index), None: proven absent."""
    path = [n for byte in encode(index) for n in (byte >> 4, byte & 15)]
    if root == EMPTY_ROOT:
        return None
    need(root in nodes, f"nodes.rlp: node {root.hex()} is missing")
    node = items(nodes[root])[0]
    while True:
        need(isinstance(node, list) and len(node) in (2, 17), "nodes.rlp: not a node of a trie")
        if len(node) == 17:
            need(path, "nodes.rlp: a key ends at a branch")
            child, path = node[path[0]], path[1:]
            if child == b"":
                return None
        else:
            nibbles = [n for byte in node[0] for n in (byte >> 4, byte & 15)]
            is_leaf, nibbles = nibbles[0] & 2, nibbles[1 if nibbles[0] & 1 else 2:]
            if path[:len(nibbles)] != nibbles or (is_leaf and len(path) != len(nibbles)):
                return None
            if is_leaf:
                return node[1]
            child, path = node[1], path[len(nibbles):]
        if not isinstance(child, list):
            need(child in nodes, f"nodes.rlp: node {child.hex()} is missing")
            child = items(nodes[child])[0]
        node = child


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


def times(k, point):
    total, at = (0, 1, 0), (point[0], point[1], 1)
    while k:
        if k & 1:
            total = add(total, at)
        at, k = double(at), k >> 1
    return total


def signer(digest, parity, r, s):
    need(0 < r < N and 0 < s < N and parity in (0, 1), "a signature out of range")
    square = (pow(r, 3, P) + 7) % P
    y = pow(square, (P + 1) // 4, P)
    need(y * y % P == square, "a signature that no key makes")
    y = y if y & 1 == parity else P - y
    inverse = pow(r, -1, N)
    point = add(times(s * inverse % N, (r, y)), times(-int.from_bytes(digest, "big") * inverse % N, G))
    need(point[2], "a signature that no key makes")
    z = pow(point[2], -1, P)
    x, y = point[0] * z * z % P, point[1] * z * z * z % P
    return "0x" + keccak(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:].hex()


# ---- transactions and receipts ----

# type: places of chain id, nonce, price or (priority fee, fee), to, value; blob hashes
SHAPES = {1: (0, 1, (2, 2), 4, 5), 2: (0, 1, (2, 3), 5, 6), 3: (0, 1, (2, 3), 5, 6), 4: (0, 1, (2, 3), 5, 6)}


def read_transaction(data, chain_id, base_fee):
    if data[0] >= 0xC0:
        parts = items(data)[0]
        need(len(parts) == 9, "not a legacy transaction")
        v = number(parts[6])
        protected = v >= 35
        signed = encode(parts[:6] + ([chain_id, b"", b""] if protected else []))
        parity, price, to, value, nonce, kind = v - (35 + 2 * chain_id if protected else 27), number(parts[1]), parts[3], number(parts[4]), number(parts[0]), 0
    else:
        kind = data[0]
        need(kind in SHAPES, f"transactions of type {kind} are not known here")
        chain, place, prices, to_place, value_place = SHAPES[kind]
        parts = items(data[1:])[0]
        need(number(parts[chain]) == chain_id, "a transaction of another chain")
        signed = bytes([kind]) + encode(parts[:-3])
        parity, nonce, to, value = number(parts[-3]), number(parts[place]), parts[to_place], number(parts[value_place])
        tip, fee = number(parts[prices[0]]), number(parts[prices[1]])
        price = fee if kind == 1 else min(fee, base_fee + tip)
    sender = signer(keccak(signed), parity, number(parts[-2]), number(parts[-1]))
    target = "0x" + (to.hex() if to else keccak(encode([bytes.fromhex(sender[2:]), nonce]))[12:].hex())
    return {"type": kind, "sender": sender, "to": target, "value": value, "price": price}


def read_receipt(data):
    status, gas, _, logs = items(data if data[0] >= 0xC0 else data[1:])[0][:4]
    return {"ok": status == b"\x01" or len(status) == 32, "gas": number(gas), "logs": logs}


TRANSFER = keccak(b"Transfer(address,address,uint256)")
SINGLE = keccak(b"TransferSingle(address,address,address,uint256,uint256)")
BATCH = keccak(b"TransferBatch(address,address,address,uint256[],uint256[])")
DEPOSIT = keccak(b"Deposit(address,uint256)")
WITHDRAWAL = keccak(b"Withdrawal(address,uint256)")


def account(word):
    return "0x" + word[12:].hex()


def words(data):
    return [int.from_bytes(data[i:i + 32], "big") for i in range(0, len(data), 32)]


def rows_of_log(log, wrappers):
    """(asset, from, to, amount) of the tokens that a log moves."""
    contract, topics, data = "0x" + log[0].hex(), log[1], log[2]
    if topics and topics[0] == TRANSFER and len(topics) == 3 and len(data) == 32:
        return [(contract, account(topics[1]), account(topics[2]), words(data)[0])]
    if topics and topics[0] == TRANSFER and len(topics) == 4:
        return [(f"{contract}/{int.from_bytes(topics[3], 'big')}", account(topics[1]), account(topics[2]), 1)]
    if topics and topics[0] == SINGLE and len(topics) == 4:
        return [(f"{contract}/{words(data)[0]}", account(topics[2]), account(topics[3]), words(data)[1])]
    if topics and topics[0] == BATCH and len(topics) == 4:
        w = words(data)
        ids, amounts = w[w[0] // 32:], w[w[1] // 32:]
        return [(f"{contract}/{ids[1 + i]}", account(topics[2]), account(topics[3]), amounts[1 + i]) for i in range(ids[0])]
    if topics and topics[0] in (DEPOSIT, WITHDRAWAL) and len(topics) == 2 and contract in wrappers:
        here, amount = account(topics[1]), words(data)[0]
        return [(contract, VOID, here, amount) if topics[0] == DEPOSIT else (contract, here, VOID, amount)]
    return []


# ---- the bundle ----

class Bundle:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.data = {}

    def check_manifest(self):
        text = (self.path / "manifest.json").read_bytes()
        self.manifest = manifest = json.loads(text)
        need(manifest["schema"] == "tracer/evidence/1", "manifest.json: another schema")
        seal, manifest["seal"] = manifest["seal"], ""
        plain = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        need(hashlib.sha256(plain.encode()).hexdigest() == seal, "manifest.json: the seal does not fit")
        need(text.decode() == plain.replace('"seal": ""', f'"seal": "{seal}"'), "manifest.json: not in its form")
        need([file["name"] for file in manifest["files"]] == FILES, "manifest.json: other files")
        need({p.name for p in self.path.iterdir()} == {*FILES, "manifest.json"}, "files that do not belong to the bundle")
        for file in manifest["files"]:
            path = self.path / file["name"]
            need(path.is_file() and not path.is_symlink(), f"{file['name']}: not a file")
            data = path.read_bytes()
            need(len(data) == file["size"] and hashlib.sha256(data).hexdigest() == file["sha256"], f"{file['name']}: another digest")
            self.data[file["name"]] = data

    def table(self, name):
        return list(csv.DictReader(self.data[name].decode().splitlines()))

    def read_blocks(self):
        self.nodes = {keccak(node): node for node in texts(self.data["nodes.rlp"])}
        headers = {}
        for text in texts(self.data["headers.rlp"]):
            parts = items(text)[0]
            headers["0x" + keccak(text).hex()] = {
                "number": number(parts[8]), "time": number(parts[11]), "parent": "0x" + parts[0].hex(), "miner": "0x" + parts[2].hex(),
                "transactions": parts[4], "receipts": parts[5], "base_fee": number(parts[15]) if len(parts) > 15 else 0,
                "withdrawals": parts[16] if len(parts) > 16 and len(parts[16]) == 32 else EMPTY_ROOT}  # Ronin's have blob gas there
        self.blocks = {}
        for line in self.table("blocks.csv"):
            header = headers.pop(line["hash"], None) if line["header"] == "yes" else None
            need(header or line["header"] == "no", f"blocks.csv: the header of block {line['number']} is missing")
            need(header or line["grade"] in ("asserted", "inferred"), f"blocks.csv: block {line['number']} claims {line['grade']} without a header")
            need(not header or (header["number"] == int(line["number"]) and header["time"] == int(line["time"])), "blocks.csv: another number or time")
            self.blocks[int(line["number"])] = header
        need(not headers, "headers.rlp: headers of no block")

    def check_transaction(self, header, index, rows):
        chain_id, wrappers = self.manifest["network"]["chain_id"], self.manifest["network"]["wrappers"]
        data, after = (look_up(header[which], index, self.nodes) for which in ("transactions", "receipts"))
        before = look_up(header["receipts"], index - 1, self.nodes) if index else None
        where = f"transaction {index} of block {header['number']}"
        need(data and after and (before or not index), f"{where} is not proven")
        need(rows[0]["transaction_hash"] == "0x" + keccak(data).hex(), f"{where} has another hash")
        transaction, receipt = read_transaction(data, chain_id, header["base_fee"]), read_receipt(after)
        gas = receipt["gas"] - (read_receipt(before)["gas"] if before else 0)
        sender, native = transaction["sender"], [row for row in rows if row["asset"] == "native"]
        value = [(r["from"], r["to"], int(r["amount"])) for r in native if r["kind"] == "value"]
        wanted = [(sender, transaction["to"], transaction["value"])] if receipt["ok"] and transaction["value"] else []
        need(value == wanted, f"{where}: value rows {value}, its bytes say {wanted}")
        fees = [(r["from"], r["to"], int(r["amount"])) for r in native if r["kind"] == "fee"]
        tip = (sender, header["miner"], gas * (transaction["price"] - header["base_fee"]))
        need(all(fee[0] == sender for fee in fees), f"{where}: a fee that another account pays")
        if transaction["type"] != 3:
            need(sum(fee[2] for fee in fees) == gas * transaction["price"] - (tip[2] if sender == header["miner"] else 0), f"{where}: fees")
            need(tip in fees or not tip[2] or sender == header["miner"], f"{where}: the miner's share")
        tokens = [row for row in rows if row["kind"] == "token"]
        moved = [(ordinal, row) for ordinal, log in enumerate(receipt["logs"]) for row in rows_of_log(log, wrappers)]
        base = int(tokens[0]["log_index"]) - next((o for o, m in moved if m == self.plain(tokens[0])), 0) if tokens else 0
        for row in tokens:
            need((int(row["log_index"]) - base, self.plain(row)) in moved, f"{where}: no log moves what row {row['idx']} says")
        for ordinal, move in moved:
            is_wrap = receipt["logs"][ordinal][1][0] in (DEPOSIT, WITHDRAWAL)
            need(is_wrap or any(self.plain(row) == move for row in tokens), f"{where}: log {ordinal} has no row")
        return sum(row["kind"] != "internal" for row in rows)

    @staticmethod
    def plain(row):
        return row["asset"], row["from"], row["to"], int(row["amount"])

    def check_withdrawals(self, header, rows):
        wanted, index = [], 0
        while (data := look_up(header["withdrawals"], index, self.nodes)) is not None:
            _, _, to, gwei = items(data)[0]
            wanted += [("0x" + to.hex(), number(gwei) * 10**9)] if number(gwei) else []
            index += 1
        found = [(row["to"], int(row["amount"])) for row in rows][len(rows) - len(wanted):]
        need(found == wanted, f"withdrawals of block {header['number']}")
        return len(wanted)

    def check_rows(self):
        self.rows, groups, self.proven = {}, {}, 0
        for row in self.table("transfers.csv"):
            key = f"{row['block']}:{row['txi']}:{row['idx']}"
            need(key not in self.rows, f"transfers.csv: {key} stands twice")
            self.rows[key] = row
            groups.setdefault((int(row["block"]), int(row["txi"])), []).append(row)
        transactions = proven = 0
        for (block, index), rows in groups.items():
            need(block in self.blocks, f"blocks.csv: block {block} is missing")
            header = self.blocks[block]
            transactions += 0 <= index < 2**31 - 1
            if header and 0 <= index < 2**31 - 1:
                self.proven += self.check_transaction(header, index, rows)
                proven += 1
            elif header and index == 2**31 - 1:
                self.proven += self.check_withdrawals(header, rows)
        counts = self.manifest["counts"]
        need([counts["blocks"], counts["transactions"], counts["transactions_proven"], counts["rows"]] ==
             [len(self.blocks), transactions, proven, len(self.rows)], "manifest.json: other counts")

    def check_result(self):
        result = json.loads(self.data["result.json"])
        need(result["schema"] == "tracer/trace/1", "result.json: another schema")
        hops = {(hop["key"], hop["source"]): hop for hop in result["hops"]}
        for hop in result["hops"]:
            row = self.rows.get(hop["key"])
            where = f"result.json: hop {hop['key']}"
            need(row and all(hop[name] == row[name] for name in ("from", "to", "asset", "amount", "kind")), f"{where} is no transfer of the bundle")
            need((hop["transaction_hash"] or "") == row["transaction_hash"] and str(hop["time"]) == row["time"], f"{where}: another hash or time")
            need(0 <= int(hop["tainted"]) <= int(hop["amount"]), f"{where} carries more than it moves")
            need(GRADES.index(hop["grade"]) >= 3 or (self.blocks[int(row["block"])] and row["kind"] != "internal"), f"{where} claims {hop['grade']}")
            need(GRADES.index(hop["path_grade"]) >= GRADES.index(hop["grade"]), f"{where}: its path is better than itself")
            if hop["parent"] is None:
                continue
            parent = hops.get((hop["parent"], hop["source"]))
            need(parent, f"{where}: its parent is not flagged")
            need(GRADES.index(hop["path_grade"]) >= GRADES.index(parent["path_grade"]), f"{where}: its path is better than its parent's")
            need(hop["leg"] == "out" or parent["to"] == hop["from"], f"{where} does not leave where its parent arrived")
            need(hop["leg"] == "out" or hop["hop"] == parent["hop"] + 1 or hop["hop"] <= parent["hop"], f"{where}: its number")
        for total in result["totals"]:
            came = sum(int(total[name]) for name in ("seeded", "emitted", "converted_in"))
            need(came == sum(int(amount) for amount in total["places"].values()), "result.json: a total that does not balance")
        return len(hops)


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
    except (KeyError, ValueError, IndexError, TypeError, OSError) as problem:
        print(f"it does not hold: malformed ({type(problem).__name__}: {problem})")
        return 5
    print(f"all holds: {hops} hops, {bundle.proven} of {len(bundle.rows)} transfers from proven bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
