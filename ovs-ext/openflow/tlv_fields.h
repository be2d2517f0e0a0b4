/* The lengths that a switch's TLV map gives to the fields tun_metadata0...63, in the form in which libopenvswitch decodes by
 * them.
 *
 * In C because the headers of that table (lib/vl-mff-map.h and lib/cmap.h) are not C++. */
#ifndef HITLESS_OPENFLOW_TLV_FIELDS_H
#define HITLESS_OPENFLOW_TLV_FIELDS_H 1

#ifdef __cplusplus
extern "C" {
#endif

struct ofp_header;
struct vl_mff_map;

/* From an NXT_TLV_TABLE_REPLY. Returns 0 and the table, null if it has no entries, in '*fields'; else an OFPERR_* value. The
 * caller must free '*fields' with hitless_tlv_fields_destroy(). */
int hitless_tlv_fields_create(const struct ofp_header *reply, struct vl_mff_map **fields);
void hitless_tlv_fields_destroy(struct vl_mff_map *fields);

#ifdef __cplusplus
}
#endif

#endif
