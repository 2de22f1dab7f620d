/* list.h - what the readers of lists by others share: what they write, and the list's facts. */
#ifndef TRACER_LABEL_LIST_H
#define TRACER_LABEL_LIST_H

#include "tracer/label.h"

#define LIST_NAME_MAX 200u /* bytes of a name that are kept */

struct list_writer {
    const char *file; /* stands in messages */
    size_t rest_size; /* bytes of sdn_comments.csv at the end of the data */
    struct buffer *csv;
    struct list_facts *facts;
    struct error *err;
};

/** One claim of the list; its texts may be NULL (empty) and are cut at LIST_NAME_MAX. Counts it as an entry.
 */
TRACER_MUST_USE enum tracer_status list_put(struct list_writer *writer, const struct label *claim);
/** An entry that is about another ledger than those traced: counted. */
void list_skip(struct list_writer *writer);

/* The formats. `data` is the whole file; the CSV's header is written already. */
typedef enum tracer_status list_reader(struct list_writer *writer, const char *data, size_t size);
list_reader ofac_advanced_read, ofac_sdn_read, ofac_csv_read, plain_read, tagpack_read;

/** What follows from a feature "Digital Currency Address - `asset`" that holds `text`: *ret_is_ours with the
 * address, or another ledger's. An unknown asset, or an address that cannot be one, is TRACER_E_USAGE
 * (threat-model I3). */
TRACER_MUST_USE enum tracer_status ofac_address(struct list_writer *writer, const char *asset,
                                                const char *text, bool *ret_is_ours,
                                                struct address *ret_address);
/** All its addresses are ours. */
bool ofac_only_ours(const char *asset);
#define OFAC_FEATURE "Digital Currency Address"
/** The asset behind OFAC_FEATURE " - " in the name of a feature; NULL: another feature. */
TRACER_MUST_USE enum tracer_status ofac_asset(struct list_writer *writer, const char *feature,
                                              const char **ret_asset);
/** An address of our shape under another feature is TRACER_E_USAGE: an unknown type of addresses must not be passed over (I3). */
TRACER_MUST_USE enum tracer_status ofac_unnamed(struct list_writer *writer, const char *text, const char *type);
/** The label of an address of the list; `listed` is "" or a date. */
TRACER_MUST_USE enum tracer_status ofac_put(struct list_writer *writer, struct address address,
                                            const char *asset, const char *party, const char *name,
                                            const char *listed);
/** Kept as the list's date; anything that is no date is TRACER_E_USAGE. */
TRACER_MUST_USE enum tracer_status list_set_date(struct list_writer *writer, const char *year,
                                                 const char *month, const char *day);
/** "YYYY-MM-DD" of three numbers in text; false: no date. */
bool list_date(const char *year, const char *month, const char *day, char to[static 11]);

#endif
