/* names.c - the words of input.h. */
#include "tracer/input.h"

#include <string.h>

static const char *const policy_words[POLICY_COUNT] = {"fifo",   "lifo",       "haircut",
                                                       "poison", "cleanfirst", "taintfirst"};
static const char *const class_words[CLASS_COUNT] = {"", "service", "mixer", "bridge", "venue"};

const char *taint_policy_name(enum taint_policy policy)
{
    return policy < POLICY_COUNT ? policy_words[policy] : "?";
}

bool taint_policy_parse(const char *text, enum taint_policy *ret_policy)
{
    for (int i = 0; i < POLICY_COUNT; i++)
        if (strcmp(policy_words[i], text) == 0) {
            *ret_policy = (enum taint_policy)i;
            return true;
        }
    return false;
}

const char *label_class_name(enum label_class class_)
{
    return class_ < CLASS_COUNT ? class_words[class_] : "?";
}

bool label_class_parse(const char *text, size_t length, enum label_class *ret_class)
{
    for (int i = 1; i < CLASS_COUNT; i++)
        if (strlen(class_words[i]) == length && memcmp(class_words[i], text, length) == 0) {
            *ret_class = (enum label_class)i;
            return true;
        }
    return false;
}

const char *links_name(enum taint_links links)
{
    return links == LINKS_GIVEN ? "given" : links == LINKS_AUTO ? "auto" : "none";
}

const char *fees_name(enum taint_fees fees)
{
    return fees == FEES_SINK ? "sink" : "follow";
}

const char *unknown_name(enum taint_unknown unknown)
{
    return unknown == UNKNOWN_TRACK ? "track" : "clean";
}

const char *opening_name(enum taint_opening opening)
{
    return opening == OPENING_UNKNOWN ? "unknown" : "clean";
}
