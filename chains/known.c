/* known.c - what is known of an endpoint, as lines of text; see known.h. */
#include "tracer/known.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEADING "tracer/endpoint/2\n"

/* The numbers of a line, and in what they must lie. */
struct field {
    uint64_t value, max;
};

bool chain_known_write(const struct chain_known *known, struct buffer *to)
{
    const struct chain_probe *probe = &known->probe;
    buffer_text(to, HEADING);
    buffer_printf(to, "date %" PRIu64 "\n", known->date_s);
    buffer_printf(to, "found %d %d %d\n", known->has_traces, (int)known->traces, known->no_block_receipts);
    buffer_printf(to, "learned %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", known->batch_max, known->range_max[HISTORY_OTS],
                  known->range_max[HISTORY_TRACE_FILTER], known->range_max[HISTORY_LOGS], known->results_max);
    buffer_printf(to, "pace %" PRIu32 " %" PRIu32 " %" PRIu32 "\n", known->pace.in_flight, known->pace.rate, known->pace.retry_after_s);
    if (!known->probed)
        return buffer_ok(to);
    buffer_printf(to, "probe %" PRIu64 " %" PRIu64 " %" PRIu64 " %d %d %" PRIu64 " %d %d %d %d %d %d %" PRIu32 " %" PRIu64 " %" PRIu64 "\n",
                  probe->chain_id, probe->head, probe->finalized, probe->has_finalized, probe->archive, probe->state_depth,
                  probe->block_receipts, probe->no_block_receipts, probe->ots, probe->trace_filter, probe->by_nonce, (int)probe->traces,
                  probe->batch_max, probe->log_range, probe->log_range_stated);
    buffer_printf(to, "client %s\n", probe->client_version);
    return buffer_ok(to);
}

static bool take_text(const char **at, const char *end, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(end - *at) < length || memcmp(*at, text, length) != 0)
        return false;
    *at += length;
    return true;
}

/* "name 1 2 3\n", exactly `count` numbers. */
static bool take_line(const char **at, const char *end, const char *name, struct field *fields, size_t count)
{
    if (!take_text(at, end, name))
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t digits = 0;
        if (!take_text(at, end, " "))
            return false;
        for (fields[i].value = 0; *at < end && **at >= '0' && **at <= '9' && digits < 19; digits++)
            fields[i].value = fields[i].value * 10 + (uint64_t)(*(*at)++ - '0');
        if (digits == 0 || fields[i].value > fields[i].max)
            return false;
    }
    return take_text(at, end, "\n");
}

static bool read_probe(const char **at, const char *end, struct chain_probe *ret_probe)
{
    struct field of[15] = {{0, INT64_MAX}, {0, INT64_MAX}, {0, INT64_MAX}, {0, 1}, {0, 1}, {0, INT64_MAX}, {0, 1}, {0, 1}, {0, 1},
                           {0, 1},         {0, 1},         {0, TRACES_TRACE_BLOCK}, {0, TRACER_BATCH_CALLS_MAX}, {0, INT64_MAX}, {0, INT64_MAX}};
    if (!take_line(at, end, "probe", of, 15) || !take_text(at, end, "client "))
        return false;
    const char *line_end = memchr(*at, '\n', (size_t)(end - *at));
    if (!line_end || (size_t)(line_end - *at) >= sizeof ret_probe->client_version)
        return false;
    *ret_probe = (struct chain_probe){.chain_id = of[0].value,
                                      .head = of[1].value,
                                      .finalized = of[2].value,
                                      .has_finalized = of[3].value,
                                      .archive = of[4].value,
                                      .state_depth = of[5].value,
                                      .block_receipts = of[6].value,
                                      .no_block_receipts = of[7].value,
                                      .ots = of[8].value,
                                      .trace_filter = of[9].value,
                                      .by_nonce = of[10].value,
                                      .traces = (enum chain_traces)of[11].value,
                                      .batch_max = (uint32_t)of[12].value,
                                      .log_range = of[13].value,
                                      .log_range_stated = of[14].value,
                                      .anchor_checked = true,
                                      .anchor_fits = true};
    safe_text(ret_probe->client_version, sizeof ret_probe->client_version, *at, (size_t)(line_end - *at));
    *at = line_end + 1;
    return true;
}

bool chain_known_read(const char *text, size_t size, struct chain_known *ret_known)
{
    const char *at = text, *end = text + size;
    struct chain_known known = {0};
    struct field date = {0, INT64_MAX}, found[3] = {{0, 1}, {0, TRACES_TRACE_BLOCK}, {0, 1}},
                 learned[5] = {{0, TRACER_BATCH_CALLS_MAX}, {0, INT64_MAX}, {0, INT64_MAX}, {0, INT64_MAX}, {0, INT64_MAX}},
                 pace[3] = {{0, TRACER_IN_FLIGHT_MAX}, {0, UINT32_MAX}, {0, UINT32_MAX}};
    if (!take_text(&at, end, HEADING) || !take_line(&at, end, "date", &date, 1) || !take_line(&at, end, "found", found, 3) ||
        !take_line(&at, end, "learned", learned, 5) || !take_line(&at, end, "pace", pace, 3))
        return false;
    known.date_s = date.value;
    known.has_traces = found[0].value;
    known.traces = (enum chain_traces)found[1].value;
    known.no_block_receipts = found[2].value;
    known.batch_max = (uint32_t)learned[0].value;
    known.range_max[HISTORY_OTS] = learned[1].value;
    known.range_max[HISTORY_TRACE_FILTER] = learned[2].value;
    known.range_max[HISTORY_LOGS] = learned[3].value;
    known.results_max = learned[4].value;
    known.pace = (struct rpc_pace){(uint32_t)pace[0].value, (uint32_t)pace[1].value, (uint32_t)pace[2].value};
    known.probed = at < end;
    if (known.probed && (!read_probe(&at, end, &known.probe) || at != end))
        return false;
    *ret_known = known;
    return true;
}
