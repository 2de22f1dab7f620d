/* categories.c - what a line of a check is exposed to, by the category of the sources. */
#include "view.h"

#include <string.h>

static void add(struct u320 *sum, struct u320 amount, bool overlap)
{
    if (!overlap)
        u320_add_u320(sum, amount);
    else if (u320_compare(amount, *sum) > 0) /* poison: amounts of sources are of the same units */
        *sum = amount;
}

size_t sum_categories(const struct check_line *line, bool overlap, struct category_sum ret_sums[static CATEGORIES_MAX])
{
    size_t count = 0;
    for (size_t e = 0; e < line->exposure_count; e++) {
        const struct check_exposure *exposure = &line->exposures[e];
        size_t at = 0;
        while (at < count && strcmp(ret_sums[at].category, exposure->category) != 0)
            at++;
        if (at == CATEGORIES_MAX) {
            at--;
            ret_sums[at].category = "other";
        } else if (at == count) {
            ret_sums[count++] = (struct category_sum){.category = exposure->category, .hop = exposure->hop};
        }
        add(exposure->direct ? &ret_sums[at].direct : &ret_sums[at].indirect, exposure->amount, overlap);
        if (exposure->hop < ret_sums[at].hop)
            ret_sums[at].hop = exposure->hop;
    }
    for (size_t i = 0; i < count; i++) {
        struct u320 sum = ret_sums[i].direct, quotient;
        if (overlap)
            add(&sum, ret_sums[i].indirect, true);
        else
            u320_add_u320(&sum, ret_sums[i].indirect);
        ret_sums[i].ppm = !u320_is_zero(line->amount) && u320_mul_div(sum, (struct u320){{1000000}}, line->amount, &quotient) ? quotient.limb[0] : 0;
    }
    return count;
}
