/* transfer.c - the words of transfer.h and block.h. */
#include "tracer/transfer.h"

#include "tracer/block.h"

/* Index of `text` in a table of words, or -1. */
static int find_word(const char *const *words, int count, const char *text, size_t length)
{
    for (int i = 0; i < count; i++)
        if (strlen(words[i]) == length && memcmp(words[i], text, length) == 0)
            return i;
    return -1;
}

static const char *const kind_words[TRANSFER_KIND_COUNT] = {"value", "internal", "token", "reward",
                                                            "fee",   "opening",  "adjust"};

const char *transfer_kind_name(enum transfer_kind kind)
{
    return kind < TRANSFER_KIND_COUNT ? kind_words[kind] : "?";
}

const char *leg_name(enum transfer_leg leg)
{
    return leg == LEG_IN ? "in" : leg == LEG_OUT ? "out" : "";
}

bool transfer_kind_parse(const char *text, size_t length, enum transfer_kind *ret_kind)
{
    int found = find_word(kind_words, TRANSFER_KIND_COUNT, text, length);
    if (found < 0)
        return false;
    *ret_kind = (enum transfer_kind)found;
    return true;
}

static const char *const grade_words[GRADE_COUNT] = {"proven", "linked", "single", "asserted", "inferred"};

const char *grade_name(enum grade grade)
{
    return grade < GRADE_COUNT ? grade_words[grade] : "?";
}

bool row_is_hashed(const struct transfer *row)
{
    /* where the OP Stack collects the fees of its settlement layer, which receipts state beside what their root covers */
    static const struct address vault = {{0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x1a}};
    return row->kind != TRANSFER_INTERNAL && !(row->kind == TRANSFER_FEE && address_equal(row->to, vault));
}

enum grade grade_of_row(const struct block *block, const struct transaction *transaction, const struct transfer *row)
{
    enum grade grade = transaction && transaction->grade > block->grade ? transaction->grade : block->grade;
    bool by_rule = block->rewards_asserted && row->kind == TRANSFER_REWARD && row->position.transaction_index == TRANSACTION_AFTER;
    return (by_rule || !row_is_hashed(row)) && grade < GRADE_ASSERTED ? GRADE_ASSERTED : grade;
}

bool grade_parse(const char *text, size_t length, enum grade *ret_grade)
{
    int found = find_word(grade_words, GRADE_COUNT, text, length);
    if (found < 0)
        return false;
    *ret_grade = (enum grade)found;
    return true;
}

const char *internals_name(enum internals internals)
{
    static const char *const words[] = {"none", "some", "all"};
    return internals <= INTERNALS_ALL ? words[internals] : "?";
}

const char *row_order_name(enum row_order order)
{
    return order == ORDER_EXACT ? "exact" : "split";
}
