#include "base/openvswitch.h"

#include "openflow/group_table.h"

#include "openflow/buffers.h"

namespace hitless::openflow {

namespace {

struct Decoded {
    ofputil_group_mod mod{};
    ofperr error;

    explicit Decoded(std::string_view message)
        : error(ofputil_decode_group_mod(reinterpret_cast<const ofp_header*>(message.data()), &mod)) {}
    Decoded(const Decoded&) = delete;
    Decoded& operator=(const Decoded&) = delete;
    ~Decoded() {
        if (!error) {
            ofputil_uninit_group_mod(&mod);
        }
    }
};

bool refers_to_groups(std::string_view group_mod) {
    Decoded decoded(group_mod);
    if (decoded.error) {
        return true;
    }
    const ofputil_bucket* bucket;
    LIST_FOR_EACH (bucket, list_node, &decoded.mod.buckets) {
        const ofpact* action;
        OFPACT_FOR_EACH_FLATTENED (action, bucket->ofpacts, bucket->ofpacts_len) {
            if (action->type == OFPACT_GROUP) {
                return true;
            }
        }
    }
    return false;
}

uint32_t id_of(std::string_view group_mod) {
    ofp15_group_mod body;
    std::memcpy(&body, group_mod.data() + sizeof(ofp_header), sizeof body);
    return ntohl(body.group_id);
}

// A group without buckets: "all" is the type that may have none and may become any other.
Message empty_group(uint32_t id, uint16_t command) {
    ofputil_group_mod mod{};
    mod.command = command;
    mod.type = OFPGT11_ALL;
    mod.group_id = id;
    mod.command_bucket_id = OFPG15_BUCKET_ALL;
    ovs_list_init(&mod.buckets);
    return to_message(ofputil_encode_group_mod(OFP15_VERSION, &mod, nullptr, -1));
}

Message modification(std::string_view group_mod) {
    Message message = to_message(group_mod);
    uint16_t command = htons(OFPGC15_MODIFY);
    std::memcpy(message.data() + sizeof(ofp_header) + offsetof(ofp15_group_mod, command), &command, sizeof command);
    return message;
}

}  // namespace

Result<std::vector<Group>> read_groups(Connection& connection) {
    auto replies = TRY(connection.request(to_message(ofputil_encode_group_desc_request(OFP15_VERSION, OFPG_ALL))));
    std::vector<Group> groups;
    for (const Message& reply : replies) {
        ofpbuf content = ofpbuf_const_initializer(reply.data(), reply.size());
        for (;;) {
            ofputil_group_desc description{};
            int error = ofputil_decode_group_desc_reply(&description, &content, OFP15_VERSION);
            if (error == EOF) {
                break;
            }
            if (error) {
                return make_error("bridge {}: group with an action or property unknown here: {}", connection.name(),
                                  ofperr_get_name(static_cast<ofperr>(error)));
            }
            ofputil_group_mod mod{};
            mod.command = OFPGC15_ADD;
            mod.type = description.type;
            mod.group_id = description.group_id;
            mod.command_bucket_id = OFPG15_BUCKET_ALL;
            ovs_list_move(&mod.buckets, &description.buckets);
            mod.props = description.props;
            groups.push_back({mod.group_id, to_bytes(ofputil_encode_group_mod(OFP15_VERSION, &mod, nullptr, -1))});
            ofputil_uninit_group_mod(&mod);   // all that 'description' owned
        }
    }
    std::sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) { return a.id < b.id; });
    return groups;
}

void append_group_changes(const std::vector<std::string_view>& added, const std::vector<std::string_view>& changed,
                          std::vector<Message>& messages) {
    std::vector<std::string_view> second;
    for (std::string_view group_mod : added) {
        if (refers_to_groups(group_mod)) {
            messages.push_back(empty_group(id_of(group_mod), OFPGC15_ADD));
            second.push_back(group_mod);
        } else {
            messages.push_back(to_message(group_mod));
        }
    }
    second.insert(second.end(), changed.begin(), changed.end());
    for (std::string_view group_mod : second) {
        messages.push_back(modification(group_mod));
    }
}

Message group_removal(std::string_view group_mod) {
    return empty_group(id_of(group_mod), OFPGC15_DELETE);
}

std::string describe_group(std::string_view group_mod) {
    std::string text = to_text(group_mod);   // "OFPT_GROUP_MOD (OF1.5) (xid=0x0): ADD group_id=1,..."
    size_t start = text.find("group_id=");
    return start == std::string::npos ? text : text.substr(start);
}

}  // namespace hitless::openflow
