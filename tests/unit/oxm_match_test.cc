// OpenFlow matches in canonical form.
#include "openflow/oxm_match.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace hitless::openflow {
namespace {

using std::string_literals::operator""s;

const std::string in_port = "\x80\x00\x00\x04\x00\x00\x00\x01"s;
const std::string eth_type = "\x80\x00\x0a\x02\x08\x00"s;
const std::string ip_proto = "\x80\x00\x14\x01\x06"s;
const std::string tcp_dst = "\x80\x00\x1c\x02\x00\x50"s;
const std::string packet_type = "\x80\x00\x58\x04\x00\x01\x08\x00"s;
const std::string ip_frag = "\x00\x01\x35\x02\x01\x01"s;                          // NXM_NX_IP_FRAG, requires eth_type
const std::string nsh_flags = "\xff\xff\x02\x05\x00\x5a\xd6\x50\x01"s;            // NXOXM_NSH_FLAGS

std::string match_of(std::initializer_list<std::string> fields) {
    std::string match = "\x00\x01"s + "\x00\x00"s;
    for (const auto& field : fields) {
        match += field;
    }
    match[3] = static_cast<char>(match.size());
    match.resize((match.size() + 7) / 8 * 8);
    return match;
}

std::string canonical(const std::string& match) {
    std::string made = "left from before";
    canonicalize_match(match, made);
    return made;
}

TEST(OxmMatch, HasItsFieldsInOneOrder) {
    std::string expected = match_of({in_port, eth_type, ip_proto, tcp_dst, nsh_flags, ip_frag});
    EXPECT_EQ(canonical(match_of({in_port, eth_type, ip_proto, tcp_dst, nsh_flags, ip_frag})), expected);
    EXPECT_EQ(canonical(match_of({ip_frag, nsh_flags, tcp_dst, ip_proto, eth_type, in_port})), expected);
    EXPECT_EQ(canonical(match_of({nsh_flags, eth_type, ip_frag, tcp_dst, in_port, ip_proto})), expected);
}

TEST(OxmMatch, BeginsWithThePacketType) {
    EXPECT_EQ(canonical(match_of({ip_proto, packet_type})), match_of({packet_type, ip_proto}));
}

TEST(OxmMatch, OfEverythingStaysSo) {
    EXPECT_EQ(canonical(match_of({})), match_of({}));
}

TEST(OxmMatch, StaysAsItIsWhenAFieldIsCutShort) {
    for (const std::string& last : {"\x80\x00\x0a"s, "\x80\x00\x0a\x02\x08"s, "\xff\xff\x02\x03\x00\x5a\xd6"s}) {
        std::string match = match_of({tcp_dst, in_port, last});
        EXPECT_EQ(canonical(match), match);
    }
}

TEST(OxmMatch, EndsWhereItSays) {
    std::string match = match_of({in_port});
    EXPECT_EQ(match_at(match + "more"), match);
    EXPECT_EQ(match_at(match.substr(0, match.size() - 1)), "");
    EXPECT_EQ(match_at("\x00\x01\x00"s), "");
    EXPECT_EQ(match_at("\x00\x00\x00\x04\x00\x00\x00\x00"s), "");   // OFPMT_STANDARD
}

}  // namespace
}  // namespace hitless::openflow
