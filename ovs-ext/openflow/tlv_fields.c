#include <config.h>

#include "openflow/tlv_fields.h"

#include <stdlib.h>

#include "cmap.h"
#include "openflow/nicira-ext.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-match.h"
#include "openvswitch/thread.h"
#include "ovs-thread.h"
#include "util.h"
#include "vl-mff-map.h"

int
hitless_tlv_fields_create(const struct ofp_header *reply, struct vl_mff_map **fields)
{
    struct ofputil_tlv_table_reply decoded;
    enum ofperr error = ofputil_decode_tlv_table_reply(reply, &decoded);

    *fields = NULL;
    if (error) {
        return error;
    }
    if (!ovs_list_is_empty(&decoded.mappings)) {
        struct ofputil_tlv_table_mod mod = { .command = NXTTMC_ADD };
        struct vl_mff_map *map = xmalloc(sizeof *map);

        cmap_init(&map->cmap);
        ovs_mutex_init(&map->mutex);
        ovs_list_move(&mod.mappings, &decoded.mappings);
        ovs_mutex_lock(&map->mutex);
        error = mf_vl_mff_map_mod_from_tun_metadata(map, &mod);
        ovs_mutex_unlock(&map->mutex);
        ofputil_uninit_tlv_table(&mod.mappings);
        if (error) {
            hitless_tlv_fields_destroy(map);
        } else {
            *fields = map;
        }
    } else {
        ofputil_uninit_tlv_table(&decoded.mappings);
    }
    return error;
}

void
hitless_tlv_fields_destroy(struct vl_mff_map *map)
{
    if (map) {
        ovs_mutex_lock(&map->mutex);
        mf_vl_mff_map_clear(map, true);
        ovs_mutex_unlock(&map->mutex);
        cmap_destroy(&map->cmap);
        ovs_mutex_destroy(&map->mutex);
        free(map);
    }
}
