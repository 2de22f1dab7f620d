/* Locks, limits and damage: threat-model 8, S1 to S11. */
#include "model.h"

#include "graph/record.h"
#include "graph/segment.h"
#include "graph/store.h"

static enum tracer_status try_open(const char *path, enum graph_mode mode, size_t bytes_max,
                                   struct graph **ret_graph, struct error *err)
{
    const struct graph_options options = {.mode = mode, .bytes_max = bytes_max};
    return graph_open(path, &options, ret_graph, err);
}

static enum tracer_status put_number(struct graph *graph, uint64_t number, size_t rows, struct error *err)
{
    struct graph_write *write;
    enum tracer_status status = graph_begin(graph, &write, err);
    if (status)
        return status;
    struct owned_block block = make_block(number, 0, rows, INTERNALS_NONE);
    status = graph_put_block(write, &block.block, err);
    free_block(&block);
    if (status) {
        graph_abort(write);
        return status;
    }
    return graph_commit(write, err);
}

static void file_in(char to[static 300], const char *path, const char *name)
{
    snprintf(to, 300, "%s/%s", path, name);
}

/* --- who may open ------------------------------------------------------------------------------------ */

Test(graph, S6_second_writer_fails_at_once)
{
    char path[256];
    int ready[2], done[2];
    char byte = 0;
    store_path(path);
    cr_assert(!pipe(ready) && !pipe(done));
    pid_t child = fork();
    if (child == 0) {
        struct graph *graph = store_open(path, GRAPH_CREATE);
        store_register(graph);
        if (write(ready[1], "r", 1) != 1 || read(done[0], &byte, 1) != 1)
            _exit(1);
        graph_close(graph);
        _exit(0);
    }
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    struct graph *graph = NULL;
    struct error err = {0};
    char holder[64];
    cr_assert_eq(try_open(path, GRAPH_WRITE, 0, &graph, &err), TRACER_E_BUSY);
    snprintf(holder, sizeof(holder), "in use by process %ld since ", (long)child);
    cr_assert(strstr(err.text, holder) && strstr(err.text, " UTC"), "%s", err.text);
    cr_assert_eq(try_open(path, GRAPH_READ, 0, &graph, &err), TRACER_OK, "readers may run: %s", err.text);
    graph_close(graph);
    cr_assert_eq(write(done[1], "d", 1), 1);
    int status;
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0);
    cr_assert_eq(try_open(path, GRAPH_WRITE, 0, &graph, &err), TRACER_OK, "%s", err.text);
    graph_close(graph);
    store_remove(path);
}

Test(graph, S7_second_open_and_use_after_fork_are_refused)
{
    char path[256];
    struct error err = {0};
    struct graph *second;
    struct graph_range range;
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    cr_assert_eq(try_open(path, GRAPH_READ, 0, &second, &err), TRACER_E_BUSY);
    cr_assert_eq(try_open(path, GRAPH_WRITE, 0, &second, &err), TRACER_E_BUSY);
    pid_t child = fork();
    if (child == 0) {
        enum tracer_status status = graph_range(graph, CHAIN, &range, &err);
        graph_close(graph); /* harmless */
        _exit(status == TRACER_E_STORE && strstr(err.text, "fork") ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0);
    store_register(graph);
    cr_assert_eq(put_number(graph, 1, 3, &err), TRACER_OK, "%s", err.text);
    graph_close(graph);
    store_remove(path);
}

Test(graph, S8_a_dead_reader_does_not_hold_pages)
{
    char path[256], data[300];
    struct error err = {0};
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    cr_assert_eq(put_number(graph, 1, 100, &err), TRACER_OK);
    graph_close(graph);
    pid_t child = fork();
    if (child == 0) {
        struct graph *reader = store_open(path, GRAPH_READ);
        MDB_txn *txn;
        if (store_read_begin(reader, &txn, &err))
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    int status;
    waitpid(child, &status, 0);
    graph = store_open(path, GRAPH_WRITE); /* clears the dead reader's slot */
    struct stat before, after;
    file_in(data, path, "data.mdb");
    for (uint64_t n = 2; n < 12; n++)
        cr_assert_eq(put_number(graph, n, 10, &err), TRACER_OK);
    stat(data, &before);
    for (int i = 0; i < 100; i++) {
        struct graph_coverage coverage = {.first = 1, .last = (uint64_t)i + 1, .what = "all"};
        cr_assert_eq(graph_put_coverage(graph, CHAIN, &coverage, &err), TRACER_OK);
    }
    stat(data, &after);
    cr_assert_leq(after.st_size, before.st_size + 40 * 4096, "pages of old snapshots are used again");
    graph_close(graph);
    store_remove(path);
}

Test(graph, S10_sealed_copy_is_read_without_locks)
{
    char path[256], file[300];
    struct error err = {0};
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    cr_assert_eq(put_number(graph, 1, 3, &err), TRACER_OK);
    graph_close(graph);
    file_in(file, path, "lock.mdb");
    unlink(file);
    file_in(file, path, "writer.lock");
    unlink(file);
    file_in(file, path, "data.mdb");
    chmod(file, 0444);
    chmod(path, 0555);
    pid_t child = fork();
    if (child == 0) {
        struct graph *sealed;
        struct block block;
        if (getuid() == 0 && (setgid(65534) || setuid(65534)))
            _exit(2);
        if (try_open(path, GRAPH_READ, 0, &sealed, &err))
            _exit(3);
        if (!sealed->sealed || graph_get_block(sealed, CHAIN, 1, &block, &err) || block.transfer_count != 3)
            _exit(4);
        graph_close(sealed);
        if (try_open(path, GRAPH_WRITE, 0, &sealed, &err) == TRACER_OK)
            _exit(5);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    chmod(path, 0700);
    chmod(file, 0600);
    cr_assert_eq(status, 0, "exit %d", WEXITSTATUS(status));
    store_remove(path);
}

Test(graph, S10_network_file_systems_are_refused)
{
    cr_assert(lock_is_network_file_system(0x6969));
    cr_assert(lock_is_network_file_system(0xff534d42));
    cr_assert(lock_is_network_file_system((uint64_t)(int64_t)(int32_t)0xff534d42), "sign extended");
    cr_assert(lock_is_network_file_system(0x01021997));
    cr_assert_not(lock_is_network_file_system(0xef53));     /* ext4 */
    cr_assert_not(lock_is_network_file_system(0x01021994)); /* tmpfs */
}

Test(graph, S11_deleted_lock_files_are_noticed)
{
    static const char *const names[] = {"writer.lock", "lock.mdb"};
    for (int i = 0; i < 2; i++) {
        char path[256], file[300];
        struct error err = {0};
        store_path(path);
        struct graph *graph = store_open(path, GRAPH_CREATE);
        store_register(graph);
        cr_assert_eq(put_number(graph, 1, 3, &err), TRACER_OK);
        file_in(file, path, names[i]);
        cr_assert(!unlink(file));
        pid_t child = fork();
        if (child == 0) { /* the lock on the directory still holds */
            struct graph *second;
            _exit(try_open(path, GRAPH_WRITE, 0, &second, &err) == TRACER_E_BUSY ? 0 : 1);
        }
        int status;
        waitpid(child, &status, 0);
        cr_assert_eq(status, 0);
        cr_assert_eq(put_number(graph, 2, 3, &err), TRACER_E_STORE);
        cr_assert(strstr(err.text, names[i]) && strstr(err.text, "deleted"), "%s", err.text);
        graph_close(graph);
        store_remove(path);
    }
}

Test(graph, files_are_private_and_missing_stores_are_not_found)
{
    char path[256], inner[300], file[320];
    struct error err = {0};
    struct graph *graph;
    struct stat found;
    store_path(path);
    snprintf(inner, sizeof(inner), "%s/new", path);
    cr_assert_eq(try_open(inner, GRAPH_WRITE, 0, &graph, &err), TRACER_E_NOT_FOUND);
    cr_assert_eq(try_open(path, GRAPH_READ, 0, &graph, &err), TRACER_E_NOT_FOUND);
    umask(0);
    cr_assert_eq(try_open(inner, GRAPH_CREATE, 0, &graph, &err), TRACER_OK, "%s", err.text);
    cr_assert(!stat(inner, &found) && (found.st_mode & 0777) == 0700);
    static const char *const names[] = {"data.mdb", "lock.mdb", "writer.lock"};
    for (int i = 0; i < 3; i++) {
        snprintf(file, sizeof(file), "%s/%s", inner, names[i]);
        cr_assert(!stat(file, &found) && (found.st_mode & 0777) == 0600, "%s", names[i]);
    }
    graph_close(graph);
    store_remove(inner);
    store_remove(path);
}

Test(graph, S1_an_open_writer_leaves_no_mark_of_a_clean_stop)
{
    char path[256];
    struct error err = {0};
    struct graph_stat stat;
    struct graph_write *write;
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    graph_close(graph);
    graph = store_open(path, GRAPH_WRITE);
    cr_assert(!graph_stat(graph, &stat, &err) && stat.clean_stop);
    cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK);
    graph_abort(write);
    cr_assert(!graph_stat(graph, &stat, &err) && stat.clean_stop, "nothing was written yet");
    cr_assert_eq(put_number(graph, 1, 3, &err), TRACER_OK);
    cr_assert(!graph_stat(graph, &stat, &err) && !stat.clean_stop);
    graph_close(graph);
    graph = store_open(path, GRAPH_READ);
    cr_assert(!graph_stat(graph, &stat, &err) && stat.clean_stop);
    graph_close(graph);
    store_remove(path);
}

/* --- full -------------------------------------------------------------------------------------------- */

Test(graph, S9_a_full_map_keeps_what_was_committed)
{
    char path[256];
    struct error err = {0};
    struct graph *graph;
    uint64_t stored = 0;
    store_path(path);
    cr_assert_eq(try_open(path, GRAPH_CREATE, 40 * 4096, &graph, &err), TRACER_OK, "%s", err.text);
    store_register(graph);
    enum tracer_status status = TRACER_OK;
    for (uint64_t n = 1; n < 200 && !status; n++) {
        status = put_number(graph, n, 20, &err);
        stored += !status;
    }
    cr_assert_eq(status, TRACER_E_FULL, "%s", err.text);
    cr_assert(strstr(err.text, "ceiling"), "%s", err.text);
    cr_assert_gt(stored, 0);
    struct graph_range range;
    cr_assert_eq(graph_range(graph, CHAIN, &range, &err), TRACER_OK);
    cr_assert_eq(range.count, stored);
    cr_assert_eq(graph_verify(graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    graph_close(graph);
    cr_assert_eq(try_open(path, GRAPH_WRITE, TRACER_MIB(64), &graph, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(put_number(graph, stored + 1, 20, &err), TRACER_OK, "a larger ceiling: %s", err.text);
    graph_close(graph);
    store_remove(path);
}

Test(graph, S9_sixteen_pages)
{
    char path[256];
    struct error err = {0};
    struct graph *graph = NULL;
    store_path(path);
    enum tracer_status status = try_open(path, GRAPH_CREATE, 16 * 4096, &graph, &err);
    if (!status) {
        const struct graph_network network = {.chain_id = CHAIN, .name = "ethereum"};
        status = graph_put_network(graph, &network, &err);
        for (uint64_t n = 1; n < 50 && !status; n++)
            status = put_number(graph, n, 20, &err);
        cr_assert_eq(status, TRACER_E_FULL, "%s", err.text);
        cr_assert_eq(graph_verify(graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    }
    cr_assert_eq(status, TRACER_E_FULL, "%s", err.text);
    graph_close(graph);
    store_remove(path);
}

Test(graph, S9_a_reader_follows_a_map_that_grew)
{
    char path[256];
    struct error err = {0};
    struct graph *reader;
    store_path(path);
    struct graph *graph;
    cr_assert_eq(try_open(path, GRAPH_CREATE, TRACER_MIB(1), &graph, &err), TRACER_OK);
    store_register(graph);
    cr_assert_eq(put_number(graph, 1, 10, &err), TRACER_OK);
    graph_close(graph);
    cr_assert_eq(try_open(path, GRAPH_READ, TRACER_MIB(1), &reader, &err), TRACER_OK);
    pid_t child = fork();
    if (child == 0) {
        struct graph *writer;
        if (try_open(path, GRAPH_WRITE, TRACER_MIB(64), &writer, &err))
            _exit(1);
        for (uint64_t n = 2; n < 6; n++)
            if (put_number(writer, n, 20000, &err))
                _exit(2);
        graph_close(writer);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0);
    struct graph_range range;
    cr_assert_eq(graph_range(reader, CHAIN, &range, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(range.last, 5);
    cr_assert_eq(graph_verify(reader, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    graph_close(reader);
    store_remove(path);
}

Test(graph, S3_a_file_size_limit_is_a_full_disk)
{
    char path[256];
    struct error err = {0};
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    cr_assert_eq(put_number(graph, 1, 10, &err), TRACER_OK);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, limit;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 300000;
    cr_assert(!setrlimit(RLIMIT_FSIZE, &limit));
    enum tracer_status status = TRACER_OK;
    uint64_t stored = 1;
    for (uint64_t n = 2; n < 200 && !status; n++) {
        status = put_number(graph, n, 200, &err);
        stored += !status;
    }
    setrlimit(RLIMIT_FSIZE, &old);
    cr_assert_eq(status, TRACER_E_FULL, "%s", err.text);
    cr_assert(strstr(err.text, "MiB free") && strstr(err.text, "MiB needed"), "%s", err.text);
    graph_close(graph);
    graph = store_open(path, GRAPH_WRITE);
    struct graph_range range;
    cr_assert_eq(graph_range(graph, CHAIN, &range, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(range.count, stored);
    cr_assert_eq(graph_verify(graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(put_number(graph, stored + 1, 200, &err), TRACER_OK, "there is room again: %s", err.text);
    graph_close(graph);
    store_remove(path);
}

/* The parts of a long load are written by a second thread: what it cannot write is told by who waits for it
 * next, and then by all until the load is given up; parts before are kept, parts behind never are. */
static void fill_disk_in_a_long_load(bool join)
{
    char path[256];
    struct error err = {0};
    struct graph_write *write;
    struct rlimit old, limit;
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    graph->part_bytes = 40000;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 300000;
    cr_assert(!setrlimit(RLIMIT_FSIZE, &limit));
    cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK);
    enum tracer_status status = TRACER_OK, joined = TRACER_OK;
    uint64_t put = 0;
    while (put < 400 && !status && !joined) {
        struct owned_block block = make_block(put + 1, 0, 200, INTERNALS_NONE);
        status = graph_put_block(write, &block.block, &err);
        free_block(&block);
        put += !status;
        if (join && !status && put % 7 == 0)
            joined = graph_put_item(graph, GRAPH_ITEM_LIST, "item", &put, sizeof(put), &err);
    }
    cr_assert_eq(join && joined ? joined : status, TRACER_E_FULL, "%s", err.text);
    cr_assert(strstr(err.text, "MiB free") && strstr(err.text, "MiB needed"), "%s", err.text);
    cr_assert_gt(graph->commits, 2, "it failed before there was a second thread");
    setrlimit(RLIMIT_FSIZE, &old); /* there is room again, but what came before is lost */
    if (joined)
        cr_assert_eq(graph_put_item(graph, GRAPH_ITEM_LIST, "item", &put, sizeof(put), &err), TRACER_E_FULL);
    cr_assert_eq(graph_commit(write, &err), TRACER_E_FULL, "%s", err.text);
    struct graph_range range;
    cr_assert_eq(graph_range(graph, CHAIN, &range, &err), TRACER_OK, "%s", err.text);
    cr_assert(range.count > 0 && range.count < put && range.last == range.count);
    cr_assert_eq(put_number(graph, range.last + 1, 200, &err), TRACER_OK, "there is room again: %s",
                 err.text);
    graph_close(graph);
    graph = store_open(path, GRAPH_WRITE);
    cr_assert_eq(graph_verify(graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    graph_close(graph);
    store_remove(path);
}

Test(graph, S3_a_full_disk_is_told_from_the_second_thread)
{
    fill_disk_in_a_long_load(false);
    fill_disk_in_a_long_load(true);
}

/* An abort waits for the part that is being written, and drops what was not handed over. */
Test(graph, an_aborted_long_load_ends_with_a_whole_part)
{
    char path[256];
    struct error err = {0};
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    graph->part_bytes = 20000;
    uint64_t last = 0;
    for (uint64_t length = 1; length < 60; length += 9) {
        struct graph_write *write;
        struct graph_range range = {0};
        cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK);
        for (uint64_t n = 1; n <= length; n++) {
            struct owned_block block = make_block(last + n, 0, 100, INTERNALS_NONE);
            cr_assert_eq(graph_put_block(write, &block.block, &err), TRACER_OK, "%s", err.text);
            free_block(&block);
        }
        bool handed = graph->staging;
        graph_abort(write);
        cr_assert(!graph_range(graph, CHAIN, &range, &err) || !handed, "%s", err.text);
        cr_assert(range.last == range.count && range.last >= last && range.last < last + length);
        cr_assert_eq(range.last > last, handed);
        last = range.last;
    }
    cr_assert_gt(last, 0);
    cr_assert_eq(graph_verify(graph, NULL, NULL, &err), TRACER_OK, "%s", err.text);
    graph_close(graph);
    store_remove(path);
}

/* --- damage ------------------------------------------------------------------------------------------ */

#define DAMAGE_BLOCKS 60u

/* Ask everything; 0: all answers right, 1: refused, 2: an answer is wrong. */
static int ask_all(const char *path, struct model *model)
{
    struct graph *graph;
    struct error err = {0};
    int refused = 0;
    if (try_open(path, GRAPH_READ, TRACER_MIB(64), &graph, &err))
        return 1;
    for (uint64_t n = 0; n < DAMAGE_BLOCKS; n++) {
        struct block block;
        struct transaction transaction;
        const struct block *mine = &model->blocks[n].block;
        if (graph_get_block(graph, CHAIN, n, &block, &err))
            refused = 1;
        else if (!hash_equal(block.hash, mine->hash) || block.transfer_count != mine->transfer_count ||
                 block.time != mine->time)
            return 2;
        for (size_t i = 0; i < mine->transaction_count; i++) {
            if (graph_get_transaction(graph, CHAIN, n, mine->transactions[i].transaction_index, &transaction,
                                      &err))
                refused = 1;
            else if (!hash_equal(transaction.hash, mine->transactions[i].hash) ||
                     !address_equal(transaction.sender, mine->transactions[i].sender))
                return 2;
        }
    }
    struct expectation all = {.model = model, .last = UINT64_MAX, .since = {0, -1, 0}};
    enum tracer_status status = graph_each(graph, CHAIN, 0, UINT64_MAX, expect_visit, &all, &err);
    if (status == TRACER_E_INTERNAL || (!status && expect_next(&all)))
        return 2;
    refused |= status != TRACER_OK;
    for (uint64_t n = 0; n < 8; n++) {
        struct address account = test_address(n);
        struct expectation expected = {
            .model = model, .last = UINT64_MAX, .account = &account, .since = {0, -1, 0}};
        status = graph_each_of_account(graph, CHAIN, account, (struct position){0, -1, 0}, expect_visit,
                                       &expected, &err);
        if (status == TRACER_E_INTERNAL || (!status && expect_next(&expected)))
            return 2;
        refused |= status != TRACER_OK;
    }
    graph_close(graph);
    return refused;
}

/* In a child: damage inside LMDB's own pages may end it by a signal, which the caller of a store contains. */
static int ask_in_child(const char *path, struct model *model)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        alarm(10);
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 2);
        _exit(ask_all(path, model));
    }
    int status;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGALRM ? 4 : 3;
    return WEXITSTATUS(status) <= 2 ? WEXITSTATUS(status)
                                    : 3; /* a sanitizer ends the process with its own code */
}

static struct model *damage_store(const char *path)
{
    struct error err = {0};
    struct model *model = calloc(1, sizeof(*model));
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    struct graph_write *write;
    cr_assert_eq(graph_begin(graph, &write, &err), TRACER_OK);
    for (uint64_t n = 0; n < DAMAGE_BLOCKS; n++) {
        model_put(model, make_block(n, 0, 50, INTERNALS_NONE));
        cr_assert_eq(graph_put_block(write, &model->blocks[n].block, &err), TRACER_OK, "%s", err.text);
    }
    cr_assert_eq(graph_commit(write, &err), TRACER_OK, "%s", err.text);
    graph_close(graph);
    cr_assert_eq(ask_in_child(path, model), 0);
    return model;
}

Test(graph, S5_bit_flips_never_give_a_wrong_value)
{
    char path[256], file[300];
    store_path(path);
    random_seed(5);
    struct model *model = damage_store(path);
    file_in(file, path, "data.mdb");
    int data = open(file, O_RDWR);
    struct stat size;
    fstat(data, &size);
    const char *wanted = getenv("TRACER_TEST_FLIPS");
    int flips = wanted ? atoi(wanted) : 250, outcomes[5] = {0};
    for (int i = 0; i < flips; i++) {
        off_t at = (off_t)random_below((uint64_t)size.st_size);
        uint8_t byte, flipped;
        cr_assert_eq(pread(data, &byte, 1, at), 1);
        flipped = byte ^ (uint8_t)(1u << random_below(8));
        cr_assert_eq(pwrite(data, &flipped, 1, at), 1);
        int outcome = ask_in_child(path, model);
        cr_assert_neq(outcome, 2, "a wrong answer: byte %lld", (long long)at);
        cr_assert_neq(outcome, 4, "it hangs: byte %lld", (long long)at);
        outcomes[outcome]++;
        cr_assert_eq(pwrite(data, &byte, 1, at), 1);
    }
    cr_log_info("flips: %d harmless, %d refused, %d ended the child", outcomes[0], outcomes[1], outcomes[3]);
    cr_assert_gt(outcomes[1], flips / 4);
    cr_assert_lt(outcomes[3], flips / 10, "%d of %d ended the child", outcomes[3], flips);
    close(data);
    model_free(model);
    store_remove(path);
}

Test(graph, S5_truncation_and_foreign_files_are_refused)
{
    char path[256], file[300];
    struct error err = {0};
    struct graph *graph;
    struct stat size;
    store_path(path);
    random_seed(6);
    struct model *model = damage_store(path);
    file_in(file, path, "data.mdb");
    stat(file, &size);
    for (int i = 0; i < 12; i++) {
        off_t length = (off_t)random_below((uint64_t)size.st_size) / (i % 3 == 0 ? 20 : 1);
        cr_assert(!truncate(file, length));
        int outcome = ask_in_child(path, model);
        cr_assert_eq(outcome, 1, "cut at %lld: %d", (long long)length, outcome);
        /* restore the whole file */
        unlink(file);
        model_free(model);
        store_remove(path);
        cr_assert(!mkdir(path, 0700));
        model = damage_store(path);
    }
    int data = open(file, O_RDWR | O_TRUNC);
    for (int i = 0; i < 5000; i++)
        cr_assert_eq(write(data, "foreign ", 8), 8);
    close(data);
    for (int mode = GRAPH_READ; mode <= GRAPH_CREATE; mode++)
        cr_assert_eq(try_open(path, (enum graph_mode)mode, 0, &graph, &err), TRACER_E_DAMAGED, "%s",
                     err.text);
    model_free(model);
    store_remove(path);
}

static void refuse_schema(uint32_t schema)
{
    char path[256], file[300];
    struct error err = {0};
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    struct key key = key_of_meta("store");
    uint8_t bytes[STORE_RECORD_MAX];
    struct store_record record = {schema, 1, true};
    cr_assert_eq(store_write_begin(graph, &err), TRACER_OK);
    size_t size = store_record_encode(&record, bytes);
    cr_assert_eq(store_put(graph, TABLE_META, &key, bytes, size, &err), TRACER_OK);
    cr_assert_eq(store_write_commit(graph, &err), TRACER_OK);
    graph->record.clean = true; /* so that closing writes nothing */
    graph_close(graph);
    file_in(file, path, "data.mdb");
    struct stat before, after;
    stat(file, &before);
    for (int mode = GRAPH_READ; mode <= GRAPH_CREATE; mode++)
        cr_assert_eq(try_open(path, (enum graph_mode)mode, 0, &graph, &err), TRACER_E_VERSION, "%s",
                     err.text);
    stat(file, &after);
    cr_assert(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec && before.st_size == after.st_size);
    store_remove(path);
}

Test(graph, S5_a_newer_schema_is_refused_and_untouched)
{
    refuse_schema(STORE_SCHEMA + 1);
}

Test(graph, S5_an_older_schema_is_refused_and_untouched)
{
    refuse_schema(STORE_SCHEMA - 1);
}

Test(graph, S5_a_store_without_its_directory_of_runs_is_damaged)
{
    char path[256];
    struct error err = {0};
    store_path(path);
    random_seed(8);
    struct model *model = damage_store(path);
    struct graph *graph = store_open(path, GRAPH_WRITE);
    cr_assert_eq(segment_flush(graph, CHAIN, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(store_write_begin(graph, &err), TRACER_OK);
    struct key key = key_of_meta_chain("runs", CHAIN);
    cr_assert_eq(store_delete(graph, TABLE_META, &key, &err), TRACER_OK);
    cr_assert_eq(store_write_commit(graph, &err), TRACER_OK);
    graph_close(graph);
    cr_assert_eq(ask_in_child(path, model), 1);
    graph = store_open(path, GRAPH_WRITE);
    cr_assert_eq(segment_rebuild(graph, CHAIN, &err), TRACER_OK, "%s", err.text);
    graph_close(graph);
    cr_assert_eq(ask_in_child(path, model), 0);
    model_free(model);
    store_remove(path);
}

/* --- backup ------------------------------------------------------------------------------------------ */

Test(graph, backup_is_a_verified_copy)
{
    char path[256], copy[300];
    struct error err = {0};
    store_path(path);
    random_seed(7);
    struct model *model = damage_store(path);
    snprintf(copy, sizeof(copy), "%s-copy", path);
    struct graph *graph = store_open(path, GRAPH_WRITE);
    cr_assert_eq(graph_backup(graph, copy, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_backup(graph, copy, &err), TRACER_E_USAGE, "it overwrites nothing");
    graph_close(graph);
    cr_assert_eq(ask_in_child(copy, model), 0);
    model_free(model);
    store_remove(path);
    store_remove(copy);
}

/* --- kill -9 ----------------------------------------------------------------------------------------- */

/* The child tells each acknowledged block; the parent kills it when it likes. */
static void write_until_killed(const char *path, int tell, uint64_t first, uint64_t seed)
{
    struct error err = {0};
    random_seed(seed);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    for (uint64_t n = first;; n++) {
        if (random_below(9) == 0 && graph_rebuild(graph, &err))
            _exit(1);
        if (random_below(3) == 0) { /* in parts, by two threads */
            struct graph_write *write;
            graph->part_bytes = 2000 + random_below(20000);
            if (graph_begin(graph, &write, &err))
                _exit(1);
            for (uint64_t end = n + random_below(80); n < end; n++) {
                struct owned_block block = make_block(n, 0, 1 + n % 50, INTERNALS_NONE);
                if (graph_put_block(write, &block.block, &err))
                    _exit(1);
                free_block(&block);
            }
            if (graph_commit(write, &err))
                _exit(1);
        }
        if (put_number(graph, n, 1 + n % 50, &err))
            _exit(1);
        if (write(tell, &n, sizeof(n)) != (ssize_t)sizeof(n))
            _exit(1);
    }
}

Test(graph, S1_acknowledged_blocks_survive_a_kill)
{
    char path[256];
    struct error err = {0};
    const char *wanted = getenv("TRACER_TEST_KILLS");
    int kills = wanted ? atoi(wanted) : 20;
    uint64_t acknowledged = 0, next = 1;
    store_path(path);
    random_seed(11);
    for (int i = 0; i < kills; i++) {
        int tell[2];
        uint64_t number, delay = random_below(40000), seed = random_next();
        cr_assert(!pipe(tell));
        pid_t child = fork();
        if (child == 0) {
            close(tell[0]);
            write_until_killed(path, tell[1], next, seed);
        }
        close(tell[1]);
        /* mostly while it writes, sometimes while it opens */
        if (i % 5 != 4 && read(tell[0], &number, sizeof(number)) == (ssize_t)sizeof(number))
            acknowledged = number;
        usleep((useconds_t)delay);
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        cr_assert(WIFSIGNALED(status), "kill %d: the writer failed", i);
        while (read(tell[0], &number, sizeof(number)) == (ssize_t)sizeof(number))
            acknowledged = number;
        close(tell[0]);
        struct graph *graph;
        enum tracer_status opened = try_open(path, GRAPH_WRITE, TRACER_GIB(1), &graph, &err);
        if (opened == TRACER_E_NOT_FOUND && acknowledged == 0)
            continue; /* killed while it was created */
        cr_assert_eq(opened, TRACER_OK, "kill %d: %s", i, err.text);
        struct graph_range range = {0};
        enum tracer_status found = graph_range(graph, CHAIN, &range, &err);
        cr_assert(!found || acknowledged == 0);
        cr_assert_geq(range.last, acknowledged, "kill %d", i);
        cr_assert_eq(range.count, range.last, "kill %d: no gap", i);
        for (uint64_t n = 1; n <= range.last; n++) {
            struct block block;
            cr_assert_eq(graph_get_block(graph, CHAIN, n, &block, &err), TRACER_OK, "%s", err.text);
            cr_assert_eq(block.transfer_count, 1 + n % 50);
        }
        cr_assert_eq(graph_verify(graph, NULL, NULL, &err), TRACER_OK, "kill %d: %s", i, err.text);
        next = range.last + 1;
        graph_close(graph);
    }
    cr_assert_gt(acknowledged, 0);
    store_remove(path);
}

/* --- digests ----------------------------------------------------------------------------------------- */

Test(graph, digests_do_not_depend_on_the_order_of_arrival)
{
    char paths[2][256];
    struct graph *graphs[2];
    struct error err = {0};
    for (int i = 0; i < 2; i++) {
        store_path(paths[i]);
        graphs[i] = store_open(paths[i], GRAPH_CREATE);
        store_register(graphs[i]);
        for (uint64_t n = 0; n < 40; n++)
            cr_assert_eq(put_number(graphs[i], i ? n * 17 % 40 : n, 30, &err), TRACER_OK, "%s", err.text);
    }
    for (uint64_t n = 0; n < 40; n++) {
        struct block_record records[2];
        for (int i = 0; i < 2; i++) {
            MDB_txn *txn;
            cr_assert_eq(store_read_begin(graphs[i], &txn, &err), TRACER_OK);
            cr_assert_eq(store_get_block_record(graphs[i], txn, CHAIN, n, &records[i], &err), TRACER_OK);
            store_read_end(graphs[i]);
        }
        cr_assert(records[0].digest.low == records[1].digest.low &&
                  records[0].digest.high == records[1].digest.high);
    }
    for (int i = 0; i < 2; i++) {
        graph_close(graphs[i]);
        store_remove(paths[i]);
    }
}

Test(graph, a_walk_notices_that_the_store_changed_under_it)
{
    char path[256];
    struct error err = {0};
    uint64_t removed;
    struct cursor cursor;
    const struct cursor_row *rows;
    size_t count;
    store_path(path);
    struct graph *graph = store_open(path, GRAPH_CREATE);
    store_register(graph);
    for (uint64_t n = 1; n < 20; n++)
        cr_assert_eq(put_number(graph, n, 3000, &err), TRACER_OK);
    cr_assert_eq(graph_cursor(graph, CHAIN, 0, UINT64_MAX, &cursor, &err), TRACER_OK);
    cr_assert_eq(cursor.next(cursor.self, &rows, &count, &err), TRACER_OK);
    cr_assert_eq(put_number(graph, 20, 30, &err), TRACER_OK, "an addition at the end is no change");
    cr_assert_eq(cursor.next(cursor.self, &rows, &count, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(graph_rewind(graph, CHAIN, 15, &removed, &err), TRACER_OK, "%s", err.text);
    enum tracer_status status;
    while (!(status = cursor.next(cursor.self, &rows, &count, &err)) && count > 0)
        continue;
    cr_assert_eq(status, TRACER_E_STORE);
    cr_assert(strstr(err.text, "changed while it was read"), "%s", err.text);
    cursor_close(&cursor);
    graph_close(graph);
    store_remove(path);
}
