/* checkpoint.c - blocks whose hashes are known beforehand (threat-model 3, R15): an endpoint that has another block at such
 * a height is of another chain, or lies. Sources: the first blocks of Ethereum's forks and blocks around them, and two blocks of
 * Ronin, as public explorers give them; each header of Ethereum's was hashed to its value. */
#include <string.h>

#include "rules.h"

static const struct {
    const char *network;
    uint64_t number;
    const char *hash;
} built_in[] = {
    {"ethereum", 200000, "0x13ced9eaa49a522d4e7dcf80a739a57dbf08f4ce5efc4edbac86a66d8010f693"},
    {"ethereum", 1150000, "0x584bdb5d4e74fe97f5a5222b533fe1322fd0b6ad3eb03f02c3221984e2c0b430"}, /* Homestead */
    {"ethereum", 1920000, "0x4985f5ca3d2afbec36529aa96f74de3cc10a2a4a6c44f2157a57d2c6059a11bb"}, /* the DAO fork */
    {"ethereum", 2463000, "0x2086799aeebeae135c246c65021c82b4e15a2c451340993aacfd2751886514f0"}, /* Tangerine Whistle */
    {"ethereum", 2675000, "0x58eff9265aedf8a54da8121de1324e1e0d9aac99f694d16c6a41afffe3817d73"}, /* Spurious Dragon */
    {"ethereum", 4370000, "0xb1fcff633029ee18ab6482b58ff8b6e95dd7c82a954c852157152a7a6d32785e"}, /* Byzantium */
    {"ethereum", 7280000, "0xeddb0590e1095fbe51205a51a297daef7259e229af0432214ae6cb2c1f750750"}, /* Constantinople */
    {"ethereum", 9069000, "0x451226b98bf4f784314e9ca2daaa30dc664a387c342ef775ba2d88682a27c084"}, /* Istanbul */
    {"ethereum", 9200000, "0x6ba9486095de7d96a75b67954cfe2581234eae1ef2a92ab03b84fc2eae2deb8a"}, /* Muir Glacier */
    {"ethereum", 12244000, "0x1638380ab737e0e916bd1c7f23bd2bab2a532e44b90047f045f262ee21c42b21"}, /* Berlin */
    {"ethereum", 12965000, "0x9b83c12c69edb74f6c8dd5d052765c1adf940e320bd1291696e6fa07829eee71"}, /* London */
    {"ethereum", 13773000, "0x594e4880f077ff9cf01500976d8c0b47cc8d3c77995860353e222a334b8060ad"}, /* Arrow Glacier */
    {"ethereum", 14764013, "0x720704f3aa11c53cf344ea069db95cecb81ad7453c8f276b2a1062979611f09c"},
    {"ethereum", 15537393, "0x55b11b918355b1ef9c5db810302ebad0bf2544255b530cdce90674d5887bb286"}, /* the last of proof of work */
    {"ethereum", 15537394, "0x56a9bb0302da44b8c0b3df540781424684c3af04d0b7a38d72842b762076a664"}, /* Paris */
    {"ethereum", 17034870, "0xe22c56f211f03baadcc91e4eb9a24344e6848c5df4473988f893b58223f5216c"}, /* Shanghai */
    {"ethereum", 19426587, "0xf8e2f40d98fe5862bc947c8c83d34799c50fb344d7445d020a8a946d891b62ee"}, /* Cancun */
    {"ethereum", 22431084, "0x50c8cab760b2948349c590461b166773c45d8f4858cccf5a43025ab2960152e8"}, /* Prague */
    {"ronin", 39128285, "0x5513bd09c3e1498b6a43d3a9b293647149fa511d0a2f05f56a67a59c58cfa7f6"},
    {"ronin", 39128332, "0xf3e5613691e8feb9def25d680b1ec29d44191622c245f4b42db19911eff50fac"},
};

/* The built-in ones are not those of a test chain that borrows the rules. */
static bool has_built_in(const struct chain_network *network)
{
    const struct chain_rules *rules = network->rules;
    return rules->network.name && rules->network.chain_id == network->chain_id &&
           hash_equal(rules->network.anchor_hash, network->anchor_hash);
}

bool chain_checkpoint(const struct chain_network *network, uint64_t number, struct hash *ret_hash)
{
    const struct chain_rules *rules = network->rules;
    for (size_t i = 0; i < network->checkpoint_count; i++)
        if (network->checkpoints[i].number == number) {
            *ret_hash = network->checkpoints[i].hash;
            return true;
        }
    if (!has_built_in(network))
        return false;
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
        if (built_in[i].number == number && strcmp(built_in[i].network, rules->network.name) == 0)
            return hash_parse(built_in[i].hash, strlen(built_in[i].hash), ret_hash);
    return false;
}

/* Numbers of the configuration's, the built-in ones and the anchor, one by one. */
static bool number_of(const struct chain_network *network, size_t index, uint64_t *ret_number)
{
    size_t built_in_count = sizeof built_in / sizeof *built_in;
    if (index < network->checkpoint_count) {
        *ret_number = network->checkpoints[index].number;
        return true;
    }
    index -= network->checkpoint_count;
    if (index == built_in_count) {
        *ret_number = network->anchor_number;
        return true;
    }
    *ret_number = built_in[index].number;
    return has_built_in(network) && strcmp(built_in[index].network, network->rules->network.name) == 0;
}

bool chain_checkpoint_nearest(const struct chain_network *network, uint64_t number, bool above,
                              struct chain_checkpoint *ret_nearest)
{
    size_t count = network->checkpoint_count + sizeof built_in / sizeof *built_in + 1;
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        uint64_t at;
        if (!number_of(network, i, &at) || (above ? at < number : at > number) ||
            (found && (above ? at >= ret_nearest->number : at <= ret_nearest->number)))
            continue;
        ret_nearest->number = at;
        found = true;
    }
    if (found && !chain_checkpoint(network, ret_nearest->number, &ret_nearest->hash))
        ret_nearest->hash = network->anchor_hash;
    return found;
}
