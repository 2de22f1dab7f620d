/* signature.c - see signature.h. */
#include "signature.h"

#include <dlfcn.h>
#include <pthread.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "keccak.h"

/* n and n/2: the order of the curve's group (SEC 2, section 2.4.1) */
static const struct u256 order = {
    {0xbfd25e8cd0364141, 0xbaaedce6af48a03b, 0xfffffffffffffffe, 0xffffffffffffffff}};
static const struct u256 half_order = {
    {0xdfe92f46681b20a0, 0x5d576e7357a4501d, 0xffffffffffffffff, 0x7fffffffffffffff}};

bool signature_in_range(const struct signature *signature)
{
    return !u256_is_zero(signature->r) && !u256_is_zero(signature->s) &&
           u256_compare(signature->r, order) < 0 && u256_compare(signature->s, order) < 0;
}

bool signature_is_low(const struct signature *signature)
{
    return u256_compare(signature->s, half_order) <= 0;
}

/* ---- the library ---- */

static struct {
    bool loaded;
    const secp256k1_context *context; /* its static one: recovery needs no tables of its own and no secrets */
    __typeof__(&secp256k1_ecdsa_recoverable_signature_parse_compact) parse;
    __typeof__(&secp256k1_ecdsa_recover) recover;
    __typeof__(&secp256k1_ec_pubkey_serialize) serialize;
} library;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
    void *handle = dlopen(TRACER_SECP256K1, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return;
    const secp256k1_context *const *context = dlsym(handle, "secp256k1_context_static");
    *(void **)&library.parse = dlsym(handle, "secp256k1_ecdsa_recoverable_signature_parse_compact");
    *(void **)&library.recover = dlsym(handle, "secp256k1_ecdsa_recover");
    *(void **)&library.serialize = dlsym(handle, "secp256k1_ec_pubkey_serialize");
    library.loaded = context && library.parse && library.recover && library.serialize;
    if (context)
        library.context = *context;
}

enum tracer_status signature_recover(struct hash digest, const struct signature *signature,
                                     struct address *ret_signer, struct error *err)
{
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey key;
    uint8_t compact[64], point[65];
    size_t size = sizeof point;
    pthread_once(&once, load);
    if (!library.loaded)
        return error_set(err, TRACER_E_UNAVAILABLE,
                         TRACER_SECP256K1
                         " with its recovery module could not be loaded (package libsecp256k1)");
    u256_to_bytes(signature->r, compact);
    u256_to_bytes(signature->s, compact + 32);
    if (!signature_in_range(signature) ||
        !library.parse(library.context, &parsed, compact, (int)signature->parity) ||
        !library.recover(library.context, &key, &parsed, digest.bytes))
        return error_set(err, TRACER_E_REPLY, "no key makes the signature");
    library.serialize(library.context, point, &size, &key, SECP256K1_EC_UNCOMPRESSED);
    struct hash hash = keccak256(point + 1, sizeof point - 1);
    memcpy(ret_signer->bytes, hash.bytes + 12, sizeof ret_signer->bytes);
    return TRACER_OK;
}
