/* signature.c - see signature.h. */
#include "signature.h"

#include <dlfcn.h>
#include <sched.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <string.h>
#include <unistd.h>

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

enum tracer_status no_key(struct error *err)
{
    return error_set(err, TRACER_E_REPLY, "no key makes the signature");
}

static bool loaded(struct error *err)
{
    pthread_once(&once, load);
    if (!library.loaded)
        error_set(err, TRACER_E_UNAVAILABLE, TRACER_SECP256K1 " with its recovery module could not be loaded (package libsecp256k1)");
    return library.loaded;
}

/* ---- one after the other ---- */

static void recover(struct recovery *item)
{
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey key;
    uint8_t compact[64], point[65];
    size_t size = sizeof point;
    u256_to_bytes(item->signature.r, compact);
    u256_to_bytes(item->signature.s, compact + 32);
    item->good = signature_in_range(&item->signature) &&
                 library.parse(library.context, &parsed, compact, (int)item->signature.parity) &&
                 library.recover(library.context, &key, &parsed, item->digest.bytes);
    if (!item->good)
        return;
    library.serialize(library.context, point, &size, &key, SECP256K1_EC_UNCOMPRESSED);
    memcpy(item->key, point + 1, sizeof item->key);
}

static struct address address_of_key(struct hash hash)
{
    struct address address;
    memcpy(address.bytes, hash.bytes + 12, sizeof address.bytes);
    return address;
}

enum tracer_status signature_recover(struct hash digest, const struct signature *signature,
                                     struct address *ret_signer, struct error *err)
{
    struct recovery item = {.digest = digest, .signature = *signature};
    if (!loaded(err))
        return TRACER_E_UNAVAILABLE;
    recover(&item);
    if (!item.good)
        return no_key(err);
    *ret_signer = address_of_key(keccak256(item.key, sizeof item.key));
    return TRACER_OK;
}

/* ---- many at once ---- */

#define WORTH_A_THREAD 4u /* so many take several times as long as a thread takes to start */

/* Whether there is, or will be, an item `i`. It is awaited without sleep: making one ready takes a part of what its recovery takes. */
static bool await(struct recoveries *recoveries, size_t i)
{
    for (;;) {
        bool closed = atomic_load(&recoveries->closed);
        if (i < atomic_load(&recoveries->ready))
            return true;
        if (closed)
            return false;
        sched_yield();
    }
}

/* Who is done with one takes the next: all threads end within one signature of each other. */
static void *take_turns(void *context)
{
    struct recoveries *recoveries = context;
    for (size_t i; await(recoveries, i = atomic_fetch_add(&recoveries->next, 1));)
        recover(&recoveries->items[i]);
    return NULL;
}

enum tracer_status recoveries_begin(struct recoveries *recoveries, struct recovery *items, size_t most, struct error *err)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    *recoveries = (struct recoveries){.items = items};
    if (!loaded(err))
        return TRACER_E_UNAVAILABLE;
    while ((long)recoveries->thread_count + 1 < processors && recoveries->thread_count < TRACER_RECOVERY_THREADS_MAX &&
           (recoveries->thread_count + 2) * WORTH_A_THREAD <= most &&
           pthread_create(&recoveries->threads[recoveries->thread_count], NULL, take_turns, recoveries) == 0)
        recoveries->thread_count++; /* without another one it only takes longer */
    return TRACER_OK;
}

void recoveries_add(struct recoveries *recoveries, size_t count)
{
    atomic_fetch_add(&recoveries->ready, count);
}

void recoveries_end(struct recoveries *recoveries)
{
    enum { GROUP = 64 };
    struct bytes keys[GROUP];
    struct hash hashes[GROUP];
    size_t all = atomic_load(&recoveries->ready);
    atomic_store(&recoveries->closed, true);
    take_turns(recoveries);
    for (size_t i = 0; i < recoveries->thread_count; i++)
        pthread_join(recoveries->threads[i], NULL);
    for (size_t first = 0; first < all; first += GROUP) {
        struct recovery *items = recoveries->items + first;
        size_t count = all - first < GROUP ? all - first : GROUP;
        for (size_t i = 0; i < count; i++)
            keys[i] = (struct bytes){items[i].key, sizeof items[i].key};
        keccak256_many(keys, count, hashes);
        for (size_t i = 0; i < count; i++)
            items[i].signer = address_of_key(hashes[i]);
    }
}
