/* main.c - the program: a command's name, its options, its exit code. */
#include "cmd/session.h"

#include "tracer/large.h"

#include <jansson.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* Of what is loaded; with `all` of what is loaded on first use, too. */
static int version(bool all)
{
    printf("tracer %s (%s), taint/1\nlmdb %s, jansson %s\n", TRACER_VERSION, TRACER_COMMIT, graph_library(), jansson_version_str());
    const struct {
        const char *name, *(*version)(void);
    } late[] = {{"libcurl", rpc_library}, {"zstd", graph_archive_library}, {"expat", label_xml_library}, {"libyaml", label_yaml_library}};
    for (size_t i = 0; all && i < sizeof(late) / sizeof(*late); i++) {
        const char *found = late[i].version();
        printf("%s%s %s", i ? ", " : "", late[i].name, found ? found : "is missing, or too old");
    }
    printf(all ? "\n" : "libcurl, zstd, expat, libyaml, libsecp256k1: loaded on first use (tracer --version --verbose)\n");
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    struct options options;
    struct error err = {0};
    session_catch_signals();
    if (jansson_version_cmp(2, 14, 0) < 0) {
        fprintf(stderr, "tracer: libjansson is older than 2.14: %s\n", jansson_version_str());
        return EXIT_INTERNAL;
    }
    if (argc < 2) {
        fprintf(stderr, "usage: tracer COMMAND [options] [arguments]; see: tracer help\n");
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0)
        return version(argc > 2 && strcmp(argv[2], "--verbose") == 0);
    bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
    const struct command *command = command_find(help ? "help" : argv[1]);
    if (!command) {
        char shown[TRACER_QUOTED_MAX];
        fprintf(stderr, "tracer: there is no command \"%s\"; see: tracer help\n",
                safe_text(shown, sizeof(shown), argv[1], strlen(argv[1])));
        return EXIT_USAGE;
    }
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0) {
            options_print_usage(stdout, command);
            return EXIT_DONE;
        }
    if (options_parse(command, argc - 1, argv + 1, &options, &err)) {
        fprintf(stderr, "tracer: %s\n", err.text);
        return EXIT_USAGE;
    }
    heap_keep(true);
    int code = command->run(&options);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (!session_pipe_closed)
            fprintf(stderr, "tracer: standard output could not be written\n");
        if (code == EXIT_DONE || code >= EXIT_EXPOSED)
            code = EXIT_STORE;
    }
    return code;
}
