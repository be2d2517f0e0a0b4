// The receiving thread of a run.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/result.h"
#include "probe/stream.h"

namespace hitless::probe {

// Receives the packets of all streams until 'stop'. 'run': see Payload. The times of arrival are the kernel's, so it may
// run late without falsifying a latency. 'reverse_of'[i]: the stream that answers stream i, or null; it is told where to send.
Status receive_streams(const Streams& streams, const std::vector<Stream*>& reverse_of, uint64_t run,
                       const std::atomic<bool>& stop);

}  // namespace hitless::probe
