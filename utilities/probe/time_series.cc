#include "probe/time_series.h"

#include <algorithm>

namespace hitless::probe {

void TimeSeries::Bin::add(const Bin& other) {
    received += other.received;
    lost += other.lost;
    latency_sum_ns += other.latency_sum_ns;
    latency_maximum_ns = std::max(latency_maximum_ns, other.latency_maximum_ns);
}

TimeSeries::Bin& TimeSeries::bin_at(int64_t when_ns) {
    const auto index = [&] { return static_cast<size_t>(std::max<int64_t>(when_ns - origin_ns_, 0) / interval_ns_); };
    while (index() >= kMaximumBins) {
        for (size_t i = 0; i < bins_.size(); ++i) {
            if (i % 2 == 0) {
                bins_[i / 2] = bins_[i];
            } else {
                bins_[i / 2].add(bins_[i]);
            }
        }
        bins_.resize((bins_.size() + 1) / 2);
        interval_ns_ *= 2;
    }
    if (index() >= bins_.size()) {
        bins_.resize(index() + 1);
    }
    return bins_[index()];
}

void TimeSeries::arrived(int64_t sent_ns, int64_t latency_ns) {
    if (interval_ns_ > 0) {
        bin_at(sent_ns).add({1, 0, latency_ns, latency_ns});
    }
}

void TimeSeries::lost(int64_t due_ns, uint64_t packets, int64_t spacing_ns) {
    for (uint64_t i = 0; interval_ns_ > 0 && i < packets; ++i) {
        ++bin_at(due_ns + static_cast<int64_t>(i) * spacing_ns).lost;
    }
}

}  // namespace hitless::probe
