/* place.h - a new store in a folder of its own, for tests that ingest. */
#ifndef TRACER_TESTS_CHAINS_PLACE_H
#define TRACER_TESTS_CHAINS_PLACE_H

#include <ftw.h>

#include "chains/fake_chain.h"
#include "tracer/graph.h"

struct test_place {
    char path[64];
    struct graph *graph;
};

static inline struct test_place open_place(void)
{
    struct test_place place = {.path = "/tmp/tracer-ingest-XXXXXX"};
    struct graph_options options = {.mode = GRAPH_CREATE};
    struct error err;
    cr_assert(mkdtemp(place.path));
    strcat(place.path, "/store");
    cr_assert_eq(graph_open(place.path, &options, &place.graph, &err), TRACER_OK, "%s", err.text);
    return place;
}

static inline int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void close_place(struct test_place *place)
{
    graph_close(place->graph);
    *strrchr(place->path, '/') = '\0';
    nftw(place->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
