/* text_tree.c - the flagged hops as a tree: under each hop those that spent the units which it brought. */
#include "text.h"

#include "tracer/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL_WIDTH 3u
#define LEVELS_MAX 64u
#define WORDS_WIDTH 50u /* left for what a line says, at the least */
#define ART_SIZE (LEVELS_MAX * LEVEL_WIDTH + 32u)

struct tree {
    const struct text *text;
    const struct trace_result *result;
    uint32_t *child, *sibling; /* the first of each hop, and the next beside it; RESULT_NONE: there is none */
    size_t shown;              /* hops */
    unsigned levels;           /* drawn; deeper ones name their parent */
    bool has_more[LEVELS_MAX]; /* of each level: brothers follow */
};

static void add_part(char *to, size_t size, const char *part)
{
    size_t length = strlen(to);
    snprintf(to + length, size - length, "%s", part);
}

static void add_words(char *to, size_t size, const char *words)
{
    add_part(to, size, *to ? " " : "");
    add_part(to, size, words);
}

/* "2022-03-23 13:49:41 0.9431 of 1 ETH -> 0x665660..5617 NAME [mixer] (inferred)" */
static void hop_words(const struct tree *tree, const struct result_hop *hop, bool is_root, bool is_deep,
                      char to[static 1024])
{
    const struct view *view = &tree->text->view;
    const struct result_account *account = view_account(view, hop->to);
    char amount[AMOUNT_TEXT_SIZE], whole[AMOUNT_TEXT_SIZE], asset[ASSET_SHOWN_SIZE], party[PARTY_TEXT_SIZE],
        more[64];
    view_tainted(view, hop->asset, u320_from_u256(hop->tainted), u320_from_u256(hop->unproven), amount);
    view_amount(view, hop->asset, u320_from_u256(hop->amount), whole);
    view_asset_name(view, hop->asset, asset);
    clock_format_utc(hop->time, more);
    snprintf(to, 1024, "%s%s%s%s%s %s", hop->time ? more : "", hop->time ? " " : "", amount,
             u256_equal(hop->amount, hop->tainted) ? "" : " of ",
             u256_equal(hop->amount, hop->tainted) ? "" : whole, asset);
    if (is_root) {
        text_party(tree->text, hop->from, party);
        add_words(to, 1024, "from");
        add_words(to, 1024, party);
    }
    text_party(tree->text, hop->to, party);
    add_words(to, 1024, "->");
    add_words(to, 1024, party);
    if (account && account->labelled && account->class_ != CLASS_NONE) {
        snprintf(more, sizeof(more), "[%s]", label_class_name(account->class_));
        add_words(to, 1024, more);
    }
    if (hop->leg != LEG_NONE)
        add_words(to, 1024, hop->leg == LEG_IN ? "(paid into an exchange)" : "(received in an exchange)");
    if (hop->grade == GRADE_INFERRED)
        add_words(to, 1024, "(inferred)");
    if (is_deep) {
        snprintf(more, sizeof(more), "(under #%" PRIu32 ")", hop->parent + 1);
        add_words(to, 1024, more);
    }
    if (is_root && tree->result->source_count > 1) {
        snprintf(more, sizeof(more), "[%.60s]", tree->result->sources[hop->source]);
        add_words(to, 1024, more);
    }
}

/* The lines of the levels above, then the joint to the hop; the theft has none. */
static void draw(const struct tree *tree, unsigned level, const char *joint, char to[static ART_SIZE])
{
    to[0] = '\0';
    for (unsigned i = 1; i < level; i++)
        add_part(to, ART_SIZE, tree->has_more[i] ? "|  " : "   ");
    if (level)
        add_part(to, ART_SIZE, joint);
}

static void print_hop(struct tree *tree, uint32_t index, unsigned depth)
{
    const struct result_hop *hop = &tree->result->hops[index];
    unsigned level = depth < tree->levels ? depth : tree->levels - 1;
    bool is_last = tree->sibling[index] == RESULT_NONE || depth == 0;
    char first[ART_SIZE], next[ART_SIZE], number[16], words[1024];
    tree->shown++;
    tree->has_more[level] = !is_last;
    draw(tree, level, is_last ? "`- " : "|- ", first);
    draw(tree, level, is_last ? "   " : "|  ", next);
    snprintf(number, sizeof(number), "#%" PRIu32 "  ", index + 1);
    add_part(first, ART_SIZE, number);
    if (tree->child[index] != RESULT_NONE && level + 1 < tree->levels)
        add_part(next, ART_SIZE, "|");
    hop_words(tree, hop, depth == 0, depth >= tree->levels, words);
    text_wrap_under(tree->text, first, next, words);
}

/* Depth first, without recursion: a chain may be as long as the trace. */
static void print_from(struct tree *tree, uint32_t root)
{
    uint32_t at = root;
    unsigned depth = 0;
    fputc('\n', tree->text->stream);
    for (;;) {
        print_hop(tree, at, depth);
        if (tree->child[at] != RESULT_NONE) {
            at = tree->child[at];
            depth++;
            continue;
        }
        while (at != root && tree->sibling[at] == RESULT_NONE) {
            at = tree->result->hops[at].parent;
            depth--;
        }
        if (at == root)
            return;
        at = tree->sibling[at];
    }
}

enum tracer_status text_tree(const struct text *text, const struct trace_result *result, struct error *err)
{
    size_t count = result->hop_count;
    struct tree tree = {.text = text,
                        .result = result,
                        .child = malloc((count + 1) * sizeof(*tree.child)),
                        .sibling = malloc((count + 1) * sizeof(*tree.sibling))};
    enum tracer_status status = TRACER_OK;
    tree.levels = (text->columns - WORDS_WIDTH) / LEVEL_WIDTH + 1;
    if (tree.levels > LEVELS_MAX)
        tree.levels = LEVELS_MAX;
    text_heading(text, "TREE OF THE FLAGGED HOPS");
    text_wrap(
        text, "  ",
        "Under each hop stand those that spent the units which it brought. #5 is hop 5 of the full report; '3 of 10 "
        "ETH' is a transfer of 10 of which 3 are tainted.");
    text_unproven(text, result);
    if (!tree.child || !tree.sibling) {
        status = error_set(err, TRACER_E_NOMEM, "no memory for the report");
    } else {
        for (size_t i = 0; i < count; i++)
            tree.child[i] = tree.sibling[i] = RESULT_NONE;
        for (size_t i = count; i-- > 0;) {
            uint32_t parent = result->hops[i].parent;
            if (parent == RESULT_NONE)
                continue;
            tree.sibling[i] = tree.child[parent];
            tree.child[parent] = (uint32_t)i;
        }
        for (size_t i = 0; i < count; i++)
            if (result->hops[i].parent == RESULT_NONE)
                print_from(&tree, (uint32_t)i);
        if (!count)
            fputs("\n  none\n", text->stream);
        if (tree.shown != count)
            status = error_set(err, TRACER_E_INTERNAL, "the parents of some hops lead in a circle");
    }
    free(tree.child);
    free(tree.sibling);
    return status;
}
