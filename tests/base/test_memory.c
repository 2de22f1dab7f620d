/* arena, buffer, file: ceilings, and files that appear whole. */
#include "tracer/arena.h"
#include "tracer/file.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Test(arena, has_a_ceiling)
{
    struct arena *arena = arena_new(10000);
    size_t given = 0;
    while (arena_alloc(arena, 100))
        given += 100;
    cr_assert(given >= 8000 && given <= 10000);
    cr_assert_null(arena_alloc(arena, SIZE_MAX));
    cr_assert_null(arena_calloc(arena, SIZE_MAX / 2, 3));
    arena_free(arena);
}

Test(arena, reset_gives_back_what_came_after_the_mark)
{
    struct arena *arena = arena_new(1 << 20);
    char *kept = arena_text(arena, "kept", 4);
    struct arena_mark mark = arena_mark(arena);
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < 20; i++)
            memset(arena_alloc(arena, 500), 0xee, 500);
        arena_reset(arena, mark);
    }
    cr_assert_str_eq(kept, "kept");
    cr_assert_eq(arena_used(arena), mark.total);
    cr_assert_str_eq(arena_printf(arena, "%d-%s", 5, "x"), "5-x");
    arena_free(arena);
}

Test(buffer, fails_at_its_ceiling_and_stays_failed)
{
    struct buffer buffer;
    buffer_init(&buffer, 10);
    cr_assert(buffer_text(&buffer, "0123456789"));
    cr_assert(!buffer_char(&buffer, 'x'));
    cr_assert(!buffer_ok(&buffer));
    cr_assert(!buffer_text(&buffer, ""));
    buffer_release(&buffer);
    cr_assert(buffer_u64(&buffer, UINT32_MAX) && buffer_ok(&buffer));
    cr_assert_str_eq(buffer.data, "4294967295");
    buffer_release(&buffer);
}

static char *in_tmp(const char *directory, const char *name)
{
    static char path[4][512];
    static int next;
    char *to = path[next++ % 4];
    snprintf(to, 512, "%s/%s", directory, name);
    return to;
}

Test(file, I6_only_regular_files_are_read_and_replaced)
{
    char directory[] = "/tmp/tracer-file-XXXXXX";
    cr_assert_not_null(mkdtemp(directory));
    struct buffer bytes;
    struct error err;
    struct output output;
    buffer_init(&bytes, 1000);
    char *fifo = in_tmp(directory, "fifo");
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    cr_assert_eq(file_read(fifo, 1000, &bytes, &err), TRACER_E_USAGE);
    cr_assert_eq(file_read(directory, 1000, &bytes, &err), TRACER_E_USAGE);
    cr_assert_eq(output_open(fifo, &output, &err), TRACER_E_USAGE);
    cr_assert_eq(output_open("/dev/null", &output, &err), TRACER_E_USAGE);
    char *victim = in_tmp(directory, "victim"), *link = in_tmp(directory, "link");
    FILE *stream = fopen(victim, "w");
    fputs("kept", stream);
    fclose(stream);
    cr_assert_eq(symlink(victim, link), 0);
    cr_assert_eq(output_open(link, &output, &err), TRACER_E_USAGE);
    cr_assert_eq(file_read(victim, 1000, &bytes, &err), TRACER_OK);
    cr_assert_str_eq(bytes.data, "kept");
    buffer_release(&bytes);
    remove(victim);
    cr_assert_eq(output_open(link, &output, &err), TRACER_E_USAGE, "a link to nothing is a link");
    remove(link);
    remove(fifo);
    cr_assert_eq(rmdir(directory), 0, "nothing else was left");
}

Test(file, I6_output_appears_whole_or_not_at_all)
{
    char directory[] = "/tmp/tracer-file-XXXXXX";
    cr_assert_not_null(mkdtemp(directory));
    char *path = in_tmp(directory, "out");
    struct output output;
    struct stat info;
    cr_assert_eq(output_open(path, &output, NULL), TRACER_OK);
    fputs("half", output.stream);
    output_abort(&output);
    cr_assert_neq(stat(path, &info), 0);
    cr_assert_eq(output_open(path, &output, NULL), TRACER_OK);
    fputs("whole", output.stream);
    cr_assert_neq(stat(path, &info), 0, "not before the commit");
    cr_assert_eq(output_commit(&output, NULL), TRACER_OK);
    output_abort(&output);
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0600);
    struct buffer bytes;
    buffer_init(&bytes, 4);
    cr_assert_eq(file_read(path, 4, &bytes, NULL), TRACER_E_LIMIT);
    buffer_release(&bytes);
    bytes.size_max = 100;
    cr_assert_eq(file_read(path, 100, &bytes, NULL), TRACER_OK);
    cr_assert_str_eq(bytes.data, "whole");
    buffer_release(&bytes);
    remove(path);
    cr_assert_eq(rmdir(directory), 0, "nothing else was left");
}
