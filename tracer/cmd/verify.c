/* verify.c - `verify`: an evidence bundle, checked offline. */
#include "session.h"

#include "tracer/evidence.h"

#include <inttypes.h>
#include <stdio.h>

static void print_report(FILE *stream, const struct evidence_report *report)
{
    const struct evidence_counts *counts = &report->counts;
    fprintf(stream, "%s (chain %" PRIu64 "), policy %s, written by tracer %s (%s): everything holds.\n", report->network, report->chain_id,
            report->policy, report->version, report->commit);
    fprintf(stream, "%" PRIu64 " flagged hops and every total are what the replay of the bundle gives.\n", report->hops);
    fprintf(stream, "%" PRIu64 " of %" PRIu64 " transactions stand in the tries of %" PRIu64 " headers; %" PRIu64 " of %" PRIu64
                    " transfers follow from proven bytes.\n",
            counts->transactions_proven, counts->transactions, report->headers, counts->rows_proven, counts->rows);
    if (counts->rows_proven < counts->rows)
        fprintf(stream, "%" PRIu64 " transfers are asserted: no hash covers them (internal transfers, rewards, balances, imported rows).\n",
                counts->rows - counts->rows_proven);
    fprintf(stream, "Not covered, and the writer's word: names and categories of labels, symbols, the notes under limits, the digests of lists.\n");
    if (!report->headers)
        return;
    fprintf(stream, "Whether these headers are the chain's is not known here; the writer's grades of their blocks:");
    const char *comma = "";
    for (int grade = 0; grade < GRADE_COUNT; grade++)
        if (report->grades[grade]) {
            fprintf(stream, "%s %" PRIu64 " %s", comma, report->grades[grade], grade_name((enum grade)grade));
            comma = ",";
        }
    fprintf(stream, ".\nCompare a few hashes of blocks.csv with any node or explorer that you trust. That no transaction is missing between them is "
                    "the writer's word.\n");
}

int command_verify(const struct options *options)
{
    struct session session;
    struct evidence_report report;
    enum tracer_status status = session_open(&session, options);
    if (!status)
        status = evidence_verify(options->arguments[0], &report, &session.err);
    if (!status)
        print_report(stdout, &report);
    int code = status ? session_fail(&session, status) : EXIT_DONE;
    session_close(&session);
    return code;
}
