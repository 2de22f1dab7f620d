/* test_tls.c - T10: certificates are always checked. Needs the openssl program and python3; says so without.
 */
#include "pool_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* An HTTPS server that answers every POST with result 7. Arguments: certificate with key, highest TLS
 * version. */
static const char server_script[] =
    "import http.server, json, ssl, sys\n"
    "class Handler(http.server.BaseHTTPRequestHandler):\n"
    "    protocol_version = 'HTTP/1.1'\n"
    "    def log_message(self, *arguments): pass\n"
    "    def do_POST(self):\n"
    "        asked = json.loads(self.rfile.read(int(self.headers['Content-Length'])))\n"
    "        body = json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': 7}).encode()\n"
    "        self.send_response(200)\n"
    "        self.send_header('Content-Type', 'application/json')\n"
    "        self.send_header('Content-Length', str(len(body)))\n"
    "        self.end_headers()\n"
    "        self.wfile.write(body)\n"
    "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
    "if sys.argv[2] == '1.1':\n"
    "    context.set_ciphers('DEFAULT:@SECLEVEL=0')\n"
    "    context.minimum_version = ssl.TLSVersion.TLSv1\n"
    "    context.maximum_version = ssl.TLSVersion.TLSv1_1\n"
    "context.load_cert_chain(sys.argv[1])\n"
    "server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)\n"
    "server.socket = context.wrap_socket(server.socket, server_side=True)\n"
    "print(server.server_address[1], flush=True)\n"
    "server.serve_forever()\n";

/* An HTTP/2 server that answers with the protocol of the request and the number of connections so far. */
static const char http2_script[] =
    "const fs = require('fs'), both = fs.readFileSync(process.argv[1]);\n"
    "const server = require('http2').createSecureServer({cert: both, key: both, allowHTTP1: true});\n"
    "let sessions = 0;\n"
    "server.on('session', () => sessions++);\n"
    "server.on('request', (request, response) => {\n"
    "    let text = '';\n"
    "    request.on('data', piece => text += piece);\n"
    "    request.on('end', () => setTimeout(() => {\n"
    "        const id = JSON.parse(text).id;\n"
    "        response.setHeader('content-type', 'application/json');\n"
    "        response.end(JSON.stringify({jsonrpc: '2.0', id, result: request.httpVersion + ' ' + "
    "sessions}));\n"
    "    }, 30));\n"
    "});\n"
    "server.listen(0, '127.0.0.1', () => console.log(server.address().port));\n";

static char directory[] = "/tmp/tracer-test-XXXXXX";
static pid_t server_pid;

static bool has_tools(const char *check)
{
    bool there = system("command -v openssl >/dev/null 2>&1") == 0 && system(check) == 0;
    if (!there)
        cr_log_warn("skipped: openssl, python3 and (for HTTP/2) node are needed\n");
    return there;
}
#define PYTHON "python3 -c 'import ssl' 2>/dev/null"
#define NODE "node -e 0 2>/dev/null"

/* A self-signed certificate for `name` in directory/cert.pem, and with its key in both.pem. */
static void make_certificate(const char *name, int days)
{
    char command[1024];
    cr_assert_not_null(mkdtemp(directory));
    snprintf(command, sizeof command,
             "cd %s && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem "
             "-out request.pem -subj "
             "/CN=test 2>/dev/null && "
             "echo subjectAltName=%s > names && "
             "openssl x509 -req -in request.pem -signkey key.pem -days %d -extfile names -out cert.pem "
             "2>/dev/null && "
             "cat cert.pem key.pem > both.pem",
             directory, name, days);
    cr_assert_eq(system(command), 0);
}

/* `version` is the highest TLS version, or NULL for the HTTP/2 server. */
static unsigned start_server(const char *version)
{
    char both[128], line[32] = "";
    int out[2];
    snprintf(both, sizeof both, "%s/both.pem", directory);
    cr_assert_eq(pipe(out), 0);
    server_pid = fork();
    if (server_pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        if (!version)
            execlp("node", "node", "-e", http2_script, both, (char *)NULL);
        execlp("python3", "python3", "-W", "ignore", "-c", server_script, both, version, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    FILE *stream = fdopen(out[0], "r");
    cr_assert_not_null(fgets(line, sizeof line, stream));
    fclose(stream); /* it says no more */
    return (unsigned)atoi(line);
}

static void stop_server(void)
{
    char command[128];
    if (server_pid > 0) {
        kill(server_pid, SIGKILL);
        waitpid(server_pid, NULL, 0);
    }
    if (strstr(directory, "XXXXXX"))
        return;
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    cr_expect_eq(system(command), 0);
}

/* Ask the server under `host`, trusting its certificate as an authority or not. */
static enum tracer_status ask_tls(const char *host, unsigned port, bool trust, struct error *err)
{
    char url[128], file[128];
    struct rpc *rpc;
    struct buffer result;
    snprintf(url, sizeof url, "https://%s:%u/key", host, port);
    snprintf(file, sizeof file, "%s/cert.pem", directory);
    struct rpc_endpoint endpoint = {.name = "alpha", .url = url};
    struct rpc_options options = quick_options;
    options.endpoints = &endpoint;
    options.endpoint_count = 1;
    options.ca_file = trust ? file : NULL;
    cr_assert_eq(rpc_open(&options, &rpc, err), TRACER_OK, "%s", err->text);
    enum tracer_status status = rpc_call(rpc, 0, "eth_chainId", "[]", 0, &result, err);
    if (!status) {
        cr_expect(result.size == 1 && *result.data == '7');
        buffer_release(&result);
    }
    rpc_close(rpc);
    return status;
}

Test(rpc, T10_a_certificate_of_a_known_authority_is_accepted, .fini = stop_server)
{
    struct error err;
    if (!has_tools(PYTHON))
        return;
    make_certificate("DNS:localhost,IP:127.0.0.1", 2);
    unsigned port = start_server("1.3");
    cr_expect_eq(ask_tls("localhost", port, true, &err), TRACER_OK, "%s", err.text);
    cr_expect_eq(ask_tls("127.0.0.1", port, true, &err), TRACER_OK, "%s", err.text);
}

Test(rpc, T10_a_self_signed_certificate_is_refused, .fini = stop_server)
{
    struct error err;
    if (!has_tools(PYTHON))
        return;
    make_certificate("DNS:localhost", 2);
    unsigned port = start_server("1.3");
    cr_expect_eq(ask_tls("localhost", port, false, &err), TRACER_E_NETWORK);
    expect_message(&err, "eth_chainId", "TLS certificate is not valid");
    cr_expect(!err.retryable);
}

Test(rpc, T10_a_certificate_of_another_host_is_refused, .fini = stop_server)
{
    struct error err;
    if (!has_tools(PYTHON))
        return;
    make_certificate("DNS:other.example", 2);
    unsigned port = start_server("1.3");
    cr_expect_eq(ask_tls("localhost", port, true, &err), TRACER_E_NETWORK);
    expect_message(&err, "eth_chainId", "TLS certificate is not valid");
    cr_expect_eq(ask_tls("127.0.0.1", port, true, &err), TRACER_E_NETWORK);
}

Test(rpc, T10_an_expired_certificate_is_refused, .fini = stop_server)
{
    struct error err;
    if (!has_tools(PYTHON))
        return;
    make_certificate("DNS:localhost", -1);
    unsigned port = start_server("1.3");
    cr_expect_eq(ask_tls("localhost", port, true, &err), TRACER_E_NETWORK);
    expect_message(&err, "eth_chainId", "TLS certificate is not valid");
}

/* Let OpenSSL itself accept old versions, so that only our own minimum refuses them. */
static void lower_the_system_minimum(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/openssl.cnf", directory);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("openssl_conf = start\n[start]\nssl_conf = ssl\n[ssl]\nsystem_default = low\n[low]\n"
          "MinProtocol = TLSv1\nCipherString = DEFAULT:@SECLEVEL=0\n",
          file);
    fclose(file);
    setenv("OPENSSL_CONF", path, 1);
}

Test(rpc, T10_tls_before_1_2_is_refused, .fini = stop_server)
{
    struct error err;
    if (!has_tools(PYTHON))
        return;
    make_certificate("DNS:localhost", 2);
    lower_the_system_minimum();
    unsigned port = start_server("1.1");
    cr_expect_eq(ask_tls("localhost", port, true, &err), TRACER_E_NETWORK);
    expect_message(&err, "eth_chainId", "TLS handshake failed");
}

Test(rpc, T10_plain_text_behind_https_is_refused)
{
    struct faultserver *server = start(NULL, 0);
    struct error err;
    cr_expect_eq(ask_tls("localhost", faultserver_port(server), false, &err), TRACER_E_NETWORK);
    expect_message(&err, "eth_chainId",
                   "no connection within 1000 ms"); /* the server waits for the end of our hello */
    cr_expect_eq(faultserver_requests(server), 0u);
    faultserver_stop(server);
}

Test(rpc, http2_carries_all_requests_over_one_connection, .fini = stop_server)
{
    enum { COUNT = 8 };
    if (!has_tools(NODE))
        return;
    make_certificate("DNS:localhost", 2);
    char url[64], file[64];
    struct error err = {0};
    snprintf(url, sizeof url, "https://localhost:%u/", start_server(NULL));
    snprintf(file, sizeof file, "%s/cert.pem", directory);
    struct rpc_endpoint endpoint = {.name = "alpha", .url = url};
    struct rpc_options options = quick_options;
    options.endpoints = &endpoint;
    options.endpoint_count = 1;
    options.ca_file = file;
    struct rpc *rpc;
    struct rpc_call calls[COUNT];
    struct rpc_batch batches[COUNT], *done;
    cr_assert_eq(rpc_open(&options, &rpc, &err), TRACER_OK, "%s", err.text);
    for (size_t i = 0; i < COUNT; i++) {
        calls[i] = (struct rpc_call){.method = "eth_chainId", .params = "[]"};
        batches[i] = (struct rpc_batch){.calls = &calls[i], .call_count = 1, .endpoint = RPC_ANY};
        cr_assert_eq(rpc_submit(rpc, &batches[i], &err), TRACER_OK);
    }
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_eq(rpc_wait(rpc, &done, &err), TRACER_OK);
        cr_expect_eq(done->status, TRACER_OK, "%s", done->error.text);
        cr_expect(done->calls[0].result_length == 7 && memcmp(done->calls[0].result, "\"2.0 1\"", 7) == 0,
                  "%.*s", (int)done->calls[0].result_length, done->calls[0].result);
        rpc_batch_release(done);
    }
    rpc_close(rpc);
}
