#!/usr/bin/env python3
"""Checks a Fuqi receipt, disclosed fields or a state proof offline, against nothing but a ledger id.

    python3 verify_receipt.py FILE --ledger HEX     one JSON line; exit 0 VALID, 1 INVALID, 2 ERROR
    python3 verify_receipt.py --vectors FILE        checks test/vectors/protocol.json; the same

Python 3.11 and its standard library are enough. It was written from docs/protocol.md alone, and
the § in the comments are that page's sections. ERROR means that there was nothing to judge (no
such file, not JSON, an unknown format); whatever else is wrong with a document makes it INVALID.
"""

import argparse
import base64
import hashlib
import json
import re
import sys

MAX_INTEGER = 2**53 - 1
ZERO = bytes(32)

class Invalid(Exception):
    """The document was read, and it does not prove what it says."""

class Unreadable(Exception):
    """There is no document that could be judged."""

def require(condition, reason):
    if not condition:
        raise Invalid(reason)

def members(value, *names):
    """The values of exactly these members (§8: others are refused)."""
    require(isinstance(value, dict), f'not an object with {", ".join(names)}')
    wrong = ', '.join(sorted(value.keys() ^ set(names)))
    require(not wrong, f'members that are missing or unknown: {wrong}')
    return [value[name] for name in names]

def listed(value):
    # Python would walk over a text or an object as well.
    require(isinstance(value, list), 'not a list')
    return value

# --- Bytes and texts (§1) -------------------------------------------------------------------------

def unhex(text):
    require(isinstance(text, str) and re.fullmatch('[0-9a-f]{64}', text), 'not a digest in hex')
    return bytes.fromhex(text)

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode('ascii')

def unb64(text):
    data = base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))
    # Python skips what isn't base64 and drops stray last bits; §1 allows one text only.
    require(b64(data) == text, 'not strict base64url')
    return data

def whole(value):
    # A Python bool is an int, but true is not a number in the protocol.
    require(type(value) is int and 0 <= value <= MAX_INTEGER, 'not a whole number')
    return value

def parse_json(text):
    """JSON as the protocol needs it: 1.0 and 1e3 are integers, and NaN is refused (by int)."""

    def number(literal):
        return int(float(literal)) if float(literal).is_integer() else float(literal)

    return json.loads(text, parse_float=number, parse_constant=int)

# --- Deterministic CBOR (§1) ----------------------------------------------------------------------

def cbor_head(major, argument):
    if argument < 24:
        return bytes([major << 5 | argument])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * size:
            return bytes([major << 5 | info]) + argument.to_bytes(size, 'big')
    raise Invalid('too long for CBOR')

def cbor(value):
    if value is None or isinstance(value, bool):
        return {False: b'\xf4', True: b'\xf5', None: b'\xf6'}[value]
    if isinstance(value, int):
        require(abs(value) <= MAX_INTEGER, 'an integer beyond 2^53-1')
        return cbor_head(0, value) if value >= 0 else cbor_head(1, -1 - value)
    if isinstance(value, bytes):
        return cbor_head(2, len(value)) + value
    if isinstance(value, str):
        data = value.encode('utf-8')
        return cbor_head(3, len(data)) + data
    if isinstance(value, list):
        return cbor_head(4, len(value)) + b''.join(map(cbor, value))
    require(isinstance(value, dict), f'CBOR has no place for a {type(value).__name__}')
    require(all(isinstance(key, str) for key in value), 'a key that is not a text')
    pairs = sorted((cbor(key), cbor(item)) for key, item in value.items())
    return cbor_head(5, len(value)) + b''.join(key + item for key, item in pairs)

def cbor_item(data, at):
    """The item that starts at `at`, and where the next one starts."""

    def take(count):
        nonlocal at
        require(at + count <= len(data), 'CBOR ends too early')
        at += count
        return data[at - count : at]

    major, info = divmod(take(1)[0], 32)
    if major == 7:
        require(info in (20, 21, 22), 'a CBOR item that the protocol does not use')
        return {20: False, 21: True, 22: None}[info], at
    require(info < 28 and major != 6, 'a CBOR item that the protocol does not use')
    argument = info if info < 24 else int.from_bytes(take(1 << info - 24), 'big')
    if major in (0, 1):
        return (argument if major == 0 else -1 - argument), at
    if major in (2, 3):
        content = take(argument)
        return (content if major == 2 else content.decode('utf-8')), at
    items = []
    for _ in range(argument * (major - 3)):
        item, at = cbor_item(data, at)
        items.append(item)
    return (items if major == 4 else dict(zip(items[::2], items[1::2]))), at

def uncbor(data):
    value, end = cbor_item(data, 0)
    # There is one encoding of a value (§1), so encoding it again finds longer integers, unordered
    # or repeated keys and trailing bytes all at once.
    require(end == len(data) and cbor(value) == data, 'CBOR that is not deterministic')
    return value

# --- Digests and trees (§1, §6) -------------------------------------------------------------------

def sha256(*parts):
    return hashlib.sha256(b''.join(parts)).digest()

def tagged(tag, *parts):
    return sha256(f'fuqi/v1/{tag}'.encode(), b'\0', *parts)

def merkle_root(leaves):
    """RFC 9162 §2.1.1; only the vectors need it."""
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return sha256(b'\0', leaves[0])
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b'\1', merkle_root(leaves[:split]), merkle_root(leaves[split:]))

def included(leaf, inclusion, root):
    """RFC 9162 §2.1.3.2, with its names."""
    index, size, path = members(inclusion, 'index', 'size', 'path')
    if whole(index) >= whole(size):
        return False
    fn, sn, r = index, size - 1, sha256(b'\0', leaf)
    for p in map(unhex, listed(path)):
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = sha256(b'\1', p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b'\1', r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root

def bits(path):
    return f'{int.from_bytes(path, "big"):0256b}'

def state_leaf(path, value_hash):
    return tagged('state-leaf', path, value_hash)

def state_root(leaves, depth=0):
    """§6, over (bits of the path, leaf digest) pairs; only the vectors need it."""
    if len(leaves) <= 1:
        return leaves[0][1] if leaves else ZERO
    sides = [[leaf for leaf in leaves if leaf[0][depth] == side] for side in '01']
    return tagged('state-node', *(state_root(side, depth + 1) for side in sides))

def state_proof_root(key, value, siblings, other):
    """§6: the root that a proof of presence (bytes) or absence (None) leads to."""
    path = sha256(key.encode('utf-8'))
    require(len(listed(siblings)) <= 256, 'more siblings than a path has bits')
    if value is not None:
        require(other is None, 'a proof of presence names another leaf')
        node = state_leaf(path, sha256(value))
    elif other is None:
        node = ZERO
    else:
        there, value_hash = map(unhex, members(other, 'path', 'valueHash'))
        require(there != path, 'the other leaf is the key itself')
        # Only then does that leaf stand where the key would have to stand.
        shared = bits(path)[: len(siblings)]
        require(bits(there).startswith(shared), 'the other leaf is not on the path of the key')
        node = state_leaf(there, value_hash)
    for sibling, side in reversed(list(zip(map(unhex, siblings), bits(path)))):
        pair = (node, sibling) if side == '0' else (sibling, node)
        node = tagged('state-node', *pair)
    return node

# --- ES256: ECDSA on P-256 with SHA-256 (§1) ------------------------------------------------------
# Nothing here is secret, so plain integers without constant time are good enough.

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

def add(a, b):
    """The sum of two points; None is the point at infinity."""
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P

def public_key(x, y):
    point = tuple(int.from_bytes(coordinate, 'big') for coordinate in (x, y))
    on_curve = (point[1] ** 2 - point[0] ** 3 + 3 * point[0] - B) % P == 0
    require(len(x) == len(y) == 32 and max(point) < P and on_curve, 'not a key on P-256')
    return point

def good_signature(key, message, signature):
    r, s = int.from_bytes(signature[:32], 'big'), int.from_bytes(signature[32:], 'big')
    if len(signature) != 64 or not (0 < r < N and 0 < s < N):
        return False
    w = pow(s, -1, N)
    u, v = int.from_bytes(sha256(message), 'big') * w % N, r * w % N
    sums = {(1, 0): G, (0, 1): key, (1, 1): add(G, key)}
    point = None
    for i in reversed(range(256)):
        point = add(add(point, point), sums.get((u >> i & 1, v >> i & 1)))
    return point is not None and point[0] % N == r

# --- Validators, headers, finality (§2, §5, §7, §8) -----------------------------------------------

class Validators:
    """A validator set, from [[member, x, y], …] in the order of member ids (§5)."""

    def __init__(self, epoch, tenure_rounds, entries):
        self.epoch, self.tenure_rounds = whole(epoch), whole(tenure_rounds)
        self.encoded = cbor([epoch, tenure_rounds, entries])
        self.hash = tagged('validators', self.encoded)
        self.keys = [public_key(unb64(x), unb64(y)) for _, x, y in entries]
        n = len(entries)
        require(n > 0, 'a validator set without validators')
        f = (n - 1) // 3
        self.quorum = (n + f + 2) // 2  # ⌈(n+f+1)/2⌉

def genesis_validators(genesis):
    # §2: by code unit, which beyond the basic plane is not Python's order.
    members = sorted(genesis['members'], key=lambda member: member['id'].encode('utf-16-be'))
    chosen = [member for member in members if member.get('validator') is True]
    entries = [[m['id'], m['nodeKey']['x'], m['nodeKey']['y']] for m in chosen]
    return Validators(1, genesis['parameters']['tenureRounds'], entries)

# §5's table: what a header must be, exactly.
HEADER = {
    **dict.fromkeys(('epoch', 'round', 'parentRound', 'time', 'height'), int),
    **dict.fromkeys(('ledger', 'parent', 'validatorsHash', 'nextValidatorsHash'), bytes),
    **dict.fromkeys(('transactionsRoot', 'resultsRoot', 'stateRoot', 'historyRoot'), bytes),
    'author': str,
}

def read_header(text, ledger):
    """The header and its id."""
    encoded = unb64(text)
    header = uncbor(encoded)
    require(isinstance(header, dict) and header.keys() == HEADER.keys(), 'not a header')
    for key, kind in HEADER.items():
        value = header[key]
        if value is None and key in ('height', 'nextValidatorsHash'):
            continue
        fits = type(value) is kind and (kind is not bytes or len(value) == 32)
        require(fits and (kind is not int or value >= 0), f'a header with a wrong {key}')
    require(header['ledger'] == ledger, 'a header of another ledger')
    return header, tagged('header', encoded)

def check_finality(proof, ledger, current):
    """§8 step 3: the header that the proof makes final."""
    first, descendants, certificate = members(proof, 'header', 'descendants', 'certificate')
    # A header with only its own certificate is not final: without a descendant nothing is proved.
    require(listed(descendants), 'a finality proof without descendants')
    chain = [read_header(text, ledger) for text in [first, *descendants]]
    for header, _ in chain:
        require(header['epoch'] == current.epoch, 'a header of another epoch')
        require(header['validatorsHash'] == current.hash, 'a header of other validators')
    for (_, before), (header, _) in zip(chain, chain[1:]):
        require(header['parent'] == before, 'a descendant with another parent')
    (before, _), (last, last_id) = chain[-2:]
    adjacent = last['round'] == before['round'] + 1 and last['parentRound'] == before['round']
    require(adjacent, 'the last two rounds do not follow each other')
    require(chain[0][0]['height'] is not None, 'a block without a height is never final')

    epoch, round_, block, votes = members(certificate, 'epoch', 'round', 'block', 'signatures')
    about = (epoch, round_, unhex(block))
    require(about == (current.epoch, last['round'], last_id), 'a certificate of another block')
    votes = [members(vote, 'validator', 'signature') for vote in listed(votes)]
    # §7: ascending, so no validator counts twice.
    indexes = [whole(index) for index, _ in votes]
    require(indexes == sorted(set(indexes)), 'validators that do not ascend')
    require(len(votes) >= current.quorum, 'a certificate without a quorum')
    digest = tagged('vote', cbor([ledger, *about]))
    for index, signature in votes:
        require(index < len(current.keys), 'a vote of no validator')
        good = good_signature(current.keys[index], digest, unb64(signature))
        require(good, f'the signature of validator {index} is not good')
    return chain[0]

# --- Hand-overs (§8) ------------------------------------------------------------------------------

def state_value(entry, key, root):
    """What an entry proves of this key: its value, or None."""
    named, value, siblings, other = members(entry, 'key', 'value', 'siblings', 'other')
    require(named == key, f'a proof of another key than {key}')
    encoded = None if value is None else unb64(value)
    require(state_proof_root(key, encoded, siblings, other) == root, f'{key} is not in the state')
    return None if encoded is None else uncbor(encoded)

def key_id(jwk):
    """RFC 7638."""
    required = {name: jwk[name] for name in ('crv', 'kty', 'x', 'y')}
    return b64(sha256(json.dumps(required, separators=(',', ':')).encode('ascii')))

AGREEMENT = ('format', 'ledger', 'epoch', 'height', 'block', 'validators', 'removed', 'reason')

def check_agreement(handover, agreed, ledger, current, genesis):
    """The next validators, and what a user has to be told: the proof rests on these members' word."""
    header, block_id = agreed
    jws, membership, entries = members(handover, 'agreement', 'membership', 'keys')
    payload, signatures = members(jws, 'payload', 'signatures')
    form, named, epoch, height, block, chosen, _, reason = members(
        parse_json(unb64(payload).decode('utf-8')), *AGREEMENT)
    require(form == 'fuqi-recovery-1' and unhex(named) == ledger, 'not an agreement on this ledger')
    require(epoch == current.epoch + 1, 'an agreement on another epoch')
    place = (height, unhex(block))
    require(place == (header['height'], block_id), 'an agreement on another block')

    root = header['stateRoot']
    stated = state_value(membership, 'governance/membership/current', root)
    known = stated['members'] if stated else [member['id'] for member in genesis['members']]
    keys = {}
    for entry in listed(entries):
        identity = entry['key'].removeprefix('identity/key/')
        record = state_value(entry, f'identity/key/{identity}', root)
        require(record is not None and key_id(record['jwk']) == identity, 'the record of another key')
        keys[identity] = record
    require(len(keys) == len(entries), 'a key that is proven twice')
    signers = set()
    for protected, signature in [members(s, 'protected', 'signature') for s in listed(signatures)]:
        alg, kind, kid = members(parse_json(unb64(protected).decode('utf-8')), 'alg', 'typ', 'kid')
        require((alg, kind) == ('ES256', 'fuqi-recovery+jws'), 'not a signature for an agreement')
        record = keys.get(kid)
        may = record and record['active'] is True and 'admin' in record['roles']
        require(may and record['member'] in known, 'a signer who is no administrator of a member')
        key = public_key(unb64(record['jwk']['x']), unb64(record['jwk']['y']))
        message = f'{protected}.{payload}'.encode('ascii')
        require(good_signature(key, message, unb64(signature)), 'a signature that is not good')
        signers.add(record['member'])
    require(len(signers) >= 2 * len(known) // 3 + 1, 'not enough members agreed')

    chosen = [members(each, 'member', 'nodeKey', 'peerKey') for each in listed(chosen)]
    chosen.sort(key=lambda each: each[0].encode('utf-16-be'))
    require(len({member for member, *_ in chosen}) == len(chosen), 'a validator named twice')
    entries = [[member, key['x'], key['y']] for member, key, _ in chosen]
    following = Validators(epoch, current.tenure_rounds, entries)
    told = {'epoch': epoch, 'height': height, 'members': sorted(signers), 'reason': reason}
    return following, told

def check_anchor(anchor, ledger):
    """§8 steps 1 to 4: the header of the block that the document is about, and the agreements."""
    require(isinstance(anchor, dict), 'no anchor')
    names = ('finality', 'genesis', 'handovers', *(['earlier'] if 'earlier' in anchor else []))
    proof, genesis, handovers, *earlier = members(anchor, *names)
    require(tagged('genesis', cbor(genesis)) == ledger, 'the genesis of another ledger')
    current, final, agreements = genesis_validators(genesis), None, []
    for handover in listed(handovers):
        rest = dict(handover)
        if 'agreement' not in rest or 'finality' in rest:
            final = check_finality(rest.pop('finality'), ledger, current)
        if 'agreement' in rest:
            require(final, 'an agreement on no final block')
            current, told = check_agreement(rest, final, ledger, current, genesis)
            agreements.append(told)
            continue
        [given] = members(rest, 'validators')
        epoch, tenure_rounds, entries = members(given, 'epoch', 'tenureRounds', 'validators')
        entries = [members(entry, 'member', 'x', 'y') for entry in listed(entries)]
        following = Validators(epoch, tenure_rounds, entries)
        require(final[0]['nextValidatorsHash'] == following.hash, 'a hand-over to other validators')
        require(following.epoch == current.epoch + 1, 'a hand-over that skips an epoch')
        current = following
    final, _ = check_finality(proof, ledger, current)
    told = {'agreements': agreements} if agreements else {}
    if not earlier:
        return final, told
    text, inclusion = members(earlier[0], 'header', 'inclusion')
    header, block_id = read_header(text, ledger)
    require(included(block_id, inclusion, final['historyRoot']), 'a block that is not in history')
    place = (inclusion['index'], inclusion['size'])
    require(place == (header['height'], final['height']), 'an earlier block at a wrong place')
    return header, told

# --- Receipts and state proofs (§3, §4, §8) -------------------------------------------------------

def transaction_id(protected, payload):
    # §3: no signature enters it.
    return tagged('transaction', f'{protected}.{payload}'.encode('ascii'))

def transaction_cbor(payload, signatures):
    pairs = [[protected, unb64(signature)] for protected, signature in signatures]
    require(pairs and all(len(pair[1]) == 64 for pair in pairs), 'not signed as ES256')
    return cbor([payload, pairs])

def read_result(encoded):
    """§4 as a map, and the transaction's id."""
    result = uncbor(encoded)
    require(isinstance(result, list) and len(result) > 2, 'not a result')
    transaction, committed, *rest = result
    if committed is True and len(rest) == 2:
        events = [{'type': kind, 'data': data} for kind, data in rest[1]]
        return transaction, {'status': 'committed', 'output': rest[0], 'events': events}
    require(committed is False and len(rest) == 1, 'neither committed nor rejected')
    return transaction, {'status': 'rejected', 'rejection': rest[0]}

def check_receipt(document, ledger):
    _, named, transaction, outcome, anchor = members(
        document, 'format', 'ledger', 'transaction', 'result', 'anchor')
    require(unhex(named) == ledger, 'a receipt of another ledger')
    header, told = check_anchor(anchor, ledger)
    # §8 step 5. The callers' signatures are under transactionsRoot: a quorum has checked them
    # against the keys in the state, which a receipt does not carry.
    given_id, jws, place = members(transaction, 'id', 'jws', 'inclusion')
    payload, signatures = members(jws, 'payload', 'signatures')
    signatures = [members(each, 'protected', 'signature') for each in listed(signatures)]
    in_block = included(transaction_cbor(payload, signatures), place, header['transactionsRoot'])
    require(in_block, 'a transaction that is not in the block')
    identity = transaction_id(signatures[0][0], payload)
    require(unhex(given_id) == identity, 'another transaction id')
    asked = parse_json(unb64(payload).decode('utf-8'))
    require(unhex(asked['ledger']) == ledger, 'a transaction of another ledger')
    # §8 step 6.
    encoded, result_place = members(outcome, 'encoded', 'inclusion')
    encoded = unb64(encoded)
    in_block = included(encoded, result_place, header['resultsRoot'])
    require(in_block, 'a result that is not in the block')
    same = all(result_place[key] == place[key] for key in ('index', 'size'))
    require(same, 'a result at another place than its transaction')
    about, result = read_result(encoded)
    require(about == identity, 'the result of another transaction')
    return {'height': header['height'], 'transaction': identity.hex(), 'result': result, **told}

def check_state_proof(document, ledger):
    _, named, key, value, siblings, other, anchor = members(
        document, 'format', 'ledger', 'key', 'value', 'siblings', 'other', 'anchor')
    require(unhex(named) == ledger, 'a state proof of another ledger')
    header, told = check_anchor(anchor, ledger)
    encoded = None if value is None else unb64(value)
    root = state_proof_root(key, encoded, siblings, other)
    require(root == header['stateRoot'], 'a proof of another state')
    decoded = None if encoded is None else uncbor(encoded)
    return {'height': header['height'], 'present': encoded is not None, 'value': decoded, **told}

# --- Disclosed fields (§3, §8) --------------------------------------------------------------------

def once(pairs):
    """An object whose names are all different (§1)."""
    found = dict(pairs)
    require(len(found) == len(pairs), 'a name that is there twice')
    return found

def read_disclosure(text):
    parts = json.loads(unb64(text).decode('utf-8'), parse_constant=int, object_pairs_hook=once)
    require(len(listed(parts)) == 3, 'not a salt, a name and a value')
    salt, name, value = parts
    require(isinstance(salt, str) and len(salt.encode('utf-8')) >= 16, 'too short a salt')
    reserved = ('_sd', '_sd_alg', '...')
    require(isinstance(name, str) and name not in reserved, 'a field that can not be disclosed')
    return name, value

def check_disclosure(document, ledger):
    _, receipt, disclosures = members(document, 'format', 'receipt', 'disclosures')
    told = check_receipt(receipt, ledger)
    args = parse_json(unb64(receipt['transaction']['jws']['payload']).decode('utf-8'))['args']
    digests = listed(args.get('_sd', []))
    require(len(set(digests)) == len(digests), 'a digest that is there twice')
    fields = {}
    for text in listed(disclosures):
        name, value = read_disclosure(text)
        own = b64(sha256(text.encode('ascii'))) in digests
        require(own, 'a disclosure that is not of this transaction')
        require(name not in fields and name not in args, 'two values for one field')
        fields[name] = value
    return {'disclosed': fields, 'undisclosed': len(digests) - len(fields), **told}

CHECKS = {
    'fuqi-receipt-1': check_receipt,
    'fuqi-state-1': check_state_proof,
    'fuqi-disclosure-1': check_disclosure,
}

def verify(document, ledger):
    """What one line of output says."""
    check = CHECKS.get(str(document.get('format'))) if isinstance(document, dict) else None
    if check is None:
        raise Unreadable('not ' + ', '.join(CHECKS))
    try:
        return {'verdict': 'VALID', **check(document, ledger)}
    except Invalid as problem:
        reason = str(problem)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as problem:
        # A member that is missing or of another kind: §8 does not know such a document.
        reason = f'malformed: {type(problem).__name__} {problem}'
    return {'verdict': 'INVALID', 'reason': reason}

# --- The vectors ----------------------------------------------------------------------------------

def flips(document):
    """Changes a bit in each header, signature, result and value in turn, and puts it back."""
    anchor = document['anchor']
    places = []
    for proof in [anchor['finality'], *(handover['finality'] for handover in anchor['handovers'])]:
        places.append((proof, 'header'))
        places += [(proof['descendants'], i) for i in range(len(proof['descendants']))]
        places += [(vote, 'signature') for vote in proof['certificate']['signatures']]
    if 'result' in document:
        places.append((document['result'], 'encoded'))
        places += [(s, 'signature') for s in document['transaction']['jws']['signatures']]
    if document.get('value') is not None:
        places.append((document, 'value'))
    for holder, key in places:
        kept, size = holder[key], len(unb64(holder[key]))
        for position in sorted({0, size // 2, size - 1}):
            changed = bytearray(unb64(kept))
            changed[position] ^= 1
            holder[key] = b64(bytes(changed))
            yield f'{key}[{position}]'
        holder[key] = kept

def vector_checks(vectors):
    """Yields (what is checked, what came out, what should)."""
    for each in vectors['cbor']:
        yield 'cbor', cbor(each['value']).hex(), each['hex']
        yield 'cbor decoded', uncbor(bytes.fromhex(each['hex'])), each['value']
    given = vectors['taggedDigest']
    digest = tagged(given['tag'].removeprefix('fuqi/v1/'), bytes.fromhex(given['data']))
    yield 'taggedDigest', digest.hex(), given['digest']
    given = vectors['merkle']
    leaves = [leaf.encode() for leaf in given['leaves']]
    for size, root in enumerate(given['roots']):
        yield f'merkle root of {size}', merkle_root(leaves[:size]).hex(), root
    path = {'index': 5, 'size': len(leaves), 'path': given['pathOfLeaf5']}
    yield 'merkle path', included(leaves[5], path, merkle_root(leaves)), True
    yield 'merkle path of another leaf', included(leaves[4], path, merkle_root(leaves)), False

    genesis = vectors['genesis']
    document, ledger_hex = genesis['document'], genesis['ledger']
    ledger, validators = unhex(ledger_hex), genesis_validators(document)
    yield 'ledger id', tagged('genesis', cbor(document)).hex(), ledger_hex
    yield 'validators', validators.encoded.hex(), vectors['validators']['cbor']
    yield 'validators hash', validators.hash.hex(), vectors['validators']['hash']
    given = vectors['header']
    digests = [key for key, kind in HEADER.items() if kind is bytes]
    fields = {key: unhex(v) if v and key in digests else v for key, v in given['fields'].items()}
    yield 'header', cbor(fields).hex(), given['cbor']
    yield 'header id', tagged('header', cbor(fields)).hex(), given['id']
    nothing = dict.fromkeys(('transactionsRoot', 'resultsRoot', 'historyRoot'), merkle_root([]))
    block0 = {'ledger': ledger, 'epoch': 1, 'round': 0, 'height': 0, 'parent': ZERO, 'author': '',
              'parentRound': 0, 'time': document['time'], 'stateRoot': unhex(genesis['stateRoot']),
              'validatorsHash': validators.hash, 'nextValidatorsHash': None, **nothing}
    yield 'block 0', tagged('header', cbor(block0)).hex(), genesis['block0']

    given = vectors['transaction']
    protected, payload, signature = given['compact'].split('.')
    encoded = transaction_cbor(payload, [[protected, signature]])
    yield 'transaction id', transaction_id(protected, payload).hex(), given['id']
    yield 'transaction', encoded.hex(), given['encoded']
    for each in vectors['results']:
        about, result = read_result(bytes.fromhex(each['encoded']))
        yield 'result decoded', {'transaction': about.hex(), **result}, each['result']
        result, committed = each['result'], each['result']['status'] == 'committed'
        events = [[event['type'], event['data']] for event in result.get('events', [])]
        rest = [result['output'], events] if committed else [result['rejection']]
        encoded = cbor([unhex(result['transaction']), committed, *rest]).hex()
        yield 'result', encoded, each['encoded']
    for each in vectors['statements']:
        s = each['statement']
        said = unhex(s['block']) if s['kind'] == 'vote' else s['highQcRound']
        digest = tagged(s['kind'], cbor([unhex(s['ledger']), s['epoch'], s['round'], said]))
        yield s['kind'], digest.hex(), each['digest']
    values = {key: cbor(value) for key, value in vectors['state']['values'].items()}
    pairs = [(sha256(key.encode()), sha256(value)) for key, value in values.items()]
    root = state_root([(bits(path), state_leaf(path, value_hash)) for path, value_hash in pairs])
    yield 'state root', root.hex(), vectors['state']['root']
    yield 'state value', b64(values['contract/record/key-7']), vectors['state']['key7']

    for kind in ('receipts', 'stateProofs'):
        for name, each in vectors[kind].items():
            yield f'{kind}.{name}', verify(each, ledger)['verdict'], 'VALID'
            yield f'{kind}.{name}, other ledger', verify(each, ZERO)['verdict'], 'INVALID'
            yield f'{kind}.{name}, more', verify({**each, 'x': 1}, ledger)['verdict'], 'INVALID'
            for place in flips(each):
                yield f'{kind}.{name}, flipped {place}', verify(each, ledger)['verdict'], 'INVALID'
    # No vector has `earlier`, but one follows from two: the history of height 3 are block 0, the
    # burst's block (height 1) and its descendant.
    old, anchor = vectors['receipts']['burst'], vectors['receipts']['refused']['anchor']
    finality = old['anchor']['finality']
    after = sha256(b'\0', read_header(finality['descendants'][0], ledger)[1])
    path = [sha256(b'\0', unhex(genesis['block0'])).hex(), after.hex()]
    for index, verdict in ((1, 'VALID'), (0, 'INVALID')):
        inclusion = {'index': index, 'size': 3, 'path': path}
        earlier = {'header': finality['header'], 'inclusion': inclusion}
        moved = {**old, 'anchor': {**anchor, 'earlier': earlier}}
        yield f'earlier block at {index}', verify(moved, ledger)['verdict'], verdict

# --- The command line -----------------------------------------------------------------------------

def read_file(name):
    try:
        with open(name, encoding='utf-8') as file:
            return parse_json(file.read())
    except (OSError, ValueError, RecursionError) as problem:
        raise Unreadable(f'{name}: {problem}') from problem

def run(arguments):
    """The line to print, and the exit code."""
    parser = argparse.ArgumentParser(exit_on_error=False, description='Checks a Fuqi receipt.')
    parser.add_argument('file', nargs='?', help='a receipt or a state proof')
    parser.add_argument('--ledger', help='the ledger id that you trust, 64 hex digits')
    parser.add_argument('--vectors', help='the protocol vectors to check instead')
    options, unknown = parser.parse_known_args(arguments)
    if unknown or bool(options.vectors) == bool(options.file):
        raise Unreadable('give a FILE and --ledger HEX, or --vectors FILE')
    if options.vectors:
        vectors, checked, failed = read_file(options.vectors), 0, []
        try:
            for name, got, wanted in vector_checks(vectors):
                checked += 1
                failed += [] if got == wanted else [name]
        except Exception as problem:  # the checks after this one could not be made
            failed.append(f'after {checked} checks: {problem!r}')
        verdict = 'INVALID' if failed else 'VALID'
        return {'verdict': verdict, 'checked': checked, 'failed': failed}, 1 if failed else 0
    if not re.fullmatch('[0-9a-f]{64}', options.ledger or ''):
        raise Unreadable('--ledger must be 64 lowercase hex digits')
    answer = verify(read_file(options.file), bytes.fromhex(options.ledger))
    return answer, 0 if answer['verdict'] == 'VALID' else 1

def main():
    try:
        answer, code = run(sys.argv[1:])
    except Exception as problem:  # whatever it was, it is no verdict
        known = isinstance(problem, (Unreadable, argparse.ArgumentError))
        reason = str(problem) if known else repr(problem)
        answer, code = {'verdict': 'ERROR', 'reason': reason}, 2
    print(json.dumps(answer, default=b64))  # b64: a result may hold byte strings, JSON can't
    return code

if __name__ == '__main__':
    sys.exit(main())
