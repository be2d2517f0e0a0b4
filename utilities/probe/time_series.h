// TimeSeries: how a stream fared from one moment to the next, in bins of equal length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hitless::probe {

// A packet counts in the bin of the time when it was sent, or due to be. Memory is bounded: when kMaximumBins are not enough, two
// neighbours become one, and the interval doubles.
class TimeSeries {
  public:
    static constexpr size_t kMaximumBins = 32768;

    struct Bin {
        uint32_t received = 0, lost = 0;
        int64_t latency_sum_ns = 0, latency_maximum_ns = 0;   // of the received

        void add(const Bin& other);
    };

    // The first bin begins at 'origin_ns'; what is earlier counts in it. 'interval_ns' 0: nothing is kept.
    TimeSeries(int64_t origin_ns, int64_t interval_ns) : origin_ns_(origin_ns), interval_ns_(interval_ns) {}

    void arrived(int64_t sent_ns, int64_t latency_ns);
    // 'packets' that were due from 'due_ns' on, one each 'spacing_ns', and did not arrive.
    void lost(int64_t due_ns, uint64_t packets, int64_t spacing_ns);

    int64_t origin_ns() const { return origin_ns_; }
    int64_t interval_ns() const { return interval_ns_; }
    const std::vector<Bin>& bins() const { return bins_; }

  private:
    Bin& bin_at(int64_t when_ns);

    int64_t origin_ns_, interval_ns_;
    std::vector<Bin> bins_;
};

}  // namespace hitless::probe
