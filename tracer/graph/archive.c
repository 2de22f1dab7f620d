/* archive.c - what the hashes of blocks cover, packed with Zstandard (table raw). Keyed by the block's hash, which
 * commits to the content: it stays when the block is rewound or replaced. libzstd is loaded on first use. */
#include "write.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <zstd.h>

#include "tracer/buffer.h"

#define LEVEL 3
#define ZSTD_FILE "libzstd.so.1" /* of the interface that its header declares */

static struct {
    bool loaded;
    __typeof__(&ZSTD_compressBound) bound;
    __typeof__(&ZSTD_compress) compress;
    __typeof__(&ZSTD_decompress) decompress;
    __typeof__(&ZSTD_getFrameContentSize) content_size;
    __typeof__(&ZSTD_isError) is_error;
    __typeof__(&ZSTD_versionNumber) version;
    __typeof__(&ZSTD_versionString) version_text;
} library;

static enum tracer_status load(const struct graph *graph, struct error *err)
{
    if (library.loaded)
        return TRACER_OK;
    void *handle = dlopen(ZSTD_FILE, RTLD_NOW | RTLD_LOCAL);
    if (handle) {
        *(void **)&library.bound = dlsym(handle, "ZSTD_compressBound");
        *(void **)&library.compress = dlsym(handle, "ZSTD_compress");
        *(void **)&library.decompress = dlsym(handle, "ZSTD_decompress");
        *(void **)&library.content_size = dlsym(handle, "ZSTD_getFrameContentSize");
        *(void **)&library.is_error = dlsym(handle, "ZSTD_isError");
        *(void **)&library.version = dlsym(handle, "ZSTD_versionNumber");
        *(void **)&library.version_text = dlsym(handle, "ZSTD_versionString");
    }
    if (handle && library.version && library.version() < 10400)
        return store_error(graph, err, TRACER_E_UNAVAILABLE, ZSTD_FILE " is older than 1.4.0");
    library.loaded = handle && library.version && library.version_text && library.bound && library.compress && library.decompress && library.content_size && library.is_error;
    return library.loaded ? TRACER_OK : store_error(graph, err, TRACER_E_UNAVAILABLE, ZSTD_FILE " could not be loaded (package libzstd1)");
}

static struct key archive_key(uint64_t chain_id, struct hash hash)
{
    struct key key = key_of_chain(chain_id);
    key_bytes(&key, hash.bytes, sizeof(hash.bytes));
    return key;
}

enum tracer_status archive_put(struct graph *graph, uint64_t chain_id, struct hash hash, struct bytes archive, struct error *err)
{
    struct key key = archive_key(chain_id, hash);
    enum tracer_status status = load(graph, err);
    if (status)
        return status;
    size_t room = library.bound(archive.size);
    uint8_t *packed = malloc(room);
    size_t size = packed ? library.compress(packed, room, archive.data, archive.size, LEVEL) : 0;
    if (!packed || library.is_error(size))
        status = store_error(graph, err, TRACER_E_NOMEM, "no memory to pack a block");
    else
        status = store_put(graph, TABLE_RAW, &key, packed, size, err);
    free(packed);
    return status;
}

static enum tracer_status unpack(struct graph *graph, const struct key *key, struct record record, struct buffer *to, struct error *err)
{
    unsigned long long size = library.content_size(record.data, record.size);
    if (size == 0 || size > TRACER_ARCHIVE_MAX) /* also its two words for "not known" */
        return store_damaged(graph, TABLE_RAW, key->bytes, key->size, err);
    char *room = buffer_reserve(to, (size_t)size);
    if (!room)
        return store_error(graph, err, TRACER_E_NOMEM, "no memory to unpack a block");
    if (library.decompress(room, (size_t)size, record.data, record.size) != size)
        return store_damaged(graph, TABLE_RAW, key->bytes, key->size, err);
    to->size += (size_t)size;
    return TRACER_OK;
}

enum tracer_status graph_get_archive(struct graph *graph, uint64_t chain_id, struct hash hash, struct buffer *ret_archive,
                                     struct error *err)
{
    MDB_txn *txn;
    struct record record;
    struct key key = archive_key(chain_id, hash);
    enum tracer_status status = store_check(graph, err);
    if (!status)
        status = store_read_begin(graph, &txn, err);
    if (status)
        return status;
    status = store_get(graph, txn, TABLE_RAW, &key, &record, err);
    if (!status && !(status = load(graph, err)))
        status = unpack(graph, &key, record, ret_archive, err);
    store_read_end(graph);
    if (status == TRACER_E_NOT_FOUND)
        return store_error(graph, err, TRACER_E_NOT_FOUND, "what the hash of this block covers was not kept (ingest --keep-raw all)");
    return status;
}

enum tracer_status graph_put_archive(struct graph *graph, uint64_t chain_id, struct hash hash, struct bytes archive, struct error *err)
{
    bool own;
    if (!archive.size || archive.size > TRACER_ARCHIVE_MAX)
        return store_error(graph, err, TRACER_E_USAGE, "an archive has %zu bytes", archive.size);
    enum tracer_status status = store_join(graph, &own, err);
    return status ? status : store_leave(graph, own, archive_put(graph, chain_id, hash, archive, err), err);
}

const char *graph_archive_library(void)
{
    const struct graph nowhere = {.path = (char[]){"-"}};
    struct error ignored;
    return load(&nowhere, &ignored) ? NULL : library.version_text();
}
