// A flow mod as libopenvswitch decodes it. For .cc files of this folder, which include base/openvswitch.h first.
#pragma once

#include <string>
#include <string_view>

#include "openflow/flow_table.h"

namespace hitless::openflow {

// 'message' is as Flow has it, with its actions of OpenFlow 1.0, too. 'fields' (null: none) are the lengths of tun_metadata fields.
struct DecodedFlow {
    ofputil_flow_mod mod{};   // unless there is an error
    ofperr error;

    DecodedFlow(std::string_view message, const vl_mff_map* fields);
    DecodedFlow(const DecodedFlow&) = delete;
    DecodedFlow& operator=(const DecodedFlow&) = delete;
    ~DecodedFlow();

  private:
    void decode(std::string_view message, const vl_mff_map* fields);

    std::string bare_;   // the message without old actions
    ofpbuf actions_;
    uint64_t stub_[256];
};

// What names a flow, however its match was written: as libopenvswitch writes it.
std::string key_of(const minimatch& match, uint16_t priority, uint8_t table);

}  // namespace hitless::openflow
