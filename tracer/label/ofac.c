/* ofac.c - what the forms of OFAC's list share: which assets there are, and what an address becomes. */
#include "list.h"

#include <stdio.h>

/* Every asset the list has ever named (2026). An asset is no chain: 0x addresses stand under several, so
 * shape decides; under those that have no other shape anything else is a mistake. */
static const struct {
    const char *code;
    bool only_ours;
} assets[] = {{"ARB", true},   {"BCH", false},  {"BSC", false}, {"BSV", false}, {"BTG", false},
              {"DASH", false}, {"ETC", true},   {"ETH", true},  {"LTC", false}, {"TRX", false},
              {"USDC", false}, {"USDT", false}, {"XBT", false}, {"XMR", false}, {"XRP", false},
              {"XVG", false},  {"ZEC", false}};

enum tracer_status ofac_asset(struct list_writer *writer, const char *feature, const char **ret_asset)
{
    char shown[TRACER_QUOTED_MAX + 1];
    const char *rest = feature + strlen(OFAC_FEATURE);
    *ret_asset = NULL;
    if (strncasecmp(feature, OFAC_FEATURE, strlen(OFAC_FEATURE)) != 0)
        return TRACER_OK;
    if (strncmp(rest, " - ", 3) == 0)
        for (size_t i = 0; i < sizeof(assets) / sizeof(assets[0]); i++)
            if (strcmp(assets[i].code, rest + 3) == 0)
                *ret_asset = assets[i].code;
    if (*ret_asset)
        return TRACER_OK;
    return error_set(writer->err, TRACER_E_USAGE,
                     "'%s': an asset that this version does not know; nothing was imported",
                     safe_text(shown, sizeof(shown), feature, strlen(feature)));
}

bool ofac_only_ours(const char *asset)
{
    for (size_t i = 0; i < sizeof(assets) / sizeof(assets[0]); i++)
        if (strcmp(assets[i].code, asset) == 0)
            return assets[i].only_ours;
    return false;
}

enum tracer_status ofac_address(struct list_writer *writer, const char *asset, const char *text,
                                bool *ret_is_ours, struct address *ret_address)
{
    char shown[TRACER_QUOTED_MAX + 1];
    size_t length = strlen(text);
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    *ret_is_ours = hex && address_parse(text, length, ret_address);
    if (*ret_is_ours || (length && !hex && !ofac_only_ours(asset)))
        return TRACER_OK;
    return error_set(writer->err, TRACER_E_USAGE, "'%s' is no address of %s; nothing was imported",
                     safe_text(shown, sizeof(shown), text, length), asset);
}

enum tracer_status ofac_unnamed(struct list_writer *writer, const char *text, const char *type)
{
    char shown[TRACER_QUOTED_MAX + 1];
    struct address ignored;
    if ((text[0] != '0' || (text[1] != 'x' && text[1] != 'X')) || !address_parse(text, strlen(text), &ignored))
        return TRACER_OK;
    return error_set(writer->err, TRACER_E_USAGE, "'%s' stands under '%s', which is no type of addresses that this version knows; nothing was imported", text,
                     safe_text(shown, sizeof(shown), type, strlen(type)));
}

enum tracer_status ofac_put(struct list_writer *writer, struct address address, const char *asset,
                            const char *party, const char *name, const char *listed)
{
    char origin[LIST_NAME_MAX + 1], unnamed[LIST_NAME_MAX + 1];
    snprintf(unnamed, sizeof(unnamed), "party %.64s", party);
    name = name[0] ? name : unnamed;
    snprintf(origin, sizeof(origin), "OFAC SDN, party %.64s (%s)", party, asset);
    struct label claim = {.address = address,
                          .name = name,
                          .entity = name,
                          .category = "sanctioned",
                          .origin = origin,
                          .valid_from = listed,
                          .confidence = CONFIDENCE_HIGH};
    return list_put(writer, &claim);
}
