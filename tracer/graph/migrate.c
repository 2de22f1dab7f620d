/* migrate.c - the schema is a list of steps; each brings a store from one version to the next.
 *
 * All steps run in one transaction: the store is as before, or new. Whoever adds the first step also makes
 * the copy that threat-model 10.8 asks for (mdb_env_copy2, as graph_backup does) before it begins.
 */
#include "store.h"

struct migration {
    uint32_t from; /* schema before the step */
    enum tracer_status (*run)(struct graph *graph, struct error *err);
};

/* None yet: schema 1 is the first. */
static const struct migration migrations[] = {{0, NULL}};

enum tracer_status migrate(struct graph *graph, struct error *err)
{
    for (size_t i = 0; i < sizeof(migrations) / sizeof(migrations[0]); i++)
        if (migrations[i].run && migrations[i].from == graph->record.schema)
            return migrations[i].run(graph, err);
    return store_error(graph, err, TRACER_E_VERSION, "schema %u is not known. Nothing was changed",
                       graph->record.schema);
}
