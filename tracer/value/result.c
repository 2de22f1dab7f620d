/* result.c - the words of a result, foreign text made fit to be shown, and the release of results. */
#include "tracer/result.h"

#include <stdio.h>

const char *place_name(enum place place)
{
    switch (place) {
    case PLACE_IS_HELD:
        return "held";
    case PLACE_IS_SERVICE:
        return "service";
    case PLACE_IS_MIXER:
        return "mixer";
    case PLACE_IS_BRIDGE:
        return "bridge";
    case PLACE_IS_VENUE:
        return "venue";
    case PLACE_IS_BURNED:
        return "burned";
    case PLACE_IS_FEES:
        return "fees";
    case PLACE_IS_CONVERTED:
        return "converted";
    case PLACE_IS_NOT_EXPLORED:
        return "not_explored";
    case PLACE_IS_RETAGGED:
        return "retagged";
    case PLACE_IS_COUNT:
        break;
    }
    return "";
}

const char *verdict_name(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_CLEAN:
        return "clean";
    case VERDICT_CANNOT_TELL:
        return "cannot_tell";
    case VERDICT_EXPOSED:
        return "exposed";
    }
    return "";
}

void trace_result_free(struct trace_result *result)
{
    if (result)
        arena_free(result->arena); /* holds the result itself */
}

void compare_result_free(struct compare_result *result)
{
    if (result)
        arena_free(result->arena);
}

void explain_result_free(struct explain_result *result)
{
    if (result)
        arena_free(result->arena);
}

const char *audit_outcome_name(enum audit_outcome outcome)
{
    static const char *const names[AUDIT_OUTCOME_COUNT] = {"agrees", "differs", "no_answer", "no_state", "over_limit"};
    return names[outcome];
}

const char *nonce_outcome_name(enum nonce_outcome outcome)
{
    static const char *const names[NONCE_OUTCOME_COUNT] = {"agrees",    "differs",  "delegated", "contract",
                                                           "no_answer", "no_state", "over_limit"};
    return names[outcome];
}

void audit_result_free(struct audit_result *result)
{
    if (result)
        arena_free(result->arena);
}

void check_result_free(struct check_result *result)
{
    if (result)
        arena_free(result->arena);
}

/* One UTF-8 character (RFC 3629) at the start of `text`; its length, 0 if the bytes are none. */
static size_t utf8_take(const uint8_t *text, size_t length, uint32_t *ret_code)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t extra = 0; extra < 4; extra++) {
        if ((text[0] & forms[extra].mask) != forms[extra].lead)
            continue;
        uint32_t code = text[0] & (uint32_t)(uint8_t)~forms[extra].mask;
        if (extra >= length)
            return 0;
        for (size_t i = 1; i <= extra; i++) {
            if ((text[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (text[i] & 0x3fu);
        }
        if (code < forms[extra].least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return 0;
        *ret_code = code;
        return extra + 1;
    }
    return 0;
}

/* How the next character is shown; returns the bytes of `from` it takes. */
static size_t shown_piece(const uint8_t *from, size_t length, char to[static 16])
{
    uint32_t code = 0;
    size_t taken = utf8_take(from, length, &code);
    if (taken == 0) {
        snprintf(to, 16, "\\x{%x}", (unsigned)from[0]);
        return 1;
    }
    if (code >= 0x20 && code < 0x7f)
        memcpy(to, (char[]){(char)code, '\0'}, 2);
    else
        snprintf(to, 16, "\\u{%x}", (unsigned)code);
    return taken;
}

const char *shown_text(char *to, size_t size, const char *from, size_t length)
{
    size_t at = 0, fits = 0; /* fits: where "..." may still be put */
    to[0] = '\0';
    while (length > 0) {
        if (*from >= 0x20 && *from < 0x7f && at + 1 < size) { /* shown as it is; nearly all are */
            to[at++] = *from++;
            to[at] = '\0';
            if (at + 3 < size)
                fits = at;
            length--;
            continue;
        }
        char piece[16];
        size_t taken = shown_piece((const uint8_t *)from, length, piece);
        size_t piece_length = strlen(piece);
        if (at + piece_length >= size) {
            if (size > 3)
                memcpy(to + fits, "...", 4);
            break;
        }
        memcpy(to + at, piece, piece_length + 1);
        at += piece_length;
        if (at + 3 < size)
            fits = at;
        from += taken;
        length -= taken;
    }
    return to;
}

const char *note_kind_name(enum note_kind kind)
{
    static const char *const names[NOTE_COUNT] = {"limits", "gaps", "disagreements", "assumptions"};
    return kind < NOTE_COUNT ? names[kind] : "";
}
