/* evidence.h - a trace with everything a stranger needs to check it: bundles, written and verified
 * (docs/evidence.md; threat-model E1, I8).
 *
 * A bundle is a directory of a few files whose names are fixed, and a manifest with their digests. It holds the
 * transactions that decide the flow, their proofs in the blocks' tries, the inputs of the replay and its result.
 */
#ifndef TRACER_EVIDENCE_H
#define TRACER_EVIDENCE_H

#include "tracer/chain.h"
#include "tracer/trace.h"

struct evidence_request {
    const struct trace_request *trace;
    const struct chain_network *network; /* whose blocks can be proven; NULL: imported rows */
    struct chain_client *client;         /* fetches blocks that were not kept; NULL: nobody */
    bool keep_fetched;                   /* and keeps them: the store is open for writing */
};
struct evidence_counts {
    uint64_t blocks, transactions, transactions_proven, rows;
    uint64_t rows_proven, bytes; /* counted by evidence_verify(); bytes of all files */
};
/** Trace, write the bundle into `directory` (made; it must not exist or be empty), and verify it. What fails leaves
 * nothing behind.
 * @param[out] ret_result  the trace's, as trace_run() gives it */
TRACER_MUST_USE enum tracer_status evidence_write(const struct evidence_request *request, const char *directory,
                                                  struct trace_result **ret_result,
                                                  struct evidence_counts *ret_counts, struct error *err);

struct evidence_report {
    struct evidence_counts counts;
    char network[TRACER_NETWORK_NAME_MAX + 1];
    uint64_t chain_id;
    char policy[16], version[64], commit[64];
    uint64_t headers, hops, grades[GRADE_COUNT]; /* blocks by the grade that the bundle states */
};
/** Check a bundle without anything else: digests, headers, proofs, senders, rows from proven bytes, the replay, and
 * the result that it states.
 * @retval TRACER_E_VERIFY  something differs or is missing; the message names the file and what
 * @retval TRACER_E_IO, TRACER_E_USAGE  the directory cannot be read */
TRACER_MUST_USE enum tracer_status evidence_verify(const char *directory, struct evidence_report *ret_report,
                                                   struct error *err);

#endif
