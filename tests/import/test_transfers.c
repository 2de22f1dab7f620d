/* transfers.csv in and out: every column, every error, same bytes again. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <unistd.h>

#include "tracer/import.h"

#define A "0x4141414141414141414141414141414141414141"
#define B "0x4242424242424242424242424242424242424242"
#define V "0x0000000000000000000000000000000000000000"
#define T "0x7474747474747474747474747474747474747474"
#define H1 "0x1111111111111111111111111111111111111111111111111111111111111111"
#define H2 "0x2222222222222222222222222222222222222222222222222222222222222222"
#define HEAD "block,txi,idx,kind,asset,from,to,amount"
#define FULL HEAD ",link,leg,time,transaction_hash,block_number,grade,log_index"
#define MAX "115792089237316195423570985008687907853269984665640564039457584007913129639935"

static struct import *open_text(const char *text)
{
    struct import *import = NULL;
    struct error err = {0};
    cr_assert_eq(import_open_memory("t.csv", text, strlen(text), &import, &err), TRACER_OK, "%s", err.text);
    return import;
}

struct written { /* an export in memory */
    FILE *stream;
    char *text;
    size_t size;
    size_t blocks, transactions;
};

static enum tracer_status write_block(void *context, const struct block *block, struct error *err)
{
    struct written *written = context;
    size_t t = 0;
    written->blocks++;
    written->transactions += block->transaction_count;
    for (size_t i = 0; i < block->transfer_count; i++) {
        const struct transfer *transfer = &block->transfers[i];
        while (t < block->transaction_count &&
               block->transactions[t].transaction_index < transfer->position.transaction_index)
            t++;
        bool in = t < block->transaction_count &&
                  block->transactions[t].transaction_index == transfer->position.transaction_index;
        enum tracer_status status =
            export_transfer(written->stream, transfer, in ? &block->transactions[t] : NULL, block, err);
        if (status)
            return status;
    }
    return TRACER_OK;
}

static struct written export_all(struct import *import)
{
    struct written written = {0};
    struct error err = {0};
    written.stream = open_memstream(&written.text, &written.size);
    cr_assert_eq(export_header(written.stream, &err), TRACER_OK);
    cr_assert_eq(import_each_block(import, 1, write_block, &written, &err), TRACER_OK, "%s", err.text);
    fclose(written.stream);
    return written;
}

static const char full[] =
    FULL "\n"
         "1000,-1,0,opening,native," V "," A ",5,,,1000,,,asserted,\n"
         "1000,0,0,fee,native," A "," V ",1,,,1000," H1 ",7,asserted,\n"
         "1000,0,1,value,native," A "," B ",18446744073709551616,3,in,1000," H1 ",7,asserted,\n"
         "1000,0,2,token," T "," B "," A "," MAX ",3,out,1000," H1 ",7,asserted,12\n"
         "1000,1,0,token," T "/77," A "," B ",1,,,1000,,8,inferred,\n"
         "2000,2147483647,0,reward,native," V "," A ",0,,,2000,,,asserted,\n";

Test(import, round_trip_gives_the_same_bytes)
{
    struct import *import = open_text(full);
    struct written written = export_all(import);
    cr_expect_str_eq(written.text, full);
    cr_expect_eq(written.blocks, 2);
    cr_expect_eq(written.transactions, 2); /* rows before and after all transactions are in none */
    cr_expect_eq(import_row_count(import), 6);
    cr_expect(import_has_time_keys(import));
    struct digest digest = digest_bytes(full, strlen(full)), had = import_digest(import);
    cr_expect_eq(memcmp(&digest, &had, sizeof(digest)), 0);
    import_close(import);
    free(written.text);
}

Test(import, crlf_other_column_order_and_extra_columns)
{
    struct import *import = open_text("amount,to,from,asset,kind,idx,txi,block,note\r\n"
                                      "7," B "," A "," T ",token,0,0,1,hello\r\n");
    struct written written = export_all(import);
    cr_expect_str_eq(written.text, FULL "\n1,0,0,token," T "," A "," B ",7,,,,,,asserted,\n");
    cr_expect_not(import_has_time_keys(import));
    import_close(import);
    free(written.text);
}

Test(import, cursor_gives_rows_with_dense_ids_and_rewinds)
{
    struct import *import = open_text(full);
    struct cursor cursor;
    struct error err;
    const struct cursor_row *rows;
    size_t count;
    cr_assert_eq(import_cursor(import, &cursor, &err), TRACER_OK);
    for (int pass = 0; pass < 2; pass++) {
        cr_assert_eq(cursor.next(cursor.self, &rows, &count, &err), TRACER_OK);
        cr_assert_eq(count, 6);
        cr_expect_eq(rows[0].from, 0);
        cr_expect_eq(rows[0].asset, 0);
        cr_expect_eq(rows[3].leg, LEG_OUT);
        cr_expect_eq(rows[3].link, 3);
        struct asset asset = cursor.asset(cursor.self, rows[4].asset);
        char text[ASSET_TEXT_SIZE];
        asset_format(asset, text);
        cr_expect_str_eq(text, T "/77");
        char amount[U256_DECIMAL_MAX];
        u256_format_decimal(rows[3].amount, amount);
        cr_expect_str_eq(amount, MAX);
        cr_assert_eq(cursor.next(cursor.self, &rows, &count, &err), TRACER_OK);
        cr_expect_eq(count, 0);
        cr_assert_eq(cursor.rewind(cursor.self, &err), TRACER_OK);
    }
    cr_expect_eq(cursor.account_count(cursor.self), 3);
    cr_expect_eq(cursor.asset_count(cursor.self), 3);
    cr_expect(address_is_void(cursor.account(cursor.self, 0)));
    cursor_close(&cursor);
    import_close(import);
}

Test(import, many_rows_cross_chunks_and_batches)
{
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    fputs(FULL "\n", stream);
    for (int i = 0; i < 30000; i++)
        fprintf(stream, "%d,%d,0,token," T ",0x%040x,0x%040x,%d,,,%d,,%d,asserted,%s\n", 5 + i / 7, i % 7,
                i % 991 + 1, i * 31 + 1, i, 5 + i / 7, i, i % 100 ? "" : "9");
    fclose(stream);
    struct import *import = open_text(text);
    struct written written = export_all(import);
    /* block_number 0 is "not known" and leaves as an empty cell */
    char *first = strstr(text, ",0,asserted,9");
    cr_assert_not_null(first);
    memmove(first + 1, first + 2, strlen(first + 2) + 1);
    cr_expect_str_eq(written.text, text);
    cr_expect_eq(written.transactions, 30000);
    import_close(import);
    free(written.text);
    free(text);
}

Test(import, weakest_grade_of_a_transaction_holds_and_nothing_is_better_than_asserted)
{
    struct import *import = open_text(HEAD ",grade,transaction_hash\n"
                                           "1,0,0,token," T "," A "," B ",1,proven," H1 "\n"
                                           "1,0,1,token," T "," A "," B ",1,inferred,\n"
                                           "1,1,0,token," T "," A "," B ",1,linked," H2 "\n");
    struct written written = export_all(import);
    cr_expect_str_eq(written.text, FULL "\n"
                                        "1,0,0,token," T "," A "," B ",1,,,," H1 ",,inferred,\n"
                                        "1,0,1,token," T "," A "," B ",1,,,," H1 ",,inferred,\n"
                                        "1,1,0,token," T "," A "," B ",1,,,," H2 ",,asserted,\n");
    import_close(import);
    free(written.text);
}

static const struct {
    const char *text, *message;
} bad_files[] = {
    {"", "empty"},
    {"block,txi,idx,kind,asset,from,to\n", "amount"},
    {HEAD ",amount\n", "twice"},
    {"\xef\xbb\xbf" HEAD "\n", "byte order mark"},
    {HEAD "\n1,0,0,token," T "," A "," B "\n", "t.csv:2"},
    {HEAD "\n01,0,0,token," T "," A "," B ",1\n", "t.csv:2: column block: '01' is not a number"},
    {HEAD "\n9223372036854775808,0,0,token," T "," A "," B ",1\n", "column block"},
    {HEAD "\n1,-2,0,token," T "," A "," B ",1\n", "column txi: '-2' is not -1 or"},
    {HEAD "\n1,2147483648,0,token," T "," A "," B ",1\n", "column txi"},
    {HEAD "\n1,0,2147483648,token," T "," A "," B ",1\n", "column idx"},
    {HEAD "\n1,0,+1,token," T "," A "," B ",1\n", "column idx"},
    {HEAD "\n1,0,0,Token," T "," A "," B ",1\n", "column kind: 'Token'"},
    {HEAD "\n1,0,0,token,USDC," A "," B ",1\n", "column asset: 'USDC'"},
    {HEAD "\n1,0,0,token," T "/01," A "," B ",1\n", "column asset"},
    {HEAD "\n1,0,0,token," T ",0x41," B ",1\n", "column from: '0x41' is not an address"},
    {HEAD "\n1,0,0,token," T "," A ",0x42424242424242424242424242424242424242zz,1\n", "column to"},
    {HEAD "\n1,0,0,token," T "," A "," B ",1e3\n", "column amount: '1e3'"},
    {HEAD "\n1,0,0,token," T "," A "," B ",-1\n", "column amount"},
    {HEAD "\n1,0,0,token," T "," A "," B ", 1\n", "column amount"},
    {HEAD "\n1,0,0,token," T "," A "," B ",\n", "column amount"},
    {HEAD "\n1,0,0,token," T "," A "," B
          ",115792089237316195423570985008687907853269984665640564039457584007913129639936\n",
     "column amount"},
    {HEAD "\n1,0,0,token," T "," A "," B ",1\n1,0,0,token," T "," A "," B ",1\n",
     "t.csv:3: column block: key 1:0:0 does not come after 1:0:0"},
    {HEAD "\n1,0,0,token," T "," A "," B ",1\n1,-1,5,token," T "," A "," B ",1\n",
     "key 1:-1:5 does not come after"},
    {HEAD "\n1,0,0,reward,native," A "," B ",1\n", "column from: kind reward"},
    {HEAD "\n1,0,0,opening,native," V "," V ",1\n", "column to: kind opening"},
    {HEAD "\n1,0,0,adjust,native," A "," B ",1\n", "kind adjust"},
    {HEAD ",link,leg\n1,0,0,token," T "," A "," B ",1,3,\n", "column leg: link 3 needs leg"},
    {HEAD ",link,leg\n1,0,0,token," T "," A "," B ",1,0,in\n", "column link: a leg needs a link"},
    {HEAD ",link,leg\n1,0,0,token," T "," A "," B ",1,3,inn\n", "column leg: 'inn'"},
    {HEAD ",link,leg\n1,0,0,token," T "," A "," B ",1,2147483648,in\n", "column link"},
    {HEAD ",time\n1,0,0,token," T "," A "," B ",1,now\n", "column time: 'now'"},
    {HEAD ",time\n1,0,0,token," T "," A "," B ",1,5\n1,1,0,token," T "," A "," B ",1,6\n",
     "t.csv:3: column time: differs"},
    {HEAD ",transaction_hash\n1,0,0,token," T "," A "," B ",1,0x12\n", "column transaction_hash: '0x12'"},
    {HEAD ",transaction_hash\n1,0,0,token," T "," A "," B ",1," H1 "\n1,0,1,token," T "," A "," B ",1," H2
          "\n",
     "column transaction_hash: differs"},
    {HEAD ",block_number\n1,0,0,token," T "," A "," B ",1,1\n1,0,1,token," T "," A "," B ",1,2\n",
     "column block_number: differs"},
    {HEAD ",grade\n1,0,0,token," T "," A "," B ",1,sure\n", "column grade: 'sure'"},
    {HEAD ",log_index\n1,0,0,token," T "," A "," B ",1,4294967295\n", "column log_index"},
    {HEAD ",sender\n1,0,0,token," T "," A "," B ",1,me\n", "column sender"},
    {HEAD ",sender\n1,0,0,token," T "," A "," B ",1," A "\n1,0,1,token," T "," A "," B ",1," B "\n",
     "column sender: differs"},
    {HEAD ",status\n1,0,0,token," T "," A "," B ",1,ok\n", "column status: 'ok'"},
    {HEAD ",status\n1,0,0,token," T "," A "," B ",1,1\n1,0,1,token," T "," A "," B ",1,0\n",
     "column status: differs"},
    {HEAD "\n\n1,0,0,token," T "," A "," B ",1\n", "empty line"},
};

Test(import, I1_every_bad_row_is_refused_with_file_line_and_column)
{
    for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
        struct import *import = NULL;
        struct error err = {0};
        enum tracer_status status =
            import_open_memory("t.csv", bad_files[i].text, strlen(bad_files[i].text), &import, &err);
        cr_expect_eq(status, TRACER_E_USAGE, "case %zu", i);
        cr_expect_null(import);
        cr_expect(strstr(err.text, "t.csv") && strstr(err.text, bad_files[i].message), "case %zu: %s", i,
                  err.text);
    }
}

Test(import, I1_a_nul_byte_is_refused)
{
    static const char text[] = HEAD "\n1,0,0,token," T "," A "," B ",1\0\n";
    struct import *import = NULL;
    struct error err = {0};
    cr_expect_eq(import_open_memory("t.csv", text, sizeof(text) - 1, &import, &err), TRACER_E_USAGE);
}

Test(import, I6_only_regular_files_are_read)
{
    struct import *import = NULL;
    struct error err = {0};
    cr_expect_neq(import_open("/dev/null", &import, &err), TRACER_OK);
    cr_expect_neq(import_open("/", &import, &err), TRACER_OK);
    cr_expect_neq(import_open("/nonexistent/t.csv", &import, &err), TRACER_OK);
    cr_expect_null(import);
}

static enum tracer_status refuse(void *context, const struct block *block, struct error *err)
{
    (void)block;
    ++*(int *)context;
    return error_set(err, TRACER_E_FULL, "full");
}

Test(import, a_failed_put_ends_the_walk)
{
    struct import *import = open_text(full);
    struct error err = {0};
    int calls = 0;
    cr_expect_eq(import_each_block(import, 1, refuse, &calls, &err), TRACER_E_FULL);
    cr_expect_eq(calls, 1);
    import_close(import);
}

Test(import, S13_a_full_disk_is_an_error_of_the_export)
{
    FILE *full_disk = fopen("/dev/full", "w");
    struct error err = {0};
    if (!full_disk)
        cr_skip_test("no /dev/full");
    setvbuf(full_disk, NULL, _IONBF, 0);
    cr_expect_eq(export_header(full_disk, &err), TRACER_E_IO);
    fclose(full_disk);
}
