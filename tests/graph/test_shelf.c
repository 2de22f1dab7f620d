/* A shelf read across fork(), as the workers of a batch do. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/shelf.h"

#define ACCOUNTS 2000u

static char path[] = "/tmp/tracer-shelf-XXXXXX";

static void put_all(struct shelf *shelf, uint32_t round)
{
    struct error err;
    uint8_t value[64] = {0};
    memcpy(value, &round, sizeof(round));
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        uint8_t key[4] = {(uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        cr_assert_eq(shelf_put(shelf, SHELF_ACCOUNT, key, sizeof(key), value, sizeof(value), &err), TRACER_OK, "%s", err.text);
    }
}

static uint32_t mismatches(struct shelf *shelf, uint32_t round)
{
    struct error err;
    uint32_t found, wrong = 0;
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        uint8_t key[4] = {(uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        struct bytes value;
        wrong += shelf_get(shelf, SHELF_ACCOUNT, key, sizeof(key), &value, &err) || (memcpy(&found, value.data, sizeof(found)), found != round);
    }
    return wrong;
}

/* In a process of its own, as `ingest --follow` is. */
static void write_rounds(uint32_t first, uint32_t last)
{
    pid_t child = fork();
    if (!child) {
        struct error err;
        struct shelf *shelf;
        if (shelf_open(path, SHELF_WRITE, &shelf, &err))
            _exit(1);
        for (uint32_t round = first; round <= last; round++) {
            put_all(shelf, round);
            if (shelf_commit(shelf, &err))
                _exit(1);
        }
        shelf_close(shelf);
        _exit(0);
    }
    int how;
    cr_assert(waitpid(child, &how, 0) == child && how == 0, "the writer failed");
}

Test(shelf, a_child_reads_what_its_parent_saw_whatever_is_committed_since)
{
    struct error err;
    struct shelf *shelf;
    cr_assert(mkdtemp(path) && rmdir(path) == 0);
    cr_assert_eq(shelf_open(path, SHELF_MAKE, &shelf, &err), TRACER_OK, "%s", err.text);
    put_all(shelf, 1);
    cr_assert_eq(shelf_commit(shelf, &err), TRACER_OK, "%s", err.text);
    shelf_close(shelf);
    cr_assert_eq(shelf_open(path, SHELF_READ, &shelf, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(mismatches(shelf, 1), 0);
    write_rounds(2, 10);
    for (int worker = 0; worker < 3; worker++) { /* the second shows that the first let go of nothing */
        pid_t child = fork();
        if (!child) {
            uint32_t wrong = mismatches(shelf, 1);
            shelf_close(shelf);
            _exit(wrong != 0);
        }
        int how;
        cr_assert(waitpid(child, &how, 0) == child);
        cr_assert_eq(how, 0, "a child sees other values");
        write_rounds(11, 30);
    }
    cr_assert_eq(mismatches(shelf, 1), 0);
    shelf_close(shelf);
    cr_assert_eq(shelf_open(path, SHELF_READ, &shelf, &err), TRACER_OK, "%s", err.text);
    cr_assert_eq(mismatches(shelf, 30), 0, "one that is opened now sees the last");
    shelf_close(shelf);
    shelf_remove(path);
}
