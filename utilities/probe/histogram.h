// Histogram: a latency distribution of constant size and bounded relative error, in the manner of an HDR histogram.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hitless::probe {

// Counts non-negative 64-bit values. Every power of two is divided into 128 buckets, so a percentile is at most 1/128 above
// the true value; minimum and maximum are exact. 60 kB each.
class Histogram {
  public:
    // A negative value (the clock was set back) counts as 0.
    void record(int64_t value);
    void merge(const Histogram& other);

    uint64_t count() const { return count_; }
    int64_t minimum() const { return count_ ? minimum_ : 0; }
    int64_t maximum() const { return maximum_; }
    double mean() const { return count_ ? sum_ / static_cast<double>(count_) : 0.0; }

    // The value that 'percent' (0 to 100) of the recorded values do not exceed: upper bound of its bucket, never above the
    // maximum. 0 when nothing was recorded.
    int64_t percentile(double percent) const;

    // The distribution in at most 16 steps for each power of two: upper bound of a step, values in it. Without empty steps.
    std::vector<std::pair<int64_t, uint64_t>> steps() const;

  private:
    static constexpr int kSubBucketBits = 7;
    static constexpr size_t kSubBuckets = size_t{1} << kSubBucketBits;
    static constexpr size_t kBuckets = (64 - kSubBucketBits + 1) * kSubBuckets;

    static size_t index_of(uint64_t value);
    static uint64_t upper_bound(size_t index);

    std::array<uint64_t, kBuckets> buckets_{};
    uint64_t count_ = 0;
    int64_t minimum_ = INT64_MAX, maximum_ = 0;
    double sum_ = 0;
};

}  // namespace hitless::probe
