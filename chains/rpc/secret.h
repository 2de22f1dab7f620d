/* secret.h - keeping the parts of an endpoint's URL and header out of everything that is shown or recorded.
 *
 * Foreign texts may echo a key ("invalid project id 1234"), so whatever an endpoint said passes through here
 * before it is quoted (threat-model T11, R17).
 */
#ifndef TRACER_CHAINS_RPC_SECRET_H
#define TRACER_CHAINS_RPC_SECRET_H

#include "tracer/error.h"

#define SECRET_WORDS_MAX 64u
#define SECRET_WORD_MIN 6u /* shorter parts are no secrets */
#define SECRET_KEY_MIN 16u /* parts that may be a key: also taken out of recorded replies */
#define QUOTE_SIZE (TRACER_QUOTED_MAX + 1u)

struct secrets {
    char *text; /* copies of URL and header, cut into words by NULs; owned */
    size_t count;
    struct {
        const char *word;
        size_t length;
    } words[SECRET_WORDS_MAX];
};

/** False: no memory. header may be NULL. */
bool secrets_init(struct secrets *secrets, const char *url, const char *header);
void secrets_release(struct secrets *secrets);
/** Overwrite every word of at least `word_min` bytes by '*'. */
void secrets_mask(const struct secrets *secrets, size_t word_min, char *text, size_t length);
/** The first TRACER_QUOTED_MAX characters, masked and printable. Returns `to`. */
const char *secrets_quote(const struct secrets *secrets, char to[static QUOTE_SIZE], const char *text,
                          size_t length);

#endif
