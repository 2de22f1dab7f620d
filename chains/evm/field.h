/* field.h - reading JSON objects by a table of their members.
 *
 * A table lists the members that are known, with the form of their values and where they go. Known members
 * may come in any order but only once (threat-model R9); their values are strict (R10); members not in the
 * table are checked as JSON and dropped. Which members must be there is the caller's to say (R11), from the
 * bits of what was present.
 */
#ifndef TRACER_CHAINS_EVM_FIELD_H
#define TRACER_CHAINS_EVM_FIELD_H

#include "tracer/address.h"
#include "tracer/arena.h"
#include "tracer/json_reader.h"

/* One JSON text being decoded. */
struct decoder {
    struct json_reader reader;
    struct arena *arena;
    struct error *err;
};

enum field_kind {
    FIELD_U64,    /* QUANTITY -> uint64_t */
    FIELD_U256,   /* QUANTITY -> struct u256 */
    FIELD_SCALAR, /* of a signature: QUANTITY, or DATA of 32 bytes as some nodes write it -> struct u256 */
    FIELD_NUMBER, /* a plain JSON integer without sign, fraction or exponent -> uint64_t (trace_block only) */
    FIELD_ADDRESS, /* DATA of 20 bytes -> struct address */
    FIELD_HASH,    /* DATA of 32 bytes -> struct hash */
    FIELD_SIZED,   /* DATA of field.size bytes -> uint8_t[size] */
    FIELD_DATA,    /* DATA of any size -> struct json_span of its digits */
    FIELD_TEXT,    /* any string -> struct json_span as it stands */
    FIELD_BOOL,    /* -> bool */
    FIELD_ARRAY,   /* an array, none of its elements null -> struct json_array */
    FIELD_READ     /* field.read */
};

struct json_array {
    struct json_span text; /* checked as JSON */
    uint64_t count;
};

typedef enum tracer_status field_read_fn(struct decoder *decoder, void *object);

struct field {
    const char *name;
    uint8_t length; /* of the name */
    uint8_t kind;
    bool nullable; /* null counts as absent */
    uint16_t size;
    uint16_t offset;
    field_read_fn *read;
};
#define FIELD(name, kind, object, member)                                                                    \
    {                                                                                                        \
        name, sizeof(name) - 1, kind, false, 0, offsetof(object, member), NULL                               \
    }
#define FIELD_OR_NULL(name, kind, object, member)                                                            \
    {                                                                                                        \
        name, sizeof(name) - 1, kind, true, 0, offsetof(object, member), NULL                                \
    }
#define FIELD_BYTES(name, object, member)                                                                    \
    {                                                                                                        \
        name, sizeof(name) - 1, FIELD_SIZED, true, sizeof(((object *)0)->member), offsetof(object, member),  \
            NULL                                                                                             \
    }
#define FIELD_BY(name, function)                                                                             \
    {                                                                                                        \
        name, sizeof(name) - 1, FIELD_READ, false, 0, 0, function                                            \
    }
#define FIELD_COUNT_OF(table) (sizeof(table) / sizeof(table)[0])
#define FIELD_BIT(index) (UINT64_C(1) << (index))

void decoder_init(struct decoder *decoder, struct json_span text, bool traces, struct arena *arena,
                  struct error *err);
/** TRACER_OK, or the reader's problem. */
enum tracer_status decoder_check(struct decoder *decoder);
/** The text must have ended. */
enum tracer_status decoder_finish(struct decoder *decoder);

/** Read the object that comes next into `object` (which the caller zeroed). */
enum tracer_status fields_read(struct decoder *decoder, const struct field *fields, size_t count,
                               void *object, uint64_t *ret_present);
/** Read the value that comes next as `field` says. *ret_null: it was null and may be. */
enum tracer_status field_read(struct decoder *decoder, const struct field *field, void *object,
                              bool *ret_null);
/** TRACER_E_REPLY naming the first member of `required` that is not `present`, or of `forbidden` that is. */
enum tracer_status fields_require(const struct field *fields, uint64_t present, uint64_t required,
                                  struct error *err);
enum tracer_status fields_forbid(const struct field *fields, uint64_t present, uint64_t forbidden,
                                 const char *why, struct error *err);

/** Room for one more item in an array of `arena`; NULL without memory. */
void *array_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t item_size);

/* A repeated value differs: "NAME is A, but the WHO says B" (R2). */
enum tracer_status differs_u64(struct error *err, const char *name, uint64_t value, const char *who,
                               uint64_t other);
enum tracer_status differs_u256(struct error *err, const char *name, struct u256 value, const char *who,
                                struct u256 other);
enum tracer_status differs_hash(struct error *err, const char *name, struct hash value, const char *who,
                                struct hash other);
enum tracer_status differs_address(struct error *err, const char *name, struct address value, const char *who,
                                   struct address other);
enum tracer_status no_memory(struct error *err);

#endif
