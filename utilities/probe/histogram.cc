#include "probe/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace hitless::probe {

// Values below 128 have a bucket each. Above, 'shift' is how many low bits of the value are dropped so that 8 significant bits
// remain: the first of them is always 1, the other seven select the bucket.
size_t Histogram::index_of(uint64_t value) {
    if (value < kSubBuckets) {
        return value;
    }
    const int shift = static_cast<int>(std::bit_width(value)) - kSubBucketBits - 1;
    return (static_cast<size_t>(shift) + 1) * kSubBuckets + ((value >> shift) - kSubBuckets);
}

uint64_t Histogram::upper_bound(size_t index) {
    if (index < kSubBuckets) {
        return index;
    }
    const size_t shift = index / kSubBuckets - 1;
    const uint64_t top = index % kSubBuckets + kSubBuckets;
    return ((top + 1) << shift) - 1;
}

void Histogram::record(int64_t value) {
    value = std::max<int64_t>(value, 0);
    ++buckets_[index_of(static_cast<uint64_t>(value))];
    ++count_;
    sum_ += static_cast<double>(value);
    minimum_ = std::min(minimum_, value);
    maximum_ = std::max(maximum_, value);
}

void Histogram::merge(const Histogram& other) {
    for (size_t i = 0; i < kBuckets; ++i) {
        buckets_[i] += other.buckets_[i];
    }
    count_ += other.count_;
    sum_ += other.sum_;
    minimum_ = std::min(minimum_, other.minimum_);
    maximum_ = std::max(maximum_, other.maximum_);
}

int64_t Histogram::percentile(double percent) const {
    if (count_ == 0) {
        return 0;
    }
    const double exact = std::ceil(std::clamp(percent, 0.0, 100.0) / 100.0 * static_cast<double>(count_));
    const uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(exact), 1, count_);
    uint64_t seen = 0;
    for (size_t i = 0; i < kBuckets; ++i) {
        seen += buckets_[i];
        if (seen >= rank) {
            return std::min(static_cast<int64_t>(upper_bound(i)), maximum_);
        }
    }
    return maximum_;
}

std::vector<std::pair<int64_t, uint64_t>> Histogram::steps() const {
    constexpr size_t width = kSubBuckets / 16;
    std::vector<std::pair<int64_t, uint64_t>> result;
    for (size_t i = 0; i < kBuckets; i += width) {
        uint64_t values = 0;
        for (size_t j = i; j < i + width; ++j) {
            values += buckets_[j];
        }
        if (values > 0) {
            result.emplace_back(std::min(static_cast<int64_t>(upper_bound(i + width - 1)), maximum_), values);
        }
    }
    return result;
}

}  // namespace hitless::probe
