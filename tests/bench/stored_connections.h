// Connections that no host has, given to a running switch, and how fast it takes them and gives them back.
#pragma once

#include <cstddef>
#include <string>

#include "instance/control.h"

namespace hitless::bench {

struct Stored {
    double load_per_s, read_per_s;
    size_t bytes_per_entry;         // of this process's memory, for reading them once
    double longest_request_ms;      // to the switch
};

// 'count' of "tcp" or "udp", in 'zones' zones from 1000 on. Half of the TCP connections have a translated source.
Result<Stored> store_connections(instance::Control& control, const std::string& protocol, size_t count, size_t zones);

}  // namespace hitless::bench
