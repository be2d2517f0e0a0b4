// OXM matches (OpenFlow 1.5.1 section 7.2.3) in canonical form: with their fields in one order, whichever the switch's version gives
// them in.
//
// The order is that of the fields' numbers, but the packet type is first, and the classes of the extensions NXM come after the
// others: so each field comes after those it requires, as a switch demands.
#pragma once

#include <string>
#include <string_view>

namespace hitless::openflow {

// The match at the start of 'bytes', with its padding; empty if malformed.
std::string_view match_at(std::string_view bytes);

// Makes 'canonical' the canonical form of 'match' (match_at()). A match whose fields are malformed stays as it is.
void canonicalize_match(std::string_view match, std::string& canonical);

}  // namespace hitless::openflow
