#include "base/openvswitch.h"

#include "openflow/oxm_match.h"

#include <array>

namespace hitless::openflow {

namespace {

constexpr size_t most_fields = 128;   // there are not so many

struct Field {
    uint64_t rank;
    std::string_view bytes;
};

uint32_t load32(const char* bytes) {
    uint32_t number;
    std::memcpy(&number, bytes, sizeof number);
    return ntohl(number);
}

// A field's place in the order. 'header': class (16 bits), field (7), has a mask (1), length (8).
uint64_t rank_of(uint32_t header, uint32_t experimenter) {
    constexpr uint32_t packet_type = 0x8000 << 7 | 44;
    uint32_t field = header >> 9;
    return field == packet_type ? 0 : uint64_t{field ^ 0x8000 << 7} << 32 | experimenter;
}

// Takes the first field off 'rest'. False: malformed.
bool take_field(std::string_view& rest, Field& field) {
    constexpr size_t header_size = 4, experimenter_size = 4;
    constexpr uint32_t experimenter_class = 0xffff;
    if (rest.size() < header_size) {
        return false;
    }
    uint32_t header = load32(rest.data());
    size_t length = header_size + (header & 0xff);
    bool experimenter = header >> 16 == experimenter_class;
    if (length > rest.size() || (experimenter && length < header_size + experimenter_size)) {
        return false;
    }
    field = {rank_of(header, experimenter ? load32(rest.data() + header_size) : 0), rest.substr(0, length)};
    rest.remove_prefix(length);
    return true;
}

}  // namespace

std::string_view match_at(std::string_view bytes) {
    ofp11_match_header header;
    if (bytes.size() < sizeof header) {
        return {};
    }
    std::memcpy(&header, bytes.data(), sizeof header);
    size_t length = ROUND_UP(ntohs(header.length), 8);
    return ntohs(header.type) == OFPMT_OXM && ntohs(header.length) >= sizeof header && length <= bytes.size()
               ? bytes.substr(0, length)
               : std::string_view();
}

void canonicalize_match(std::string_view match, std::string& canonical) {
    canonical.assign(match);
    ofp11_match_header header;
    std::memcpy(&header, match.data(), sizeof header);
    std::string_view rest = match.substr(sizeof header, ntohs(header.length) - sizeof header);
    std::array<Field, most_fields> fields;
    size_t n = 0;
    while (!rest.empty()) {
        Field field;
        if (n == most_fields || !take_field(rest, field)) {
            return;
        }
        size_t place = n++;
        for (; place > 0 && fields[place - 1].rank > field.rank; --place) {   // few, and nearly in order
            fields[place] = fields[place - 1];
        }
        fields[place] = field;
    }
    char* to = canonical.data() + sizeof header;
    for (const Field& field : std::span(fields.data(), n)) {
        to = std::copy(field.bytes.begin(), field.bytes.end(), to);
    }
}

}  // namespace hitless::openflow
