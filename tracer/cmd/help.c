/* help.c - `help`, and the table of commands. */
#include "session.h"

#include <stdio.h>
#include <string.h>

#define TAINT_OPTIONS "policy links fees unknown opening-units "
#define CASE_OPTIONS "store config chain labels no-builtin-labels assets from to as-of since format output view "
#define RPC_OPTIONS "rpc allow-local in-flight record replay "
#define FILE_OPTIONS "transfers seeds explored "
#define COMMON_OPTIONS "quiet verbose progress"

const struct command commands[] = {
    {"demo", command_demo, "",
     "Trace the Axie Infinity / Ronin bridge theft of March 2022 from the embedded case, without network.",
     "With --store the case is kept there, so that trace and check can be run on it.",
     "store format output view summary hops tree table prices " TAINT_OPTIONS COMMON_OPTIONS, 0, 0},
    {"trace", command_trace, "SEED...",
     "Follow stolen units forward from a seed: where is each one now, over which hops?",
     "SEED is [NAME=]SPEC, and SPEC an address, a transaction hash (what its gainers gained),\n"
     "hash:N (the transfer of log index N), hash:value (its top-level value), a key\n"
     "block:txi:idx, or the id of a heist in the registry (ronin-2022).\n"
     "Works on what the store covers. With --rpc alone it reads what it needs: the history of the\n"
     "account where the seed arrived, then of the accounts that it paid, the largest first, each\n"
     "checked against nonces and balances. --explorer names block explorers that say where an account\n"
     "acted, for endpoints that cannot; what happened there is read from the endpoints. What was read stays in the store; after an interrupt\n"
     "--resume goes on. With --rpc, --from and --to these blocks are ingested first, and all of them.\n"
     "With --evidence and --rpc alone nothing is: the endpoint is asked for the proofs of what the store has.\n"
     "With --rpc and --follow it goes on at the head: standard output has a line for each new\n"
     "flagged hop, and --output FILE is rewritten whenever the result changes.\n"
     "Exit code 11 when the result touches a gap of what the store covers.",
     CASE_OPTIONS TAINT_OPTIONS RPC_OPTIONS "prices summary hops tree table finality follow opening no-traces keep-raw refetch evidence max-accounts max-hops max-degree min-score max-requests "
     "max-time max-scan explorer resume " COMMON_OPTIONS, 0, 100000},
    {"check", command_check, "TARGET...",
     "Is this deposit or address tainted: by what, how much, over which path?",
     "TARGET is an address, a transaction hash (all its transfers; --to ADDRESS picks those into\n"
     "one address), hash:N, hash:value, or a key block:txi:idx. Sources are those of --source,\n"
     "else the registry's heists and sanctioned addresses.\n"
     "Verdicts: exposed (exit 10), cannot_tell (11), clean (0). Whatever could not be seen is\n"
     "cannot_tell, never clean; so is a sanctions list that is too old (--list-age-max).\n"
     "--rules FILE says which exposure counts: by category of its source, share, amount, hops, grade.\n"
     "--policy all shows verdicts and amounts under every policy side by side.\n"
     "--source-of-funds also names the labelled accounts (exchanges, mixers, bridges) that paid it out,\n"
     "with amounts, hops and a path each; it changes no verdict.\n"
     "With --rpc it reads what the answers depend on: the history of the target or of who paid it,\n"
     "then of the accounts that the units came from, the largest first, until labelled accounts, a\n"
     "source, or a limit (--max-accounts, --max-degree, --max-requests, --max-time); what stays unknown is told.\n"
     "With --decisions FILE each answer is appended to a hash-chained log before it is given out; when\n"
     "that cannot be written there is no answer (exit 4). With --rpc it names what was fetched, and the\n"
     "store that keeps it must be named: --store DIR.\n"
     "With --transfers FILE --key KEY one transfer of a file is checked exactly as section 10 of\n"
     "the taint specification says.",
     CASE_OPTIONS "source rules source-of-funds list-age-max decisions reference decided-at " TAINT_OPTIONS RPC_OPTIONS
     "finality no-traces keep-raw max-accounts max-degree max-requests max-time max-scan explorer " FILE_OPTIONS "key " COMMON_OPTIONS, 0, 100000},
    {"batch", command_batch, "IN --output OUT",
     "The question of check for every row of a file.",
     "IN is CSV with a header line or JSON lines, with a column target (and perhaps chain, to); other\n"
     "columns pass through. Appended are --columns of verdict, reason, asset, amount, tainted, unknown,\n"
     "ppm_min, ppm_max, source, hop, key (these by default), rule, as_of_block, provisional; docs/batch.md\n"
     "says what they hold. A row that cannot be read or asked is cannot_tell, says why, and the batch goes on.\n"
     "The same command goes on where a run was stopped or killed, to the same bytes.\n"
     "With --decisions FILE each row is on record before it is in the output, under the reference\n"
     "IN:LINE (or --reference TEXT:LINE).\n"
     "Exit codes: 4 a worker died (its rows are cannot_tell), 12 some rows could not be asked, 11 some\n"
     "cannot be told, 10 some are exposed, 0 all are clean.",
     "store config chain labels no-builtin-labels assets from to as-of since output source rules list-age-max " TAINT_OPTIONS
     "decisions reference decided-at columns input-format output-format workers checkpoint restart " COMMON_OPTIONS, 1, 1},
    {"decision", command_decision, "verify|head|list FILE | show|replay FILE N",
     "The log of decisions that check --decisions writes.",
     "verify: is the chain whole, and does it hold the --head that was noted elsewhere?\n"
     "head prints one line that fixes the log up to here: sign it, have it time-stamped.\n"
     "list: a line a decision; show: record N and its context, as they stand.\n"
     "replay asks the question of record N again, of the same block: the same verdict, or what\n"
     "changed. Old versions of lists that the store still has are used; give it the --labels, --assets\n"
     "and --rules that the decision had.\n"
     "Exit codes: 5 the log is not whole, or replay has another verdict; 11 the store does not have\n"
     "the chain as it was; 0 all is as it was.",
     "store config labels assets rules head output " COMMON_OPTIONS, 2, 3},
    {"rescreen", command_rescreen, "FILE",
     "Which past decisions change under today's lists and chain, and why?",
     "Each decision of the log is asked again, with its own options, of what the store has now. A\n"
     "row for each whose verdict changes; the log is not changed.\n"
     "Exit codes: 10 some became exposed, 11 some cannot be told any more, 5 the log is not whole,\n"
     "0 none became worse.",
     "store config labels assets rules format output " COMMON_OPTIONS, 1, 1},
    {"explain", command_explain, "KEY",
     "How did tainted units come into this transfer? Its path, lot by lot, to be followed by hand.",
     "KEY is block:txi:idx, hash:N, hash:value, or the hash of a transaction with one flagged\n"
     "transfer. Sources are those of --source, else the registry's heists and sanctioned addresses.",
     CASE_OPTIONS "source " TAINT_OPTIONS COMMON_OPTIONS, 1, 1},
    {"verify", command_verify, "DIR",
     "Check an evidence bundle (trace --evidence) with nothing but itself.",
     "Digests, headers, proofs in the tries, senders, the rows that follow from proven bytes, the\n"
     "replay, and the result that the bundle states. No store and no network is used.\n"
     "Exit code 5 when something differs or is missing.",
     COMMON_OPTIONS, 1, 1},
    {"report", command_report, "PAGE",
     "Print the JSON result inside an HTML page (trace --format html).",
     "Exit code 5 when a byte of the page was changed since it was written. Digests inside a page show\n"
     "damage, not forgery: the page says how to repeat it.",
     "output " COMMON_OPTIONS, 1, 1},
    {"audit", command_audit, "[ACCOUNT...]",
     "Compare the books of the store with the chain's own balances and nonces.",
     "At the last stored block (or --to BLOCK), for every account whose history the store has, or\n"
     "those named, and every asset: eth_getBalance and balanceOf against what the rows say. Where the\n"
     "store does not begin with the chain, the balance before its first block is asked for too\n"
     "(archive endpoint).\n"
     "And for every account that sent transactions: is their number what its nonce says? One that is\n"
     "missing makes a gap (so does an authorization that it signed, EIP-7702).\n"
     "The findings go into the store's ledger (store coverage ACCOUNT); while a nonce, or a balance of\n"
     "the coin, does not fit, trace and check speak of a gap.\n"
     "Exit code 11 when a balance or nonce differs or could not be compared.",
     "store config chain to max-accounts assets labels no-builtin-labels format output " RPC_OPTIONS COMMON_OPTIONS, 0, 100000},
    {"ingest", command_ingest, "", "Read blocks of a chain into the store.",
     "Reads from behind what is stored (or --from) up to --to or the head; a reorg is followed.\n"
     "Swaps, wraps and other exchanges at venues are linked (docs/linking.md): venues are the labels\n"
     "of that class, built in, of the store and of --labels; assets those recognised.\n"
     "Each block is recomputed from what its hash covers; with two endpoints or more a second one\n"
     "must give the same hash. With --anchor the headers up to the next block whose hash is known\n"
     "beforehand are read, too (at most 200,000): what hangs on it is proven, whoever served it.\n"
     "With --taint it also keeps the taint state of the sources (--source, or those of check) beside\n"
     "the store and, with --follow, brings it up to date with every block: check and batch with the\n"
     "same policy, labels and sources then look answers up.\n"
     "--record DIR keeps every exchange, --replay DIR repeats the run from it without network.",
     "store config chain labels no-builtin-labels assets from to finality follow taint source since " TAINT_OPTIONS
     "opening anchor no-traces keep-raw refetch " RPC_OPTIONS COMMON_OPTIONS,
     0, 0},
    {"import", command_import, "FILE...",
     "Put rows of files into the store: transfers, labels, coverage or lists, told apart by content.",
     "Lists: OFAC sdn_advanced.xml, sdn.xml, sdn.csv (with --comments), GraphSense TagPacks (YAML),\n"
     "and one address a line.\n"
     "Entries about ledgers that are not traced are counted; an asset or chain that is not known\n"
     "refuses the whole list, as does one that is cut, older than its last version, without a date\n"
     "though that had one, or that has far fewer entries (the last three: unless --force).\n"
     "An import makes its chain a network of its own kind in the store: it never joins blocks\n"
     "that were ingested.",
     "store config chain name comments date force " COMMON_OPTIONS, 1, 1000},
    {"export", command_export, "transfers|labels|lists", "Write rows of the store in the form that import reads.",
     "lists: what the store keeps of lists of others, to be looked at; import takes their own files.",
     "store config chain from to output " COMMON_OPTIONS, 1, 1},
    {"label", command_label, "why ADDRESS... | diff OLD NEW | diff NEW",
     "Who says what about an address; what a new version of a list changes.",
     "why shows every claim with its origin, dates and list, which of them holds, and where they\n"
     "conflict; claims are built in, of the store (--store) and of --labels.\n"
     "diff compares two files, each a list that import takes or labels; with --store and one file,\n"
     "with the version that the store has of it.",
     "store config chain labels no-builtin-labels comments date as-of output " COMMON_OPTIONS, 2, 1000},
    {"store", command_store, "stat|verify|backup DIR|compact|rebuild|coverage [ACCOUNT]|refused [BLOCK]",
     "Look after the store.",
     "verify reads every record in a process of its own; backup writes a compact, verified copy;\n"
     "rebuild makes the derived indexes anew from the log; coverage shows what is known of whom,\n"
     "by which method, and the gaps; refused shows replies of endpoints that were not believed, and why.",
     "store config chain " COMMON_OPTIONS, 1, 2},
    {"endpoint", command_endpoint, "probe URL|NAME...", "What can this endpoint do?",
     "Asks for chain, anchor, head, finality, old state, receipts, call traces, searches, batch size and\n"
     "log range. With --store the findings are kept there for a week, and with what runs learn they\n"
     "save requests; findings that are there are shown with their date, and asked for anew with --refetch.\n"
     "The URL is not in the store.",
     "store config chain refetch " RPC_OPTIONS COMMON_OPTIONS, 1, 33},
    {"replay", command_replay, "", "Run the taint engine on files, to the byte of the taint specification.",
     "Writes hops.csv, holdings.csv, lots.csv, absorbed.csv, totals.csv and diag.csv into --out.",
     FILE_OPTIONS "labels assets out " TAINT_OPTIONS COMMON_OPTIONS, 0, 0},
    {"expand", command_expand, "",
     "Replay with ranked expansion of the explored set (taint specification, section 12).",
     "Writes the files of replay and expand.csv.",
     "transfers seeds labels assets out max-accounts max-hops max-degree min-score " TAINT_OPTIONS
         COMMON_OPTIONS,
     0, 0},
    {"help", command_help, "[COMMAND]", "This text, or that of a command.", NULL, "", 0, 1},
    {0},
};

const struct command *command_find(const char *name)
{
    for (const struct command *command = commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

int command_help(const struct options *options)
{
    if (options->argument_count) {
        const struct command *command = command_find(options->arguments[0]);
        if (!command) {
            fprintf(stderr, "tracer: there is no such command; see: tracer help\n");
            return EXIT_USAGE;
        }
        options_print_usage(stdout, command);
        return EXIT_DONE;
    }
    printf(
        "tracer follows stolen funds across Ethereum and Ronin.\n\nusage: tracer COMMAND [options] [arguments]\n\n");
    for (const struct command *command = commands; command->name; command++)
        printf("  %-10s %s\n", command->name, command->summary);
    printf(
        "\n  tracer help COMMAND   options of a command\n  tracer --version      version, commit, libraries (--verbose: also those loaded on first use)\n\n"
        "exit codes: 0 done (check: clean), 10 exposed, 11 cannot tell, 12 some rows failed, 2 usage or bad input,\n"
        "3 endpoints, 4 store or disk, 5 verification failed, 70 internal\n");
    return EXIT_DONE;
}
