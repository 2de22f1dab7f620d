/* secret.c - masking the words of URL and header. */
#include "secret.h"

#include <stdlib.h>
#include <string.h>

#include "peer.h"

/* Cut text[from..] into words at what separates the parts of a URL or a header. */
static void add_words(struct secrets *secrets, char *text)
{
    static const char separators[] = "/?&=:@#;, ";
    while (*text && secrets->count < SECRET_WORDS_MAX) {
        text += strspn(text, separators);
        size_t length = strcspn(text, separators);
        if (length >= SECRET_WORD_MIN) {
            secrets->words[secrets->count].word = text;
            secrets->words[secrets->count++].length = length;
        }
        text += length;
    }
}

bool secrets_init(struct secrets *secrets, const char *url, const char *header)
{
    size_t url_size = strlen(url) + 1, header_size = header ? strlen(header) + 1 : 1;
    memset(secrets, 0, sizeof *secrets);
    secrets->text = malloc(url_size + header_size);
    if (!secrets->text)
        return false;
    memcpy(secrets->text, url, url_size);
    memcpy(secrets->text + url_size, header ? header : "", header_size);
    add_words(secrets, secrets->text);
    char *value = strchr(secrets->text + url_size, ':'); /* the name of a header is no secret */
    if (value)
        add_words(secrets, value);
    return true;
}

void secrets_release(struct secrets *secrets)
{
    free(secrets->text);
    memset(secrets, 0, sizeof *secrets);
}

void secrets_mask(const struct secrets *secrets, size_t word_min, char *text, size_t length)
{
    for (size_t i = 0; i < secrets->count; i++) {
        size_t word_length = secrets->words[i].length;
        char *found =
            word_length < word_min ? NULL : memmem(text, length, secrets->words[i].word, word_length);
        while (found) {
            memset(found, '*', word_length);
            char *next = found + word_length;
            found = memmem(next, length - (size_t)(next - text), secrets->words[i].word, word_length);
        }
    }
}

const char *secrets_quote(const struct secrets *secrets, char to[static QUOTE_SIZE], const char *text,
                          size_t length)
{
    char window[TRACER_QUOTED_MAX + PEER_HEADER_MAX]; /* a word that begins in what is shown ends in it */
    if (length > sizeof window)
        length = sizeof window;
    if (length)
        memcpy(window, text, length);
    secrets_mask(secrets, SECRET_WORD_MIN, window, length);
    return safe_text(to, QUOTE_SIZE, window, length);
}
